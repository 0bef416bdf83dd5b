// Moving from state to state with the arrow keys.

import type { Box, Layout } from "./layout";

export type Direction = "up" | "down" | "left" | "right";

/** The state that the reader most likely means; null when there is none in that direction. */
export function neighbour(layout: Layout, id: string, direction: Direction): Box | null {
  const from = layout.boxes.find((box) => box.node.id === id);
  if (!from) return null;
  const isUpright = direction === "up" || direction === "down";
  const sign = direction === "down" || direction === "right" ? 1 : -1;
  const start = point(from);
  let best: { box: Box; cost: number } | null = null;
  for (const box of layout.boxes) {
    if (box === from || isMarker(box)) continue;
    const to = point(box);
    const along = sign * (isUpright ? to.y - start.y : to.x - start.x);
    const aside = Math.abs(isUpright ? to.x - start.x : to.y - start.y);
    if (along < 8 || (!isUpright && aside > along + 30)) continue;
    const cost = along + (isUpright ? 2 : 4) * aside;
    if (!best || cost < best.cost) best = { box, cost };
  }
  return best?.box ?? null;
}

export function isMarker(box: Box): boolean {
  return box.node.type === "Start" || box.node.type === "End";
}

/** The middle of a state, or of the header of one that holds others. */
function point(box: Box): { x: number; y: number } {
  return { x: box.x + box.width / 2, y: box.y + Math.min(box.height, 40) / 2 };
}
