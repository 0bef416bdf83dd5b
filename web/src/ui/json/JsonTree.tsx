import { useMemo, useState } from "preact/hooks";
import { CopyButton } from "../CopyButton";
import { childrenOf, isBranch, isTooDeep, parseJson } from "./parse";
import { Scalar } from "./Scalar";

export interface JsonTreeProps {
  /** JSON as text: shown as it was written, also where it does not parse. */
  text?: string | undefined;
  /** Or a value. */
  value?: unknown;
  /** What it is, for screen readers: `Input`. */
  label: string;
  /** How many levels are open at first; 2 unless said. */
  depth?: number;
  /** With a button that copies it, indented; yes unless said. */
  copy?: boolean;
}

/** JSON as a tree whose branches open and close. */
export function JsonTree({ text, value, label, depth = 2, copy = true }: JsonTreeProps) {
  const parsed = useMemo(
    () => (text === undefined ? { ok: true as const, value } : parseJson(text)),
    [text, value],
  );
  const copied = () =>
    parsed.ok ? (text === undefined ? JSON.stringify(value, null, 2) : indented(text)) : (text ?? "");
  return (
    <div class="json" role="group" aria-label={label}>
      {copy ? (
        <div class="json-actions">
          <CopyButton text={copied} label="Copy as JSON" />
        </div>
      ) : null}
      {parsed.ok ? <Node value={parsed.value} depth={depth} /> : <pre class="json-raw">{text}</pre>}
    </div>
  );
}

const PAGE = 100;

/** One value of the tree, with its key in front. */
export function Node({ name, value, depth }: { name?: string | number; value: unknown; depth: number }) {
  const [open, setOpen] = useState(depth > 0);
  const [shown, setShown] = useState(PAGE);
  if (!isBranch(value)) {
    return (
      <div class="json-row">
        <Key name={name} />
        <Scalar value={value} />
      </div>
    );
  }
  const children = childrenOf(value);
  const isList = Array.isArray(value);
  return (
    <div class="json-branch">
      <button type="button" class="json-row json-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Caret />
        <Key name={name} />
        <span class="json-count">{open ? (isList ? "[" : "{") : summary(children.length, isList)}</span>
      </button>
      {open ? (
        <div class="json-children">
          {children.slice(0, shown).map(([key, child]) => (
            <Node key={key} name={key} value={child} depth={depth - 1} />
          ))}
          {children.length > shown ? (
            <button type="button" class="json-more" onClick={() => setShown(shown + PAGE * 5)}>
              show more ({(children.length - shown).toLocaleString("en")} left)
            </button>
          ) : null}
        </div>
      ) : null}
      {open ? <div class="json-row json-count">{isList ? "]" : "}"}</div> : null}
    </div>
  );
}

export function Key({ name }: { name: string | number | undefined }) {
  if (name === undefined) return null;
  return <span class={typeof name === "number" ? "json-index" : "json-key"}>{name}: </span>;
}

export function Caret() {
  return (
    <svg class="caret" width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
      <path d="M3 1.5 6.8 5 3 8.5" />
    </svg>
  );
}

function summary(count: number, isList: boolean): string {
  const words = isList ? (count === 1 ? "item" : "items") : count === 1 ? "key" : "keys";
  return isList ? `[ ${count} ${words} ]` : `{ ${count} ${words} }`;
}

/** Indents JSON text without reading its numbers, so that none changes; what is nested too deep stays as it is. */
export function indented(text: string): string {
  if (isTooDeep(text)) return text; // the spaces alone would be larger than the memory
  const out: string[] = [];
  let level = 0;
  let last = "";
  const line = () => `\n${"  ".repeat(Math.max(0, level))}`;
  for (const token of text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? []) {
    const closes = token === "}" || token === "]";
    if (closes) level -= 1;
    const isAfterOpening = last === "{" || last === "[";
    // What is empty stays on its line.
    if (isAfterOpening !== closes || last === ",") out.push(line());
    out.push(token === ":" ? ": " : token);
    if (token === "{" || token === "[") level += 1;
    last = token;
  }
  return out.join("");
}
