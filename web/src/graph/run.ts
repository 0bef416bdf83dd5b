// What an execution did, on the graph: which visit each state shows, which way was taken, how a Map's items stand.

import type { StateStatus, Visit } from "../api/types";
import { edgeKey, type Graph, type GraphNode, type Region } from "./model";

/** An execution's visits, ready to be looked up; made once for each change. */
export interface VisitIndex {
  readonly byId: ReadonlyMap<number, Visit>;
  /** The visits at the top (null), or of a branch or item of a visit, in their order; of its last attempt unless said. */
  readonly inside: (parent: number | null, branch: number | null, attempt?: number) => readonly Visit[];
  /** The branches or items that an attempt of a visit has begun, in their order. */
  readonly branches: (parent: number, attempt?: number) => readonly number[];
  /** The attempts of a Parallel or Map that came to a state inside, in their order. */
  readonly attempts: (parent: number) => readonly number[];
}

type Lines = Map<number | null, Visit[]>;

export function indexVisits(visits: readonly Visit[]): VisitIndex {
  const byId = new Map<number, Visit>();
  const families = new Map<number | null, Map<number, Lines>>();
  for (const visit of visits) {
    byId.set(visit.id, visit);
    const family = getOrMake(families, visit.parent, () => new Map<number, Lines>());
    const lines: Lines = getOrMake(family, visit.attempt, () => new Map());
    getOrMake(lines, visit.branch, (): Visit[] => []).push(visit);
  }
  for (const family of families.values())
    for (const lines of family.values()) for (const line of lines.values()) putInOrder(line);
  const attempts = (parent: number | null): number[] =>
    [...(families.get(parent)?.keys() ?? [])].sort((a, b) => a - b);
  const linesOf = (parent: number | null, attempt?: number): Lines | undefined => {
    const family = families.get(parent);
    return family?.get(attempt ?? Math.max(...family.keys()));
  };
  return {
    byId,
    inside: (parent, branch, attempt) => linesOf(parent, attempt)?.get(branch) ?? [],
    branches: (parent, attempt) =>
      [...(linesOf(parent, attempt)?.keys() ?? [])].filter((key) => key !== null).sort((a, b) => a - b),
    attempts,
  };
}

