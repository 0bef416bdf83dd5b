import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button, Field, type ControlAttributes } from "../../../ui";
import { draftOf, isObjectDraft, isSame, looseText, readDraft, type Draft, type ObjectDraft } from "./draft";
import type { ListShape, ObjectShape, Shape } from "./shape";

export interface SchemaFormProps {
  shape: Shape;
  draft: Draft;
  onChange: (draft: Draft) => void;
  /** What is wrong, by the field's path; only what is to be shown now. */
  problems: ReadonlyMap<string, string>;
}

/** A form for anything that a shape describes; each section of the top folds. */
export function SchemaForm({ shape, draft, onChange, problems }: SchemaFormProps) {
  const shared = { problems };
  if (shape.kind !== "object" || !isObjectDraft(draft))
    return <Control {...shared} label="Value" path="" shape={shape} draft={draft} onChange={onChange} />;
  const change = (key: string, value: Draft) =>
    onChange({ ...draft, fields: new Map(draft.fields).set(key, value) });
  return (
    <div class="schema-form">
      {shape.fields.map(([key, field], index) => {
        const value = draft.fields.get(key) ?? "";
        const props = { ...shared, label: key, path: key, shape: field, draft: value };
        const control = <Control {...props} onChange={(next) => change(key, next)} isTop />;
        const isOpen = index === 0 || isChanged(field, value) || hasProblem(problems, key);
        return field.kind === "object" ? (
          <Section key={key} title={key} about={field.description} isOpen={isOpen}>
            {control}
          </Section>
        ) : (
          <div key={key}>{control}</div>
        );
      })}
      <Rows {...shared} path="" shape={shape} draft={draft} onChange={onChange} />
    </div>
  );
}

function Section(props: { title: string; about: string; isOpen: boolean; children: ComponentChildren }) {
  // A section opens by itself when it gets a change or a fault; to close it is the reader's.
  const [open, setOpen] = useState(props.isOpen);
  useEffect(() => {
    if (props.isOpen) setOpen(true);
  }, [props.isOpen]);
  return (
    <details class="section card" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary class="section-head">
        <h2 class="card-title">{props.title}</h2>
        {props.about ? <span class="card-about">{props.about}</span> : null}
      </summary>
      <div class="card-body">{props.children}</div>
    </details>
  );
}

interface ControlProps extends Omit<SchemaFormProps, "shape"> {
  label: string;
  path: string;
  shape: Shape;
  isTop?: boolean;
}

function Control(props: ControlProps) {
  switch (props.shape.kind) {
    case "object":
      return <ObjectControl {...props} shape={props.shape} />;
    case "list":
      return <ListControl {...props} shape={props.shape} />;
    default:
      return <ScalarControl {...props} />;
  }
}

function ObjectControl({
  shape,
  draft,
  onChange,
  path,
  label,
  isTop,
  ...shared
}: ControlProps & { shape: ObjectShape }) {
  if (!isObjectDraft(draft)) return null;
  const simple = shape.fields.filter(([, field]) => field.kind !== "object");
  const nested = shape.fields.filter(([, field]) => field.kind === "object");
  const draw = ([key, field]: [string, Shape]) => (
    <Control
      key={key}
      {...shared}
      label={key}
      path={path ? `${path}.${key}` : key}
      shape={field}
      draft={draft.fields.get(key) ?? ""}
      onChange={(value) => onChange({ ...draft, fields: new Map(draft.fields).set(key, value) })}
    />
  );
  const inside = (
    <>
      {simple.length > 0 ? <div class="form-grid">{simple.map(draw)}</div> : null}
      {nested.map(draw)}
      <Rows {...shared} path={path} shape={shape} draft={draft} onChange={onChange} />
    </>
  );
  if (isTop)
    return (
      <div class="form-group" role="group" aria-label={label}>
        {inside}
      </div>
    );
  return (
    <fieldset class="form-group">
      <legend>
        {label}
        {shape.description ? <span class="legend-about"> {shape.description}</span> : null}
      </legend>
      {inside}
    </fieldset>
  );
}

interface RowsProps extends Omit<SchemaFormProps, "shape" | "draft"> {
  path: string;
  shape: ObjectShape;
  draft: ObjectDraft;
}

/** Keys that the reader adds, each with a value. */
function Rows({ shape, draft, onChange, path, problems }: RowsProps) {
  const rest = shape.rest;
  if (!rest) return null;
  const put = (rows: ObjectDraft["rows"]) => onChange({ ...draft, rows });
  return (
    <div class="map-rows">
      {draft.rows.map((row, index) => {
        const at = path ? `${path}.+${index}` : `+${index}`;
        const change = (part: Partial<typeof row>) =>
          put(draft.rows.map((one, place) => (place === index ? { ...one, ...part } : one)));
        return (
          <div class="map-row" key={index}>
            <Field label="Name" error={problems.get(at)}>
              {(attributes) => (
                <input
                  {...attributes}
                  class="input"
                  value={row.key}
                  onInput={(event) => change({ key: event.currentTarget.value })}
                />
              )}
            </Field>
            <Control
              label="Value"
              path={`${at}.value`}
              shape={rest}
              draft={row.value}
              onChange={(value) => change({ value })}
              problems={problems}
            />
            <Button
              variant="quiet"
              label={`Remove ${row.key || "this row"}`}
              onClick={() => put(draft.rows.filter((_, place) => place !== index))}
            >
              Remove
            </Button>
          </div>
        );
      })}
      <Button small onClick={() => put([...draft.rows, { key: "", value: draftOf(rest, undefined) }])}>
        Add another
      </Button>
    </div>
  );
}

