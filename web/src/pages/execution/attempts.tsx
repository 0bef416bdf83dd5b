import type { Attempt, StateDetail } from "../../api/types";
import { Card, CopyButton, Duration, ErrorBox, Loading, StatusMark, Time } from "../../ui";
import type { Part } from "./source";
import { Traceback } from "./traceback";

/** Every attempt of a state, the newest first, each with why it failed. */
export function Attempts({ detail: { data, problem } }: { detail: Part<StateDetail> }) {
  if (!data) return problem ? <ErrorBox problem={problem} /> : <Loading />;
  return (
    <ol class="attempts" reversed>
      {[...data.attempts].reverse().map((attempt) => (
        <li key={attempt.number}>
          <AttemptCard attempt={attempt} />
        </li>
      ))}
    </ol>
  );
}

function AttemptCard({ attempt }: { attempt: Attempt }) {
  const { number, error, reason, traceback, cause } = attempt;
  const own = statusOf(attempt);
  return (
    <Card
      level={3}
      title={`Attempt ${number}`}
      actions={<StatusMark status={own}>{own === "ABORTED" ? "Stopped" : undefined}</StatusMark>}
      about={
        <>
          <Time at={attempt.started_at} />
          {" · "}
          <Duration
            seconds={attempt.ended_at === null ? null : attempt.ended_at - attempt.started_at}
            since={own === "RUNNING" ? attempt.started_at : null}
          />
        </>
      }
    >
      {error ? <p class="attempt-error">{error}</p> : null}
      {reason ? <p class="attempt-reason">{reason}</p> : null}
      <Traceback lines={traceback} />
      {cause && cause !== reason ? (
        <details class="cause">
          <summary>Cause, as Step Functions has it</summary>
          <CopyButton text={cause} />
          <pre tabIndex={0}>{cause}</pre>
        </details>
      ) : null}
      {error || reason ? null : <p class="muted">{own === "RUNNING" ? "It runs now." : "No error."}</p>}
    </Card>
  );
}

function statusOf({ error, ended_at, is_aborted }: Attempt): "ABORTED" | "FAILED" | "RUNNING" | "SUCCEEDED" {
  if (is_aborted) return "ABORTED";
  if (error) return "FAILED";
  return ended_at === null ? "RUNNING" : "SUCCEEDED";
}
