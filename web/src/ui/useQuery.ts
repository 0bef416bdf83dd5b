import { useCallback } from "preact/hooks";
import { useSearch } from "wouter-preact";
import { navigate } from "wouter-preact/use-browser-location";

export type QueryChange = Record<string, string | readonly string[] | null>;

/**
 * The address's query, and a function that changes parts of it (null takes a part away).
 *
 * A change replaces the address, so that Back leads to the page before; `push` makes a step of its own.
 */
export function useQuery(): [URLSearchParams, (change: QueryChange, options?: { push?: boolean }) => void] {
  const search = useSearch();
  const change = useCallback((changes: QueryChange, { push = false }: { push?: boolean } = {}) => {
    const next = new URLSearchParams(window.location.search);
    for (const [name, value] of Object.entries(changes)) {
      next.delete(name);
      for (const one of value === null ? [] : typeof value === "string" ? [value] : value)
        next.append(name, one);
    }
    const text = next.toString();
    const to = window.location.pathname + (text ? `?${text}` : "");
    if (to !== window.location.pathname + window.location.search) navigate(to, { replace: !push });
  }, []);
  return [new URLSearchParams(search), change];
}