function ListControl({ label, path, shape, draft, onChange, problems }: ControlProps & { shape: ListShape }) {
  const items = Array.isArray(draft) ? draft : [];
  const put = (next: Draft[]) => onChange(next);
  return (
    <fieldset class="form-group">
      <legend>
        {label}
        {shape.description ? <span class="legend-about"> {shape.description}</span> : null}
      </legend>
      {problems.get(path) ? <p class="field-error">{problems.get(path)}</p> : null}
      {items.map((item, index) => (
        <div class="list-row" key={index}>
          <Control
            label={`${label} ${index + 1}`}
            path={`${path}.${index}`}
            shape={shape.item}
            draft={item}
            onChange={(value) => put(items.map((one, place) => (place === index ? value : one)))}
            problems={problems}
          />
          <Button
            variant="quiet"
            label={`Remove ${label} ${index + 1}`}
            onClick={() => put(items.filter((_, place) => place !== index))}
          >
            Remove
          </Button>
        </div>
      ))}
      <div class="list-actions">
        <Button small onClick={() => put([...items, draftOf(shape.item, shape.item.initial)])}>
          Add to {label}
        </Button>
        {isChanged(shape, draft) ? <Reset shape={shape} label={label} onChange={onChange} /> : null}
      </div>
    </fieldset>
  );
}

function ScalarControl({ label, path, shape, draft, onChange, problems }: ControlProps) {
  const text = typeof draft === "string" ? draft : "";
  const changed = isChanged(shape, draft);
  return (
    <Field
      label={label}
      description={shape.description || null}
      note={
        changed && shape.initial !== undefined ? (
          <>
            Changed; the recipe has {shape.initial === null ? "none" : looseText(shape.initial)}.{" "}
            <Reset shape={shape} label={label} onChange={onChange} />
          </>
        ) : null
      }
      error={problems.get(path)}
    >
      {(attributes) => <Input {...attributes} shape={shape} text={text} onInput={onChange} />}
    </Field>
  );
}

interface InputProps extends ControlAttributes {
  shape: Shape;
  text: string;
  onInput: (text: string) => void;
}

function Input({ shape, text, onInput, ...attributes }: InputProps) {
  if (shape.kind === "boolean")
    return (
      <select
        {...attributes}
        class="select"
        value={text}
        onChange={(event) => onInput(event.currentTarget.value)}
      >
        {text === "" || shape.isNullable ? <option value="">not set</option> : null}
        <option value="true">true</option>
        <option value="false">false</option>
      </select>
    );
  if (shape.kind === "choice")
    return (
      <select
        {...attributes}
        class="select"
        value={text}
        onChange={(event) => onInput(event.currentTarget.value)}
      >
        {text === "" || shape.isNullable || !shape.isRequired ? <option value="">not set</option> : null}
        {shape.options.map((option) => (
          <option key={JSON.stringify(option)} value={JSON.stringify(option)}>
            {looseText(option)}
          </option>
        ))}
      </select>
    );
  return (
    <input
      {...attributes}
      class={shape.kind === "number" ? "input input-number" : "input"}
      inputMode={shape.kind === "number" ? (shape.isInteger ? "numeric" : "decimal") : "text"}
      autocomplete="off"
      spellcheck={false}
      placeholder={shape.isNullable ? "none" : ""}
      value={text}
      onInput={(event) => onInput(event.currentTarget.value)}
    />
  );
}

function Reset({
  shape,
  label,
  onChange,
}: {
  shape: Shape;
  label: string;
  onChange: (draft: Draft) => void;
}) {
  return (
    <button
      type="button"
      class="link-button"
      aria-label={`Take the recipe's ${label}`}
      onClick={() => onChange(draftOf(shape, shape.initial))}
    >
      Reset
    </button>
  );
}

/** Whether what stands in the controls is something else than the recipe's own value. */
function isChanged(shape: Shape, draft: Draft): boolean {
  const own = readDraft(shape, draftOf(shape, shape.initial));
  const now = readDraft(shape, draft);
  return now.problems.length > 0 || !isSame(own.value, now.value);
}

function hasProblem(problems: ReadonlyMap<string, string>, key: string): boolean {
  return [...problems.keys()].some((path) => path === key || path.startsWith(`${key}.`));
}
