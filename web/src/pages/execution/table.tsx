import { scaleLinear } from "d3-scale";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Execution, StateStatus, Visit } from "../../api/types";
import { retriesWords, secondsOf, sinceOf, type VisitIndex } from "../../graph";
import {
  Caret,
  Duration,
  durationText,
  None,
  StatusMark,
  statusTone,
  useNow,
  useVirtualRows,
} from "../../ui";
import { StateMark } from "./marks";
import { listRows, openAround, type BranchRow, type Opened, type Row } from "./rows";

export interface TableProps {
  execution: Execution;
  index: VisitIndex;
  selected: Visit | null;
  onSelect: (visit: Visit) => void;
}

const ROW = 37;

/** Every state in order, nested as it ran, each with a bar on one axis of time. */
export function StateTable({ execution, index, selected, onSelect }: TableProps) {
  const [opened, setOpened] = useState<Opened>(new Map());
  const rows = useMemo(() => listRows(index, opened), [index, opened]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualRows({ count: rows.length, rowHeight: ROW, scroller });
  const { row } = execution;
  const now = useNow(row.stopped_at === null && row.status === "RUNNING" ? 1 : null);
  const start = row.started_at;
  const end = Math.max(
    start + 0.001,
    row.stopped_at ?? (row.status === "RUNNING" ? now : lastMoment(execution)),
  );
  const axis = useMemo(() => scaleLinear([0, end - start], [0, 100]), [start, end]);

  useEffect(() => {
    if (!selected) return;
    if (selected.parent !== null) setOpened((now) => openAround(selected, index, now));
  }, [selected?.id]);
  const place = selected ? rows.findIndex((row) => row.kind === "visit" && row.visit.id === selected.id) : -1;
  useEffect(() => {
    if (place >= 0) virtual.scrollToIndex(place);
  }, [selected?.id, place >= 0]);

  const toggle = (row: Row): void => setOpened((now) => new Map(now).set(row.key, !row.open));
  return (
    <div class="states" role="table" aria-label="States" aria-rowcount={rows.length + 1}>
      <div class="states-head" role="row" aria-rowindex={1}>
        <span role="columnheader">State</span>
        <span role="columnheader">Status</span>
        <span role="columnheader" class="number">
          Retries
        </span>
        <span role="columnheader" class="number">
          Start
        </span>
        <span role="columnheader" class="number">
          Duration
        </span>
        <span role="columnheader" class="states-axis">
          <span class="visually-hidden">When it ran</span>
          {axis.ticks(4).map((tick) => (
            <span key={tick} class="states-tick" style={{ left: `${axis(tick)}%` }} aria-hidden="true">
              {durationText(tick)}
            </span>
          ))}
        </span>
      </div>
      <div class="states-body virtual" ref={scroller} tabIndex={0} role="rowgroup" aria-label="States">
        <div class="virtual-all" style={{ height: `${virtual.total}px` }} role="presentation">
          <div
            class="virtual-rows"
            style={{ transform: `translateY(${virtual.items[0]?.start ?? 0}px)` }}
            role="presentation"
          >
            {virtual.items.map((item) => {
              const shown = rows[item.index];
              if (!shown) return null;
              const { open } = shown;
              return (
                <div
                  key={shown.key}
                  class={`states-row${shown.kind === "visit" && shown.visit.id === selected?.id ? " is-selected" : ""}`}
                  role="row"
                  aria-rowindex={item.index + 2}
                >
                  <span role="cell" class="states-name" style={{ paddingLeft: `${shown.depth * 18}px` }}>
                    {open === null ? (
                      <span class="states-toggle" />
                    ) : (
                      <button
                        type="button"
                        class="states-toggle"
                        aria-expanded={open}
                        aria-label={`What is inside of ${shown.kind === "visit" ? shown.visit.name : shown.words}`}
                        onClick={() => toggle(shown)}
                      >
                        <Caret />
                      </button>
                    )}
                    {shown.kind === "visit" ? (
                      <button
                        type="button"
                        class="link states-link"
                        title={shown.visit.name}
                        aria-pressed={shown.visit.id === selected?.id}
                        onClick={() => onSelect(shown.visit)}
                      >
                        {shown.visit.name}
                      </button>
                    ) : (
                      <span class="muted">{shown.words}</span>
                    )}
                  </span>
                  {shown.kind === "visit" ? (
                    <VisitCells visit={shown.visit} start={start} />
                  ) : (
                    <BranchCells row={shown} start={start} />
                  )}
                  <span role="cell" class="states-axis">
                    {axis.ticks(4).map((tick) => (
                      <span key={tick} class="states-grid" style={{ left: `${axis(tick)}%` }} />
                    ))}
                    <Bar row={shown} start={start} end={end} />
                  </span>
                </div>
              );
            })}
          </div>
        </div>
      </div>
    </div>
  );
}

function VisitCells({ visit, start }: { visit: Visit; start: number }) {
  return (
    <>
      <span role="cell">
        <StateMark visit={visit} />
      </span>
      <span role="cell" class="number" {...(visit.retries > 0 ? { title: retriesWords(visit.retries) } : {})}>
        {visit.retries > 0 ? visit.retries : <None />}
      </span>
      <span role="cell" class="number">
        +{durationText(Math.max(0, visit.entered_at - start))}
      </span>
      <span role="cell" class="number">
        <Duration seconds={secondsOf(visit)} since={sinceOf(visit)} />
      </span>
    </>
  );
}

function BranchCells({ row, start }: { row: BranchRow; start: number }) {
  const isOver = row.to !== null && row.status !== "RUNNING" && row.status !== "RETRYING";
  return (
    <>
      <span role="cell">
        <StatusMark status={row.status}>{row.status === "ABORTED" ? "Stopped" : undefined}</StatusMark>
      </span>
      <span role="cell" class="number">
        <None />
      </span>
      <span role="cell" class="number">
        +{durationText(Math.max(0, row.from - start))}
      </span>
      <span role="cell" class="number">
        <Duration seconds={isOver ? (row.to ?? 0) - row.from : null} since={isOver ? null : row.from} />
      </span>
    </>
  );
}

function Bar({ row, start, end }: { row: Row; start: number; end: number }) {
  const [from, to, status]: [number, number | null, StateStatus] =
    row.kind === "visit"
      ? [row.visit.entered_at, row.visit.exited_at, row.visit.status]
      : [row.from, row.to, row.status];
  const left = Math.min(100, Math.max(0, ((from - start) / (end - start)) * 100));
  const width = Math.max(0, (((to ?? end) - from) / (end - start)) * 100);
  return (
    <span
      class={`states-bar status-${statusTone(status)}${row.kind === "branch" ? " is-branch" : ""}`}
      style={{ left: `${left}%`, width: `${Math.min(width, 100 - left)}%` }}
    />
  );
}

function lastMoment({ visits, row }: Execution): number {
  return visits.reduce((last, visit) => Math.max(last, visit.exited_at ?? visit.entered_at), row.started_at);
}
