import type { Problem } from "./types";

/** A request that was refused, with the server's own sentence; status 0 when the server did not answer. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

export type Query = Record<string, string | number | readonly string[] | null | undefined>;

/** An address with its query; what is null, undefined or empty is left out, a list is repeated. */
export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    const values = Array.isArray(value) ? (value as readonly string[]) : [value as string | number | null];
    for (const one of values) if (one != null && one !== "") search.append(name, String(one));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

export function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return ask<T>(address(path, query), signal ? { signal } : {});
}

export function post<T>(
  path: string,
  body: unknown = {},
  query: Query = {},
  signal?: AbortSignal,
): Promise<T> {
  return ask<T>(address(path, query), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

/** What went wrong, for an ErrorBox; an aborted request is no problem, see `isAbort`. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  return {
    type: "about:blank",
    title: "The page failed",
    status: 0,
    detail: error instanceof Error ? error.message : String(error),
  };
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

async function ask<T>(url: string, init: RequestInit): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(url, { ...init, credentials: "same-origin" });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError({
      type: "about:blank",
      title: "No answer",
      status: 0,
      detail:
        "The console's server does not answer. Is `switchyard up` or `switchyard console` still running?",
    });
  }
  const text = await answer.text();
  const body = parsed(text);
  if (answer.ok && body !== undefined) return body as T;
  throw new ApiError({ ...unexpected(answer, text), ...(isProblem(body) ? body : {}) });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isProblem(body: unknown): body is Partial<Problem> {
  return typeof body === "object" && body !== null && "detail" in body && typeof body.detail === "string";
}

function unexpected(answer: Response, text: string): Problem {
  const detail = text.trim().slice(0, 300) || answer.statusText || "The answer was empty.";
  return { type: "about:blank", title: `HTTP ${answer.status}`, status: answer.status, detail };
}
