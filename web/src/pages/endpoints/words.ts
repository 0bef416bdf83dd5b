import type { Variant, VariantMetrics } from "../../api/types";
import type { LineSeries } from "../../plots";

/** The windows that the server gives metrics of, in seconds. */
export const WINDOWS: readonly [seconds: number, words: string][] = [
  [900, "15 minutes"],
  [3600, "hour"],
  [10_800, "3 hours"],
  [86_400, "day"],
  [604_800, "week"],
];
export const DEFAULT_WINDOW = 3600;

/** The window that an address asks for, or the usual one. */
export function windowOf(text: string | null): number {
  const seconds = Number(text);
  return WINDOWS.some(([known]) => known === seconds) ? seconds : DEFAULT_WINDOW;
}

/** The part of the requests that each variant gets: `90 %`. */
export function shares(variants: readonly Variant[]): string[] {
  const total = variants.reduce((sum, variant) => sum + variant.weight, 0);
  return variants.map((variant) => {
    const percent = total > 0 ? (100 * variant.weight) / total : 0;
    return `${Number(percent.toFixed(1))} %`;
  });
}

/** `2 x ml.m5.large`, or that there are none to count. */
export function instancesText(variant: Variant): string {
  if (variant.is_serverless) return "serverless";
  return variant.instance_type
    ? `${variant.instances} x ${variant.instance_type}`
    : String(variant.instances);
}

type Curve = Exclude<keyof VariantMetrics, "variant">;

/** Some curves of every variant; a variant is named only where there are several. */
export function curves(
  metrics: readonly VariantMetrics[],
  wanted: readonly [curve: Curve, name: string][],
): LineSeries[] {
  return metrics.flatMap((one) =>
    wanted.map(([curve, name]) => ({
      name: metrics.length === 1 ? name : wanted.length === 1 ? one.variant : `${one.variant} ${name}`,
      points: one[curve],
    })),
  );
}

/** How many there were over the whole window. */
export function countOf(metrics: readonly VariantMetrics[], wanted: readonly Curve[]): number {
  let count = 0;
  for (const one of metrics) for (const curve of wanted) for (const point of one[curve]) count += point.value;
  return count;
}
