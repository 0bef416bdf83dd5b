import type { ComponentChildren } from "preact";
import type { Problem } from "../api/types";
import { Button } from "./Button";
import { sentence } from "./sentence";

export interface ErrorBoxProps {
  problem: Problem;
  /** Offers to try again. */
  onRetry?: () => void;
}

/** Why something was refused, in the server's own sentence. */
export function ErrorBox({ problem, onRetry }: ErrorBoxProps) {
  return (
    <div class="error-box" role="alert">
      <div>
        <p class="error-title">{sentence(problem.title)}</p>
        {problem.detail && problem.detail !== problem.title ? (
          <p class="error-detail">{sentence(problem.detail)}</p>
        ) : null}
      </div>
      {onRetry ? (
        <Button small onClick={onRetry}>
          Try again
        </Button>
      ) : null}
    </div>
  );
}

export interface EmptyProps {
  title: string;
  /** What to do next. */
  children?: ComponentChildren;
}

/** Stands where a list would be. */
export function Empty({ title, children }: EmptyProps) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children ? <div class="empty-about">{children}</div> : null}
    </div>
  );
}

/** Stands where something will be; appears only when that takes a moment. */
export function Loading({ what = "Loading" }: { what?: string }) {
  return (
    <p class="loading" role="status">
      {what} ...
    </p>
  );
}
