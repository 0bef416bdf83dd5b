/** Predicted against actual: a point a row, on the diagonal where the model was right. */
import { useId, useMemo } from "preact/hooks";
import { useActive } from "./active";
import { extent, numberAxis, type Axis } from "./axes";
import { formatNumber } from "./format";
import { Axes, boxOf, PlotTable, round, Tooltip, useWidth, type Box } from "./frame";

export interface ScatterPoint {
  x: number;
  y: number;
}

export interface ScatterPlotProps {
  /** What the plot is of, for those who do not see it. */
  title: string;
  points: readonly ScatterPoint[];
  /** What the axes are; both have the same scale. */
  xTitle: string;
  yTitle: string;
  height?: number | undefined;
}

interface Placed extends ScatterPoint {
  left: number;
  top: number;
}

const NEAR = 24;

export function ScatterPlot({ title, points, xTitle, yTitle, height = 340 }: ScatterPlotProps) {
  const [ref, width] = useWidth();
  const { box, x, y, placed, path } = useMemo(() => draw(points, width, height), [points, width, height]);
  const help = useId();
  const active = useActive(ref, placed.length, (left, top) => nearest(placed, left, top));
  const point = active.at === null ? undefined : placed[active.at];
  const [low, high] = x.scale.domain() as [number, number];

  return (
    <div class="plot">
      <div
        class="plot-drawing"
        ref={ref}
        onPointerMove={active.onPointerMove}
        onPointerLeave={active.onPointerLeave}
      >
        <svg
          width={box.width}
          height={box.height}
          viewBox={`0 0 ${box.width} ${box.height}`}
          role="group"
          aria-roledescription="plot"
          aria-label={title}
          aria-describedby={help}
          tabindex={0}
          onKeyDown={active.onKeyDown}
          onBlur={() => active.set(null)}
        >
          <desc id={help}>
            {`${placed.length} points, ${xTitle} from ${formatNumber(low)} to ${formatNumber(high)}. `}
            Arrow keys go from point to point.
          </desc>
          <Axes box={box} x={x} y={y} xTitle={xTitle} yTitle={yTitle} />
          <line
            class="plot-diagonal"
            aria-hidden="true"
            x1={x.scale(low)}
            y1={y.scale(low)}
            x2={x.scale(high)}
            y2={y.scale(high)}
          />
          {/* One path for all points: thousands of elements would make the page slow. */}
          <path class="plot-dots" d={path} aria-hidden="true" />
          {point && (
            <circle class="plot-dot-active" cx={point.left} cy={point.top} r={5} aria-hidden="true" />
          )}
        </svg>
        {point && (
          <Tooltip box={box} x={point.left} y={point.top - 12}>
            <div>
              {yTitle}: <b>{formatNumber(point.y)}</b>
            </div>
            <div>
              {xTitle}: <b>{formatNumber(point.x)}</b>
            </div>
            <div class="plot-note">off by {formatNumber(point.y - point.x)}</div>
          </Tooltip>
        )}
      </div>
      <PlotTable
        caption={title}
        head={[xTitle, yTitle, "off by"]}
        rows={() => placed.map((one) => [one.x, one.y, one.y - one.x].map(formatNumber))}
      />
    </div>
  );
}

function draw(
  points: readonly ScatterPoint[],
  width: number,
  height: number,
): { box: Box; x: Axis; y: Axis; placed: Placed[]; path: string } {
  const domain = extent(points.flatMap((point) => [point.x, point.y]));
  const count = Math.max(3, Math.min(8, Math.floor(height / 60)));
  const labels = numberAxis(domain, [0, 1], count).ticks.map((tick) => tick.label);
  const box = boxOf(width, height, labels, { x: true, y: true });
  const x = numberAxis(domain, [box.left, box.right], count);
  const y = numberAxis(domain, [box.bottom, box.top], count);
  const placed = [...points]
    .sort((a, b) => a.x - b.x || a.y - b.y)
    .map((point) => ({ ...point, left: round(x.scale(point.x)), top: round(y.scale(point.y)) }));
  return { box, x, y, placed, path: placed.map((point) => `M${point.left} ${point.top}h0`).join("") };
}

function nearest(points: readonly Placed[], left: number, top: number): number | null {
  let best: number | null = null;
  let least = NEAR * NEAR;
  points.forEach((point, at) => {
    const distance = (point.left - left) ** 2 + (point.top - top) ** 2;
    if (distance < least) [best, least] = [at, distance];
  });
  return best;
}
