import { useEffect, useReducer, useRef } from "preact/hooks";
import type { Problem } from "../api/types";
import { LiveConnection, type ConnectionState, type Merge } from "./connection";

let shared: LiveConnection | undefined;

/** The page's one connection; made when it is first needed, since a report has none. */
export function connection(): LiveConnection {
  shared ??= new LiveConnection();
  return shared;
}

/** For tests: puts another connection in place of the page's. */
export function replaceConnection(other: LiveConnection | undefined): void {
  shared = other;
}

export interface LiveValue<T> {
  /** What the topic says now; undefined until its first snapshot. */
  data: T | undefined;
  /** Why the topic cannot be given now; the last data stays. */
  problem: Problem | null;
}

/**
 * Watches a topic as long as the component is there; null watches nothing.
 *
 * A topic with changes (an execution) needs `merge`: without it every message is all there is.
 */
export function useLive<T, C = T>(topic: string | null, merge?: (now: T, change: C) => T): LiveValue<T> {
  const [, redraw] = useReducer<number, void>((count) => count + 1, 0);
  const mergeNow = useRef(merge);
  mergeNow.current = merge;
  useEffect(() => {
    if (topic === null) return;
    const put: Merge | undefined = mergeNow.current
      ? (now, change) => mergeNow.current?.(now as T, change as C)
      : undefined;
    const stop = connection().watch(topic, () => redraw(), put);
    // Someone else may watch it already: then it has a value now.
    redraw();
    return stop;
  }, [topic]);
  if (topic === null) return { data: undefined, problem: null };
  const { data, problem } = connection().value(topic);
  return { data: data as T | undefined, problem };
}

/** How the page stands with the server. */
export function useConnectionState(): ConnectionState {
  const [, redraw] = useReducer<number, void>((count) => count + 1, 0);
  useEffect(() => connection().watchState(() => redraw()), []);
  return connection().state;
}
