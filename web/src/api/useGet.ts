import { useCallback, useEffect, useState } from "preact/hooks";
import { get, address, isAbort, problemOf, type Query } from "./client";
import type { Problem } from "./types";

export interface Answer<T> {
  /** The last good answer for this address; stays while it is asked again. */
  data: T | undefined;
  problem: Problem | null;
  loading: boolean;
  reload: () => void;
}

/** Asks for an address and asks again when it changes; a null path asks nothing. */
export function useGet<T>(path: string | null, query: Query = {}): Answer<T> {
  const url = path === null ? null : address(path, query);
  const [round, setRound] = useState(0);
  const [answer, setAnswer] = useState<{
    url: string | null;
    data?: T;
    problem: Problem | null;
    loading: boolean;
  }>({
    url,
    problem: null,
    loading: url !== null,
  });
  useEffect(() => {
    if (url === null) return;
    const abort = new AbortController();
    setAnswer((now) => (now.url === url ? { ...now, loading: true } : { url, problem: null, loading: true }));
    get<T>(url, {}, abort.signal).then(
      (data) => setAnswer({ url, data, problem: null, loading: false }),
      (error: unknown) => {
        if (!isAbort(error)) setAnswer((now) => ({ ...now, problem: problemOf(error), loading: false }));
      },
    );
    return () => abort.abort();
  }, [url, round]);
  const reload = useCallback(() => setRound((now) => now + 1), []);
  const isCurrent = answer.url === url;
  return {
    data: isCurrent ? answer.data : undefined,
    problem: isCurrent ? answer.problem : null,
    loading: isCurrent ? answer.loading : url !== null,
    reload,
  };
}
