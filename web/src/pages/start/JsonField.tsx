import { useRef } from "preact/hooks";
import { Button, Field } from "../../ui";
import { indented } from "../../ui/json/JsonTree";
import { parseJson } from "../../ui/json/parse";

export interface JsonFieldProps {
  label: string;
  description?: string;
  text: string;
  /** Whether to say what is wrong with it now. */
  showProblem: boolean;
  onChange: (text: string) => void;
  onLeave: () => void;
}

/** A text that is to be JSON; says in which line and column it is not. */
export function JsonField({ label, description, text, showProblem, onChange, onLeave }: JsonFieldProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const problem = jsonProblem(text);
  const lines = Math.min(24, Math.max(8, text.split("\n").length + 1));
  return (
    <div class="json-field">
      <Field label={label} description={description} error={showProblem ? problem : null}>
        {(attributes) => (
          <textarea
            {...attributes}
            ref={area}
            class="textarea"
            rows={lines}
            spellcheck={false}
            value={text}
            onInput={(event) => onChange(event.currentTarget.value)}
            onBlur={onLeave}
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
