// Where an execution page has its data from: the console's server, or the document itself.

import { useEffect, useMemo, useState } from "preact/hooks";
import type {
  Event,
  Execution,
  ExecutionChange,
  Job,
  Log,
  Problem,
  Report,
  StateDetail,
  Visit,
} from "../../api/types";
import { useGet } from "../../api/useGet";
import { useLive } from "../../live";
import { useQuery } from "../../ui";
import type { QueryChange } from "../../ui/useQuery";
import { mergeExecution } from "./store";

/** A part of an execution; undefined until it is there. */
export interface Part<T> {
  data: T | undefined;
  problem: Problem | null;
}

/** Gives the parts of one execution. Its members are hooks: a page keeps its source as long as it lives. */
export interface ExecutionSource {
  readonly arn: string;
  /** Whether it can be acted on: stopped, redriven, downloaded. */
  readonly isLive: boolean;
  useExecution(): Part<Execution>;
  useEvent(id: number): Part<Event>;
  useDetail(visit: Visit): Part<StateDetail>;
  useLog(visit: Visit): Part<Log>;
  useJob(visit: Visit): Part<Job>;
  /** What of the page is shown: kept in the address where there is one. */
  useView(): [URLSearchParams, (change: QueryChange) => void];
}

/** From the console's server, live. */
export function serverSource(arn: string): ExecutionSource {
  return {
    arn,
    isLive: true,
    useExecution: () => useLive<Execution, ExecutionChange>(`execution:${arn}`, mergeExecution),
    useEvent: (id) => useGet<Event>("/api/execution/event", { arn, id }),
    useDetail: (visit) => {
      const answer = useGet<StateDetail>("/api/execution/state", { arn, visit: visit.id });
      const version = [visit.status, visit.retries, visit.redrives, visit.exited_at, visit.error].join();
      const [asked, setAsked] = useState({ visit: visit.id, version });
      useEffect(() => {
        if (asked.visit === visit.id && asked.version !== version) answer.reload();
        setAsked({ visit: visit.id, version });
      }, [visit.id, version]);
      return answer;
    },
    useLog: (visit) => useLive<Log>(`log:${arn}#${visit.id}`),
    useJob: (visit) => useLive<Job>(`job:${arn}#${visit.id}`),
    useView: useQuery,
  };
}

/** From a report: everything is there already, and nothing is asked for. */
export function reportSource(report: Report): ExecutionSource {
  const state = (visit: Visit) => report.states[String(visit.id)];
  const part = <T>(data: T | null | undefined, what: string): Part<T> =>
    data ? { data, problem: null } : { data: undefined, problem: leftOut(what) };
  return {
    arn: report.execution.row.arn,
    isLive: false,
    useExecution: () => ({ data: report.execution, problem: null }),
    useEvent: (id) => {
      const event = report.events[String(id)];
      return useMemo(() => part(event && { event }, "This event's details"), [id]);
    },
    useDetail: (visit) => part(state(visit)?.detail, "This state's details"),
    useLog: (visit) => part(state(visit)?.log, "This state's log"),
    useJob: (visit) => part(state(visit)?.job, "This state's job"),
    useView: useOwnView,
  };
}

/** A file has no address to keep the view in. */
function useOwnView(): [URLSearchParams, (change: QueryChange) => void] {
  const [view, setView] = useState(() => new URLSearchParams());
  const change = (changes: QueryChange): void =>
    setView((now) => {
      const next = new URLSearchParams(now);
      for (const [name, value] of Object.entries(changes)) {
        next.delete(name);
        if (value !== null) for (const one of [value].flat()) next.append(name, String(one));
      }
      return next;
    });
  return [view, change];
}

function leftOut(what: string): Problem {
  return {
    type: "about:blank",
    title: "Not in this report",
    status: 404,
    detail: `${what} is not in this report.`,
  };
}