function putInOrder(line: Visit[]): void {
  if (line.some((visit, i) => i > 0 && visit.order < (line[i - 1]?.order ?? 0)))
    line.sort((a, b) => a.order - b.order);
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/** What the reader has chosen to see, where there is more than one thing to see. */
export interface Choice {
  /** The chosen visit and those that it is inside of. */
  readonly chain: ReadonlySet<number>;
  /** The chosen item of each Map's visit. */
  readonly items: ReadonlyMap<number, number>;
  /** The chosen attempt of each Parallel's or Map's visit; its last one unless chosen. */
  readonly attempts: ReadonlyMap<number, number>;
}

/** An item of a Map's visit. */
export interface Item {
  readonly visit: number;
  readonly index: number;
}

/** Chooses a visit and, of a Map, an item, with all that they are inside of. */
export function chooseFrom(index: VisitIndex, selected: number | null, item: Item | null): Choice {
  const chain = new Set<number>();
  const items = new Map<number, number>();
  const attempts = new Map<number, number>();
  const climb = (id: number | null): void => {
    let visit = id === null ? undefined : index.byId.get(id);
    while (visit && !chain.has(visit.id)) {
      chain.add(visit.id);
      if (visit.parent !== null && visit.branch !== null && !items.has(visit.parent)) {
        items.set(visit.parent, visit.branch);
        attempts.set(visit.parent, visit.attempt);
      }
      visit = visit.parent === null ? undefined : index.byId.get(visit.parent);
    }
  };
  climb(selected);
  if (item && !items.has(item.visit)) {
    items.set(item.visit, item.index);
    climb(item.visit);
  }
  return { chain, items, attempts };
}

/** A state as it went. */
export interface NodeRun {
  /** All visits in the branch or item that is shown. */
  readonly visits: readonly Visit[];
  /** The one that is drawn: the chosen one, else the last. */
  readonly shown: Visit;
}

export interface EdgeRun {
  readonly count: number;
  /** Whether an error led along it. */
  readonly isCaught: boolean;
}

export interface ItemMark {
  readonly index: number;
  readonly status: StateStatus;
}

export interface MapRun {
  /** Those that have begun. */
  readonly marks: readonly ItemMark[];
  /** How many there are in all; null when that is not known. */
  readonly length: number | null;
  /** The item whose states are shown; null when none has begun. */
  readonly chosen: number | null;
}

export interface RunView {
  readonly nodes: ReadonlyMap<string, NodeRun>;
  readonly edges: ReadonlyMap<string, EdgeRun>;
  readonly maps: ReadonlyMap<string, MapRun>;
}

/** Lays an execution over its graph. */
export function runView(graph: Graph, index: VisitIndex, choice: Choice): RunView {
  const nodes = new Map<string, NodeRun>();
  const edges = new Map<string, EdgeRun>();
  const maps = new Map<string, MapRun>();
  const walk = (region: Region, visits: readonly Visit[]): void => {
    takeWay(region, visits, edges);
    const found = new Map<GraphNode, Visit[]>();
    for (const visit of visits) {
      const node = region.byName.get(visit.name);
      if (!node) continue;
      const list = found.get(node);
      if (list) list.push(visit);
      else found.set(node, [visit]);
    }
    for (const [node, list] of found) {
      const last = list[list.length - 1];
      const shown = list.find((visit) => choice.chain.has(visit.id)) ?? last;
      if (!shown) continue;
      const attempt = choice.attempts.get(shown.id);
      nodes.set(node.id, { visits: list, shown });
      if (node.type === "Map") {
        const map = mapRun(node, shown, index, choice);
        maps.set(node.id, map);
        const region = node.regions[0];
        if (region && map.chosen !== null) walk(region, index.inside(shown.id, map.chosen, attempt));
      } else {
        node.regions.forEach((inner, branch) => walk(inner, index.inside(shown.id, branch, attempt)));
      }
    }
  };
  walk(graph.root, index.inside(null, null));
  return { nodes, edges, maps };
}

/** How many of a Map's items stand how. */
export function countItems(marks: readonly ItemMark[]): Map<StateStatus, number> {
  const counts = new Map<StateStatus, number>();
  for (const mark of marks) counts.set(mark.status, (counts.get(mark.status) ?? 0) + 1);
  return counts;
}

const OPEN: readonly StateStatus[] = ["RUNNING", "RETRYING"];

function takeWay(region: Region, visits: readonly Visit[], edges: Map<string, EdgeRun>): void {
  const take = (from: GraphNode | null | undefined, to: GraphNode | undefined, isCaught: boolean): void => {
    const edge = from && to && region.between.get(edgeKey(from, to));
    if (!edge) return;
    const known = edges.get(edge.id);
    const caught = isCaught && edge.ways.some((way) => way.kind === "catch");
    edges.set(edge.id, { count: (known?.count ?? 0) + 1, isCaught: caught || (known?.isCaught ?? false) });
  };
  const first = visits[0];
  if (first && region.start?.type === "Start") take(region.start, region.byName.get(first.name), false);
  visits.forEach((visit, i) => {
    const next = visits[i + 1];
    if (next) take(region.byName.get(visit.name), region.byName.get(next.name), visit.status === "CAUGHT");
  });
  const last = visits[visits.length - 1];
  const end = region.nodes[region.nodes.length - 1];
  if (last?.status === "SUCCEEDED" && end?.type === "End") take(region.byName.get(last.name), end, false);
}

function mapRun(node: GraphNode, visit: Visit, index: VisitIndex, choice: Choice): MapRun {
  const region = node.regions[0];
  const attempt = choice.attempts.get(visit.id);
  const marks = index.branches(visit.id, attempt).map((branch): ItemMark => {
    const line = index.inside(visit.id, branch, attempt);
    return { index: branch, status: itemStatus(line[line.length - 1], visit, region) };
  });
  const wanted = choice.items.get(visit.id);
  const failed = marks.find((mark) => mark.status === "FAILED" || mark.status === "TIMED_OUT");
  const chosen = wanted ?? failed?.index ?? marks[0]?.index ?? null;
  return { marks, length: visit.length, chosen };
}

/** How a branch or item stands, by its last state: between two states it still runs. */
export function itemStatus(last: Visit | undefined, map: Visit, region?: Region): StateStatus {
  if (!last) return "RUNNING";
  if (last.status !== "SUCCEEDED" && last.status !== "CAUGHT") return last.status;
  if (last.type === "Fail") return "FAILED";
  // What holds it is over, so it is too.
  if (!OPEN.includes(map.status)) return last.status === "CAUGHT" ? "FAILED" : "SUCCEEDED";
  const state = region?.byName.get(last.name)?.definition;
  const isOver = last.status === "SUCCEEDED" && (!state || state["End"] === true || last.type === "Succeed");
  return isOver ? "SUCCEEDED" : "RUNNING";
}
