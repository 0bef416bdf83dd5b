// Stands in for d3-transition, which d3-zoom imports only to end animations of its own: the graph has none, and a
// quarter of the page would be code to animate (see vite.config.ts).
import { selection } from "d3-selection";

export function interrupt(): void {}

Object.assign(selection.prototype, {
  interrupt(this: unknown) {
    return this;
  },
});
