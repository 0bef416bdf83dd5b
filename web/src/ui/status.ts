/** How a status is drawn: each has a colour (`--succeeded` ...), a mark and a word. */
export type Tone =
  "succeeded" | "running" | "retrying" | "failed" | "caught" | "rejected" | "stopped" | "waiting";

const TONES: Record<string, Tone> = {
  // Executions and states
  RUNNING: "running",
  SUCCEEDED: "succeeded",
  FAILED: "failed",
  TIMED_OUT: "failed",
  ABORTED: "stopped",
  PENDING_REDRIVE: "waiting",
  RETRYING: "retrying",
  CAUGHT: "caught",
  NOT_REACHED: "waiting",
  // SageMaker's jobs
  InProgress: "running",
  Completed: "succeeded",
  Failed: "failed",
  Stopping: "stopped",
  Stopped: "stopped",
  // SageMaker's endpoints
  InService: "succeeded",
  Creating: "running",
  Updating: "running",
  SystemUpdating: "running",
  RollingBack: "caught",
  UpdateRollbackFailed: "failed",
  OutOfService: "stopped",
  Deleting: "stopped",
  // Model packages
  Approved: "succeeded",
  Rejected: "rejected",
  PendingManualApproval: "waiting",
};

/** The tone of a status; an execution that succeeded in rejecting its model is not shown as a plain success. */
export function statusTone(status: string, outcome?: string | null): Tone {
  if (status === "SUCCEEDED" && outcome && /REJECT/i.test(outcome)) return "rejected";
  return TONES[status] ?? "waiting";
}

/** A status as words: `TIMED_OUT` is `Timed out`, `InService` is `In service`. */
export function statusWord(status: string): string {
  const spaced = status.replace(/_/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1).toLowerCase();
}
