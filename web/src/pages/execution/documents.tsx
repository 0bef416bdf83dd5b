import type { StateDetail, Visit } from "../../api/types";
import { Empty, ErrorBox, JsonDiff, JsonTree, Loading } from "../../ui";
import type { ExecutionSource, Part } from "./source";

export interface DocumentsProps {
  source: ExecutionSource;
  detail: Part<StateDetail>;
  visit: Visit;
}

/** A state's input, output, what changed between the two, and what it gave to the service that it calls. */
export function Documents({ source, detail, visit }: DocumentsProps) {
  const [query, change] = source.useView();
  const { data, problem } = detail;
  if (!data) return problem ? <ErrorBox problem={problem} /> : <Loading />;
  const parts = [
    ["output", "Output"],
    ["input", "Input"],
    ...(data.output === null ? [] : [["changes", "Changes"] as const]),
    ...(data.parameters === null ? [] : [["parameters", "Parameters"] as const]),
  ] as const;
  const first = data.output === null ? "input" : "output";
  const wanted = query.get("part");
  const part = parts.some(([id]) => id === wanted) ? wanted : first;
  return (
    <>
      <div class="segments" role="group" aria-label="What to show">
        {parts.map(([id, words]) => (
          <button
            key={id}
            type="button"
            class="segment"
            aria-pressed={part === id}
            onClick={() => change({ part: id === first ? null : id })}
          >
            {words}
          </button>
        ))}
      </div>
      {part === "input" ? <JsonTree text={data.input} label="Input" /> : null}
      {part === "output" && data.output !== null ? <JsonTree text={data.output} label="Output" /> : null}
      {part === "output" && data.output === null ? (
        <Empty title="No output">
          <p>{noOutput(visit)}</p>
        </Empty>
      ) : null}
      {part === "changes" && data.output !== null ? (
        <JsonDiff before={data.input} after={data.output} label="From input to output" />
      ) : null}
      {part === "parameters" && data.parameters !== null ? (
        <JsonTree value={data.parameters} label="Parameters" depth={3} />
      ) : null}
    </>
  );
}

function noOutput({ status }: Visit): string {
  if (status === "RUNNING") return "The state still runs.";
  if (status === "RETRYING") return "The state waits for its next attempt.";
  return status === "ABORTED" ? "The state was stopped." : "The state did not end well.";
}
