/** What all plots share: a drawing as wide as its place, axes, a tooltip, and the numbers as a table. */
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Axis } from "./axes";

export interface Box {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const DEFAULT_WIDTH = 640;

/** The width of an element in pixels, followed as it changes: text in a plot is never stretched. */
export function useWidth(): [RefObject<HTMLDivElement>, number] {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(DEFAULT_WIDTH);
  const watched = useRef<{ element: Element | null; observer?: ResizeObserver }>({ element: null });
  // After every drawing, since the element comes only with the first values.
  useEffect(() => {
    const element = ref.current;
    if (element === watched.current.element || typeof ResizeObserver === "undefined") return;
    watched.current.observer?.disconnect();
    watched.current = { element };
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry && entry.contentRect.width > 0) setWidth(Math.round(entry.contentRect.width));
    });
    observer.observe(element);
    watched.current.observer = observer;
  });
  useEffect(() => () => watched.current.observer?.disconnect(), []);
  return [ref, width];
}

/** The place to draw in, with room for the longest label of the axis on the left. */
export function boxOf(
  width: number,
  height: number,
  yLabels: string[],
  titles = { x: false, y: false },
): Box {
  const longest = Math.max(2, ...yLabels.map((label) => label.length));
  const left = Math.ceil(longest * 6.6) + 12 + (titles.y ? 18 : 0);
  return { width, height, left, right: width - 14, top: 10, bottom: height - (titles.x ? 44 : 24) };
}

/** Axes: thin lines across at the ticks of `y`, labels below at those of `x`. */
export function Axes({ box, x, y, xTitle, yTitle }: AxesProps) {
  return (
    <g class="plot-axes" aria-hidden="true">
      {y.ticks.map((tick) => (
        <g key={tick.at} transform={`translate(0 ${round(y.scale(tick.at))})`}>
          <line class="plot-grid" x1={box.left} x2={box.right} />
          <text x={box.left - 8} dy="0.32em" text-anchor="end">
            {tick.label}
          </text>
        </g>
      ))}
      <line class="plot-base" x1={box.left} x2={box.right} y1={box.bottom} y2={box.bottom} />
      {x.ticks.map((tick) => {
        const at = round(x.scale(tick.at));
        const anchor = at > box.width - 30 ? "end" : at < box.left + 10 ? "start" : "middle";
        return (
          <g key={tick.at}>
            <line class="plot-base" x1={at} x2={at} y1={box.bottom} y2={box.bottom + 4} />
            <text x={anchor === "end" ? box.width : at} y={box.bottom + 18} text-anchor={anchor}>
              {tick.label}
            </text>
          </g>
        );
      })}
      {xTitle && (
        <text class="plot-title" x={(box.left + box.right) / 2} y={box.height - 6} text-anchor="middle">
          {xTitle}
        </text>
      )}
      {yTitle && (
        <text
          class="plot-title"
          transform={`translate(10 ${(box.top + box.bottom) / 2}) rotate(-90)`}
          text-anchor="middle"
        >
          {yTitle}
        </text>
      )}
    </g>
  );
}

interface AxesProps {
  box: Box;
  x: Axis;
  y: Axis;
  xTitle?: string | undefined;
  yTitle?: string | undefined;
}

/** What is under the pointer or has the focus; it keeps inside of the plot. */
export function Tooltip({ box, x, y, children }: TooltipProps) {
  const side =
    x > (box.left + box.right) / 2 ? { right: `${box.width - x + 12}px` } : { left: `${x + 12}px` };
  return (
    <div
      class="plot-tooltip"
      role="status"
      style={{ ...side, top: `${Math.max(0, Math.min(y, box.bottom - 48))}px` }}
    >
      {children}
    </div>
  );
}

interface TooltipProps {
  box: Box;
  x: number;
  y: number;
  children: ComponentChildren;
}

/** The same numbers as text. Rows are made only when somebody opens it. */
export function PlotTable({ caption, head, rows }: PlotTableProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="plot-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Show as a table<span class="visually-hidden">: {caption}</span>
      </summary>
      {isOpen && (
        <div class="plot-table-rows" tabIndex={0} role="region" aria-label={`${caption}, as a table`}>
          <table>
            <caption class="visually-hidden">{caption}</caption>
            <thead>
              <tr>
                {head.map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows().map((row, at) => (
                <tr key={at}>
                  {row.map((cell, column) =>
                    column ? <td key={column}>{cell}</td> : <th key={column}>{cell}</th>,
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

interface PlotTableProps {
  caption: string;
  head: string[];
  rows: () => (string | ComponentChildren)[][];
}

/** Half pixels and no more: thin lines stay thin, and the markup short. */
export function round(value: number): number {
  return Math.round(value * 2) / 2;
}
