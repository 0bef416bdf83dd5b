import { cleanup, fireEvent, render, screen, within } from "@testing-library/preact";
import { afterEach, describe, expect, test } from "vitest";
import { difference } from "./diff";
import { JsonDiff } from "./JsonDiff";
import { indented, JsonTree } from "./JsonTree";
import { ExactNumber, parseJson } from "./parse";

afterEach(cleanup);

describe("where JSON is wrong", () => {
  test.each([
    ["", 1, 1, "There is nothing here; an empty input is {}."],
    ['{"a": 1,}', 1, 9, "A comma stands before the closing }."],
    ["[1, 2,]", 1, 7, "A comma stands before the closing ]."],
    ['{"a": 1', 1, 8, "The text ends before the value does."],
    ["{'a': 1}", 1, 2, "A text or a name needs double quotes, not single ones."],
    ['{\n  "a": tru\n}', 2, 8, '"t" is not expected here.'],
    ['{"a" 1}', 1, 6, '"1" is not expected here.'],
    ["{} x", 1, 4, '"x" is not expected here.'],
    ["01", 1, 2, '"1" is not expected here.'],
    ['{"a": "x\\q"}', 1, 9, '"\\\\" is not expected here.'],
  ])("%j is wrong at %i:%i", (text, line, column, message) => {
    expect(parseJson(text)).toEqual({ ok: false, line, column, message });
  });

  test.each(['{"a": [1, -0.5e3, true, null, "\\u00e9"], "b": {}}', " [] ", '"x"', "0"])(
    "%s is right",
    (text) => {
      expect(parseJson(text).ok).toBe(true);
    },
  );
});

describe("what is nested too deep", () => {
  const deep = '{"a": ' + "[".repeat(100_000) + "]".repeat(100_000) + "}";

  test("is shown as text, and not compared", () => {
    const { container } = render(<JsonTree text={deep} label="Output" />);
    expect(container.querySelector("pre")?.textContent).toBe(deep);
    render(<JsonDiff before="{}" after={deep} label="Changes" />);
    expect(screen.getByText(/cannot be compared/)).toBeTruthy();
  });

  test("is not indented, and no JSON for a form", () => {
    expect(indented(deep)).toBe(deep);
    expect(parseJson(deep)).toMatchObject({ ok: false, line: 1, message: "It is nested too deep." });
    expect(parseJson('{"a": "' + "[".repeat(1000) + '\\"{"}').ok).toBe(true);
  });
});

test("a large text is indented in a moment", () => {
  const large = JSON.stringify(Array.from({ length: 20_000 }, (_, id) => ({ id })));
  const start = performance.now();
  expect(indented(large)).toBe(JSON.stringify(JSON.parse(large), null, 2));
  expect(performance.now() - start).toBeLessThan(2000);
});

describe("a tree", () => {
  test("keys that belong to JavaScript's own objects are keys like others", () => {
    render(<JsonTree text='{"__proto__": 1, "constructor": {"toString": 2}}' label="Input" />);
    expect(screen.getByRole("group", { name: "Input" }).textContent).toContain("__proto__: 1");
    expect(screen.getByRole("group").textContent).toContain("toString: 2");
  });

  test("hostile text stays text", () => {
    const evil = '<img src=x onerror="alert(1)">';
    render(<JsonTree value={{ [evil]: evil }} label="Input" />);
    expect(document.querySelector("img")).toBeNull();
    expect(screen.getByRole("group").textContent).toContain(`${evil}: ${JSON.stringify(evil)}`);
  });

  test("what is no JSON is shown as it is", () => {
    render(<JsonTree text="{oops" label="Input" />);
    expect(screen.getByText("{oops").tagName).toBe("PRE");
  });

  test("branches deeper than asked for open by a button", () => {
    render(<JsonTree value={{ a: { b: { c: "deep" } } }} label="Input" depth={1} />);
    const group = screen.getByRole("group");
    expect(group.textContent).not.toContain("deep");
    fireEvent.click(screen.getByRole("button", { name: /^a: *{ 1 key }$/ }));
    fireEvent.click(screen.getByRole("button", { name: /^b: *{ 1 key }$/ }));
    expect(group.textContent).toContain('c: "deep"');
  });

  test("a long list is drawn in parts", () => {
    render(<JsonTree value={Array.from({ length: 2000 }, (_, index) => index)} label="Input" />);
    expect(screen.getByRole("group").querySelectorAll(".json-index")).toHaveLength(100);
    fireEvent.click(screen.getByRole("button", { name: "show more (1,900 left)" }));
    expect(screen.getByRole("group").querySelectorAll(".json-index")).toHaveLength(600);
  });
});

test("indenting keeps every number and text as it was written", () => {
  expect(indented('{"a":1.0,"b":[1e5,12345678901234567890],"c":{},"d":[],"e":"x{\\"[,:"}')).toBe(
    '{\n  "a": 1.0,\n  "b": [\n    1e5,\n    12345678901234567890\n  ],\n  "c": {},\n  "d": [],\n  "e": "x{\\"[,:"\n}',
  );
  expect(indented('{"a":"{","b":{"c":"["}}')).toBe('{\n  "a": "{",\n  "b": {\n    "c": "["\n  }\n}');
});

describe("a difference", () => {
  const changes = (before: unknown, after: unknown) =>
    difference(before, after).children.map(({ key, change }) => `${key} ${change}`);

  test("names what was added, removed, changed, and what changed within", () => {
    expect(
      changes({ a: 1, b: { x: 1 }, gone: 0, same: [1] }, { a: 2, b: { x: 1, y: 2 }, same: [1], more: null }),
    ).toEqual(["a changed", "b within", "same same", "more added", "gone removed"]);
  });

  test("an object that became a list has changed", () => {
    expect(changes({ a: {} }, { a: [] })).toEqual(["a changed"]);
    expect(changes({ a: null }, { a: {} })).toEqual(["a changed"]);
  });

  test("keys of JavaScript's own objects are no different", () => {
    expect(changes({}, { toString: 1, constructor: 2 })).toEqual(["toString added", "constructor added"]);
    expect(changes({ hasOwnProperty: 1 }, {})).toEqual(["hasOwnProperty removed"]);
  });

  test("numbers are compared as they are written", () => {
    expect(difference(new ExactNumber("1.0"), new ExactNumber("1.0")).change).toBe("same");
    expect(
      difference(new ExactNumber("10000000000000000001"), new ExactNumber("10000000000000000002")).change,
    ).toBe("changed");
  });

  test("is drawn with words for those who see no colours, the unchanged folded away", () => {
    render(
      <JsonDiff
        before='{"a": 1, "k": {"z": 1}, "o": 1}'
        after='{"a": 2, "k": {"z": 1}, "n": 3}'
        label="Diff"
      />,
    );
    const group = screen.getByRole("group", { name: "Diff" });
    expect(group.textContent).toMatch(/changed a: 1.*became 2/);
    expect(group.textContent).toContain("added n: 3");
    expect(group.textContent).toContain("removed o: 1");
    expect(group.textContent).not.toContain("k:");
    fireEvent.click(within(group).getByRole("button", { name: "1 unchanged" }));
    expect(group.textContent).toContain("k:");
  });

  test("of equal texts says so", () => {
    render(<JsonDiff before='{"a": 1}' after='{ "a" : 1 }' label="Diff" />);
    expect(screen.getByText("Nothing changed.")).toBeTruthy();
  });
});
