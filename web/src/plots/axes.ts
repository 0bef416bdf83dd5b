/** Where the ticks of an axis are, and what they say. */
import { scaleLinear, type ScaleLinear } from "d3-scale";
import { formatElapsed, formatTick, formatTime } from "./format";

export interface Tick {
  at: number;
  label: string;
}

export interface Axis {
  scale: ScaleLinear<number, number>;
  ticks: Tick[];
}

const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200];
const DAYS = [1, 2, 7, 14, 30, 91, 182, 365, 730, 1826, 3652];
const DAY = 86_400;

/** The extent of some values; widened where they are all the same, so that there is something to draw on. */
export function extent(values: Iterable<number>, fallback: [number, number] = [0, 1]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return fallback;
  if (low < high) return [low, high];
  const room = Math.abs(low) * 0.05 || 1;
  return [low - room, high + room];
}

/** An axis of plain numbers whose ends are ticks. */
export function numberAxis(domain: [number, number], range: [number, number], count: number): Axis {
  const scale = scaleLinear().domain(domain).range(range).nice(count);
  const ats = scale.ticks(count);
  const step = ats.length > 1 ? (ats[1] as number) - (ats[0] as number) : 1;
  return { scale, ticks: ats.map((at) => ({ at, label: formatTick(at, step) })) };
}

/** An axis of times (seconds since 1970), its ticks at round hours and days of the reader's time zone. */
export function timeAxis(domain: [number, number], range: [number, number], count: number): Axis {
  const span = domain[1] - domain[0];
  const wanted = span / Math.max(1, count);
  const step = [...SECONDS, ...DAYS.map((days) => days * DAY)].find((step) => step >= wanted) ?? span;
  const ticks = step < DAY ? clockTicks(domain, step) : dayTicks(domain, step / DAY);
  return {
    scale: scaleLinear().domain(domain).range(range),
    ticks: ticks.map((at) => ({ at, label: formatTime(at, step, span) })),
  };
}

/** An axis of seconds since a start. */
export function elapsedAxis(domain: [number, number], range: [number, number], count: number): Axis {
  const scale = scaleLinear().domain(domain).range(range);
  const unit = domain[1] >= 2 * 3600 ? 3600 : domain[1] >= 120 ? 60 : 1;
  const units = scaleLinear().domain([domain[0] / unit, domain[1] / unit]);
  return {
    scale,
    ticks: units.ticks(count).map((at) => ({ at: at * unit, label: formatElapsed(at * unit) })),
  };
}

/** An axis of things in their order, told apart by when they were. */
export function orderAxis(times: number[], range: [number, number], count: number): Axis {
  const last = Math.max(1, times.length - 1);
  const scale = scaleLinear()
    .domain([-0.5, last + 0.5])
    .range(range);
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
  const every = Math.max(1, Math.ceil(times.length / Math.max(1, count)));
  const ticks: Tick[] = [];
  times.forEach((time, at) => {
    if (at % every) return;
    const label = formatTime(time, span > 2 * DAY ? DAY : span > 300 ? 60 : 1, span);
    if (ticks.at(-1)?.label !== label) ticks.push({ at, label });
  });
  return { scale, ticks };
}

function clockTicks([low, high]: [number, number], step: number): number[] {
  const zone = new Date(low * 1000).getTimezoneOffset() * 60;
  const ticks: number[] = [];
  for (let at = Math.ceil((low - zone) / step) * step + zone; at <= high; at += step) ticks.push(at);
  return ticks;
}

function dayTicks([low, high]: [number, number], days: number): number[] {
  const ticks: number[] = [];
  const date = new Date(low * 1000);
  date.setHours(24, 0, 0, 0);
  for (; date.getTime() / 1000 <= high; date.setDate(date.getDate() + days))
    ticks.push(date.getTime() / 1000);
  return ticks;
}
