// An arrow's line as the `d` of an SVG path, its head included.

import { curveBumpY, line } from "d3-shape";
import type { Point, Route } from "./shapes";

const HEAD = 5;
const CORNER = 7;

const curve = line<Point>(
  (point) => point.x,
  (point) => point.y,
)
  .curve(curveBumpY)
  .digits(1);

export function routePath(route: Route, withHead = true): string {
  const line = route.shape === "down" ? (curve(route.points) ?? "") : roundedPath(route.points);
  return withHead ? line + headPath(route) : line;
}

/** Straight pieces with rounded corners. */
export function roundedPath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let path = `M${at(first)}`;
  rest.forEach((point, i) => {
    const before = i === 0 ? first : rest[i - 1];
    const after = rest[i + 1];
    if (!before || !after) {
      path += `L${at(point)}`;
      return;
    }
    const radius = Math.min(CORNER, distance(before, point) / 2, distance(point, after) / 2);
    path += `L${at(towards(point, before, radius))}Q${at(point)} ${at(towards(point, after, radius))}`;
  });
  return path;
}

function headPath(route: Route): string {
  const end = route.points[route.points.length - 1];
  const before = route.points[route.points.length - 2];
  if (!end || !before) return "";
  const [x, y] = [end.x, end.y];
  if (route.shape === "down") return `M${x - 4},${y - HEAD}L${x},${y - 0.5}L${x + 4},${y - HEAD}`;
  const back = before.x > x ? HEAD : -HEAD;
  return `M${x + back},${y - 4}L${x},${y}L${x + back},${y + 4}`;
}

function at(point: Point): string {
  return `${round(point.x)},${round(point.y)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function towards(from: Point, to: Point, length: number): Point {
  const whole = distance(from, to) || 1;
  return { x: from.x + ((to.x - from.x) * length) / whole, y: from.y + ((to.y - from.y) * length) / whole };
}
