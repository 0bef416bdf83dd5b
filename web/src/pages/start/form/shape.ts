import { isObject } from "../../../ui/json/parse";

/**
 * What a form asks for: a JSON Schema brought down to what a form can show.
 *
 * `initial` is the value that holds when nothing is changed; undefined when there is none.
 */
export type Shape =
  TextShape | NumberShape | BooleanShape | ChoiceShape | ListShape | ObjectShape | LooseShape;

interface Common {
  description: string;
  initial: unknown;
  isRequired: boolean;
  /** Whether null is a value too: an empty control then means null. */
  isNullable: boolean;
}

export interface TextShape extends Common {
  kind: "text";
  minLength: number;
  maxLength: number;
  pattern: string | null;
}

export interface NumberShape extends Common {
  kind: "number";
  isInteger: boolean;
  minimum: number;
  maximum: number;
  exclusiveMinimum: number;
  exclusiveMaximum: number;
}

export interface BooleanShape extends Common {
  kind: "boolean";
}

export interface ChoiceShape extends Common {
  kind: "choice";
  options: unknown[];
}

export interface ListShape extends Common {
  kind: "list";
  item: Shape;
  minItems: number;
  maxItems: number;
}

export interface ObjectShape extends Common {
  kind: "object";
  fields: [key: string, shape: Shape][];
  /** Of keys that are not known before; null when there are none. */
  rest: Shape | null;
}

/** Any value: a text that reads as JSON is that value, another one is itself. */
export interface LooseShape extends Common {
  kind: "loose";
  /** The only types that it may have, in JSON Schema's words; null for any. */
  types: string[] | null;
}

type Schema = Record<string, unknown>;

// A schema that holds itself ends here; what lies deeper is given as JSON.
const DEEPEST = 8;

export function shapeOf(schema: unknown, initial?: unknown): Shape {
  const root = isObject(schema) ? schema : {};
  return build(root, root, initial, true, 0);
}

function build(given: Schema, root: Schema, initial: unknown, isRequired: boolean, depth: number): Shape {
  const { schema, isNullable } = withoutNull(resolved(given, root), root);
  const value = initial !== undefined ? initial : schema["default"];
  const common: Common = {
    description: typeof schema["description"] === "string" ? schema["description"] : "",
    initial: value,
    isRequired,
    isNullable,
  };
  if (depth > DEEPEST) return { ...common, kind: "loose", types: null };
  if (Array.isArray(schema["enum"])) return { ...common, kind: "choice", options: schema["enum"] };
  if ("const" in schema) return { ...common, kind: "choice", options: [schema["const"]] };
  switch (typeOf(schema, value)) {
    case "string":
      return {
        ...common,
        kind: "text",
        minLength: number(schema["minLength"], 0),
        maxLength: number(schema["maxLength"], Infinity),
        pattern: typeof schema["pattern"] === "string" ? schema["pattern"] : null,
      };
    case "integer":
    case "number":
      return {
        ...common,
        kind: "number",
        isInteger: schema["type"] === "integer",
        minimum: number(schema["minimum"], -Infinity),
        maximum: number(schema["maximum"], Infinity),
        exclusiveMinimum: number(schema["exclusiveMinimum"], -Infinity),
        exclusiveMaximum: number(schema["exclusiveMaximum"], Infinity),
      };
    case "boolean":
      return { ...common, kind: "boolean" };
    case "array":
      return {
        ...common,
        kind: "list",
        item: build(isObject(schema["items"]) ? schema["items"] : {}, root, undefined, true, depth + 1),
        minItems: number(schema["minItems"], 0),
        maxItems: number(schema["maxItems"], Infinity),
      };
    case "object":
      return objectShape(schema, root, common, depth);
    default:
      return { ...common, kind: "loose", types: typesOf(schema["type"]) };
  }
}

function objectShape(schema: Schema, root: Schema, common: Common, depth: number): Shape {
  const values = new Map(isObject(common.initial) ? Object.entries(common.initial) : []);
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const properties = isObject(schema["properties"]) ? Object.entries(schema["properties"]) : [];
  const fields = properties.map(([key, property]): [string, Shape] => [
    key,
    build(isObject(property) ? property : {}, root, values.get(key), required.includes(key), depth + 1),
  ]);
  const open = schema["additionalProperties"];
  if (open === false || (open === undefined && properties.length > 0))
    return { ...common, initial: initialOf(common, fields), kind: "object", fields, rest: null };
  const rest = isObject(open) ? open : {};
  // A key that has a value already is a field like others, by the kind of its value.
  const known = new Set(properties.map(([key]) => key));
  for (const [key, value] of values)
    if (!known.has(key)) fields.push([key, build(rest, root, value, true, depth + 1)]);
  const row = build(rest, root, undefined, true, depth + 1);
  return { ...common, initial: initialOf(common, fields), kind: "object", fields, rest: row };
}

// Values may stand with the object or with its fields.
function initialOf(common: Common, fields: [key: string, shape: Shape][]): unknown {
  if (common.initial !== undefined && !isObject(common.initial)) return common.initial;
  const own = fields
    .filter(([, field]) => field.initial !== undefined)
    .map(([key, field]) => [key, field.initial]);
  return common.initial === undefined && own.length === 0 && !common.isRequired
    ? undefined
    : Object.fromEntries(own);
}

// A reference's own description and default come before those of what it refers to.
function resolved(schema: Schema, root: Schema, steps = 0): Schema {
  const all = Array.isArray(schema["allOf"]) ? schema["allOf"].filter(isObject) : [];
  if (all.length === 1 && all[0] && steps < 20) {
    const { allOf: _, ...own } = schema;
    return resolved({ ...all[0], ...own }, root, steps + 1);
  }
  const reference = schema["$ref"];
  if (typeof reference !== "string" || !reference.startsWith("#/") || steps >= 20) return schema;
  let target: unknown = root;
  for (const step of reference.slice(2).split("/")) {
    const key = step.replace(/~1/g, "/").replace(/~0/g, "~");
    target = isObject(target) && Object.hasOwn(target, key) ? target[key] : undefined;
  }
  const { $ref: _, ...own } = schema;
  return resolved({ ...(isObject(target) ? target : {}), ...own }, root, steps + 1);
}

function withoutNull(schema: Schema, root: Schema): { schema: Schema; isNullable: boolean } {
  const type: unknown = schema["type"];
  if (Array.isArray(type)) {
    const others = type.filter((one) => one !== "null");
    const isNullable = others.length < type.length;
    return { schema: { ...schema, type: others.length === 1 ? others[0] : others }, isNullable };
  }
  const choices = schema["anyOf"] ?? schema["oneOf"];
  if (!Array.isArray(choices)) return { schema, isNullable: false };
  const all = choices.filter(isObject).map((choice) => resolved(choice, root));
  const others = all.filter((choice) => choice["type"] !== "null");
  const isNullable = others.length < all.length;
  const { anyOf: _, oneOf: __, ...own } = schema;
  return { schema: others.length === 1 ? { ...others[0], ...own } : own, isNullable };
}

// A schema that leaves the type open takes that of its value; but a text may become a number there.
function typeOf(schema: Schema, value: unknown): unknown {
  if (typeof schema["type"] === "string" || Array.isArray(schema["type"])) return schema["type"];
  if (isObject(schema["properties"])) return "object";
  if (typeof value === "number" || typeof value === "boolean") return typeof value;
  return undefined;
}

function typesOf(type: unknown): string[] | null {
  return Array.isArray(type) ? type.filter((one) => typeof one === "string") : null;
}

function number(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}
