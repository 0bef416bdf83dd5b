import { useMemo, useState } from "preact/hooks";
import type { RecipeForm } from "../../api/types";
import { Button, Card, ErrorBox, Field, Tabs } from "../../ui";
import { draftOf, merged, readDraft, type Draft } from "./form/draft";
import { SchemaForm } from "./form/SchemaForm";
import { shapeOf } from "./form/shape";
import { focusFirstProblem } from "./focusFirstProblem";
import { JsonField, jsonProblem } from "./JsonField";
import { NameField } from "./NameField";
import { canShow, overridesOf, runInputOf, runInputText, type RunInput } from "./runInput";
import { fieldOf, isAboutData, takenProblem } from "./serverProblem";
import { dataProblem, nameProblem } from "./checks";
import { useStart } from "./useStart";

export interface RecipeStartProps {
  form: RecipeForm;
  workflowArn: string;
  /** What to begin with; the recipe's own values when left out. */
  initial?: RunInput | undefined;
}

const TABS = [
  { id: "form", label: "Form" },
  { id: "json", label: "JSON" },
] as const;

/** Runs a recipe: a form of all that a run may change, or the same as JSON. Only what was changed is sent. */
export function RecipeStart({ form, workflowArn, initial }: RecipeStartProps) {
  const shape = useMemo(() => shapeOf(form.form), [form]);
  const [draft, setDraft] = useState<Draft>(() => draftOf(shape, merged(shape.initial, initial?.overrides)));
  const [data, setData] = useState(initial?.data ?? "");
  const [name, setName] = useState("");
  const [tab, setTab] = useState<string>("form");
  const [text, setText] = useState("");
  const [tabProblem, setTabProblem] = useState("");
  const [isSubmitted, setSubmitted] = useState(false);
  const start = useStart();

  const reading = readDraft(shape, draft);
  const input: RunInput = {
    recipe: form.name,
    data: data.trim() || null,
    overrides: overridesOf(shape, reading.value),
  };
  const found = new Map(reading.problems.map(({ path, message }) => [path, message]));
  const refused = start.problem ? fieldOf(start.problem, leafPaths(draft)) : null;
  // Not before: a message that appears when a field is left would push the button away from under the pointer.
  const shown = new Map(isSubmitted ? found : []);
  if (refused && start.problem) shown.set(refused, start.problem.detail);
  const taken = takenProblem(start.problem, name);
  const dataWrong = dataProblem(data, form.data);
  const dataRefused =
    start.problem && !refused && !taken && input.data && isAboutData(start.problem)
      ? start.problem.detail
      : null;

  const choose = (next: string) => {
    setTabProblem("");
    if (next === tab) return;
    if (next === "json") {
      setText(runInputText(input));
      setTab(next);
      return;
    }
    const run = jsonProblem(text) ? null : runInputOf(text);
    if (run?.recipe === form.name && canShow(shape, run.overrides)) {
      setDraft(draftOf(shape, merged(shape.initial, run.overrides)));
      setData(run.data ?? "");
      setTab(next);
    } else setTabProblem("The form cannot show this JSON: it says something that the form has no field for.");
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setSubmitted(true);
    const isWrong = tab === "json" ? jsonProblem(text) : found.size > 0 || dataWrong;
    if (nameProblem(name) || isWrong) return focusFirstProblem(event.currentTarget);
    const chosen = name || null;
    if (tab === "json")
      start.send("/api/executions", { workflow_arn: workflowArn, name: chosen, input: text });
    else start.send("/api/runs", { ...input, name: chosen });
  };
  return (
    <form class="start-form" onSubmit={submit} noValidate>
      {start.problem && !taken && !refused && !dataRefused ? <ErrorBox problem={start.problem} /> : null}
      <Card>
        <div class="form-pair">
          <NameField
            name={name}
            made="of the recipe and the time"
            error={nameProblem(name) ?? taken}
            onChange={(next) => {
              setName(next);
              start.clear();
            }}
          />
          {tab === "form" ? (
            <Field
              label="Training data"
              description={form.data === null ? "An S3 URI." : `An S3 URI. Without one: ${form.data}`}
              error={(isSubmitted ? dataWrong : null) ?? dataRefused}
            >
              {(attributes) => (
                <input
                  {...attributes}
                  class="input"
                  autocomplete="off"
                  spellcheck={false}
                  placeholder="s3://"
                  value={data}
                  onInput={(event) => {
                    setData(event.currentTarget.value);
                    start.clear();
                  }}
                />
              )}
            </Field>
          ) : null}
        </div>
      </Card>
      <Tabs label="How to give the input" tabs={TABS} selected={tab} onSelect={choose}>
        {tabProblem ? (
          <p class="field-error" role="alert">
            {tabProblem}
          </p>
        ) : null}
        {tab === "form" ? (
          <SchemaForm
            shape={shape}
            draft={draft}
            onChange={(next) => {
              setDraft(next);
              start.clear();
            }}
            problems={shown}
          />
        ) : (
          <JsonField
            label="Input"
            description="Sent to the workflow as it is; the recipe as it was last published."
            text={text}
            onChange={(next) => {
              setText(next);
              setTabProblem("");
            }}
          />
        )}
      </Tabs>
      <div class="start-actions">
        <Button variant="primary" type="submit" busy={start.isBusy}>
          {start.isBusy ? "Starting ..." : "Start execution"}
        </Button>
        {tab === "form" && found.size === 0 ? <p class="muted">{changesText(input)}</p> : null}
      </div>
    </form>
  );
}

function changesText(input: RunInput): string {
  const count = leavesOf(input.overrides);
  if (count === 0) return "The recipe's own values.";
  return `${count} ${count === 1 ? "value differs" : "values differ"} from the recipe's.`;
}

function leavesOf(value: unknown): number {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return 1;
  return Object.values(value).reduce((sum: number, one) => sum + leavesOf(one), 0);
}

function leafPaths(draft: Draft, path = ""): string[] {
  if (typeof draft === "string") return [path];
  const inside: [string, Draft][] = Array.isArray(draft)
    ? draft.map((item, index) => [String(index), item])
    : [...draft.fields];
  return inside.flatMap(([key, value]) => leafPaths(value, path ? `${path}.${key}` : key));
}
