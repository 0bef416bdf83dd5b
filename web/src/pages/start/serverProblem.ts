import type { Problem } from "../../api/types";

/** The field that the server's refusal is about: the longest of these paths that its sentence names; null for none. */
export function fieldOf(problem: Problem, paths: readonly string[]): string | null {
  const named = paths.filter((path) => path && isNamed(path, problem.detail));
  return named.sort((one, other) => other.length - one.length)[0] ?? null;
}

// `limits.spot` is named by `overrides.limits.spot: ...`, but not by `limits.spot_price`; a bare word is no path.
function isNamed(path: string, sentence: string): boolean {
  if (!path.includes(".")) return false;
  const literal = path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(?<![\\w-])${literal}(?![\\w-])`).test(sentence);
}

/** The server's sentence when it is about the name that was given: another execution has it. */
export function takenProblem(problem: Problem | null, name: string): string | null {
  return problem?.status === 409 && name && problem.detail.includes(name) ? problem.detail : null;
}

export function isAboutData(problem: Problem): boolean {
  return problem.status === 400 && /\bdata\b|S3 URI/i.test(problem.detail);
}
