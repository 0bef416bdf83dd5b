import { expect, test } from "vitest";
import { elapsedAxis, extent, numberAxis, orderAxis, timeAxis } from "./axes";

const MIDNIGHT = new Date(2026, 10, 21).getTime() / 1000;

test("values that are all the same still span something", () => {
  expect(extent([60, 60])).toEqual([57, 63]);
  expect(extent([0])).toEqual([-1, 1]);
  expect(extent([])).toEqual([0, 1]);
});

test("a number axis ends on ticks that hold all values", () => {
  const { scale, ticks } = numberAxis([48.9, 60], [100, 0], 5);
  expect(ticks.map((tick) => tick.label)).toEqual(["48", "50", "52", "54", "56", "58", "60"]);
  expect(scale(60)).toBe(0);
});

test("a day has its ticks at round hours", () => {
  const { ticks } = timeAxis([MIDNIGHT + 60, MIDNIGHT + 86_000], [0, 500], 5);
  expect(ticks.map((tick) => tick.label)).toEqual(["06:00", "12:00", "18:00"]);
});

test("a week has its ticks at days", () => {
  const { ticks } = timeAxis([MIDNIGHT - 1, MIDNIGHT + 6.5 * 86_400], [0, 700], 7);
  expect(ticks.map((tick) => tick.label).slice(0, 3)).toEqual(["21 Nov", "22 Nov", "23 Nov"]);
});

test("a few seconds have their ticks at seconds", () => {
  const { ticks } = timeAxis([MIDNIGHT + 0.5, MIDNIGHT + 4.5], [0, 500], 5);
  expect(ticks.map((tick) => tick.label)).toEqual(["00:00:01", "00:00:02", "00:00:03", "00:00:04"]);
});

test("what takes an hour is told in minutes", () => {
  const { ticks } = elapsedAxis([0, 3600], [0, 500], 4);
  expect(ticks.map((tick) => tick.label)).toEqual(["0 s", "20 min", "40 min", "1 h"]);
});

test("runs stand side by side however far apart they were", () => {
  const { scale, ticks } = orderAxis([MIDNIGHT, MIDNIGHT + 60, MIDNIGHT + 40 * 86_400], [0, 300], 9);
  expect(scale(1) - scale(0)).toBe(scale(2) - scale(1));
  expect(ticks.map((tick) => tick.label)).toEqual(["21 Nov", "31 Dec"]);
});
