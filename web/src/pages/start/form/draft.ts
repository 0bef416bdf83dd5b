import { isObject } from "../../../ui/json/parse";
import type { NumberShape, ObjectShape, Shape, TextShape } from "./shape";

/** What stands in the form's controls, as it was typed. */
export type Draft = string | Draft[] | ObjectDraft;

export interface ObjectDraft {
  fields: Map<string, Draft>;
  /** Keys that were added, each with its value. */
  rows: { key: string; value: Draft }[];
}

export interface FieldProblem {
  /** The field's keys, joined by dots. */
  path: string;
  message: string;
}

export interface Reading {
  /** Undefined for a field that is left out. */
  value: unknown;
  problems: FieldProblem[];
}

export function isObjectDraft(draft: Draft): draft is ObjectDraft {
  return typeof draft === "object" && !Array.isArray(draft);
}

/** Fills the controls with a value; without one they are empty. */
export function draftOf(shape: Shape, value: unknown): Draft {
  switch (shape.kind) {
    case "text":
      return typeof value === "string" ? value : value == null ? "" : JSON.stringify(value);
    case "number":
    case "boolean":
    case "choice":
      return value == null && !(shape.kind === "choice" && shape.options.includes(null))
        ? ""
        : JSON.stringify(value);
    case "loose":
      return value === undefined ? "" : looseText(value, shape.types);
    case "list":
      return Array.isArray(value) ? value.map((item) => draftOf(shape.item, item)) : [];
    case "object": {
      const given = new Map(isObject(value) ? Object.entries(value) : []);
      const fields = new Map(shape.fields.map(([key, field]) => [key, draftOf(field, given.get(key))]));
      const rest = shape.rest;
      const rows = rest
        ? [...given]
            .filter(([key]) => !fields.has(key))
            .map(([key, one]) => ({ key, value: draftOf(rest, one) }))
        : [];
      return { fields, rows };
    }
  }
}

/** Reads the controls: the value, and what is wrong with each field. */
export function readDraft(shape: Shape, draft: Draft, path = ""): Reading {
  switch (shape.kind) {
    case "object":
      return isObjectDraft(draft) ? readObject(shape, draft, path) : nothing();
    case "list": {
      const items = Array.isArray(draft) ? draft : [];
      if (items.length === 0 && isLeftOut(shape)) return { value: undefined, problems: [] };
      if (items.length === 0 && shape.isNullable) return { value: null, problems: [] };
      const read = items.map((item, index) => readDraft(shape.item, item, joined(path, String(index))));
      const problems = read.flatMap((one) => one.problems);
      if (items.length < shape.minItems)
        problems.unshift({ path, message: `Give at least ${shape.minItems} of them.` });
      if (items.length > shape.maxItems)
        problems.unshift({ path, message: `Give at most ${shape.maxItems} of them.` });
      return { value: read.map((one) => one.value), problems };
    }
    default:
      return readScalar(shape, typeof draft === "string" ? draft : "", path);
  }
}

function readScalar(shape: Exclude<Shape, { kind: "object" | "list" }>, text: string, path: string): Reading {
  const fine = (value: unknown): Reading => ({ value, problems: [] });
  const wrong = (message: string): Reading => ({ value: undefined, problems: [{ path, message }] });
  if (text.trim() === "" && (shape.kind !== "text" || typeof shape.initial !== "string")) {
    if (isLeftOut(shape)) return fine(undefined);
    if (shape.isNullable) return fine(null);
    if (shape.kind === "text" && shape.minLength === 0) return fine(text);
    return wrong(shape.kind === "number" ? "Give a number." : "Give a value.");
  }
  switch (shape.kind) {
    case "text": {
      if (text === "" && shape.isNullable) return fine(null);
      const message = textProblem(shape, text);
      return message ? wrong(message) : fine(text);
    }
    case "number": {
      const message = numberProblem(shape, text.trim());
      return message ? wrong(message) : fine(Number(text));
    }
    case "boolean":
      return fine(text === "true");
    case "choice": {
      const option = shape.options.find((one) => JSON.stringify(one) === text);
      return option === undefined ? wrong("Choose one of the values.") : fine(option);
    }
    case "loose": {
      const value = looseValue(text, shape.types);
      return isOf(shape.types, value) ? fine(value) : wrong(`Give ${shape.types?.join(" or ")}.`);
    }
  }
}

