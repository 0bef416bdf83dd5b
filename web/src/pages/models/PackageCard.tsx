import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { post, problemOf } from "../../api/client";
import type { Decided, ModelPackage, Problem } from "../../api/types";
import { paths } from "../../paths";
import { Button, Card, Dialog, ErrorBox, Facts, Field, None, StatusMark, Time } from "../../ui";

type Verb = "approve" | "reject";

/** What was decided about a registered model, how far it is on its way into service, and the decision itself. */
export function PackageCard({ model, onDecided }: { model: ModelPackage; onDecided: () => void }) {
  const [decides, setDecides] = useState<Verb | null>(null);
  return (
    <Card
      title="Model package"
      level={3}
      about={model.reason ?? undefined}
      actions={
        model.can_decide ? (
          <>
            <Button variant="danger" onClick={() => setDecides("reject")}>
              Reject
            </Button>
            <Button variant="primary" onClick={() => setDecides("approve")}>
              Approve
            </Button>
          </>
        ) : null
      }
    >
      <Facts
        facts={[
          ["Version", model.name],
          ["Approval", <StatusMark status={model.approval} />],
          ["Release", model.release ? <StatusMark status={model.release} /> : <None />],
          ["Strategy", model.strategy ?? <None />],
          [
            "Endpoint",
            model.released_endpoint ? (
              <Link href={paths.endpoint(model.released_endpoint)}>{model.released_endpoint}</Link>
            ) : (
              <None />
            ),
          ],
        ]}
      />
      {model.release_reason ? <p class="package-why">{model.release_reason}</p> : null}
      <Releases model={model} />
      {decides ? (
        <DecisionDialog
          verb={decides}
          model={model}
          onClose={() => setDecides(null)}
          onDecided={() => {
            setDecides(null);
            onDecided();
          }}
        />
      ) : null}
    </Card>
  );
}

function Releases({ model }: { model: ModelPackage }) {
  if (model.releases.length === 0) return null;
  return (
    <ul class="package-releases" aria-label="Releases">
      {model.releases.map((release) => (
        <li key={release.arn}>
          <StatusMark status={release.status} outcome={release.outcome} />
          <Link href={paths.execution(release.arn)}>{release.name}</Link>
          <Time at={release.started_at} relative />
        </li>
      ))}
    </ul>
  );
}

interface DecisionProps {
  verb: Verb;
  model: ModelPackage;
  onClose: () => void;
  onDecided: () => void;
}

function DecisionDialog({ verb, model, onClose, onDecided }: DecisionProps) {
  const [reason, setReason] = useState("");
  const [wrong, setWrong] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const approves = verb === "approve";
  const decide = (): void => {
    if (!approves && !reason.trim()) return setWrong("Say why: the registry keeps it.");
    setBusy(true);
    setProblem(null);
    post<Decided>(`/api/package/${verb}`, { reason }, { arn: model.arn })
      .then(onDecided, (error: unknown) => setProblem(problemOf(error)))
      .finally(() => setBusy(false));
  };
  return (
    <Dialog
      title={approves ? `Approve ${model.name}?` : `Reject ${model.name}?`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant={approves ? "primary" : "danger"} busy={isBusy} onClick={decide}>
            {approves ? "Approve it" : "Reject it"}
          </Button>
        </>
      }
    >
      <p>
        {approves
          ? `Its release begins: ${model.strategy ?? "all-at-once"}.`
          : "It stays out of service; what serves goes on serving."}
      </p>
      <Field label={approves ? "Reason (optional)" : "Reason"} error={wrong}>
        {(attributes) => (
          <input
            {...attributes}
            class="input"
            autocomplete="off"
            maxLength={900}
            value={reason}
            onInput={(event) => {
              setReason(event.currentTarget.value);
              setWrong(null);
            }}
          />
        )}
      </Field>
      {problem ? <ErrorBox problem={problem} /> : null}
    </Dialog>
  );
}
