import { describe, expect, test } from "vitest";
import { indexVisits } from "../../graph";
import { event, visit } from "./fixtures";
import { filterEvents } from "./events";
import { findLines } from "./log";
import { listRows, openAround, type Row } from "./rows";
import { readSelection, selectItem } from "./selection";

const VISITS = [
  visit(1, "Both", { type: "Parallel", retries: 1 }),
  visit(2, "Left", { parent: 1, branch: 0, status: "FAILED" }),
  visit(3, "Left", { parent: 1, branch: 0, attempt: 2 }),
  visit(4, "Right", { parent: 1, branch: 1, attempt: 2 }),
  visit(5, "Each", { type: "Map" }),
  ...Array.from({ length: 8 }, (_, i) => visit(6 + i, "Fetch", { parent: 5, branch: i })),
  visit(20, "End", { type: "Succeed" }),
];

function words(rows: readonly Row[]): string[] {
  return rows.map((row) => "  ".repeat(row.depth) + (row.kind === "visit" ? row.visit.name : row.words));
}

describe("the rows of the table", () => {
  test("are nested as the states ran; the items of a large Map are closed at first", () => {
    expect(words(listRows(indexVisits(VISITS), new Map()))).toEqual([
      "Both",
      "  Branch 1, attempt 1",
      "    Left",
      "  Branch 1, attempt 2",
      "    Left",
      "  Branch 2, attempt 2",
      "    Right",
      "Each",
      ...Array.from({ length: 8 }, (_, i) => `  Item ${i}`),
      "End",
    ]);
  });

  test("open around a state that is chosen", () => {
    const index = indexVisits(VISITS);
    const seventh = index.byId.get(12);
    if (!seventh) throw new Error("no visit");
    const rows = words(listRows(index, openAround(seventh, index, new Map())));
    expect(rows.slice(rows.indexOf("  Item 6"), rows.indexOf("  Item 7"))).toEqual(["  Item 6", "    Fetch"]);
  });

  test("close with what holds them", () => {
    expect(
      words(
        listRows(
          indexVisits(VISITS),
          new Map([
            ["v1", false],
            ["v5", false],
          ]),
        ),
      ),
    ).toEqual(["Both", "Each", "End"]);
  });
});

describe("the filter of the events", () => {
  const index = indexVisits([visit(2, "Train model"), visit(5, "Check metrics")]);
  const events = [
    event(1, "ExecutionStarted"),
    event(2, "TaskStateEntered", 2),
    event(3, "TaskFailed", 2),
    event(5, "TaskStateEntered", 5),
  ];
  const find = (filter: Partial<{ type: string; state: string; text: string }>): number[] =>
    filterEvents(events, index, { type: "", state: "", text: "", ...filter }).map(({ id }) => id);

  test.each([
    [{}, [1, 2, 3, 5]],
    [{ type: "TaskStateEntered" }, [2, 5]],
    [{ state: "Train model" }, [2, 3]],
    [{ text: "TRAIN" }, [2, 3]],
    [{ text: "failed" }, [3]],
    [{ text: "5" }, [5]],
    [{ type: "TaskStateEntered", text: "check" }, [5]],
    [{ text: "none of them" }, []],
  ])("%j", (filter, ids) => {
    expect(find(filter)).toEqual(ids);
  });
});

test("the log is searched without regard to case", () => {
  const lines = ["One", "two ONE", "three"].map((text) => ({ at: null, text, level: null }));
  expect(findLines(lines, " one ").map(({ text }) => text)).toEqual(["One", "two ONE"]);
});

describe("what the address says", () => {
  const index = indexVisits(VISITS);
  const read = (query: string) => readSelection(new URLSearchParams(query), index, null);

  test("names a visit and an item", () => {
    expect(read("state=3").visit?.name).toBe("Left");
    expect(read("item=5:6").item).toEqual({ visit: 5, index: 6 });
  });

  test.each(["state=999", "state=-1", "state=<b>", "state=~r.0", "item=5", "item=999:1", "item=x:y"])(
    "%s is nothing",
    (query) => {
      expect(read(query)).toEqual({ visit: null, unreached: null, item: null });
    },
  );

  test("stays with the same state when another item is opened", () => {
    expect(selectItem(read("state=7"), index, { visit: 5, index: 4 })).toEqual({ item: "5:4", state: "10" });
    expect(selectItem(read("state=3"), index, { visit: 5, index: 4 })).toEqual({ item: "5:4" });
  });
});
