import type { ComponentChildren } from "preact";
import { shownStatus, statusTone, statusWord, type Tone } from "./status";

export interface StatusMarkProps {
  /** Of an execution, a state, a job or an endpoint, as AWS writes it. */
  status: string;
  /** The workflow's own word for how it ended, such as `REJECTED`; then the word is this one. */
  outcome?: string | null | undefined;
  /** Says something other than the status's own word. */
  children?: ComponentChildren;
}

/** A status by colour, mark and word. */
export function StatusMark({ status, outcome, children }: StatusMarkProps) {
  const tone = statusTone(status, outcome);
  return (
    <span class={`status status-${tone}`}>
      <StatusGlyph tone={tone} />
      <span class="status-word">{children ?? statusWord(shownStatus(status, outcome))}</span>
    </span>
  );
}

export interface StatusGlyphProps {
  tone: Tone;
  /** In pixels; 16 unless said. */
  size?: number;
}

/** The mark alone, in the current colour (a parent with `status-<tone>` gives it); hidden from screen readers. */
export function StatusGlyph({ tone, size = 16 }: StatusGlyphProps) {
  return (
    <svg class={`glyph glyph-${tone}`} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <GlyphPath tone={tone} />
    </svg>
  );
}

/** The mark's shapes in a 16 by 16 box, to be placed inside of another svg. */
export function GlyphPath({ tone }: { tone: Tone }) {
  switch (tone) {
    case "succeeded":
      return (
        <>
          <circle class="glyph-ring" cx="8" cy="8" r="6.25" />
          <path class="glyph-line" d="M5 8.2 7.2 10.4 11 6" />
        </>
      );
    case "running":
      return (
        <>
          <circle class="glyph-ring glyph-track" cx="8" cy="8" r="6.25" />
          <path class="glyph-ring glyph-turn" d="M8 1.75A6.25 6.25 0 0 1 14.25 8" />
        </>
      );
    case "retrying":
      return <path class="glyph-line" d="M13.2 5.2A6 6 0 1 0 14 8M13.6 2.2v3.2h-3.2" />;
    case "failed":
      return (
        <>
          <circle class="glyph-ring" cx="8" cy="8" r="6.25" />
          <path class="glyph-line" d="M5.6 5.6 10.4 10.4M10.4 5.6 5.6 10.4" />
        </>
      );
    case "caught":
      return (
        <>
          <path class="glyph-line" d="M8 2.2 14.3 13.4H1.7Z" />
          <path class="glyph-line" d="M8 6.4v3.1M8 11.4v.1" />
        </>
      );
    case "rejected":
      return (
        <>
          <circle class="glyph-ring" cx="8" cy="8" r="6.25" />
          <path class="glyph-line" d="M5 8h6" />
        </>
      );
    case "stopped":
      return (
        <>
          <circle class="glyph-ring" cx="8" cy="8" r="6.25" />
          <path class="glyph-fill" d="M5.8 5.8h4.4v4.4H5.8Z" />
        </>
      );
    case "waiting":
      return (
        <>
          <circle class="glyph-ring glyph-dashed" cx="8" cy="8" r="6.25" />
          <path class="glyph-line" d="M8 5v3.2l2 1.3" />
        </>
      );
  }
}
