// The visits of an execution as rows of a table: each Parallel and Map before what is inside of it.

import type { StateStatus, Visit } from "../../api/types";
import { itemStatus, type VisitIndex } from "../../graph";

interface Place {
  readonly key: string;
  readonly depth: number;
  /** Whether what is inside is listed; null when there is nothing inside. */
  readonly open: boolean | null;
}

export interface VisitRow extends Place {
  readonly kind: "visit";
  readonly visit: Visit;
}

/** A branch of a Parallel, or an item of a Map. */
export interface BranchRow extends Place {
  readonly kind: "branch";
  readonly words: string;
  readonly status: StateStatus;
  readonly from: number;
  readonly to: number | null;
}

export type Row = VisitRow | BranchRow;

/** More items than this are closed at first. */
const MANY = 5;

/** What the reader has opened or closed, by a row's key; the rest is as it is at first. */
export type Opened = ReadonlyMap<string, boolean>;

/** Lists the rows that are seen; what is closed is left out. */
export function listRows(index: VisitIndex, opened: Opened): Row[] {
  const rows: Row[] = [];
  const list = (visits: readonly Visit[], depth: number): void => {
    for (const visit of visits) {
      const attempts = index.attempts(visit.id);
      const key = `v${visit.id}`;
      const open = attempts.length === 0 ? null : (opened.get(key) ?? true);
      rows.push({ kind: "visit", key, depth, visit, open });
      if (!open) continue;
      for (const attempt of attempts) {
        const branches = index.branches(visit.id, attempt);
        for (const branch of branches) listBranch(visit, branch, attempt, depth + 1, branches.length);
      }
    }
  };
  const listBranch = (visit: Visit, branch: number, attempt: number, depth: number, count: number): void => {
    const isMap = visit.type === "Map";
    const inside = index.inside(visit.id, branch, attempt);
    const last = inside[inside.length - 1];
    const key = branchKeyOf(visit.id, branch, attempt);
    const again = visit.retries > 0 ? `, attempt ${attempt}` : "";
    const open = opened.get(key) ?? !(isMap && count > MANY);
    rows.push({
      kind: "branch",
      key,
      depth,
      open,
      words: (isMap ? `Item ${branch}` : `Branch ${branch + 1}`) + again,
      status: itemStatus(last, visit),
      from: inside[0]?.entered_at ?? visit.entered_at,
      to: last?.exited_at ?? null,
    });
    if (open) list(inside, depth + 1);
  };
  list(index.inside(null, null), 0);
  return rows;
}

function branchKeyOf(visit: number, branch: number, attempt: number): string {
  return `b${visit}.${branch}.${attempt}`;
}

/** Opens everything that a visit is inside of. */
export function openAround(visit: Visit, index: VisitIndex, opened: Opened): Opened {
  const next = new Map(opened);
  let inside: Visit | undefined = visit;
  while (inside && inside.parent !== null && inside.branch !== null) {
    next.set(`v${inside.parent}`, true);
    next.set(branchKeyOf(inside.parent, inside.branch, inside.attempt), true);
    inside = index.byId.get(inside.parent);
  }
  return next;
}
