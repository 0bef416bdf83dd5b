import type { Query } from "../../api/client";

/** Which executions are wanted; kept in the address, so that a list can be bookmarked and sent. */
export interface Filters {
  /** A state machine's ARN; empty for any, as the others. */
  workflow: string;
  recipe: string;
  statuses: string[];
  /** `1h` ... up to now; `custom` with `since` and `until`; empty for all of time. */
  range: string;
  /** Local times as a browser's control has them: `2026-11-21T03:29`. */
  since: string;
  until: string;
  text: string;
}

export const RANGES: readonly { id: string; label: string; seconds: number }[] = [
  { id: "1h", label: "Last hour", seconds: 3600 },
  { id: "24h", label: "Last 24 hours", seconds: 86400 },
  { id: "7d", label: "Last 7 days", seconds: 7 * 86400 },
  { id: "30d", label: "Last 30 days", seconds: 30 * 86400 },
];

export function filtersOf(query: URLSearchParams): Filters {
  const since = localTime(query.get("since"));
  const until = localTime(query.get("until"));
  const range = query.get("range") ?? "";
  const isRange = RANGES.some((one) => one.id === range) || range === "custom";
  return {
    workflow: query.get("workflow") ?? "",
    recipe: query.get("recipe") ?? "",
    statuses: query.getAll("status").filter(Boolean),
    range: since || until ? "custom" : isRange ? range : "",
    since,
    until,
    text: query.get("text") ?? "",
  };
}

/** What the address holds for these filters; null takes a part away. */
export function queryOf(filters: Filters): Record<string, string | string[] | null> {
  const isCustom = filters.range === "custom";
  return {
    workflow: filters.workflow || null,
    recipe: filters.recipe || null,
    status: filters.statuses.length > 0 ? filters.statuses : null,
    range: filters.range || null,
    since: (isCustom && filters.since) || null,
    until: (isCustom && filters.until) || null,
    text: filters.text || null,
  };
}

/** What the server is asked; a range that ends now begins so many seconds before `now`. */
export function requestOf(filters: Filters, now: number): Query {
  const range = RANGES.find((one) => one.id === filters.range);
  return {
    workflow: filters.workflow,
    recipe: filters.recipe,
    status: filters.statuses,
    since: range ? Math.floor(now - range.seconds) : seconds(filters.since),
    until: range ? null : seconds(filters.until),
    text: filters.text.trim(),
  };
}

export function isFiltered(filters: Filters): boolean {
  return (
    Object.values(queryOf({ ...filters, range: filters.range === "custom" ? "" : filters.range })).some(
      (value) => value !== null,
    ) || Boolean(filters.since || filters.until)
  );
}

export const NO_FILTERS: Filters = {
  workflow: "",
  recipe: "",
  statuses: [],
  range: "",
  since: "",
  until: "",
  text: "",
};

function localTime(text: string | null): string {
  return text && /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(text) && !Number.isNaN(Date.parse(text))
    ? text
    : "";
}

function seconds(local: string): number | null {
  return local ? Math.floor(Date.parse(local) / 1000) : null;
}
