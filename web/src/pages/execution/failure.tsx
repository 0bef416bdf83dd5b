import type { Execution, Visit } from "../../api/types";
import { statusWord } from "../../ui";
import { Traceback } from "./traceback";

export interface FailureProps {
  execution: Execution;
  failed: Visit | null;
  onOpen: (visit: Visit) => void;
}

/** Why an execution did not do well, on top of all else: the reason, where, and what the code said last. */
export function Failure({ execution, failed, onOpen }: FailureProps) {
  const { row, error, traceback } = execution;
  const isStopped = row.status === "ABORTED";
  const reasons = rejection(execution);
  if (reasons.length > 0)
    return (
      <section class="verdict verdict-caught" aria-label="Why the model was rejected">
        <p class="verdict-title">Rejected</p>
        <ul class="verdict-reasons" tabIndex={0}>
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      </section>
    );
  if (!["FAILED", "TIMED_OUT", "ABORTED"].includes(row.status)) return null;
  const reason =
    row.reason || execution.cause || (isStopped ? "The execution was stopped." : "No reason was given.");
  return (
    <section
      class={`verdict ${isStopped ? "verdict-stopped" : "verdict-failed"}`}
      aria-label={isStopped ? "Why it was stopped" : "Why it failed"}
    >
      <div class="verdict-head">
        <p class="verdict-title">
          {isStopped ? "Stopped" : statusWord(row.status)}
          {failed ? (
            <>
              {isStopped ? " while in " : " in "}
              <button type="button" class="link" onClick={() => onOpen(failed)}>
                {failed.name}
              </button>
            </>
          ) : null}
        </p>
        {error ? <code class="verdict-error">{error}</code> : null}
      </div>
      <p class="verdict-reason" tabIndex={0}>
        {reason}
      </p>
      <Traceback lines={traceback} />
    </section>
  );
}

/** Why the workflow itself said no, where its output tells. */
function rejection({ row, output }: Execution): string[] {
  if (row.status !== "SUCCEEDED" || !row.outcome || !/REJECT/i.test(row.outcome) || !output) return [];
  try {
    const reasons: unknown = (JSON.parse(output) as { reasons?: unknown }).reasons;
    return Array.isArray(reasons) ? reasons.filter((reason) => typeof reason === "string") : [];
  } catch {
    return [];
  }
}
