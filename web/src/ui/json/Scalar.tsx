import { useState } from "preact/hooks";
import { ExactNumber } from "./parse";

const LONGEST = 600;

/** A value that holds no others, as JSON writes it; a long text can be opened. */
export function Scalar({ value }: { value: unknown }) {
  if (typeof value === "string") return <LongString text={value} />;
  if (value instanceof ExactNumber) return <span class="json-number">{value.text}</span>;
  if (Array.isArray(value)) return <span class="json-null">[]</span>;
  if (typeof value === "object" && value !== null) return <span class="json-null">{"{}"}</span>;
  return (
    <span class={typeof value === "number" ? "json-number" : "json-null"}>
      {JSON.stringify(value) ?? "null"}
    </span>
  );
}

function LongString({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  const isLong = text.length > LONGEST;
  return (
    <>
      <span class="json-string">{JSON.stringify(isLong && !open ? text.slice(0, LONGEST) : text)}</span>
      {isLong ? (
        <button type="button" class="json-more" onClick={() => setOpen(!open)}>
          {open ? "show less" : `show all ${text.length.toLocaleString("en")} characters`}
        </button>
      ) : null}
    </>
  );
}
