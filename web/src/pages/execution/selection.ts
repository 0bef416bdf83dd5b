// Which state the reader looks at, as the address has it.

import type { Visit } from "../../api/types";
import type { Graph, GraphNode, Item, VisitIndex } from "../../graph";
import type { QueryChange } from "../../ui/useQuery";

export interface Selection {
  /** The visit that is looked at. */
  readonly visit: Visit | null;
  /** Or a state that was not reached. */
  readonly unreached: GraphNode | null;
  /** The item of a Map that is opened. */
  readonly item: Item | null;
}

/** Reads `state=12`, `state=~r.3` (a state that was not reached) and `item=12:3`; what is not there is nothing. */
export function readSelection(query: URLSearchParams, index: VisitIndex, graph: Graph | null): Selection {
  const state = query.get("state") ?? "";
  const visit = /^\d+$/.test(state) ? (index.byId.get(Number(state)) ?? null) : null;
  const unreached = state.startsWith("~")
    ? (graph?.states.find((node) => node.id === state.slice(1)) ?? null)
    : null;
  const [, map, place] = /^(\d+):(\d+)$/.exec(query.get("item") ?? "") ?? [];
  const item =
    map && place && index.byId.has(Number(map)) ? { visit: Number(map), index: Number(place) } : null;
  return { visit, unreached, item };
}

export function selectVisit(visit: Visit | null): QueryChange {
  return { state: visit ? String(visit.id) : null };
}

export function selectUnreached(node: GraphNode): QueryChange {
  return { state: `~${node.id}` };
}

/** Opens an item; a state of another item is let go of, the Map itself is not. */
export function selectItem(selection: Selection, index: VisitIndex, item: Item): QueryChange {
  let inside = selection.visit;
  while (inside && inside.parent !== item.visit)
    inside = inside.parent === null ? null : (index.byId.get(inside.parent) ?? null);
  const change: QueryChange = { item: `${item.visit}:${item.index}` };
  if (!inside || inside.branch === item.index) return change;
  const same = index.inside(item.visit, item.index).find((visit) => visit.name === selection.visit?.name);
  return { ...change, state: same ? String(same.id) : String(item.visit) };
}
