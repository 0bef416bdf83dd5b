import { isObject, parseJson } from "../../ui/json/parse";
import { changes, isSame, merged, readDraft, draftOf } from "./form/draft";
import type { Shape } from "./form/shape";

/** A run's input: what a recipe is run with. */
export interface RunInput {
  recipe: string;
  data: string | null;
  overrides: Record<string, unknown>;
}

/** Reads the input of an execution as a run's; null when it says anything that a form could not say. */
export function runInputOf(text: string): RunInput | null {
  const parsed = parseJson(text);
  if (!parsed.ok || !isObject(parsed.value)) return null;
  const value = JSON.parse(text) as Record<string, unknown>;
  const { recipe, data = null, overrides = {}, ...more } = value;
  if (typeof recipe !== "string" || Object.keys(more).length > 0) return null;
  if (data !== null && typeof data !== "string") return null;
  return overrides === null || isObject(overrides) ? { recipe, data, overrides: overrides ?? {} } : null;
}

/** The input as JSON text; what is not given is left out. */
export function runInputText({ recipe, data, overrides }: RunInput): string {
  const input = {
    recipe,
    ...(data ? { data } : {}),
    ...(Object.keys(overrides).length > 0 ? { overrides } : {}),
  };
  return JSON.stringify(input, null, 2);
}

/** Whether a recipe's form can show these overrides without losing any. */
export function canShow(shape: Shape, overrides: Record<string, unknown>): boolean {
  const whole = merged(shape.initial, overrides);
  const read = readDraft(shape, draftOf(shape, whole)).value;
  return isSame(merged(shape.initial, overridesOf(shape, read)), whole);
}

/** The overrides that make this value of the recipe's own one. */
export function overridesOf(shape: Shape, value: unknown): Record<string, unknown> {
  const changed = changes(shape.initial, value);
  return isObject(changed) ? changed : {};
}
