export {
  LinePlot,
  LinePlots,
  type LinePlotProps,
  type LinePoint,
  type LineSeries,
  type Threshold,
} from "./line";
export { formatElapsed, formatNumber, withUnit } from "./format";
export { Histogram, type HistogramBin } from "./histogram";
export { ScatterPlot, type ScatterPoint } from "./scatter";
