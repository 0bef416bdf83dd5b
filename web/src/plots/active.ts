/** Which point of a plot is looked at: by the pointer, or by the arrow keys. */
import type { RefObject } from "preact";
import { useState } from "preact/hooks";

export interface Active {
  /** Its place among the points; null when none is looked at. */
  at: number | null;
  set: (at: number | null) => void;
  onKeyDown: (event: KeyboardEvent) => void;
  onPointerMove: (event: PointerEvent) => void;
  onPointerLeave: () => void;
}

/**
 * Follows what is looked at.
 *
 * `nearest` gives the place of the point under the pointer (x and y in pixels of the plot), `onMove` is told of each
 * step that a key makes.
 */
export function useActive(
  plot: RefObject<HTMLElement>,
  count: number,
  nearest: (x: number, y: number) => number | null,
  onMove?: (at: number) => void,
): Active {
  const [active, set] = useState<number | null>(null);
  const at = active !== null && active < count ? active : null;
  return {
    at,
    set,
    onKeyDown: (event) => {
      const steps: Record<string, number> = {
        ArrowLeft: (at ?? count) - 1,
        ArrowRight: (at ?? -1) + 1,
        Home: 0,
        End: count - 1,
      };
      const to = steps[event.key];
      if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const place = Math.max(0, Math.min(count - 1, to));
      set(place);
      onMove?.(place);
    },
    onPointerMove: (event) => {
      const box = plot.current?.getBoundingClientRect();
      set(nearest(event.clientX - (box?.left ?? 0), event.clientY - (box?.top ?? 0)));
    },
    onPointerLeave: () => set(null),
  };
}
