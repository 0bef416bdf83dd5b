/** Numbers and times as a reader of a plot wants them: no more digits than tell something. */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const YEAR = 365 * DAY;

/** A value with four significant digits, `1,234,567` in full when it is whole, and 1.2e-7 when it is tiny. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e12)) return value.toExponential(3).replace(/\.?0+e/, "e");
  if (Number.isInteger(value)) return grouped(value, 0);
  if (size >= 1000) return grouped(value, size >= 10_000 ? 0 : 1);
  return String(Number(value.toPrecision(4)));
}

/** A value and its unit. */
export function withUnit(value: number, unit = ""): string {
  return unit ? `${formatNumber(value)} ${unit}` : formatNumber(value);
}

/** An axis tick: all ticks of an axis get as many decimals as the step between them needs. */
export function formatTick(value: number, step: number): string {
  const size = Math.abs(value);
  if (value !== 0 && (step < 1e-6 || size >= 1e15)) return value.toExponential(1).replace(".0e", "e");
  for (const [unit, letter] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e4, "k"],
  ] as const) {
    const factor = letter === "k" ? 1000 : unit;
    if (size >= unit) return `${grouped(value / factor, decimalsOf(step / factor))}${letter}`;
  }
  return grouped(value, decimalsOf(step));
}

function decimalsOf(step: number): number {
  return step > 0 ? Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))) : 0;
}

function grouped(value: number, decimals: number): string {
  const [whole = "", part] = value.toFixed(decimals).split(".");
  const text = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return part ? `${text}.${part}` : text;
}

/** A tick of a time axis that spans `span` seconds, with `step` between its ticks. */
export function formatTime(at: number, step: number, span: number): string {
  const date = new Date(at * 1000);
  if (step < MINUTE) return clock(date, true);
  if (step < DAY && span <= DAY) return clock(date, false);
  if (step < DAY) return `${date.getDate()} ${MONTHS[date.getMonth()]} ${clock(date, false)}`;
  if (span < YEAR) return `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  return `${MONTHS[date.getMonth()]} ${date.getFullYear()}`;
}

/** How long after the start: `1.5 s`, `4 min`, `2 h`. */
export function formatElapsed(seconds: number): string {
  if (seconds < MINUTE) return `${formatNumber(seconds)} s`;
  if (seconds < HOUR) return `${formatNumber(seconds / MINUTE)} min`;
  return `${formatNumber(seconds / HOUR)} h`;
}

function clock(date: Date, withSeconds: boolean): string {
  const parts = [date.getHours(), date.getMinutes(), ...(withSeconds ? [date.getSeconds()] : [])];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
