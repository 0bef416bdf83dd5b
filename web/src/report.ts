import type { Report } from "./api/types";

/** What a report's document holds: an execution with all that belongs to it; null in the console itself. */
export function reportInDocument(): Report | null {
  const text = document.getElementById("report")?.textContent;
  return text ? (JSON.parse(text) as Report) : null;
}
