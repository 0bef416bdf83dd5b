import { describe, expect, test } from "vitest";
import { changes, draftOf, isObjectDraft, merged, readDraft, type Draft } from "./draft";
import { shapeOf } from "./shape";

/** Types into a form's fields, by their paths, and reads it. */
function fill(schema: object, typed: Record<string, Draft> = {}) {
  const shape = shapeOf(schema);
  let draft = draftOf(shape, shape.initial);
  for (const [path, value] of Object.entries(typed)) draft = put(draft, path.split("."), value);
  const { value, problems } = readDraft(shape, draft);
  return { value, changed: changes(shape.initial, value), problems };
}

function put(draft: Draft, [key, ...path]: string[], value: Draft): Draft {
  if (key === undefined) return value;
  if (Array.isArray(draft))
    return Object.assign([...draft], { [key]: put(draft[Number(key)] ?? "", path, value) });
  if (!isObjectDraft(draft)) throw new Error(`there is no ${key}`);
  return { ...draft, fields: new Map(draft.fields).set(key, put(draft.fields.get(key) ?? "", path, value)) };
}

const object = (properties: object, more: object = {}) => ({
  type: "object",
  properties,
  additionalProperties: false,
  ...more,
});

describe("what is sent", () => {
  const schema = object({
    hyperparameters: object({
      alpha: { type: "number", default: 10 },
      model: { type: "string", default: "ridge" },
    }),
    limits: object({
      spot: { type: "boolean", default: false },
      wait_seconds: { type: "integer", minimum: 1 },
    }),
  });

  test("nothing, when nothing was changed", () => {
    expect(fill(schema)).toMatchObject({ changed: undefined, problems: [] });
  });

  test("only what was changed, each by its type", () => {
    const { changed } = fill(schema, { "hyperparameters.alpha": "0.5", "limits.spot": "true" });
    expect(changed).toEqual({ hyperparameters: { alpha: 0.5 }, limits: { spot: true } });
  });

  test("nothing, when the same value is written in another way", () => {
    expect(fill(schema, { "hyperparameters.alpha": "1e1" }).changed).toBeUndefined();
  });

  test("an optional value that is given", () => {
    expect(fill(schema, { "limits.wait_seconds": "60" }).changed).toEqual({ limits: { wait_seconds: 60 } });
  });

  test("a whole list when one item changes", () => {
    const list = object({ columns: { type: "array", items: { type: "string" }, default: ["a", "b"] } });
    expect(fill(list, { "columns.1": "c" }).changed).toEqual({ columns: ["a", "c"] });
    expect(fill(list).changed).toBeUndefined();
  });

  test("null, when a nullable value is emptied", () => {
    const nullable = object({ margin: { anyOf: [{ type: "number" }, { type: "null" }], default: 0.1 } });
    expect(fill(nullable, { margin: "" })).toMatchObject({ changed: { margin: null }, problems: [] });
    const without = object({ margin: { type: ["number", "null"] } });
    expect(fill(without).changed).toBeUndefined();
  });

  test("keys that JavaScript's objects have anyhow", () => {
    const hostile = object({
      constructor: { type: "string", default: "x" },
      toString: { type: "number", default: 1 },
    });
    expect(fill(hostile).changed).toBeUndefined();
    expect(fill(hostile, { constructor: "y" }).changed).toEqual({ constructor: "y" });
  });
});

describe("what a schema asks for", () => {
  test("a reference is followed, and its own default comes first", () => {
    const schema = {
      ...object({ training: { $ref: "#/$defs/Machine", default: { count: 2 } } }),
      $defs: {
        Machine: object({ count: { type: "integer", default: 1 }, type: { type: "string", default: "m5" } }),
      },
    };
    expect(fill(schema).value).toEqual({ training: { count: 2, type: "m5" } });
  });

  test("a schema that holds itself ends", () => {
    const schema = {
      ...object({ root: { $ref: "#/$defs/Node" } }),
      $defs: { Node: object({ next: { $ref: "#/$defs/Node" } }) },
    };
    expect(fill(schema).value).toEqual({});
  });

  test("a value whose schema says nothing has the type of its default", () => {
    const schema = {
      type: "object",
      additionalProperties: true,
      default: { alpha: 10, fast: true, model: "ridge" },
    };
    expect(fill(schema, { alpha: "x" }).problems).toEqual([
      { path: "alpha", message: "Give a number, such as 0.5 or 1e-3." },
    ]);
    expect(fill(schema, { fast: "false", model: "3" }).changed).toEqual({ fast: false, model: 3 });
    expect(fill(schema, { model: '"3"' }).changed).toEqual({ model: "3" });
  });

  test("of several types the text is read as the one that it fits", () => {
    const schema = object({ max_features: { type: ["string", "number"], default: "sqrt" } });
    expect(fill(schema).value).toEqual({ max_features: "sqrt" });
    expect(fill(schema, { max_features: "0.5" }).changed).toEqual({ max_features: 0.5 });
    expect(fill(schema, { max_features: "true" }).changed).toEqual({ max_features: "true" });
    const numeric = object({ max_features: { type: ["string", "number"], default: "0.5" } });
    expect(fill(numeric).changed).toBeUndefined();
  });

  test("a choice keeps the type of its options", () => {
    const schema = object({ depth: { enum: [1, 2, "auto"], default: "auto" } });
    expect(fill(schema, { depth: "2" }).changed).toEqual({ depth: 2 });
    expect(fill(schema, { depth: "3" }).problems).toEqual([
      { path: "depth", message: "Choose one of the values." },
    ]);
  });
});

