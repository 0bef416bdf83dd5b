/** How many values fall between which edges. */
import { useId, useMemo } from "preact/hooks";
import { scaleLinear } from "d3-scale";
import { useActive } from "./active";
import { numberAxis, type Axis } from "./axes";
import { formatNumber, formatTick } from "./format";
import { Axes, boxOf, PlotTable, round, Tooltip, useWidth, type Box } from "./frame";

export interface HistogramBin {
  low: number;
  high: number;
  count: number;
}

export interface HistogramProps {
  /** What the plot is of, for those who do not see it. */
  title: string;
  bins: readonly HistogramBin[];
  xTitle: string;
  /** What is counted, such as `rows`. */
  counted: string;
  height?: number | undefined;
}

export function Histogram({ title, bins, xTitle, counted, height = 340 }: HistogramProps) {
  const [ref, width] = useWidth();
  const { box, x, y } = useMemo(() => draw(bins, width, height), [bins, width, height]);
  const help = useId();
  const active = useActive(ref, bins.length, (left) => barAt(bins, x.scale.invert(left)));
  const bin = active.at === null ? undefined : bins[active.at];
  const total = bins.reduce((sum, one) => sum + one.count, 0);
  const zero = x.scale(0);

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
            {`${total} ${counted} in ${bins.length} bars. `}
            Arrow keys go from bar to bar.
          </desc>
          <Axes box={box} x={x} y={y} xTitle={xTitle} yTitle={counted} />
          {bins.map((one, at) => {
            const left = x.scale(one.low);
            const top = round(y.scale(one.count));
            return (
              <rect
                key={one.low}
                class={`plot-bar${at === active.at ? " plot-bar-active" : ""}`}
                aria-hidden="true"
                x={left + 0.5}
                y={top}
                width={Math.max(0.5, x.scale(one.high) - left - 1)}
                height={Math.max(0, box.bottom - top)}
              />
            );
          })}
          {zero > box.left && zero < box.right && (
            <line class="plot-zero" aria-hidden="true" x1={zero} x2={zero} y1={box.top} y2={box.bottom} />
          )}
        </svg>
        {bin && (
          <Tooltip box={box} x={(x.scale(bin.low) + x.scale(bin.high)) / 2} y={y.scale(bin.count) - 12}>
            <strong>{`${formatNumber(bin.low)} to ${formatNumber(bin.high)}`}</strong>
            <div>
              <b>{formatNumber(bin.count)}</b> {counted},{" "}
              {formatNumber((100 * bin.count) / Math.max(1, total))} %
            </div>
          </Tooltip>
        )}
      </div>
      <PlotTable
        caption={title}
        head={["From", "To", counted]}
        rows={() => bins.map((one) => [one.low, one.high, one.count].map(formatNumber))}
      />
    </div>
  );
}

function draw(bins: readonly HistogramBin[], width: number, height: number): { box: Box; x: Axis; y: Axis } {
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  const labels = numberAxis([0, most], [0, 1], 5).ticks.map((tick) => tick.label);
  const box = boxOf(width, height, labels, { x: true, y: true });
  const low = bins[0]?.low ?? 0;
  const high = bins.at(-1)?.high ?? 1;
  const scale = scaleLinear().domain([low, high]).range([box.left, box.right]);
  const ats = scale.ticks(Math.max(3, Math.floor((box.right - box.left) / 70)));
  const step = ats.length > 1 ? (ats[1] as number) - (ats[0] as number) : 1;
  return {
    box,
    x: { scale, ticks: ats.map((at) => ({ at, label: formatTick(at, step) })) },
    y: whole(numberAxis([0, most], [box.bottom, box.top], 5)),
  };
}

/** Counts have no halves. */
function whole(axis: Axis): Axis {
  return { ...axis, ticks: axis.ticks.filter((tick) => Number.isInteger(tick.at)) };
}

function barAt(bins: readonly HistogramBin[], value: number): number | null {
  const at = bins.findIndex((bin) => value >= bin.low && value < bin.high);
  return at < 0 ? null : at;
}
