/** A number that JavaScript would change (`1.0`, `12345678901234567890`), as it was written. */
export class ExactNumber {
  constructor(readonly text: string) {}
}

export type Parsed =
  { ok: true; value: unknown } | { ok: false; message: string; line: number; column: number };

// Deeper than anything that people read; what walks a tree calls itself, and a browser's stack has an end.
const DEEPEST = 500;

/** Reads JSON text and keeps every number as it was written; or says where it is wrong. */
export function parseJson(text: string): Parsed {
  const tooDeep = offsetBeyond(text, DEEPEST);
  if (tooDeep !== null) return { ok: false, message: "It is nested too deep.", ...placeOf(text, tooDeep) };
  try {
    return { ok: true, value: JSON.parse(text, exact) };
  } catch (error) {
    const at = errorOffset(text);
    return { ok: false, message: reasonAt(text, at, error), ...placeOf(text, at) };
  }
}

function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  return { line: before.split("\n").length, column: at - before.lastIndexOf("\n") };
}

/** Whether JSON text is nested too deep to be shown as a tree. */
export function isTooDeep(text: string): boolean {
  return offsetBeyond(text, DEEPEST) !== null;
}

/** Where more brackets are open than `deepest`; null when they never are. */
function offsetBeyond(text: string, deepest: number): number | null {
  let level = 0;
  let isText = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isText) {
      if (character === "\\") at += 1;
      else if (character === '"') isText = false;
    } else if (character === '"') isText = true;
    else if (character === "[" || character === "{") {
      level += 1;
      if (level > deepest) return at;
    } else if (character === "]" || character === "}") level -= 1;
  }
  return null;
}

// The third argument is new in browsers (2023 to 2025); without it numbers are shown as JavaScript has them.
function exact(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  return typeof value === "number" && source !== undefined && String(value) !== source
    ? new ExactNumber(source)
    : value;
}

function reasonAt(text: string, at: number, error: unknown): string {
  if (text.trim() === "") return "There is nothing here; an empty input is {}.";
  if (at >= text.length) return "The text ends before the value does.";
  const character = text[at] ?? "";
  if (character === "'") return "A text or a name needs double quotes, not single ones.";
  if (/[}\]]/.test(character) && /,\s*$/.test(text.slice(0, at)))
    return `A comma stands before the closing ${character}.`;
  if (character < " " && /bad control/i.test(String(error)))
    return "A line break inside of a text is written \\n.";
  return `${JSON.stringify(character)} is not expected here.`;
}

/**
 * Where JSON text goes wrong: browsers word their errors each in their own way, and some give no place.
 *
 * Gives the offset of the first character that cannot be part of the value.
 */
function errorOffset(text: string): number {
  let at = 0;
  const space = () => {
    while (at < text.length && " \t\r\n".includes(text[at] as string)) at += 1;
  };
  const literal = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) return false;
    at += found[0].length;
    return true;
  };
  const string = (): boolean => {
    if (text[at] !== '"') return false;
    const from = at;
    if (literal(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y)) return true;
    literal(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y);
    if (at === from) at += 1;
    return false;
  };
  const list = (close: string, item: () => boolean): boolean => {
    at += 1;
    space();
    if (text[at] === close) {
      at += 1;
      return true;
    }
    for (;;) {
      space();
      if (!item()) return false;
      space();
      if (text[at] === close) {
        at += 1;
        return true;
      }
      if (text[at] !== ",") return false;
      at += 1;
    }
  };
  const pair = (): boolean => {
    if (!string()) return false;
    space();
    if (text[at] !== ":") return false;
    at += 1;
    space();
    return value();
  };
  const value = (): boolean => {
    if (text[at] === "{") return list("}", pair);
    if (text[at] === "[") return list("]", value);
    if (text[at] === '"') return string();
    return literal(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y);
  };
  space();
  if (value()) space();
  return at;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
  );
}

/** Whether a value holds others, and is not empty. */
export function isBranch(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : isObject(value) && Object.keys(value).length > 0;
}

/** The children of an object or a list, in their order. */
export function childrenOf(value: unknown): [key: string | number, value: unknown][] {
  if (Array.isArray(value)) return value.map((item, index) => [index, item as unknown]);
  return isObject(value) ? Object.entries(value) : [];
}
