import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { ExecutionRow } from "../../api/types";
import { paths } from "../../paths";
import { Duration, None, StatusMark, statusWord, Time, useVirtualRows } from "../../ui";

const ROW_HEIGHT = 38;
/** The next page is asked for when so many rows or fewer are left below. */
const AHEAD = 40;

export interface ExecutionTableProps {
  rows: readonly ExecutionRow[];
  /** How many there are, loaded or not. */
  total: number;
  hasMore: boolean;
  onMore: () => void;
}

/** Executions as a table that draws only the rows in sight, and asks for more as it is scrolled. */
export function ExecutionTable({ rows, total, hasMore, onMore }: ExecutionTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const offset = useOffset(body);
  const { items, total: height } = useVirtualRows({ count: rows.length, rowHeight: ROW_HEIGHT, offset });
  const first = items[0];
  const last = items[items.length - 1];
  useEffect(() => {
    if (hasMore && last && last.index >= rows.length - AHEAD) onMore();
  }, [hasMore, last?.index, rows.length]);
  const above = first ? first.start - offset : 0;
  const below = last ? height - (last.end - offset) : 0;
  return (
    <table class="executions-table" aria-rowcount={total + 1} aria-label="Executions">
      <colgroup>
        <col class="col-status" />
        <col class="col-name" />
        <col class="col-workflow" />
        <col class="col-recipe" />
        <col class="col-outcome" />
        <col class="col-started" />
        <col class="col-duration" />
        <col class="col-reason" />
      </colgroup>
      <thead>
        <tr aria-rowindex={1}>
          <th scope="col">Status</th>
          <th scope="col">Name</th>
          <th scope="col" class="cell-workflow">
            Workflow
          </th>
          <th scope="col" class="cell-recipe">
            Recipe
          </th>
          <th scope="col" class="cell-outcome">
            Outcome
          </th>
          <th scope="col">Started</th>
          <th scope="col">Duration</th>
          <th scope="col">Reason</th>
        </tr>
      </thead>
      <tbody ref={body}>
        <Spacer height={above} />
        {items.map((item) => {
          const row = rows[item.index];
          return row ? <Row key={row.arn} row={row} index={item.index} /> : null;
        })}
        <Spacer height={below} />
      </tbody>
    </table>
  );
}

function Row({ row, index }: { row: ExecutionRow; index: number }) {
  const isRunning = row.seconds === null && row.status === "RUNNING";
  return (
    <tr aria-rowindex={index + 2}>
      <td>
        <StatusMark status={row.status} outcome={row.outcome} />
      </td>
      <td title={row.name}>
        <span class="name-cell">
          <Link href={paths.execution(row.arn)}>{row.name}</Link>
          {row.redrives > 0 ? <span class="tag">redriven</span> : null}
          {row.is_past ? <span class="tag">past</span> : null}
        </span>
      </td>
      <td class="cell-workflow" title={row.workflow}>
        {row.workflow}
      </td>
      <td class="cell-recipe" title={row.recipe ?? undefined}>
        {row.recipe ?? <None />}
      </td>
      <td class="cell-outcome" title={row.outcome ?? undefined}>
        {row.outcome ? statusWord(row.outcome) : <None />}
      </td>
      <td>
        <Time at={row.started_at} relative />
      </td>
      <td>
        <Duration seconds={row.seconds} since={isRunning ? row.started_at : null} />
      </td>
      <td title={row.reason ?? undefined} class="cell-reason">
        {row.reason}
      </td>
    </tr>
  );
}

// Stands for the rows that are not drawn.
function Spacer({ height }: { height: number }) {
  return height > 0 ? (
    <tr class="spacer" aria-hidden="true">
      <td style={{ height: `${height}px` }} />
    </tr>
  ) : null;
}

/** How far below the page's top an element begins. */
function useOffset(element: { current: HTMLElement | null }): number {
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    const box = element.current?.getBoundingClientRect();
    const now = box ? Math.round(box.top + window.scrollY) : 0;
    if (now !== offset) setOffset(now);
  });
  return offset;
}
