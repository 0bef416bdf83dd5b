import { describe, expect, test } from "vitest";
import { formatElapsed, formatNumber, formatTick, withUnit } from "./format";

describe("numbers", () => {
  test.each([
    [52.66595209713188, "52.67"],
    [0.5815083, "0.5815"],
    [1234567, "1,234,567"],
    [12345.678, "12,346"],
    [1234.56, "1,234.6"],
    [0, "0"],
    [0.00001234, "1.234e-5"],
    [-3, "-3"],
    [NaN, "NaN"],
  ])("%f reads %s", (value, text) => expect(formatNumber(value)).toBe(text));

  test("a unit stands behind", () => expect(withUnit(3.2, "ms")).toBe("3.2 ms"));

  test.each([
    [0.3, 0.1, "0.3"],
    [0.30000000000000004, 0.1, "0.3"],
    [50, 10, "50"],
    [2.5, 0.5, "2.5"],
    [40_000, 20_000, "40k"],
    [1_500_000, 500_000, "1.5M"],
    [2000, 500, "2,000"],
    [1.32, 0.02, "1.32"],
  ])("a tick at %f with steps of %f reads %s", (value, step, text) =>
    expect(formatTick(value, step)).toBe(text),
  );

  test.each([
    [1.5, "1.5 s"],
    [120, "2 min"],
    [5400, "1.5 h"],
  ])("%f seconds are %s", (seconds, text) => expect(formatElapsed(seconds)).toBe(text));
});
