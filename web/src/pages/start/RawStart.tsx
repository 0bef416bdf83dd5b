import { useState } from "preact/hooks";
import { Button, Card, ErrorBox } from "../../ui";
import { JsonField, jsonProblem } from "./JsonField";
import { NameField } from "./NameField";
import { focusFirstProblem } from "./focusFirstProblem";
import { takenProblem } from "./serverProblem";
import { nameProblem } from "./checks";
import { useStart } from "./useStart";

export interface RawStartProps {
  workflowArn: string;
  /** JSON text to begin with. */
  input: string;
}

/** Starts any workflow with an input in JSON, sent as it is. */
export function RawStart({ workflowArn, input }: RawStartProps) {
  const [text, setText] = useState(input);
  const [name, setName] = useState("");
  const start = useStart();
  const taken = takenProblem(start.problem, name);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (nameProblem(name) || jsonProblem(text)) return focusFirstProblem(event.currentTarget);
    start.send("/api/executions", { workflow_arn: workflowArn, name: name || null, input: text });
  };
  return (
    <form class="start-form" onSubmit={submit} noValidate>
      {start.problem && !taken ? <ErrorBox problem={start.problem} /> : null}
      <Card>
        <div class="form-stack">
          <NameField
            name={name}
            made="of the workflow's name and the time"
            error={nameProblem(name) ?? taken}
            onChange={(next) => {
              setName(next);
              start.clear();
            }}
          />
          <JsonField
            label="Input"
            description="JSON, sent to the workflow as it is."
            text={text}
            onChange={setText}
          />
        </div>
      </Card>
      <div class="start-actions">
        <Button variant="primary" type="submit" busy={start.isBusy}>
          {start.isBusy ? "Starting ..." : "Start execution"}
        </Button>
      </div>
    </form>
  );
}
