import { Field } from "../../ui";

export interface NameFieldProps {
  name: string;
  /** How a name is made when none is given. */
  made: string;
  error: string | null;
  onChange: (name: string) => void;
}

export function NameField({ name, made, error, onChange }: NameFieldProps) {
  return (
    <Field label="Execution name" description={`Optional. Without one it is made ${made}.`} error={error}>
      {(attributes) => (
        <input
          {...attributes}
          class="input"
          autocomplete="off"
          spellcheck={false}
          value={name}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}
