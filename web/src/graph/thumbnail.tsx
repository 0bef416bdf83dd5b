import { layoutGraph } from "./layout";
import { readGraph } from "./model";
import { routePath } from "./paths";

export interface GraphThumbnailProps {
  /** Amazon States Language, whatever it is. */
  definition: unknown;
  /** What it is, for screen readers; without it the picture is only decoration. */
  label?: string;
}

/** A small still picture of a state machine; nothing where there is none to draw. */
export function GraphThumbnail({ definition, label }: GraphThumbnailProps) {
  const { graph } = readGraph(definition);
  if (!graph) return null;
  const layout = layoutGraph(graph);
  return (
    <svg
      class="graph-thumbnail"
      viewBox={`-6 -6 ${layout.width + 12} ${layout.height + 12}`}
      preserveAspectRatio="xMidYMid meet"
      {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })}
    >
      {layout.routes.map((route) =>
        route.shape === "side" || route.edge.isCatch ? null : (
          <path key={route.edge.id} class="graph-thumbnail-edge" d={routePath(route, false)} />
        ),
      )}
      {layout.boxes.map(({ node, x, y, width, height }) => (
        <rect
          key={node.id}
          class={node.regions.length > 0 ? "graph-thumbnail-box" : "graph-thumbnail-node"}
          x={x}
          y={y}
          width={width}
          height={height}
          rx={node.type === "Choice" || !node.detail ? height / 2 : 6}
        />
      ))}
    </svg>
  );
}
