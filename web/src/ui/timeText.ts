/** Seconds as people say them: `0.8 s`, `42 s`, `2 min 5 s`, `1 h 3 min`, `2 d 4 h`. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, seconds);
  if (whole < 0.0995) return `${Math.round(whole * 1000)} ms`;
  if (whole < 9.95) return `${whole.toFixed(1)} s`;
  const rounded = Math.round(whole);
  if (rounded < 60) return `${rounded} s`;
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(whole / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago, or how soon, from `now` (both in seconds since 1970). */
export function relativeText(at: number, now: number): string {
  const ago = now - at;
  if (Math.abs(ago) < 5) return "just now";
  const [count, unit] = inUnits(Math.abs(ago));
  const words = `${count} ${unit}${count === 1 || unit === "min" || unit === "s" ? "" : "s"}`;
  return ago < 0 ? `in ${words}` : `${words} ago`;
}

function inUnits(seconds: number): [number, string] {
  if (seconds < 60) return [Math.round(seconds), "s"];
  if (seconds < 3600) return [Math.floor(seconds / 60), "min"];
  if (seconds < 86400) return [Math.floor(seconds / 3600), "hour"];
  if (seconds < 86400 * 60) return [Math.floor(seconds / 86400), "day"];
  return [Math.floor(seconds / (86400 * 30)), "month"];
}

/** A time in the reader's own zone: `2026-11-21 03:29:30`; with milliseconds if asked. */
export function absoluteText(at: number, withMilliseconds = false): string {
  const date = new Date(at * 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}${withMilliseconds ? `.${String(date.getMilliseconds()).padStart(3, "0")}` : ""}`;
}

/** The reader's zone, as `UTC+02:00`. */
export function zoneText(at: number): string {
  const minutes = -new Date(at * 1000).getTimezoneOffset();
  const sign = minutes < 0 ? "-" : "+";
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `UTC${sign}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
}
