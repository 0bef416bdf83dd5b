import type { Visit } from "../api/types";
import { Duration, StatusGlyph, statusTone, statusWord } from "../ui";
import { TIMED, type Box } from "./layout";
import type { NodeRun } from "./run";

export interface NodeProps {
  box: Box;
  /** How it went; undefined when it was not reached, null when nothing has run. */
  run: NodeRun | undefined | null;
  isSelected: boolean;
  onSelect: () => void;
}

/** A state as a button: its name, its status by colour, mark and word, how long it took. */
export function Node({ box, run, isSelected, onSelect }: NodeProps) {
  const { node } = box;
  const place = { left: `${box.x}px`, top: `${box.y}px`, width: `${box.width}px`, height: `${box.height}px` };
  if (node.type === "Start" || node.type === "End")
    return (
      <span class="graph-marker" style={place}>
        {node.name}
      </span>
    );
  const visit = run?.shown;
  const look = visit ? `is-reached status-${statusTone(visit.status)}` : run === null ? "" : "is-not-reached";
  const shape = node.type === "Choice" ? " is-choice" : node.regions.length > 0 ? " is-box" : "";
  return (
    <div class={`graph-node ${look}${shape}${isSelected ? " is-selected" : ""}`} style={place}>
      <button
        type="button"
        class="graph-button"
        data-node={node.id}
        aria-pressed={isSelected}
        aria-label={nodeWords(box, run)}
        title={`${node.name}\n${node.detail}`}
        onClick={onSelect}
      >
        {visit ? <StatusGlyph tone={statusTone(visit.status)} size={16} /> : <span class="graph-hollow" />}
        <span class="graph-words">
          <span class="graph-name">{node.name}</span>
          <span class="graph-detail">
            {visit ? (
              <>
                <span class="graph-status">{statusWord(stateWord(visit))}</span>
                {TIMED.has(visit.type) ? (
                  <>
                    {" · "}
                    <Duration seconds={secondsOf(visit)} since={sinceOf(visit)} />
                  </>
                ) : null}
              </>
            ) : (
              node.detail
            )}
          </span>
        </span>
        <span class="graph-badges">
          {visit && visit.retries > 0 ? <span class="graph-badge">{retriesWords(visit.retries)}</span> : null}
          {run && run.visits.length > 1 ? <span class="graph-badge">×{run.visits.length}</span> : null}
        </span>
      </button>
    </div>
  );
}

/** What a screen reader says of a state. */
export function nodeWords({ node }: Box, run: NodeRun | undefined | null): string {
  const words = [node.name, node.detail || node.type];
  if (run) {
    words.push(statusWord(stateWord(run.shown)).toLowerCase());
    if (run.shown.retries > 0) words.push(retriesWords(run.shown.retries));
    if (run.visits.length > 1) words.push(`visited ${run.visits.length} times`);
  } else if (run === undefined) words.push("not reached");
  return words.join(", ");
}

export function retriesWords(retries: number): string {
  return retries === 1 ? "1 retry" : `${retries} retries`;
}

export function secondsOf(visit: Visit): number | null {
  return visit.exited_at === null ? null : visit.exited_at - visit.entered_at;
}

/** Since when it runs; null when it does not. */
export function sinceOf(visit: Visit): number | null {
  return visit.status === "RUNNING" || visit.status === "RETRYING" ? visit.entered_at : null;
}

/** AWS's word for a state that was stopped is `Aborted`; people say `Stopped`. */
export function stateWord(visit: Visit): string {
  return visit.status === "ABORTED" ? "STOPPED" : visit.status;
}
