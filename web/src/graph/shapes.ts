// Places and lines, as those who lay out and those who draw speak of them.

import type { GraphEdge, Region } from "./model";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** An arrow's line, from the border of one box to the border of another. */
export interface Route {
  readonly edge: GraphEdge;
  readonly region: Region;
  /** `down` is a curve through its points, `side` has square corners. */
  readonly shape: "down" | "side";
  readonly points: readonly Point[];
  /** The middle of its label. */
  readonly label: Point | null;
}

/** How wide a label is drawn; long ones are cut there. */
export function labelWidth(label: string): number {
  return Math.min(190, label.length * 6.5 + 10);
}
