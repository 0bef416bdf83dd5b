// How arrows run: down through the ranks, or along the side of the boxes.

import type { GraphEdge, GraphNode } from "./model";
import { labelWidth, type Place, type Point, type Route } from "./shapes";

/** The height that a rank takes, from its tallest box. */
export interface Band {
  readonly top: number;
  readonly bottom: number;
}

/**
 * Leads an arrow from the bottom of one box to the top of another through the points that dagre gives, straight
 * through each rank, so that it bends only between ranks and never runs into a tall box beside it.
 */
export function downRoute(
  from: Place,
  to: Place,
  through: readonly Point[],
  bands: ReadonlyMap<number, Band>,
): Point[] {
  const start = { x: from.x + from.width / 2, y: from.y + from.height };
  const end = { x: to.x + to.width / 2, y: to.y };
  const points: Point[] = [start];
  const put = (point: Point): void => {
    const last = points[points.length - 1];
    if (!last || point.y > last.y + 0.5) points.push(point);
  };
  const leave = bands.get(Math.round(from.y));
  if (leave) put({ x: start.x, y: leave.bottom });
  for (const point of through.slice(1, -1)) {
    const band = bands.get(Math.round(point.y));
    for (const y of band ? [band.top, band.bottom] : [point.y]) if (y < end.y - 0.5) put({ x: point.x, y });
  }
  put(end);
  return points;
}

type SideRoute = Omit<Route, "region">;

interface Trunk {
  readonly edges: GraphEdge[];
  readonly nodes: Set<GraphNode>;
  /** Whether it joins the two columns. */
  readonly crosses: boolean;
  readonly inLane: boolean;
  top: number;
  bottom: number;
  x: number;
}

const STEP = 10;

/**
 * Leads arrows out at the side of their box, along a line beside the boxes, and in at the side of the other box.
 * Arrows to the same state share that line; those that come from the column at the right share one for each source.
 */
export function sideRoutes(
  edges: readonly GraphEdge[],
  places: ReadonlyMap<GraphNode, Place>,
  lane: ReadonlySet<GraphNode>,
  others: readonly Route[],
): SideRoute[] {
  const trunks = new Map<string, Trunk>();
  for (const edge of edges) {
    const out = lane.has(edge.from) && !lane.has(edge.to);
    const key = out
      ? `from ${edge.from.id}`
      : `to ${edge.to.id}${lane.has(edge.to) && lane.has(edge.from) ? " inside" : ""}`;
    const trunk = trunks.get(key) ?? {
      edges: [],
      nodes: new Set(),
      crosses: lane.has(edge.from) !== lane.has(edge.to),
      inLane: lane.has(edge.from) && lane.has(edge.to),
      top: Infinity,
      bottom: -Infinity,
      x: 0,
    };
    trunks.set(key, trunk);
    trunk.edges.push(edge);
    for (const node of [edge.from, edge.to]) {
      trunk.nodes.add(node);
      const y = middle(places.get(node));
      trunk.top = Math.min(trunk.top, y);
      trunk.bottom = Math.max(trunk.bottom, y);
    }
  }
  const obstacles = [
    ...[...places].map(([node, { x, y, width, height }]) => ({
      inLane: lane.has(node),
      right: x + width,
      top: y,
      bottom: y + height,
    })),
    ...others.flatMap((route) => obstaclesOf(route, lane)),
  ];
  const placed: Trunk[] = [];
  for (const trunk of [...trunks.values()].sort((a, b) => a.bottom - a.top - (b.bottom - b.top))) {
    trunk.x = trunkX(trunk, placed, obstacles);
    placed.push(trunk);
  }
  const ports = new Ports(placed, lane);
  return placed.flatMap((trunk) =>
    trunk.edges.flatMap((edge): SideRoute[] => {
      const from = places.get(edge.from);
      const to = places.get(edge.to);
      if (!from || !to) return [];
      const leave = stub(edge.from, from, trunk, ports, places);
      const enter = stub(edge.to, to, trunk, ports, places);
      const points = tidy([...leave, ...enter.reverse()]);
      const [first, second] = points;
      const label = first && second ? { x: (first.x + trunk.x) / 2, y: second.y } : null;
      return [{ edge, shape: "side", points, label }];
    }),
  );
}

