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
  // Their releases
  requested: "waiting",
  releasing: "running",
  released: "succeeded",
  deployed: "succeeded",
  compared: "succeeded",
  "rolled-back": "rejected",
};

// How a workflow that succeeded has ended, where that is no plain success.
const OUTCOMES: [RegExp, Tone][] = [
  [/REJECT|ROLLED_?BACK/i, "rejected"],
  [/PENDING/i, "waiting"],
];

/** The tone of a status; an execution that succeeded in rejecting its model is not shown as a plain success. */
export function statusTone(status: string, outcome?: string | null): Tone {
  const ended = status === "SUCCEEDED" && outcome ? OUTCOMES.find(([word]) => word.test(outcome)) : undefined;
  return ended?.[1] ?? TONES[status] ?? "waiting";
}

/** The word of a status: that of its outcome where the status alone says less. */
export function shownStatus(status: string, outcome?: string | null): string {
  return status === "SUCCEEDED" && outcome && OUTCOMES.some(([word]) => word.test(outcome))
    ? outcome
    : status;
}

/** A status as words: `TIMED_OUT` is `Timed out`, `InService` is `In service`. */
export function statusWord(status: string): string {
  const spaced = status.replace(/[_-]/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1).toLowerCase();
}
