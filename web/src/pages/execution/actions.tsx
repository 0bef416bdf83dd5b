import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { address, post, problemOf } from "../../api/client";
import type { Execution, Problem, Started } from "../../api/types";
import { paths } from "../../paths";
import { Button, ButtonLink, Dialog, ErrorBox, ExternalLink } from "../../ui";

/** What can be done with an execution. */
export function Actions({ execution }: { execution: Execution }) {
  const { row, can_stop: canStop, can_redrive: canRedrive, aws_console_url: aws } = execution;
  const [stops, setStops] = useState(false);
  const [, navigate] = useLocation();
  const redrive = useAction("/api/execution/redrive", row.arn, (started) => {
    if (started.arn !== row.arn) navigate(paths.execution(started.arn));
  });
  const query = { arn: row.arn };
  return (
    <>
      {canStop ? (
        <Button variant="danger" onClick={() => setStops(true)}>
          Stop
        </Button>
      ) : null}
      {canRedrive ? (
        <Button variant="primary" busy={redrive.isBusy} onClick={redrive.act}>
          Redrive
        </Button>
      ) : null}
      <ButtonLink href={paths.startFrom(row.arn)}>Run again with changes</ButtonLink>
      <ButtonLink href={address("/api/execution/history.json", query)} download={`${row.name}.history.json`}>
        Download history
      </ButtonLink>
      <ButtonLink href={address("/api/execution/report.html", query)} download={`${row.name}.html`}>
        Download report
      </ButtonLink>
      {aws ? (
        <ExternalLink href={aws} button>
          Open in AWS console
        </ExternalLink>
      ) : null}
      {redrive.problem ? (
        <Dialog
          title="It was not redriven"
          onClose={redrive.forget}
          actions={<Button onClick={redrive.forget}>Close</Button>}
        >
          <ErrorBox problem={redrive.problem} />
        </Dialog>
      ) : null}
      {stops ? <StopDialog arn={row.arn} name={row.name} onClose={() => setStops(false)} /> : null}
    </>
  );
}

function StopDialog({ arn, name, onClose }: { arn: string; name: string; onClose: () => void }) {
  const stop = useAction("/api/execution/stop", arn, onClose);
  return (
    <Dialog
      title="Stop this execution?"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Let it run</Button>
          <Button variant="danger" busy={stop.isBusy} onClick={stop.act}>
            Stop it
          </Button>
        </>
      }
    >
      <p>
        <strong>{name}</strong> ends at once: what it runs now is stopped, and no state of it follows.
      </p>
      {stop.problem ? <ErrorBox problem={stop.problem} /> : null}
    </Dialog>
  );
}

function useAction(path: string, arn: string, done: (started: Started) => void) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const act = (): void => {
    setBusy(true);
    setProblem(null);
    post<Started>(path, {}, { arn })
      .then(done, (error: unknown) => setProblem(problemOf(error)))
      .finally(() => setBusy(false));
  };
  return { act, isBusy, problem, forget: () => setProblem(null) };
}