interface Obstacle {
  readonly inLane: boolean;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** A line that is there already, piece by piece, and its label. */
function obstaclesOf(route: Route, lane: ReadonlySet<GraphNode>): Obstacle[] {
  const inLane = lane.has(route.edge.from);
  const pieces = route.points.slice(1).map((point, i) => {
    const before = route.points[i] ?? point;
    return { inLane, right: Math.max(before.x, point.x), top: before.y, bottom: point.y };
  });
  const { label } = route;
  if (!label || route.edge.isCatch) return pieces;
  const right = label.x + labelWidth(route.edge.label) / 2;
  return [...pieces, { inLane, right, top: label.y - STEP, bottom: label.y + STEP }];
}

/** Right of everything on its way, and of the lines beside the boxes that are there already. */
function trunkX(trunk: Trunk, placed: readonly Trunk[], obstacles: readonly Obstacle[]): number {
  const isOnWay = (it: { top: number; bottom: number }): boolean =>
    it.top < trunk.bottom + STEP && it.bottom > trunk.top - STEP;
  let x = -Infinity;
  for (const obstacle of obstacles)
    if (obstacle.inLane === trunk.inLane && isOnWay(obstacle)) x = Math.max(x, obstacle.right);
  x += 2 * STEP;
  const beside = placed.filter((other) => other.inLane === trunk.inLane && isOnWay(other));
  for (const other of beside.sort((a, b) => a.x - b.x)) if (Math.abs(other.x - x) < STEP) x = other.x + STEP;
  return x;
}

const CLEAR = 8;

/**
 * Leads from the side of a box to its trunk. Where another box stands in between, the line leaves a tall box at a
 * height that is free, and a low one goes around through the gap between the ranks.
 */
function stub(
  node: GraphNode,
  place: Place,
  trunk: Trunk,
  ports: Ports,
  places: ReadonlyMap<GraphNode, Place>,
): Point[] {
  const isLeft = ports.isLeft(trunk, node);
  const x = isLeft ? place.x : place.x + place.width;
  const [near, far] = [Math.min(x, trunk.x), Math.max(x, trunk.x)];
  const between = [...places].filter(
    ([other, box]) => other !== node && box.x < far && box.x + box.width > near,
  );
  const blockers = (y: number): Place[] =>
    between
      .map(([, box]) => box)
      .filter((box) => y > box.y - CLEAR / 2 && y < box.y + box.height + CLEAR / 2);
  const port = ports.y(trunk, node, place);
  let y = port;
  for (let i = 0, blocking = blockers(y); blocking.length > 0 && i < 8; i++, blocking = blockers(y)) {
    const below = Math.max(...blocking.map((box) => box.y + box.height)) + CLEAR;
    const above = Math.min(...blocking.map((box) => box.y)) - CLEAR;
    const isTall = place.height > 60;
    y = isTall || below - place.y - place.height < 2 * CLEAR ? below : above;
  }
  if (y === port || (y > place.y && y < place.y + place.height - CLEAR))
    return [
      { x, y },
      { x: trunk.x, y },
    ];
  const turn = x + (isLeft ? -CLEAR : CLEAR);
  return [
    { x, y: port },
    { x: turn, y: port },
    { x: turn, y },
    { x: trunk.x, y },
  ];
}

/** Leaves out points that lie between their neighbours. */
function tidy(points: readonly Point[]): Point[] {
  return points.filter((point, i) => {
    const before = points[i - 1];
    const after = points[i + 1];
    if (!before || !after) return true;
    return !(before.x === point.x && point.x === after.x) && !(before.y === point.y && point.y === after.y);
  });
}

/** Where lines touch a box: each line has a height of its own there. */
class Ports {
  private readonly order = new Map<string, Trunk[]>();

  constructor(
    trunks: readonly Trunk[],
    private readonly lane: ReadonlySet<GraphNode>,
  ) {
    for (const trunk of trunks)
      for (const node of trunk.nodes) {
        const key = this.key(trunk, node);
        (this.order.get(key) ?? this.order.set(key, []).get(key))?.push(trunk);
      }
  }

  isLeft(trunk: Trunk, node: GraphNode): boolean {
    return trunk.crosses && this.lane.has(node);
  }

  y(trunk: Trunk, node: GraphNode, place: Place): number {
    const at = this.order.get(this.key(trunk, node)) ?? [];
    return middle(place) + (at.indexOf(trunk) - (at.length - 1) / 2) * Math.min(7, 24 / at.length);
  }

  private key(trunk: Trunk, node: GraphNode): string {
    return `${node.id} ${this.isLeft(trunk, node)}`;
  }
}

/** The middle of a box, or of its header when it holds others. */
function middle(place: Place | undefined): number {
  return place ? place.y + Math.min(place.height, 40) / 2 : 0;
}
