import { useEffect, useMemo, useRef } from "preact/hooks";
import { Edges } from "./edges";
import { isMarker, neighbour, type Direction } from "./keys";
import { type Box, layoutGraph, SIZES } from "./layout";
import type { Graph, GraphNode } from "./model";
import { Node } from "./node";
import { usePane, type Pane } from "./pane";
import type { RunView } from "./run";
import { Strip } from "./strip";

export interface GraphViewProps {
  graph: Graph;
  /** What the execution did; null draws the definition alone. */
  run: RunView | null;
  /** The chosen state, by its node's id. */
  selected: string | null;
  /** Where to look first when the graph is too large to be seen at once. */
  focus?: string | null;
  onSelect: (node: GraphNode) => void;
  /** Takes the chosen item of a Map's visit. */
  onItem?: (visit: number, index: number) => void;
}

/** A state machine as a graph that is moved, zoomed and read with pointer or keys. */
export function GraphView({ graph, run, selected, focus, onSelect, onItem }: GraphViewProps) {
  const layout = useMemo(() => {
    const start = performance.now();
    const made = layoutGraph(graph, { strips: run !== null });
    performance.measure("graph layout", { start }); // what `make bench` reads
    return made;
  }, [graph, run !== null]);
  const boxes = useMemo(() => new Map(layout.boxes.map((box) => [box.node.id, box])), [layout]);
  const pane = usePane(layout, (focus && boxes.get(focus)) || null);
  useEffect(() => {
    const box = selected === null ? undefined : boxes.get(selected);
    if (box) pane.show(box);
  }, [selected]);
  useEffect(() => {
    const box = focus ? boxes.get(focus) : undefined;
    if (box) pane.follow(box);
  }, [focus]);
  const point = useRef<(id: string | null) => void>(() => undefined);
  const pointAt = (event: Event): void => point.current(nodeIdOf(event.target));

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const id = nodeIdOf(event.target);
    const direction = DIRECTIONS[event.key];
    if (direction && id !== null) focusNode(pane, neighbour(layout, id, direction));
    else if (direction && event.target === event.currentTarget) pane.panBy(...PANS[direction]);
    else if (event.key === "Home" || event.key === "End") {
      const states = layout.boxes.filter((box) => !isMarker(box));
      focusNode(pane, states[event.key === "Home" ? 0 : states.length - 1] ?? null);
    } else if (event.key === "+" || event.key === "=") pane.zoomBy(1.25);
    else if (event.key === "-") pane.zoomBy(0.8);
    else if (event.key === "0") pane.fit();
    else return;
    event.preventDefault();
  };

  return (
    <div class="graph">
      <div class="graph-tools" role="group" aria-label="Zoom">
        <button type="button" onClick={() => pane.zoomBy(1.25)} aria-label="Zoom in" title="Zoom in (+)">
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M8 3v10M3 8h10" />
          </svg>
        </button>
        <button type="button" onClick={() => pane.zoomBy(0.8)} aria-label="Zoom out" title="Zoom out (-)">
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M3 8h10" />
          </svg>
        </button>
        <button type="button" onClick={() => pane.fit()} aria-label="Fit" title="Fit all (0)">
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10" />
          </svg>
        </button>
      </div>
      <div
        class="graph-viewport"
        ref={pane.viewport}
        tabIndex={0}
        role="group"
        aria-label="Graph of states. Arrow keys move, plus and minus zoom, 0 fits all."
        onKeyDown={onKeyDown}
        onPointerOver={pointAt}
        onPointerLeave={() => point.current(null)}
        onFocusCapture={(event) => {
          pointAt(event);
          const box = boxes.get(nodeIdOf(event.target) ?? "");
          if (box && isKeyboard(event.target)) pane.show(box);
        }}
        onBlurCapture={() => point.current(null)}
      >
        <div
          class="graph-content"
          ref={pane.content}
          style={{ width: `${layout.width}px`, height: `${layout.height}px` }}
        >
          {layout.frames.map((frame) => (
            <div
              key={frame.region.id}
              class="graph-frame"
              style={{
                left: `${frame.x}px`,
                top: `${frame.y}px`,
                width: `${frame.width}px`,
                height: `${frame.height}px`,
              }}
            />
          ))}
          <Edges layout={layout} taken={run?.edges ?? null} selected={selected} point={point} />
          {layout.boxes.map((box) => (
            <Node
              key={box.node.id}
              box={box}
              run={run && run.nodes.get(box.node.id)}
              isSelected={box.node.id === selected}
              onSelect={() => onSelect(box.node)}
            />
          ))}
          {run
            ? layout.boxes.map((box) => <MapStrip key={box.node.id} box={box} run={run} onItem={onItem} />)
            : null}
        </div>
      </div>
    </div>
  );
}

function MapStrip({ box, run, onItem }: { box: Box; run: RunView; onItem: GraphViewProps["onItem"] }) {
  const map = run.maps.get(box.node.id);
  const visit = run.nodes.get(box.node.id)?.shown;
  if (!map || !visit || map.marks.length === 0) return null;
  const width = box.width - 2 * SIZES.padding;
  return (
    <div
      class="graph-strip-place"
      style={{
        left: `${box.x + SIZES.padding}px`,
        top: `${box.y + SIZES.header + 8}px`,
        width: `${width}px`,
        height: `${SIZES.strip}px`,
      }}
    >
      <Strip name={box.node.name} map={map} width={width} onChoose={(index) => onItem?.(visit.id, index)} />
    </div>
  );
}

const DIRECTIONS: Record<string, Direction> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
};
const PANS: Record<Direction, [number, number]> = {
  up: [0, 60],
  down: [0, -60],
  left: [60, 0],
  right: [-60, 0],
};

function nodeIdOf(target: EventTarget | null): string | null {
  return target instanceof Element
    ? (target.closest<HTMLElement>("[data-node]")?.dataset["node"] ?? null)
    : null;
}

function focusNode(pane: Pane, box: Box | null): void {
  if (!box) return;
  pane.content.current
    ?.querySelector<HTMLElement>(`[data-node="${box.node.id}"]`)
    ?.focus({ preventScroll: true });
  pane.show(box);
}

// A press with the pointer must not move what is pressed.
function isKeyboard(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches(":focus-visible");
}
