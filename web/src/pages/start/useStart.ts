import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { post, problemOf } from "../../api/client";
import type { Problem, Started } from "../../api/types";
import { paths } from "../../paths";

export interface Start {
  isBusy: boolean;
  problem: Problem | null;
  /** Sends the request and goes to the new execution's page. */
  send: (path: "/api/runs" | "/api/executions", body: unknown) => void;
  clear: () => void;
}

export function useStart(): Start {
  const [, navigate] = useLocation();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const send: Start["send"] = (path, body) => {
    setBusy(true);
    setProblem(null);
    post<Started>(path, body).then(
      ({ arn }) => navigate(paths.execution(arn)),
      (error: unknown) => {
        setProblem(problemOf(error));
        setBusy(false);
      },
    );
  };
  return { isBusy, problem, send, clear: () => setProblem(null) };
}
