import { useEffect, useRef } from "preact/hooks";
import { useGet, type Answer } from "../../api/useGet";
import type { Query } from "../../api/client";
import type { Revision } from "../../api/types";
import { useLive } from "../../live";

// A run that goes on changes the executions several times a second.
const LEAST_MS = 2000;

/** Asks for an address, and asks again when the executions have changed; what was there stays until then. */
export function useGetOfExecutions<T>(path: string, query: Query = {}): Answer<T> {
  const answer = useGet<T>(path, query);
  const { data: revision } = useLive<Revision>("executions");
  const asked = useRef(Date.now());
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const reload = useRef(answer.reload);
  reload.current = answer.reload;
  const last = useRef<T>();
  const number = revision?.revision;
  useEffect(() => {
    if (number === undefined || timer.current !== undefined) return;
    timer.current = setTimeout(
      () => {
        timer.current = undefined;
        asked.current = Date.now();
        reload.current();
      },
      Math.max(0, asked.current + LEAST_MS - Date.now()),
    );
  }, [number]);
  useEffect(() => () => clearTimeout(timer.current), []);
  if (answer.data !== undefined) last.current = answer.data;
  return { ...answer, data: answer.data ?? last.current };
}
