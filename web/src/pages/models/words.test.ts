import { describe, expect, test } from "vitest";
import type { GateCondition, ModelRun } from "../../api/types";
import { gateText, metricNames, metricSeries, packageOf, runNote, thresholdOf, usdText } from "./words";

const GATE: GateCondition[] = [
  { metric: "r2", direction: "maximize", threshold: 0.35, margin: 0.01 },
  { metric: "rmse", direction: "minimize", threshold: 60, margin: null },
];

function run(changes: Partial<ModelRun> = {}): ModelRun {
  return {
    arn: "arn:1",
    name: "one",
    status: "SUCCEEDED",
    outcome: "DEPLOYED",
    started_at: 100,
    metrics: { mae: 39, rmse: 48.9, r2: 0.57 },
    test_metrics: { rmse: 52.7 },
    version: 1,
    approval: "Approved",
    is_champion: false,
    ...changes,
  };
}

test("a condition of the gate is said with its margin", () => {
  expect(GATE.map(gateText)).toEqual(["r2 ≥ 0.35, better than the champion by 0.01", "rmse ≤ 60"]);
});

test("the gate's metrics come first, and those that nobody measured not at all", () => {
  expect(metricNames([...GATE, { ...GATE[0]!, metric: "auc" }], [run()])).toEqual(["r2", "rmse", "mae"]);
});

test("a metric has a curve on validation and one on test data; a run without it has no point", () => {
  const runs = [run(), run({ arn: "arn:2", metrics: {}, test_metrics: {}, started_at: 200 })];
  const series = metricSeries("rmse", runs, "arn:1", (one) => `/models/x?run=${one.arn}`);
  expect(series.map((one) => [one.name, one.points.length])).toEqual([
    ["validation", 1],
    ["test", 1],
  ]);
  expect(series[0]?.points[0]).toMatchObject({ value: 48.9, href: "/models/x?run=arn:1", isSelected: true });
  expect(metricSeries("mae", runs, null, () => "").map((one) => one.name)).toEqual(["validation"]);
});

test("the champion has a mark of its own, and so has what was not approved", () => {
  const marks = [
    run({ is_champion: true }),
    run({ approval: "Rejected" }),
    run({ approval: null }),
    run(),
  ].map((one) => metricSeries("rmse", [one], null, () => "")[0]?.points[0]?.mark);
  expect(marks).toEqual(["champion", "hollow", "hollow", undefined]);
  expect(runNote(run({ is_champion: true, version: 3 }))).toBe("version 3, approved, champion");
});

test("the limit of a metric is the gate's", () => {
  expect(thresholdOf(GATE, "rmse")).toEqual({ value: 60, direction: "minimize" });
  expect(thresholdOf(GATE, "mae")).toBeUndefined();
});

describe("dollars", () => {
  test.each([
    [0, "0.00"],
    [0.00054567, "0.000546"],
    [0.115, "0.115"],
    [0.5, "0.50"],
    [1234.5, "1,234.50"],
    [3.64e-6, "0.00000364"],
    [1e-9, "under 0.000001"],
  ])("%f are %s", (usd, text) => expect(usdText(usd)).toBe(text));
});

test("a package is known by its group and version", () => {
  const arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/switchyard-diabetes/3";
  expect(packageOf(arn)).toEqual({ group: "switchyard-diabetes", version: 3 });
  expect(packageOf("nonsense")).toBeNull();
});
