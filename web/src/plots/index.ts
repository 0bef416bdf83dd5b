export {
  LinePlot,
  LinePlots,
  type LinePlotProps,
  type LinePoint,
  type LineSeries,
  type Threshold,
} from "./line";
export { formatElapsed, formatMoment, formatNumber, withUnit } from "./format";
