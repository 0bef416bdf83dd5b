import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { useState } from "preact/hooks";
import { afterEach, describe, expect, test } from "vitest";
import { durationText, ExternalLink, relativeText, StatusMark, Tabs } from ".";
import { sentence } from "./sentence";

afterEach(cleanup);

test.each([
  [0.0004, "0 ms"],
  [0.05, "50 ms"],
  [0.8, "0.8 s"],
  [9.96, "10 s"],
  [59.6, "1 min 0 s"],
  [125, "2 min 5 s"],
  [3599.7, "1 h 0 min"],
  [3780, "1 h 3 min"],
  [86400 + 4 * 3600, "1 d 4 h"],
  [-3, "0 ms"],
])("%d seconds are %s", (seconds, text) => expect(durationText(seconds)).toBe(text));

test.each([
  [2, "just now"],
  [40, "40 s ago"],
  [3 * 60 + 50, "3 min ago"],
  [3600, "1 hour ago"],
  [50 * 3600, "2 days ago"],
  [-120, "in 2 min"],
])("what was %d seconds ago was %s", (ago, text) => expect(relativeText(1000 - ago, 1000)).toBe(text));

test.each([
  ["there is no execution x", "There is no execution x"],
  ["recipes/x.yaml: gate is missing", "recipes/x.yaml: gate is missing"],
  ["--set alpha=x: no", "--set alpha=x: no"],
])("%j is the sentence %j", (text, expected) => expect(sentence(text)).toBe(expected));

test.each([
  ["REJECTED", "Rejected", "rejected"],
  ["ROLLED_BACK", "Rolled back", "rejected"],
  ["PENDING_APPROVAL", "Pending approval", "waiting"],
  ["RELEASED", "Succeeded", "succeeded"],
])("an execution that ended well with %s says %s", (outcome, word, tone) => {
  render(<StatusMark status="SUCCEEDED" outcome={outcome} />);
  expect(screen.getByText(word).parentElement?.className).toContain(`status-${tone}`);
});

test("a status that is not known is shown by its word", () => {
  render(<StatusMark status="<b>SomethingNew</b>" />);
  expect(document.querySelector("b")).toBeNull();
  expect(screen.getByText(/something new/i)).toBeTruthy();
});

test("a link that is not https is text", () => {
  render(<ExternalLink href="javascript:alert(1)">Open</ExternalLink>);
  expect(screen.queryByRole("link")).toBeNull();
  expect(screen.getByText("Open")).toBeTruthy();
});

describe("tabs", () => {
  const TABS = ["a", "b", "c"].map((id) => ({ id, label: id }));

  function Three() {
    const [selected, setSelected] = useState("a");
    return (
      <Tabs label="Three" tabs={TABS} selected={selected} onSelect={setSelected}>
        panel of {selected}
      </Tabs>
    );
  }

  test("move by arrow keys, Home and End, round the ends", () => {
    render(<Three />);
    const press = (key: string) => {
      fireEvent.keyDown(document.activeElement ?? document.body, { key });
      return [screen.getByRole("tab", { selected: true }).textContent, document.activeElement?.textContent];
    };
    screen.getByRole("tab", { name: "a" }).focus();
    expect(press("ArrowRight")).toEqual(["b", "b"]);
    expect(press("End")).toEqual(["c", "c"]);
    expect(press("ArrowRight")).toEqual(["a", "a"]);
    expect(press("ArrowLeft")).toEqual(["c", "c"]);
    expect(press("Home")).toEqual(["a", "a"]);
  });

  test("only the selected one is reached by Tab, and its panel has its name", () => {
    render(<Three />);
    expect(screen.getAllByRole("tab").map((tab) => tab.tabIndex)).toEqual([0, -1, -1]);
    expect(screen.getByRole("tabpanel", { name: "a" }).textContent).toBe("panel of a");
  });
});
