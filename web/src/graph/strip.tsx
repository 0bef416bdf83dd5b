import { useEffect, useState } from "preact/hooks";
import { StatusGlyph, statusTone, statusWord } from "../ui";
import { countItems, type MapRun } from "./run";

export interface StripProps {
  /** The Map's name. */
  name: string;
  map: MapRun;
  /** How wide the strip may be, in pixels. */
  width: number;
  onChoose: (index: number) => void;
}

const CELL = 27;
/** For indexes of four digits and more. */
const WIDE_CELL = 38;
const ROWS = 3;

/** The items of a Map as small cells, a page at a time; one is chosen to see its states in the box. */
export function Strip({ name, map, width, onChoose }: StripProps) {
  const { marks, chosen } = map;
  const isWide = (marks[marks.length - 1]?.index ?? 0) > 999;
  const size = Math.max(1, Math.floor((width + 3) / (isWide ? WIDE_CELL : CELL))) * ROWS;
  const pages = Math.ceil(marks.length / size);
  const place = marks.findIndex((mark) => mark.index === chosen);
  const [page, setPage] = useState(() => Math.max(0, Math.floor(place / size)));
  useEffect(() => {
    if (place >= 0) setPage(Math.floor(place / size));
  }, [chosen, size]);
  const at = Math.min(page, Math.max(0, pages - 1));
  const shown = marks.slice(at * size, (at + 1) * size);
  const failed = marks.filter((mark) => mark.status === "FAILED" || mark.status === "TIMED_OUT");
  const nextFailed = failed.find((mark) => mark.index > (chosen ?? -1)) ?? failed[0];
  return (
    <div class="graph-strip" role="group" aria-label={`Items of ${name}`}>
      <div class="graph-strip-line">
        <span class="graph-strip-words">{summary(map)}</span>
        {nextFailed && (failed.length > 1 || nextFailed.index !== chosen) ? (
          <button type="button" class="graph-strip-link" onClick={() => onChoose(nextFailed.index)}>
            Next failed
          </button>
        ) : null}
        {pages > 1 ? (
          <span class="graph-strip-pages">
            <button
              type="button"
              aria-label="Items before"
              disabled={at === 0}
              onClick={() => setPage(at - 1)}
            >
              ‹
            </button>
            {shown[0]?.index}–{shown[shown.length - 1]?.index}
            <button
              type="button"
              aria-label="Items after"
              disabled={at >= pages - 1}
              onClick={() => setPage(at + 1)}
            >
              ›
            </button>
          </span>
        ) : null}
      </div>
      <div class={`graph-cells${isWide ? " is-wide" : ""}`}>
        {shown.map((mark) => {
          const tone = statusTone(mark.status);
          const words = `Item ${mark.index}, ${statusWord(mark.status).toLowerCase()}`;
          return (
            <button
              key={mark.index}
              type="button"
              class={`graph-cell status-${tone}`}
              aria-label={words}
              title={words}
              aria-pressed={mark.index === chosen}
              onClick={() => onChoose(mark.index)}
            >
              <span>{mark.index}</span>
              <StatusGlyph tone={tone} size={9} />
            </button>
          );
        })}
      </div>
    </div>
  );
}

function summary({ marks, length }: MapRun): string {
  const parts = [...countItems(marks)].map(
    ([status, count]) => `${count.toLocaleString("en")} ${statusWord(status).toLowerCase()}`,
  );
  const count = Math.max(length ?? 0, marks.length);
  const begun = marks.length < count ? `${marks.length.toLocaleString("en")} of ` : "";
  const items = `${begun}${count.toLocaleString("en")} item${count === 1 ? "" : "s"}`;
  return parts.length > 0 ? `${items}: ${parts.join(", ")}` : "No items yet";
}
