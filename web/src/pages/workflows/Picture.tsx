import { useMemo } from "preact/hooks";
import { GraphThumbnail } from "../../graph";

/** A small picture of a definition; drawn anew only when the definition is another, not with each message. */
export function Picture({ definition }: { definition: Record<string, unknown> }) {
  const text = JSON.stringify(definition);
  return useMemo(() => <GraphThumbnail definition={definition} />, [text]);
}
