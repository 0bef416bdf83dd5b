import type { ComponentChildren, VNode } from "preact";
import { useId } from "preact/hooks";
import { sentence } from "./sentence";

/** What the control takes over, so that its label, description and error belong to it. */
export interface ControlAttributes {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": true | undefined;
}

export interface FieldProps {
  label: ComponentChildren;
  description?: ComponentChildren;
  /** A line under the control, such as what was there before. */
  note?: ComponentChildren;
  /** What is wrong with the value; shown and read with the control. */
  error?: string | null | undefined;
  /** Gives the control: `{(attributes) => <input {...attributes} />}`. */
  children: (attributes: ControlAttributes) => VNode;
}

export function Field({ label, description, note, error, children }: FieldProps) {
  const id = useId();
  const describedBy = [description ? `${id}-about` : "", error ? `${id}-error` : ""]
    .filter(Boolean)
    .join(" ");
  return (
    <div class={`field${error ? " field-wrong" : ""}`}>
      <label class="field-label" for={id}>
        {label}
      </label>
      {children({
        id,
        "aria-describedby": describedBy || undefined,
        "aria-invalid": error ? true : undefined,
      })}
      {description ? (
        <p class="field-about" id={`${id}-about`}>
          {description}
        </p>
      ) : null}
      {note ? <p class="field-about">{note}</p> : null}
      {error ? (
        <p class="field-error" id={`${id}-error`}>
          {sentence(error)}
        </p>
      ) : null}
    </div>
  );
}
