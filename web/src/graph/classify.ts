// Which arrows say how a region is ranked from top to bottom, and which are drawn at its side.
//
// Errors are caught nearly everywhere and led to one place. Ranked like any other arrow they would pull the graph
// apart; so the states that only errors lead to from many sides stand in a column of their own, and the arrows to
// them share one line between the columns.

import type { GraphEdge, GraphNode, Region } from "./model";

export interface Classes {
  /** The states of the column at the right: where errors from many states are handled. */
  readonly lane: ReadonlySet<GraphNode>;
  /** The arrows that rank the states; the others are drawn at the side. */
  readonly ranked: ReadonlySet<GraphEdge>;
}

/** As many states must catch errors towards one place for it to move aside. */
const MANY = 3;

export function classify(region: Region): Classes {
  const out = new Map<GraphNode, GraphEdge[]>();
  const catchers = new Map<GraphNode, number>();
  for (const edge of region.edges) {
    (out.get(edge.from) ?? out.set(edge.from, []).get(edge.from))?.push(edge);
    if (edge.isCatch) catchers.set(edge.to, (catchers.get(edge.to) ?? 0) + 1);
  }
  // People write states down in the order in which they follow: what comes next there is the way forward, so that of
  // two states that lead to each other the right one is led back from.
  const place = new Map(region.nodes.map((node, i) => [node, i]));
  const ahead = ({ from, to }: GraphEdge): number => {
    const steps = (place.get(to) ?? 0) - (place.get(from) ?? 0);
    return steps > 0 ? steps : region.nodes.length - steps;
  };
  for (const edges of out.values()) edges.sort((a, b) => ahead(a) - ahead(b));
  const from = (node: GraphNode): readonly GraphEdge[] => out.get(node) ?? [];
  const isCollector = (node: GraphNode): boolean => (catchers.get(node) ?? 0) >= MANY;

  const roots = region.start ? [region.start] : region.nodes.slice(0, 1);
  const main = reach(roots, (node) => from(node).filter((edge) => !edge.isCatch));
  const near = reach([...main], (node) =>
    from(node).filter((edge) => main.has(edge.to) || !isCollector(edge.to)),
  );
  const all = reach(roots, from);
  const lane = new Set([...all].filter((node) => !near.has(node)));

  const ranked = new Set<GraphEdge>();
  const add = (edges: readonly GraphEdge[]): void => edges.forEach((edge) => ranked.add(edge));
  const isMain = (edge: GraphEdge): boolean => main.has(edge.from) && main.has(edge.to) && !edge.isCatch;
  add(forward([...main], (node) => from(node).filter(isMain)));
  // Others: reached from the flow by an error of a state or two, or not reached at all.
  const others = new Set(region.nodes.filter((node) => !main.has(node) && !lane.has(node)));
  const toOthers = (edge: GraphEdge): boolean => others.has(edge.to) && !lane.has(edge.from);
  add(forward([...main, ...others], (node) => from(node).filter(toOthers)));
  const rank = ranksOf(region.nodes, ranked);
  const down = (edge: GraphEdge): number => (rank.get(edge.to) ?? 0) - (rank.get(edge.from) ?? 0);
  // Back into the flow, or past a part of it, only where that does not push the flow down.
  add(
    region.edges.filter(
      (edge) =>
        main.has(edge.to) &&
        ((others.has(edge.from) && down(edge) >= 0) ||
          (main.has(edge.from) && edge.isCatch && !isCollector(edge.to) && down(edge) > 0)),
    ),
  );
  const inLane = (edge: GraphEdge): boolean => lane.has(edge.from) && lane.has(edge.to);
  add(forward([...lane], (node) => from(node).filter(inLane)));
  return { lane, ranked };
}

type Out = (node: GraphNode) => readonly GraphEdge[];

function reach(roots: readonly GraphNode[], out: Out): Set<GraphNode> {
  const seen = new Set(roots);
  for (const node of seen) for (const edge of out(node)) seen.add(edge.to);
  return seen;
}

/** The arrows that do not lead back to where a path has come from. */
function forward(roots: readonly GraphNode[], out: Out): GraphEdge[] {
  const kept: GraphEdge[] = [];
  const state = new Map<GraphNode, "open" | "done">();
  for (const root of roots) {
    if (state.has(root)) continue;
    const stack = [{ node: root, edges: out(root), next: 0 }];
    state.set(root, "open");
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (!top) break;
      const edge = top.edges[top.next++];
      if (!edge) {
        state.set(top.node, "done");
        stack.pop();
        continue;
      }
      const known = state.get(edge.to);
      if (known === "open") continue;
      kept.push(edge);
      if (known === "done") continue;
      state.set(edge.to, "open");
      stack.push({ node: edge.to, edges: out(edge.to), next: 0 });
    }
  }
  return kept;
}

/** How many steps from the top each state is at most, along arrows without a circle. */
function ranksOf(nodes: readonly GraphNode[], edges: ReadonlySet<GraphEdge>): Map<GraphNode, number> {
  const waiting = new Map<GraphNode, number>();
  const out = new Map<GraphNode, GraphEdge[]>();
  for (const edge of edges) {
    waiting.set(edge.to, (waiting.get(edge.to) ?? 0) + 1);
    (out.get(edge.from) ?? out.set(edge.from, []).get(edge.from))?.push(edge);
  }
  const rank = new Map<GraphNode, number>();
  const ready = nodes.filter((node) => !waiting.has(node));
  for (const node of ready) {
    const next = (rank.get(node) ?? 0) + 1;
    for (const edge of out.get(node) ?? []) {
      rank.set(edge.to, Math.max(rank.get(edge.to) ?? 0, next));
      const left = (waiting.get(edge.to) ?? 1) - 1;
      waiting.set(edge.to, left);
      if (left === 0) ready.push(edge.to);
    }
  }
  return rank;
}
