import { useState } from "preact/hooks";

const SHOWN = 5;

/** What the code said last: its end is what counts, the rest is there on demand. */
export function Traceback({ lines }: { lines: readonly string[] }) {
  const [all, setAll] = useState(false);
  if (lines.length === 0) return null;
  const shown = all ? lines : lines.slice(-SHOWN);
  return (
    <div class="traceback" tabIndex={0} role="group" aria-label="Traceback">
      {lines.length > SHOWN ? (
        <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Show the last lines only" : `Show ${lines.length - SHOWN} lines before`}
        </button>
      ) : null}
      <pre>{shown.join("\n")}</pre>
    </div>
  );
}
