// Where everything of a graph stands. Each region is laid out on its own and then is one box of the region around it.

import dagre from "@dagrejs/dagre";
import { classify } from "./classify";
import type { Graph, GraphEdge, GraphNode, Region } from "./model";
import { type Band, downRoute, sideRoutes } from "./routes";
import { labelWidth, type Place, type Point, type Route } from "./shapes";

/** A state's place: its top left corner and its size. */
export interface Box {
  readonly node: GraphNode;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The place of what is inside of a Parallel or Map. */
export interface Frame {
  readonly region: Region;
  readonly owner: GraphNode;
  readonly index: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** In reading order: a Parallel or Map stands before what is inside of it. */
  readonly boxes: readonly Box[];
  readonly frames: readonly Frame[];
  readonly routes: readonly Route[];
}

/** Sizes, in pixels at full zoom; the style sheet has the same. */
export const SIZES = {
  node: 40,
  marker: 26,
  header: 40,
  /** The strip of a Map's items. */
  strip: 122,
  padding: 14,
  label: 18,
} as const;

export interface LayoutOptions {
  /** Whether a Map's box has room for the strip of its items. */
  readonly strips?: boolean;
}

const layouts = new WeakMap<Graph, Map<string, Layout>>();

/** Lays a graph out; the same graph is laid out once. */
export function layoutGraph(graph: Graph, options: LayoutOptions = {}): Layout {
  const known = layouts.get(graph) ?? new Map<string, Layout>();
  layouts.set(graph, known);
  const key = String(options.strips ?? false);
  const layout = known.get(key) ?? layoutRegion(graph.root, options);
  known.set(key, layout);
  return layout;
}

const GAP = { node: 26, rank: 28, lane: 30 };
const STRIP_WIDTH = 460;
const MOST_FOR_DAGRE = 1500;

function layoutRegion(region: Region, options: LayoutOptions): Layout {
  if (region.nodes.length === 0) return { width: 120, height: SIZES.node, boxes: [], frames: [], routes: [] };
  const { lane, ranked } = classify(region);
  const sizes = new Map(region.nodes.map((node) => [node, measure(node, options)]));
  const edges = region.edges.filter((edge) => ranked.has(edge));
  const isIn = (edge: GraphEdge): boolean => lane.has(edge.from);
  const main = column(
    region.nodes.filter((node) => !lane.has(node)),
    edges.filter((edge) => !isIn(edge)),
    sizes,
  );
  const aside = column([...lane], edges.filter(isIn), sizes);
  const side = region.edges.filter((edge) => !ranked.has(edge));
  const laneTop = asideTop(main, aside, side, lane);

  const places = new Map(main.places);
  const groups = new Set(side.map((edge) => (lane.has(edge.to) ? edge.to.id : edge.from.id))).size;
  const laneX = main.width + (lane.size > 0 ? 2 * GAP.lane + groups * 10 : 0);
  for (const [node, place] of aside.places)
    places.set(node, { ...place, x: place.x + laneX, y: place.y + laneTop });
  const routes: Route[] = [
    ...main.routes.map((route) => ({ ...route, region })),
    ...aside.routes.map((route) => ({ ...shiftRoute(route, laneX, laneTop), region })),
  ];
  routes.push(...sideRoutes(side, places, lane, routes).map((route) => ({ ...route, region })));
  return assemble(places, sizes, lane, routes);
}

interface Size {
  readonly width: number;
  readonly height: number;
  readonly inside: readonly Layout[];
}

/** States that take their time, and say how long. */
export const TIMED: ReadonlySet<string> = new Set(["Task", "Wait", "Parallel", "Map"]);

/** How large a state is; what is inside of it is laid out for that. */
function measure(node: GraphNode, options: LayoutOptions): Size {
  if (node.type === "Start" || node.type === "End") return { width: 64, height: SIZES.marker, inside: [] };
  // Wide enough for its name, and for a status with a duration below it.
  const longest = Math.max(node.name.length * 7.5, node.detail.length * 5.9, TIMED.has(node.type) ? 112 : 74);
  const width = Math.round(Math.min(250, longest + 56));
  if (node.regions.length === 0) return { width, height: SIZES.node, inside: [] };
  const inside = node.regions.map((region) => layoutRegion(region, options));
  const strip = node.type === "Map" && options.strips ? SIZES.strip : 0;
  const { padding } = SIZES;
  const content = inside.reduce(
    (sum, layout) => sum + layout.width + 2 * padding,
    padding * (inside.length + 1),
  );
  const tallest = Math.max(...inside.map((layout) => layout.height));
  return {
    width: Math.max(width, content, strip ? STRIP_WIDTH : 0),
    height: SIZES.header + strip + tallest + 3 * padding,
    inside,
  };
}

type BareRoute = Omit<Route, "region">;

interface Column {
  readonly width: number;
  readonly height: number;
  readonly places: ReadonlyMap<GraphNode, Place>;
  readonly routes: readonly BareRoute[];
}

/** Ranks states from top to bottom. */
function column(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
  sizes: ReadonlyMap<GraphNode, Size>,
): Column {
  const places = new Map<GraphNode, Place>();
  if (nodes.length === 0) return { width: 0, height: 0, places, routes: [] };
  const graph = new dagre.graphlib.Graph({ directed: true, multigraph: false });
  graph.setGraph({
    rankdir: "TB",
    rankalign: "top",
    nodesep: GAP.node,
    ranksep: GAP.rank,
    edgesep: 14,
    ranker: nodes.length > MOST_FOR_DAGRE ? "longest-path" : "network-simplex",
  });
  for (const node of nodes) {
    const size = sizes.get(node);
    graph.setNode(node.id, { width: size?.width ?? 0, height: size?.height ?? 0 });
  }
  for (const edge of edges) {
    const label = edge.label && !edge.isCatch ? { width: labelWidth(edge.label), height: SIZES.label } : {};
    // An end may be far from its state, so that what ends early stands where it was decided.
    const isStraight = edge.ways.some((way) => way.kind === "next");
    const weight = edge.isCatch || edge.to.type === "End" ? 1 : isStraight ? 8 : 3;
    graph.setEdge(edge.from.id, edge.to.id, { weight, labelpos: "c", ...label });
  }
  dagre.layout(graph, { constraints: handlersRight(edges) });
  const bands = new Map<number, Band>();
  for (const node of nodes) {
    const { x, y, width, height } = graph.node(node.id) as Place;
    places.set(node, { x: x - width / 2, y: y - height / 2, width, height });
    const top = y - height / 2;
    bands.set(Math.round(top), {
      top,
      bottom: Math.max(bands.get(Math.round(top))?.bottom ?? 0, top + height),
    });
  }
  const routes = edges.flatMap((edge): BareRoute[] => {
    const from = places.get(edge.from);
    const to = places.get(edge.to);
    const drawn = graph.edge(edge.from.id, edge.to.id) as
      { points: Point[]; x?: number; y?: number } | undefined;
    if (!from || !to || !drawn) return [];
    const label =
      drawn.x !== undefined && drawn.y !== undefined && edge.label ? { x: drawn.x, y: drawn.y } : null;
    return [{ edge, shape: "down", points: downRoute(from, to, drawn.points, bands), label }];
  });
  const size = graph.graph() as { width: number; height: number };
  return { width: size.width, height: size.height, places, routes };
}

/** Where a caught error leads to stands right of where its state goes on: the lines at the side then cross nothing. */
function handlersRight(edges: readonly GraphEdge[]): { left: string; right: string }[] {
  const next = new Map<GraphNode, GraphNode[]>();
  for (const edge of edges)
    if (!edge.isCatch) (next.get(edge.from) ?? next.set(edge.from, []).get(edge.from))?.push(edge.to);
  return edges
    .filter((edge) => edge.isCatch)
    .flatMap((edge) => (next.get(edge.from) ?? []).map((node) => ({ left: node.id, right: edge.to.id })));
}

/** Beside the states that lead there, as far as the column has room. */
function asideTop(
  main: Column,
  aside: Column,
  side: readonly GraphEdge[],
  lane: ReadonlySet<GraphNode>,
): number {
  const heights = side
    .filter((edge) => lane.has(edge.to) && !lane.has(edge.from))
    .map((edge) => main.places.get(edge.from)?.y ?? 0);
  if (heights.length === 0) return 0;
  const middle = (Math.min(...heights) + Math.max(...heights)) / 2;
  return Math.max(0, Math.min(middle - aside.height / 2, main.height - aside.height));
}

/** Puts everything of a region together, with its top left corner at 0, 0. */
function assemble(
  places: ReadonlyMap<GraphNode, Place>,
  sizes: ReadonlyMap<GraphNode, Size>,
  lane: ReadonlySet<GraphNode>,
  routes: readonly Route[],
): Layout {
  const corners = [
    ...[...places.values()].flatMap(({ x, y, width, height }) => [
      { x, y },
      { x: x + width, y: y + height },
    ]),
    ...routes.flatMap((route) => [
      ...route.points,
      ...(route.label && !route.edge.isCatch
        ? [-1, 1].map((side) => ({
            x: (route.label?.x ?? 0) + (side * labelWidth(route.edge.label)) / 2,
            y: route.label?.y ?? 0,
          }))
        : []),
    ]),
  ];
  const [left, top] = [Math.min(...corners.map((c) => c.x)), Math.min(...corners.map((c) => c.y))];
  const boxes: Box[] = [];
  const frames: Frame[] = [];
  const all: Route[] = routes.map((route) => shiftRoute(route, -left, -top));
  const rows = (place: Place): number => Math.round(place.y);
  const order = [...places].sort(
    ([a, p], [b, q]) => Number(lane.has(a)) - Number(lane.has(b)) || rows(p) - rows(q) || p.x - q.x,
  );
  for (const [node, place] of order) {
    const x = place.x - left;
    const y = place.y - top;
    boxes.push({ node, x, y, width: place.width, height: place.height });
    for (const inner of insideOf(node, { ...place, x, y }, sizes.get(node))) {
      frames.push(inner.frame);
      boxes.push(...inner.layout.boxes.map((box) => shift(box, inner.x, inner.y)));
      frames.push(...inner.layout.frames.map((frame) => shift(frame, inner.x, inner.y)));
      all.push(...inner.layout.routes.map((route) => shiftRoute(route, inner.x, inner.y)));
    }
  }
  return {
    width: Math.max(...corners.map((c) => c.x)) - left,
    height: Math.max(...corners.map((c) => c.y)) - top,
    boxes,
    frames,
    routes: all,
  };
}

/** Where the branches of a Parallel stand, side by side; or the processor of a Map. */
function* insideOf(
  node: GraphNode,
  place: Place,
  size: Size | undefined,
): Generator<{ frame: Frame; layout: Layout; x: number; y: number }> {
  if (!size) return;
  const { padding } = SIZES;
  const tallest = Math.max(0, ...size.inside.map((layout) => layout.height));
  const used = size.inside.reduce(
    (sum, layout) => sum + layout.width + 2 * padding,
    padding * (size.inside.length + 1),
  );
  const spare = Math.max(0, place.width - used) / Math.max(1, size.inside.length);
  let x = place.x + padding;
  for (const [index, layout] of size.inside.entries()) {
    const region = node.regions[index];
    if (!region) continue;
    const width = layout.width + 2 * padding + spare;
    const y = place.y + place.height - tallest - 3 * padding;
    const frame = { region, owner: node, index, x, y, width, height: tallest + 2 * padding };
    yield { frame, layout, x: x + padding + spare / 2, y: y + padding };
    x += width + padding;
  }
}

function shift<T extends { readonly x: number; readonly y: number }>(it: T, dx: number, dy: number): T {
  return { ...it, x: it.x + dx, y: it.y + dy };
}

function shiftRoute<T extends BareRoute>(route: T, dx: number, dy: number): T {
  return {
    ...route,
    points: route.points.map((point) => shift(point, dx, dy)),
    label: route.label && shift(route.label, dx, dy),
  };
}
