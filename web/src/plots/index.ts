export {
  LinePlot,
  LinePlots,
  type LinePlotProps,
  type LinePoint,
  type LineSeries,
  type Threshold,
} from "./line";
export { formatElapsed, formatMoment, formatNumber, withUnit } from "./format";
export { Histogram, type HistogramBin } from "./histogram";
export { ScatterPlot, type ScatterPoint } from "./scatter";
