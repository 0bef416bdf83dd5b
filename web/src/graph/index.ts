export { layoutGraph, type Layout } from "./layout";
export { readGraph, type Graph, type GraphNode, type Reading } from "./model";
export { retriesWords, secondsOf, sinceOf, stateWord } from "./node";
export {
  chooseFrom,
  indexVisits,
  itemStatus,
  runView,
  type Item,
  type RunView,
  type VisitIndex,
} from "./run";
export { GraphThumbnail } from "./thumbnail";
export { GraphView } from "./view";