describe("keys that are added", () => {
  const schema = { type: "object", additionalProperties: { type: "string" }, default: { known: "a" } };
  const shape = shapeOf(schema);
  const read = (rows: { key: string; value: Draft }[]) =>
    readDraft(shape, { fields: new Map([["known", "a"]]), rows });

  test("are read; a row that is left empty is none", () => {
    expect(
      read([
        { key: "new", value: "b" },
        { key: "", value: "" },
      ]),
    ).toEqual({
      value: { known: "a", new: "b" },
      problems: [],
    });
  });

  test("need a name that is not there yet", () => {
    expect(read([{ key: "", value: "b" }]).problems).toEqual([{ path: "+0", message: "Give it a name." }]);
    expect(read([{ key: "known", value: "b" }]).problems).toEqual([
      { path: "+0", message: "There is known already." },
    ]);
  });
});

describe("what is wrong with a value", () => {
  test.each([
    [{ type: "integer" }, "1.5", "Give a whole number."],
    [{ type: "integer" }, "many", "Give a whole number."],
    [{ type: "integer" }, "12345678901234567890", "It is too large."],
    [{ type: "number" }, "1,5", "Give a number, such as 0.5 or 1e-3."],
    [{ type: "number" }, "0x10", "Give a number, such as 0.5 or 1e-3."],
    [{ type: "number" }, "1e999", "Give a number, such as 0.5 or 1e-3."],
    [{ type: "integer", minimum: 1 }, "0", "It must be 1 or more."],
    [{ type: "integer", maximum: 100 }, "101", "It must be 100 or less."],
    [{ type: "number", exclusiveMinimum: 0 }, "0", "It must be more than 0."],
    [{ type: "number", exclusiveMaximum: 1 }, "1", "It must be less than 1."],
    [{ type: "number" }, " ", "Give a number."],
    [{ type: "string", minLength: 1 }, "", "Give a value."],
    [{ type: "string", maxLength: 2 }, "abc", "Give at most 2 characters."],
    [{ type: "string", pattern: "^ml\\.[a-z0-9]+$" }, "t2", "It must match ^ml\\.[a-z0-9]+$."],
  ])("%j refuses %j", (field, text, message) => {
    const result = fill(object({ value: field }, { required: ["value"] }), { value: text });
    expect(result.problems).toEqual([{ path: "value", message }]);
  });

  test.each([
    [{ type: "number" }, "-.5e-3", -0.0005],
    [{ type: "integer" }, " 7 ", 7],
    [{ type: "string", pattern: "^(?P<python>x)$" }, "anything", "anything"],
  ])("%j takes %j", (field, text, value) => {
    expect(fill(object({ value: field }, { required: ["value"] }), { value: text })).toMatchObject({
      value: { value },
      problems: [],
    });
  });

  test("is said at the item of a list, and of the list", () => {
    const schema = object({ list: { type: "array", items: { type: "integer" }, default: [1], minItems: 2 } });
    expect(fill(schema, { "list.0": "x" }).problems).toEqual([
      { path: "list", message: "Give at least 2 of them." },
      { path: "list.0", message: "Give a whole number." },
    ]);
  });
});

test("changes laid over what was before give what is now", () => {
  const before = { a: { b: 1, c: [1, 2] }, d: "x" };
  const now = { a: { b: 2, c: [1] }, d: "x", e: null };
  expect(changes(before, now)).toEqual({ a: { b: 2, c: [1] }, e: null });
  expect(merged(before, changes(before, now))).toEqual(now);
});
