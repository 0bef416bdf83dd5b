/** Lines over time, over the seconds since a start, or over runs in their order. */
import { line, symbol, symbolStar } from "d3-shape";
import { useId, useMemo, useRef } from "preact/hooks";
import { useActive } from "./active";
import { elapsedAxis, extent, numberAxis, orderAxis, timeAxis, type Axis } from "./axes";
import { absoluteText } from "../ui/timeText";
import { formatElapsed, formatNumber, withUnit } from "./format";
import { Axes, boxOf, PlotTable, round, Tooltip, useWidth, type Box } from "./frame";

export interface LinePoint {
  /** Seconds since 1970. */
  at: number;
  value: number;
  /** What it is the value of, such as a run's name; the time without one. */
  label?: string | undefined;
  /** More to say of it in its tooltip. */
  note?: string | undefined;
  /** Where a click on it goes. */
  href?: string | undefined;
  mark?: "champion" | "hollow" | undefined;
  isSelected?: boolean | undefined;
}

export interface LineSeries {
  name: string;
  points: LinePoint[];
}

/** A limit that the values are held to. */
export interface Threshold {
  value: number;
  direction: "minimize" | "maximize";
}

export interface LinePlotProps {
  /** What the plot is of, for those who do not see it. */
  title: string;
  series: LineSeries[];
  unit?: string | undefined;
  height?: number | undefined;
  /** What runs from left to right. */
  across?: "time" | "elapsed" | "order" | undefined;
  threshold?: Threshold | undefined;
  /** Whether the axis begins at zero, as that of a count does. */
  fromZero?: boolean | undefined;
  /** What the axis covers when the points do not say so themselves. */
  window?: [number, number] | undefined;
  /** Whether a single line is named too. */
  isNamed?: boolean | undefined;
  /** A line is broken where two points are further apart than this many seconds. */
  gap?: number | undefined;
  onOpen?: ((href: string) => void) | undefined;
}

interface Placed extends LinePoint {
  series: number;
  place: number;
  /** No line leads to it or away from it. */
  isAlone: boolean;
  x: number;
  y: number;
}

// Closer together than this, in pixels, marks would only blur the line.
const MARK_ROOM = 14;
const STAR = symbol(symbolStar, 110)() ?? "";

