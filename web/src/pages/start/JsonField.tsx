import { useRef } from "preact/hooks";
import { Button, Field } from "../../ui";
import { indented } from "../../ui/json/JsonTree";
import { parseJson } from "../../ui/json/parse";

export interface JsonFieldProps {
  label: string;
  description?: string;
  text: string;
  onChange: (text: string) => void;
}

/** A text that is to be JSON; says in which line and column it is not, as it is typed: the line for that is always there. */
export function JsonField({ label, description, text, onChange }: JsonFieldProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const problem = jsonProblem(text);
  const lines = Math.min(24, Math.max(8, text.split("\n").length + 1));
  return (
    <div class="json-field">
      <Field
        label={label}
        description={description}
        note={problem ? null : "It is valid JSON."}
        error={problem}
      >
        {(attributes) => (
          <textarea
            {...attributes}
            ref={area}
            class="textarea"
            rows={lines}
            spellcheck={false}
            value={text}
            onInput={(event) => onChange(event.currentTarget.value)}
          />
        )}
      </Field>
      <Button small variant="quiet" disabled={problem !== null} onClick={() => onChange(indented(text))}>
        Indent
      </Button>
    </div>
  );
}

/** What is wrong with JSON text, and where; null when nothing is. */
export function jsonProblem(text: string): string | null {
  const parsed = parseJson(text);
  return parsed.ok ? null : `Line ${parsed.line}, column ${parsed.column}: ${parsed.message}`;
}
