import type { GateCondition, ModelRun } from "../../api/types";
import { formatNumber, type LinePoint, type LineSeries, type Threshold } from "../../plots";
import { statusWord } from "../../ui";

/** `metric <= 60`, with the margin over the champion when there is one. */
export function gateText(condition: GateCondition): string {
  const { metric, direction, threshold, margin } = condition;
  const parts = [];
  if (threshold !== null) parts.push(`${direction === "minimize" ? "≤" : "≥"} ${formatNumber(threshold)}`);
  if (margin !== null) parts.push(`better than the champion by ${formatNumber(margin)}`);
  return `${metric} ${parts.join(", ") || `is to be ${direction}d`}`;
}

/** The metrics there are; those of the gate come first, since they decide. */
export function metricNames(gate: readonly GateCondition[], runs: readonly ModelRun[]): string[] {
  const measured = new Set(
    runs.flatMap((run) => [...Object.keys(run.metrics), ...Object.keys(run.test_metrics)]),
  );
  const gated = gate.map((condition) => condition.metric).filter((name) => measured.has(name));
  return [...new Set([...gated, ...measured])];
}

/** What of a run is worth saying beside its value. */
export function runNote(run: ModelRun): string {
  const words = [];
  if (run.version !== null) words.push(`version ${run.version}`);
  words.push(
    run.approval
      ? statusWord(run.approval).toLowerCase()
      : statusWord(run.outcome ?? run.status).toLowerCase(),
  );
  if (run.is_champion) words.push("champion");
  return words.join(", ");
}

/** A metric's two curves over the runs: on the validation data, and on the test data. */
export function metricSeries(
  metric: string,
  runs: readonly ModelRun[],
  selected: string | null,
  link: (run: ModelRun) => string,
): LineSeries[] {
  const series = (name: string, measured: (run: ModelRun) => Record<string, number>) => ({
    name,
    points: runs.flatMap((run): LinePoint[] => {
      const value = measured(run)[metric];
      if (value === undefined) return [];
      return [
        {
          at: run.started_at,
          value,
          label: run.name,
          note: runNote(run),
          href: link(run),
          mark: run.is_champion ? "champion" : run.approval === "Approved" ? undefined : "hollow",
          isSelected: run.arn === selected,
        },
      ];
    }),
  });
  return [series("validation", (run) => run.metrics), series("test", (run) => run.test_metrics)].filter(
    (one) => one.points.length > 0,
  );
}

/** The gate's limit for a metric, if it has one. */
export function thresholdOf(gate: readonly GateCondition[], metric: string): Threshold | undefined {
  const condition = gate.find((one) => one.metric === metric && one.threshold !== null);
  if (!condition || condition.threshold === null) return undefined;
  return {
    value: condition.threshold,
    direction: condition.direction === "maximize" ? "maximize" : "minimize",
  };
}

/** Dollars: two decimals where there are whole ones, else three digits that tell something. */
export function usdText(usd: number): string {
  if (usd === 0 || Math.abs(usd) >= 1)
    return usd.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  if (Math.abs(usd) < 1e-6) return "under 0.000001";
  const decimals = Math.min(8, 2 - Math.floor(Math.log10(Math.abs(usd))));
  return usd.toFixed(decimals).replace(/(\.\d\d\d*?)0+$/, "$1");
}

/** A model package's group and version from its ARN: `switchyard-diabetes, version 3`. */
export function packageOf(arn: string): { group: string; version: number } | null {
  const match = /:model-package\/([^/]+)\/(\d+)$/.exec(arn);
  return match ? { group: match[1] as string, version: Number(match[2]) } : null;
}
