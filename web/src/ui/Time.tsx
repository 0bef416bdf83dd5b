import { absoluteText, durationText, relativeText, zoneText } from "./timeText";
import { useNow } from "./useNow";

export interface TimeProps {
  /** Seconds since 1970; null shows a dash. */
  at: number | null;
  /** `3 min ago` with the full time in the title, instead of the full time. */
  relative?: boolean;
}

export function Time({ at, relative = false }: TimeProps) {
  const now = useNow(relative && at !== null ? 10 : null);
  if (at === null) return <None />;
  const full = absoluteText(at);
  return (
    <time class="time" dateTime={new Date(at * 1000).toISOString()} title={`${full} ${zoneText(at)}`}>
      {relative ? relativeText(at, now) : full}
    </time>
  );
}

export interface DurationProps {
  /** How long it took; null while it runs or when it is not known. */
  seconds: number | null;
  /** When it began, of something that still runs: the duration then ticks. */
  since?: number | null | undefined;
}

export function Duration({ seconds, since }: DurationProps) {
  const isTicking = seconds === null && since != null;
  const now = useNow(isTicking ? 1 : null);
  if (seconds !== null) return <span class="duration">{durationText(seconds)}</span>;
  if (!isTicking) return <None />;
  return <span class="duration">{durationText(Math.max(0, Math.floor(now - since)))}</span>;
}

/** A dash in place of a value that is not there. */
export function None() {
  return (
    <span class="none">
      <span aria-hidden="true">–</span>
      <span class="visually-hidden">none</span>
    </span>
  );
}
