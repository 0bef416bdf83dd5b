import { useMemo, useState } from "preact/hooks";
import type { MutableRef } from "preact/hooks";
import type { Layout } from "./layout";
import { routePath } from "./paths";
import type { EdgeRun } from "./run";
import { labelWidth, type Route } from "./shapes";

export interface EdgesProps {
  layout: Layout;
  /** What was taken; null where there is only a definition. */
  taken: ReadonlyMap<string, EdgeRun> | null;
  /** The state whose arrows are to be seen. */
  selected: string | null;
  /** Takes the state that the pointer or the focus is on. */
  point: MutableRef<(id: string | null) => void>;
}

/** The arrows. Those at the side stay faint until they are taken, or one of their states is looked at. */
export function Edges({ layout, taken, selected, point }: EdgesProps) {
  const [pointed, setPointed] = useState<string | null>(null);
  point.current = setPointed;
  const drawn = useMemo(() => layout.routes.map((route) => ({ route, path: routePath(route) })), [layout]);
  const isLit = (route: Route): boolean =>
    [pointed, selected].some((id) => id !== null && (route.edge.from.id === id || route.edge.to.id === id));
  const order = drawn
    .map(({ route, path }) => {
      const run = taken?.get(route.edge.id);
      const rank = run ? (run.isCaught ? 3 : 2) : isLit(route) ? 1 : 0;
      return { route, path, run, rank };
    })
    .sort((a, b) => a.rank - b.rank);
  return (
    <>
      <svg class="graph-edges" width={layout.width} height={layout.height} aria-hidden="true">
        {order.map(({ route, path, run, rank }) => (
          <path
            key={route.edge.id}
            d={path}
            class={`graph-edge ${lookOf(route, run)}${rank === 1 ? " is-lit" : ""}`}
          />
        ))}
      </svg>
      {order.map(({ route, rank, run }) => {
        const isShown = route.label && route.edge.label && (rank > 0 || isPlain(route));
        if (!isShown || !route.label) return null;
        const words = route.edge.label;
        return (
          <span
            key={route.edge.id}
            class={`graph-label${route.edge.isCatch ? " is-catch" : ""}${run ? " is-taken" : ""}`}
            title={words}
            style={{
              left: `${route.label.x}px`,
              top: `${route.label.y}px`,
              maxWidth: `calc(${labelWidth(words)}px * var(--names))`,
            }}
          >
            {words}
          </span>
        );
      })}
    </>
  );
}

/** Whether it is seen without being taken or looked at. */
function isPlain(route: Route): boolean {
  return route.shape === "down" && !route.edge.isCatch;
}

function lookOf(route: Route, run: EdgeRun | undefined): string {
  if (run) return run.isCaught ? "is-taken is-caught" : "is-taken";
  return `${isPlain(route) ? "" : "is-faint "}${route.edge.isCatch ? "is-catch" : ""}`;
}
