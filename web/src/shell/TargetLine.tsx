import type { Target } from "../api/types";
import { StatusGlyph } from "../ui";

/** The cloud that the console looks at, and whether it answers. */
export function TargetLine({ target }: { target: Target }) {
  const tone = target.is_up ? "succeeded" : "failed";
  return (
    <div class="target" title={target.problem ?? `Stack ${target.stack}, region ${target.region}`}>
      <span class={`status status-${tone}`}>
        <StatusGlyph tone={tone} size={14} />
        <span class="visually-hidden">{target.is_up ? "Up: " : "Away: "}</span>
      </span>
      <span class="target-words">
        <span class="target-name">{target.name}</span>
        <span class="target-more">{target.is_up ? target.stack : "does not answer"}</span>
      </span>
    </div>
  );
}
