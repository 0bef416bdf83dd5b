import { childrenOf, ExactNumber, isObject } from "./parse";

/** What became of a value: `within` when only something inside of it changed. */
export type Change = "same" | "added" | "removed" | "changed" | "within";

export interface Difference {
  key: string | number | undefined;
  change: Change;
  before: unknown;
  after: unknown;
  /** Of `within`: all children, the unchanged ones too, in the order of what came after. */
  children: Difference[];
}

/** Compares two JSON values, objects by their keys and lists by their places. */
export function difference(before: unknown, after: unknown, key?: string | number): Difference {
  const node = (change: Change, children: Difference[] = []) => ({ key, change, before, after, children });
  if (isObject(before) && isObject(after)) return within(node, keyed(before, after));
  if (Array.isArray(before) && Array.isArray(after)) return within(node, placed(before, after));
  return node(isSame(before, after) ? "same" : "changed");
}

function within(
  node: (change: Change, children?: Difference[]) => Difference,
  children: Difference[],
): Difference {
  return children.every((child) => child.change === "same") ? node("same") : node("within", children);
}

function keyed(before: Record<string, unknown>, after: Record<string, unknown>): Difference[] {
  const kept = Object.keys(after).map((key) =>
    Object.hasOwn(before, key) ? difference(before[key], after[key], key) : added(key, after[key]),
  );
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return [...kept, ...gone.map((key) => removed(key, before[key]))];
}

function placed(before: unknown[], after: unknown[]): Difference[] {
  const length = Math.max(before.length, after.length);
  return Array.from({ length }, (_, index) => {
    if (index >= before.length) return added(index, after[index]);
    if (index >= after.length) return removed(index, before[index]);
    return difference(before[index], after[index], index);
  });
}

function added(key: string | number, after: unknown): Difference {
  return { key, change: "added", before: undefined, after, children: [] };
}

function removed(key: string | number, before: unknown): Difference {
  return { key, change: "removed", before, after: undefined, children: [] };
}

function isSame(before: unknown, after: unknown): boolean {
  if (before instanceof ExactNumber && after instanceof ExactNumber) return before.text === after.text;
  if (typeof before !== "object" || typeof after !== "object" || !before || !after)
    return Object.is(before, after);
  return (
    Array.isArray(before) === Array.isArray(after) && !childrenOf(before).length && !childrenOf(after).length
  );
}
