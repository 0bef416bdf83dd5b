import { useMemo, useState } from "preact/hooks";
import type { LogLine, Visit } from "../../api/types";
import { absoluteText, Empty, Loading, VirtualList } from "../../ui";
import type { ExecutionSource } from "./source";

/** What a state has logged; new lines come by themselves. */
export function LogView({ source, visit }: { source: ExecutionSource; visit: Visit }) {
  const { data, problem } = source.useLog(visit);
  const [text, setText] = useState("");
  const [follows, setFollows] = useState(true);
  const lines = useMemo(() => findLines(data?.lines ?? [], text), [data, text]);
  if (!data) return problem ? <p class="note">{problem.detail}</p> : <Loading />;
  return (
    <div class="log">
      <div class="find-bar">
        <input
          class="input"
          type="search"
          aria-label="Find in the log"
          placeholder="Find in the log"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {data.is_live ? (
          <label class="check">
            <input
              type="checkbox"
              class="checkbox"
              checked={follows}
              onChange={(event) => setFollows(event.currentTarget.checked)}
            />
            Follow
          </label>
        ) : null}
        <p class="find-count" role="status">
          {text ? `${lines.length.toLocaleString("en")} of ` : ""}
          {data.lines.length.toLocaleString("en")} line{data.lines.length === 1 ? "" : "s"}
        </p>
      </div>
      {data.problem ? <p class="note">{data.problem}</p> : null}
      {data.is_cut ? <p class="note">Older lines are left out.</p> : null}
      {lines.length > 0 ? (
        <div class="log-box" style={{ height: `min(${heightOf(lines)}px, max(16rem, 100vh - 32rem))` }}>
          <VirtualList
            class="log-lines"
            label="Log"
            role="log"
            count={lines.length}
            rowHeight={ROW}
            followEnd={data.is_live && follows}
            row={(place) => <Line line={lines[place]} />}
          />
        </div>
      ) : data.problem ? null : (
        <Empty title={text ? "No line is like that" : "Nothing was logged"}>
          {!text && data.is_live ? <p>Lines appear here as they come.</p> : null}
        </Empty>
      )}
      {data.group ? <p class="log-group muted">{data.group}</p> : null}
    </div>
  );
}

export function findLines(lines: readonly LogLine[], text: string): readonly LogLine[] {
  const wanted = text.trim().toLowerCase();
  return wanted ? lines.filter((line) => line.text.toLowerCase().includes(wanted)) : lines;
}

const ROW = 20;

/** About how high a few lines are: no higher than they need. */
function heightOf(lines: readonly LogLine[]): number {
  const rows = lines.slice(0, 60).reduce((sum, line) => sum + Math.ceil((line.text.length + 14) / 48), 0);
  return rows * ROW + 12;
}

function Line({ line }: { line: LogLine | undefined }) {
  if (!line) return null;
  const level = line.level ?? null;
  return (
    <div class={`log-line${level ? ` is-${level.toLowerCase()}` : ""}`}>
      {line.at === null ? null : <span class="log-time">{absoluteText(line.at, true).slice(11)}</span>}
      {level && level !== "INFO" && level !== "DEBUG" ? <span class="log-level">{level}</span> : null}
      <span class="log-text">{line.text}</span>
    </div>
  );
}