/** A plot of lines; each has a colour and a dash of its own. */
export function LinePlot(props: LinePlotProps) {
  const { title, unit, onOpen, threshold } = props;
  const [ref, width] = useWidth();
  const drawn = useMemo(() => draw(props, width), [props, width]);
  const group = useRef<SVGGElement>(null);
  const help = useId();
  const { box, x, y, points, places } = drawn;
  const isLinked = points.some((point) => point.href);
  const active = useActive(
    ref,
    places.length,
    (at) => nearest(places, at),
    (place) => {
      if (isLinked) group.current?.querySelector<SVGElement>(`[data-place="${place}"]`)?.focus();
    },
  );
  const current = active.at === null ? [] : points.filter((point) => point.place === active.at);
  const first = current[0];
  const tabStop = active.at ?? selectedPlace(points) ?? places.length - 1;

  if (points.length === 0) return <p class="plot-empty">No values yet.</p>;

  return (
    <div class="plot">
      {(props.series.length > 1 || props.isNamed || threshold) && (
        <Legend names={props.series.map((one) => one.name)} limit={threshold && limitText(threshold, unit)} />
      )}
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
          tabindex={isLinked ? undefined : 0}
          onKeyDown={active.onKeyDown}
          onBlur={() => active.set(null)}
        >
          <desc id={help}>{describe(props, points)} Arrow keys go from point to point.</desc>
          {threshold && <Shade box={box} y={y} threshold={threshold} />}
          <Axes box={box} x={x} y={y} />
          {first && <line class="plot-cross" x1={first.x} x2={first.x} y1={box.top} y2={box.bottom} />}
          {drawn.paths.map((path, at) => (
            <path key={at} class={`plot-line plot-colour-${(at % 5) + 1}`} d={path} aria-hidden="true" />
          ))}
          {threshold && <Limit box={box} y={y} threshold={threshold} />}
          <g ref={group}>
            {points.map((point) => {
              const isActive = point.place === active.at;
              if (!drawn.hasMarks && !isActive && !point.href && !point.isAlone) return null;
              const mark = <Mark point={point} isActive={isActive} isSmall={!drawn.hasMarks} />;
              if (!point.href) return <g key={`${point.series}/${point.place}`}>{mark}</g>;
              const href = point.href;
              return (
                <a
                  key={`${point.series}/${point.place}`}
                  href={href}
                  data-place={point.place}
                  tabindex={point.place === tabStop ? 0 : -1}
                  aria-label={wordsOf(point, props)}
                  aria-current={point.isSelected ? "true" : undefined}
                  onFocus={() => active.set(point.place)}
                  onClick={(event) => {
                    if (!onOpen || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
                    event.preventDefault();
                    onOpen(href);
                  }}
                >
                  {mark}
                </a>
              );
            })}
          </g>
        </svg>
        {first && (
          <Tooltip box={box} x={first.x} y={Math.min(...current.map((point) => point.y)) - 12}>
            <strong>{headOf(first, drawn.start, props.across)}</strong>
            {current.map((point) => (
              <div key={point.series}>
                {props.series[point.series]?.name}: <b>{withUnit(point.value, unit)}</b>
              </div>
            ))}
            {first.note && <div class="plot-note">{first.note}</div>}
          </Tooltip>
        )}
      </div>
      <PlotTable
        caption={title}
        head={[props.across === "order" ? "Run" : "Time", ...props.series.map((one) => one.name)]}
        rows={() =>
          places.map((_, place) => {
            const here = points.filter((point) => point.place === place);
            const head = here[0] as Placed;
            return [
              headOf(head, drawn.start, props.across),
              ...props.series.map((_, at) => {
                const point = here.find((one) => one.series === at);
                return point ? withUnit(point.value, unit) : "";
              }),
            ];
          })
        }
      />
    </div>
  );
}

/** A plot for each series, all over the same stretch: for values that have no scale in common. */
export function LinePlots({ series, title, ...rest }: LinePlotProps) {
  const window = rest.window ?? extent(series.flatMap((one) => one.points.map((point) => point.at)));
  return (
    <div class="plot-multiples">
      {series.map((one) => (
        <figure key={one.name}>
          <figcaption>{one.name}</figcaption>
          <LinePlot
            {...rest}
            title={`${title}: ${one.name}`}
            series={[one]}
            window={window}
            height={rest.height ?? 150}
          />
        </figure>
      ))}
    </div>
  );
}

interface Drawn {
  box: Box;
  x: Axis;
  y: Axis;
  points: Placed[];
  places: number[];
  paths: string[];
  hasMarks: boolean;
  start: number;
}

function draw(props: LinePlotProps, width: number): Drawn {
  const { series, threshold, across = "time", fromZero, gap, height = 220 } = props;
  const all = series.flatMap((one, at) =>
    one.points.filter((point) => Number.isFinite(point.value)).map((point) => ({ ...point, series: at })),
  );
  const times = [...new Set(all.map((point) => point.at))].sort((a, b) => a - b);
  const placeOf = new Map(times.map((time, place) => [time, place]));
  const start = props.window?.[0] ?? times[0] ?? 0;

  const values = all.map((point) => point.value);
  if (threshold) values.push(threshold.value);
  if (fromZero) values.push(0);
  const [low, high] = extent(values);
  // Where all are zero, the extent has room below it too, which a count has no use for.
  const domain: [number, number] = fromZero
    ? [values.some((value) => value < 0) ? low : 0, high]
    : [low, high];
  const count = Math.max(2, Math.min(6, Math.floor(height / 44)));
  const labels = numberAxis(domain, [0, 1], count).ticks.map((tick) => tick.label);
  const box = boxOf(width, height, labels);
  const y = numberAxis(domain, [box.bottom, box.top], count);
  const x = acrossAxis(across, times, props.window ?? extent(times), [box.left, box.right], start);

  const points = all.map((point) => {
    const place = placeOf.get(point.at) ?? 0;
    const at = across === "order" ? place : across === "elapsed" ? point.at - start : point.at;
    return { ...point, place, isAlone: false, x: round(x.scale(at)), y: round(y.scale(point.value)) };
  });
  points.sort((a, b) => a.place - b.place || a.series - b.series);
  const places = times.map((time, place) =>
    round(x.scale(across === "order" ? place : across === "elapsed" ? time - start : time)),
  );
  const paths = series.map((_, at) =>
    pathOf(
      points.filter((point) => point.series === at),
      across === "order" ? Infinity : (gap ?? Infinity),
    ),
  );
  const spread = (places.at(-1) ?? 0) - (places[0] ?? 0);
  const hasMarks = places.length < 2 || spread / (places.length - 1) >= MARK_ROOM;
  return { box, x, y, points, places, paths, hasMarks, start };
}

function acrossAxis(
  across: "time" | "elapsed" | "order",
  times: number[],
  window: [number, number],
  range: [number, number],
  start: number,
): Axis {
  const count = Math.max(2, Math.floor((range[1] - range[0]) / 90));
  if (across === "order") return orderAxis(times, range, count);
  if (across === "elapsed") return elapsedAxis([0, Math.max(window[1] - start, 1e-3)], range, count);
  return timeAxis(window, range, count);
}

function pathOf(points: Placed[], gap: number): string {
  const pieces: Placed[][] = [];
  for (const point of points) {
    const last = pieces.at(-1)?.at(-1);
    if (last && point.at - last.at <= gap) pieces.at(-1)?.push(point);
    else pieces.push([point]);
  }
  const through = line<Placed>(
    (point) => point.x,
    (point) => point.y,
  );
  for (const piece of pieces) if (piece.length === 1) (piece[0] as Placed).isAlone = true;
  return pieces.map((piece) => through(piece) ?? "").join("");
}

function Mark({ point, isActive, isSmall }: { point: Placed; isActive: boolean; isSmall: boolean }) {
  const kind = point.mark ? ` plot-mark-${point.mark}` : "";
  const colour = `plot-mark plot-colour-${(point.series % 5) + 1}${kind}`;
  return (
    <g class={colour} transform={`translate(${point.x} ${point.y})`}>
      {point.href && <circle class="plot-target" r={9} />}
      {(point.isSelected || isActive) && <circle class="plot-ring" r={point.mark === "champion" ? 11 : 9} />}
      {point.mark === "champion" ? <path d={STAR} /> : <circle r={isSmall ? 2 : 3.5} />}
    </g>
  );
}

function Shade({ box, y, threshold }: { box: Box; y: Axis; threshold: Threshold }) {
  const at = y.scale(threshold.value);
  const [top, bottom] = threshold.direction === "minimize" ? [at, box.bottom] : [box.top, at];
  return (
    <rect
      class="plot-shade"
      aria-hidden="true"
      x={box.left}
      y={round(top)}
      width={Math.max(0, box.right - box.left)}
      height={Math.max(0, round(bottom - top))}
    />
  );
}

function Limit({ box, y, threshold }: { box: Box; y: Axis; threshold: Threshold }) {
  const at = round(y.scale(threshold.value));
  return <line class="plot-limit" aria-hidden="true" x1={box.left} x2={box.right} y1={at} y2={at} />;
}

/** The names of some series, each with a piece of its line; and the limit, in words. */
function Legend({ names, limit }: { names: string[]; limit: string | undefined }) {
  return (
    <ul class="plot-legend">
      {names.map((name, at) => (
        <LegendEntry key={name} name={name} line={`plot-line plot-colour-${(at % 5) + 1}`} />
      ))}
      {limit && <LegendEntry name={limit} line="plot-limit" />}
    </ul>
  );
}

function LegendEntry({ name, line }: { name: string; line: string }) {
  return (
    <li>
      <svg width={22} height={8} aria-hidden="true">
        <line class={line} x1={0} x2={22} y1={4} y2={4} />
      </svg>
      {name}
    </li>
  );
}

function limitText({ value, direction }: Threshold, unit: string | undefined): string {
  const isLow = direction === "minimize";
  return `gate ${isLow ? "≤" : "≥"} ${withUnit(value, unit)}, better is ${isLow ? "lower" : "higher"}`;
}

function headOf(point: LinePoint, start: number, across: LinePlotProps["across"]): string {
  if (point.label) return point.label;
  return across === "elapsed" ? `after ${formatElapsed(point.at - start)}` : absoluteText(point.at);
}

function wordsOf(point: Placed, props: LinePlotProps): string {
  const name = props.series[point.series]?.name ?? "";
  const note = point.note ? `, ${point.note}` : "";
  return `${point.label ?? absoluteText(point.at)}: ${name} ${withUnit(point.value, props.unit)}${note}`;
}

function describe(props: LinePlotProps, points: Placed[]): string {
  const parts = props.series.flatMap((one, at) => {
    const values = points.filter((point) => point.series === at).map((point) => point.value);
    const last = values.at(-1);
    if (last === undefined) return [];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const range = low === high ? "" : `, from ${formatNumber(low)} to ${formatNumber(high)}`;
    return [`${one.name}: ${values.length} values${range}, the last ${withUnit(last, props.unit)}.`];
  });
  const { threshold } = props;
  if (threshold) {
    parts.push(
      `The gate is ${threshold.direction === "minimize" ? "at most" : "at least"} ${withUnit(threshold.value, props.unit)}.`,
    );
  }
  return parts.join(" ");
}

function selectedPlace(points: Placed[]): number | undefined {
  return points.find((point) => point.isSelected)?.place;
}

function nearest(places: number[], at: number): number {
  let best = 0;
  places.forEach((place, index) => {
    if (Math.abs(place - at) < Math.abs((places[best] as number) - at)) best = index;
  });
  return best;
}
