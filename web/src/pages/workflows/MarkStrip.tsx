import { Link } from "wouter-preact";
import type { ExecutionMark } from "../../api/types";
import { paths } from "../../paths";
import { absoluteText, durationText, StatusGlyph, statusTone, statusWord } from "../../ui";

export interface MarkStripProps {
  /** The oldest first. */
  marks: readonly ExecutionMark[];
  /** The workflow's name, for screen readers. */
  of: string;
}

/** Recent executions as a row of status marks, the newest at the right; each leads to its execution. */
export function MarkStrip({ marks, of }: MarkStripProps) {
  return (
    <ol class="strip" aria-label={`Recent executions of ${of}, the newest last`}>
      {marks.map((mark) => {
        const tone = statusTone(mark.status, mark.outcome);
        const words = markText(mark);
        return (
          <li key={mark.arn}>
            <Link
              class={`strip-mark status-${tone}`}
              href={paths.execution(mark.arn)}
              aria-label={words}
              title={words}
            >
              <StatusGlyph tone={tone} />
            </Link>
          </li>
        );
      })}
    </ol>
  );
}

function markText({ name, status, outcome, started_at, seconds }: ExecutionMark): string {
  const tone = statusTone(status, outcome);
  const word = statusWord(tone === "rejected" && outcome ? outcome : status);
  const took = seconds === null ? "" : `, ${durationText(seconds)}`;
  return `${name}: ${word}, ${absoluteText(started_at)}${took}`;
}
