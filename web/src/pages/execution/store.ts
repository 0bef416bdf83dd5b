// What a change does to an execution that is shown.

import type { EventRow, Execution, ExecutionChange, Visit } from "../../api/types";

/** Puts a change into an execution: new events follow the old ones, visits replace those with their id. */
export function mergeExecution(now: Execution, change: ExecutionChange): Execution {
  const { visits, events, ...rest } = change;
  return {
    ...now,
    ...rest,
    visits: mergeVisits(now.visits, visits),
    events: mergeEvents(now.events, events),
  };
}

function mergeVisits(now: Visit[], changed: readonly Visit[]): Visit[] {
  if (changed.length === 0) return now;
  const byId = new Map(changed.map((visit) => [visit.id, visit]));
  const merged = now.map((visit) => {
    const newer = byId.get(visit.id);
    byId.delete(visit.id);
    return newer ?? visit;
  });
  const added = [...byId.values()];
  const last = merged[merged.length - 1]?.id ?? -Infinity;
  const isInOrder = added.every((visit, i) => visit.id > (i === 0 ? last : (added[i - 1]?.id ?? -Infinity)));
  merged.push(...added);
  return isInOrder ? merged : merged.sort((a, b) => a.id - b.id);
}

function mergeEvents(now: EventRow[], added: readonly EventRow[]): EventRow[] {
  const last = now[now.length - 1]?.id ?? -Infinity;
  const fresh = added.filter((event) => event.id > last);
  return fresh.length === 0 ? now : [...now, ...fresh];
}