function readObject(shape: ObjectShape, draft: ObjectDraft, path: string): Reading {
  const value = new Map<string, unknown>();
  const problems: FieldProblem[] = [];
  const take = (key: string, field: Shape, one: Draft, at: string) => {
    const read = readDraft(field, one, at);
    if (read.value !== undefined) value.set(key, read.value);
    problems.push(...read.problems);
  };
  for (const [key, field] of shape.fields) take(key, field, draft.fields.get(key) ?? "", joined(path, key));
  draft.rows.forEach(({ key, value: one }, index) => {
    const at = joined(path, `+${index}`);
    const isBlank = key === "" && one === "";
    if (isBlank || !shape.rest) return;
    if (key === "") problems.push({ path: at, message: "Give it a name." });
    else if (value.has(key)) problems.push({ path: at, message: `There is ${key} already.` });
    else take(key, shape.rest, one, at);
  });
  return { value: value.size === 0 && isLeftOut(shape) ? undefined : Object.fromEntries(value), problems };
}

// What has no value of its own and needs none is no value when its controls are empty.
function isLeftOut(shape: Shape): boolean {
  return shape.initial === undefined && !shape.isRequired;
}

/**
 * What of a value differs from what held before: of objects only the keys that do, of everything else all of it.
 *
 * Undefined when nothing differs.
 */
export function changes(before: unknown, now: unknown): unknown {
  if (isSame(before, now)) return undefined;
  if (!isObject(before) || !isObject(now)) return now;
  const differing = Object.entries(now)
    .map(
      ([key, value]) => [key, changes(Object.hasOwn(before, key) ? before[key] : undefined, value)] as const,
    )
    .filter(([, value]) => value !== undefined);
  return differing.length > 0 ? Object.fromEntries(differing) : undefined;
}

/** Lays changes over what holds before: the counterpart of `changes`. */
export function merged(before: unknown, change: unknown): unknown {
  if (change === undefined) return before;
  if (!isObject(before) || !isObject(change)) return change;
  const all = new Map(Object.entries(before));
  for (const [key, value] of Object.entries(change)) all.set(key, merged(all.get(key), value));
  return Object.fromEntries(all);
}

export function isSame(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]));
  if (!isObject(one) || !isObject(other)) return Object.is(one, other);
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]))
  );
}

/** A value as the text of a control that takes any; a text that would read as something else is in quotes. */
export function looseText(value: unknown, types: string[] | null = null): string {
  return typeof value === "string" && value !== "" && looseValue(value, types) === value
    ? value
    : JSON.stringify(value);
}

function looseValue(text: string, types: string[] | null): unknown {
  try {
    const value = JSON.parse(text) as unknown;
    return isOf(types, value) ? value : text;
  } catch {
    return text;
  }
}

function isOf(types: string[] | null, value: unknown): boolean {
  return types === null || types.some((type) => isOfType(type, value));
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    case "null":
      return value === null;
    default:
      return typeof value === type;
  }
}

function textProblem(shape: TextShape, text: string): string | null {
  if (text.length < shape.minLength)
    return shape.minLength === 1 ? "Give a value." : `Give at least ${shape.minLength} characters.`;
  if (text.length > shape.maxLength) return `Give at most ${shape.maxLength} characters.`;
  if (shape.pattern !== null && !matches(shape.pattern, text)) return `It must match ${shape.pattern}.`;
  return null;
}

// A pattern that only Python knows is left to the server.
function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return true;
  }
}

function numberProblem(shape: NumberShape, text: string): string | null {
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) || !Number.isFinite(Number(text)))
    return shape.isInteger ? "Give a whole number." : "Give a number, such as 0.5 or 1e-3.";
  const value = Number(text);
  if (shape.isInteger && !Number.isInteger(value)) return "Give a whole number.";
  if (shape.isInteger && !Number.isSafeInteger(value)) return "It is too large.";
  if (value < shape.minimum) return `It must be ${shape.minimum} or more.`;
  if (value > shape.maximum) return `It must be ${shape.maximum} or less.`;
  if (value <= shape.exclusiveMinimum) return `It must be more than ${shape.exclusiveMinimum}.`;
  if (value >= shape.exclusiveMaximum) return `It must be less than ${shape.exclusiveMaximum}.`;
  return null;
}

function joined(path: string, key: string): string {
  return path ? `${path}.${key}` : key;
}

function nothing(): Reading {
  return { value: undefined, problems: [] };
}
