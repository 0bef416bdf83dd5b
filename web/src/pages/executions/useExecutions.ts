import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, isAbort, problemOf } from "../../api/client";
import type { ExecutionRow, Executions, Problem, Revision } from "../../api/types";
import { useLive } from "../../live";
import { requestOf, type Filters } from "./filters";

const PAGE = 100;
/** As many as the server gives in one answer. */
const MOST = 1000;

export interface ExecutionList {
  /** The rows loaded so far, the newest first. */
  rows: readonly ExecutionRow[];
  /** The last answer, without its rows: counts and what there is to filter by. */
  about: Omit<Executions, "rows" | "next"> | null;
  problem: Problem | null;
  hasMore: boolean;
  /** Loads the next page; does nothing while one is on its way. */
  more: () => void;
  retry: () => void;
}

interface Loaded {
  key: string;
  rows: ExecutionRow[];
  next: string | null;
  about: ExecutionList["about"];
  problem: Problem | null;
}

/** The executions that pass the filters, page by page, read again whenever the server tells of a change. */
export function useExecutions(filters: Filters): ExecutionList {
  const key = JSON.stringify(filters);
  const { data: revision } = useLive<Revision>("executions");
  const [loaded, setLoaded] = useState<Loaded>({ key, rows: [], next: null, about: null, problem: null });
  const [round, setRound] = useState(0);
  const now = useRef(loaded);
  now.current = loaded;
  const onWay = useRef<AbortController | null>(null);
  const isOutdated = useRef(false);

  // As many rows as are shown are read again: what has ended meanwhile may stand anywhere among them.
  const read = () => {
    onWay.current?.abort();
    const abort = new AbortController();
    onWay.current = abort;
    isOutdated.current = false;
    const wanted = now.current.key === key ? Math.max(PAGE, now.current.rows.length) : PAGE;
    readFirst(filters, wanted, abort.signal).then(
      (answer) => {
        onWay.current = null;
        setLoaded({ key, ...answer, problem: null });
        if (isOutdated.current) read();
      },
      (error: unknown) => {
        if (isAbort(error)) return;
        onWay.current = null;
        setLoaded((before) => ({ ...before, key, problem: problemOf(error) }));
      },
    );
  };
  useEffect(() => {
    read();
    return () => {
      onWay.current?.abort();
      onWay.current = null;
    };
  }, [key, round]);
  // An answer on its way is shown first; what it may have missed is read after it.
  useEffect(() => {
    if (revision === undefined) return;
    if (onWay.current) isOutdated.current = true;
    else read();
  }, [revision]);

  const more = useCallback(() => {
    const { next } = now.current;
    if (next === null || onWay.current) return;
    const abort = new AbortController();
    onWay.current = abort;
    const request = { ...requestOf(filters, Date.now() / 1000), after: next, limit: PAGE };
    get<Executions>("/api/executions", request, abort.signal).then(
      ({ rows, next: then, ...about }) => {
        onWay.current = null;
        setLoaded((before) => ({
          ...before,
          rows: joined(before.rows, rows),
          next: then,
          about,
          problem: null,
        }));
      },
      (error: unknown) => {
        if (isAbort(error)) return;
        onWay.current = null;
        setLoaded((before) => ({ ...before, problem: problemOf(error) }));
      },
    );
  }, [key]);

  return {
    rows: loaded.rows,
    about: loaded.about,
    problem: loaded.problem,
    hasMore: loaded.next !== null,
    more,
    retry: useCallback(() => setRound((before) => before + 1), []),
  };
}

async function readFirst(filters: Filters, wanted: number, signal: AbortSignal) {
  const request = requestOf(filters, Date.now() / 1000);
  let rows: ExecutionRow[] = [];
  let after: string | null = null;
  for (;;) {
    const limit = Math.min(wanted - rows.length, MOST);
    const answer: Executions = await get<Executions>("/api/executions", { ...request, after, limit }, signal);
    const { rows: page, next, ...about } = answer;
    rows = joined(rows, page);
    if (next === null || rows.length >= wanted || page.length === 0) return { rows, next, about };
    after = next;
  }
}

/** One list of two pages; what stands in both is taken from the later one's answer once. */
function joined(before: ExecutionRow[], page: ExecutionRow[]): ExecutionRow[] {
  const arns = new Set(page.map((row) => row.arn));
  return [...before.filter((row) => !arns.has(row.arn)), ...page];
}
