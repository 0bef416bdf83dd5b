import { describe, expect, test } from "vitest";
import type { Visit } from "../api/types";
import { loop, machine, map, parallel } from "./fixtures";
import { readGraph } from "./model";
import { chooseFrom, indexVisits, runView, type Item } from "./run";

function visit(id: number, name: string, more: Partial<Visit> = {}): Visit {
  return {
    id,
    parent: null,
    branch: null,
    attempt: 1,
    name,
    type: "Task",
    order: id,
    status: "SUCCEEDED",
    entered_at: id,
    exited_at: id + 1,
    retries: 0,
    redrives: 0,
    resource: "",
    error: null,
    reason: null,
    job: null,
    function: null,
    endpoint: null,
    items: 0,
    length: null,
    ...more,
  };
}

function view(
  definition: unknown,
  visits: Visit[],
  selected: number | null = null,
  item: Item | null = null,
) {
  const { graph } = readGraph(definition);
  if (!graph) throw new Error("no graph");
  const index = indexVisits(visits);
  const run = runView(graph, index, chooseFrom(index, selected, item));
  const regions = [graph.root, ...graph.states.flatMap((node) => node.regions)];
  const taken = regions
    .flatMap((region) => region.edges)
    .filter((edge) => run.edges.has(edge.id))
    .map((edge) => {
      const { count, isCaught } = run.edges.get(edge.id) ?? { count: 0, isCaught: false };
      return `${edge.from.name} > ${edge.to.name}${count > 1 ? ` ×${count}` : ""}${isCaught ? " caught" : ""}`;
    });
  const shown = Object.fromEntries(
    graph.states.map((node) => [node.name, run.nodes.get(node.id)?.shown.id ?? null]),
  );
  const each = graph.states.find((node) => node.type === "Map");
  return { run, taken, shown, items: each ? run.maps.get(each.id) : undefined };
}

describe("the way that was taken", () => {
  test("leads from Start to End", () => {
    const { taken } = view(loop(), [
      visit(1, "Wait"),
      visit(2, "Look"),
      visit(3, "Ready?"),
      visit(4, "Wait"),
      visit(5, "Look"),
      visit(6, "Ready?"),
      visit(7, "Done", { type: "Succeed" }),
    ]);
    expect(taken).toEqual([
      "Start > Wait",
      "Wait > Look ×2",
      "Look > Ready? ×2",
      "Ready? > Done",
      "Ready? > Wait",
      "Done > End",
    ]);
  });

  test("is an error's where one was caught, also inside of branches", () => {
    const { taken, shown } = view(parallel(), [
      visit(1, "Prepare"),
      visit(2, "Work", { type: "Parallel", status: "CAUGHT", items: 2 }),
      visit(3, "Left", { parent: 2, branch: 0, status: "ABORTED", order: 0 }),
      visit(4, "Right", { parent: 2, branch: 1, order: 0, type: "Choice" }),
      visit(5, "Near right", { parent: 2, branch: 1, order: 1, status: "FAILED" }),
      visit(6, "Undo"),
      visit(7, "Failed", { type: "Fail", status: "FAILED" }),
    ]);
    expect(taken).toEqual([
      "Start > Prepare",
      "Prepare > Work",
      "Work > Undo caught",
      "Undo > Failed",
      "Right > Near right",
    ]);
    expect(shown["Far right"]).toBeNull();
    expect(shown["Left"]).toBe(3);
  });

  test("is no error's where Next and Catch lead to the same state and nothing failed", () => {
    const definition = machine({
      A: { Type: "Task", Next: "B", Catch: [{ ErrorEquals: ["States.ALL"], Next: "B" }] },
      B: { Type: "Succeed" },
    });
    expect(view(definition, [visit(1, "A"), visit(2, "B")]).taken).toContain("A > B");
    expect(view(definition, [visit(1, "A", { status: "CAUGHT" }), visit(2, "B")]).taken).toContain(
      "A > B caught",
    );
  });

  test("ends where the execution is", () => {
    expect(view(loop(), [visit(1, "Wait", { status: "RUNNING", exited_at: null })]).taken).toEqual([
      "Start > Wait",
    ]);
  });
});

describe("a state that was visited several times", () => {
  const visits = [visit(1, "Wait"), visit(2, "Look"), visit(3, "Ready?"), visit(4, "Wait")];

  test("shows its last visit, or the one that is chosen", () => {
    expect(view(loop(), visits).shown["Wait"]).toBe(4);
    expect(view(loop(), visits, 1).shown["Wait"]).toBe(1);
  });
});

describe("a Parallel that was tried again", () => {
  const visits = [
    visit(1, "Prepare"),
    visit(2, "Work", { type: "Parallel", retries: 1, items: 2 }),
    visit(3, "Left", { parent: 2, branch: 0, order: 0, status: "FAILED" }),
    visit(4, "Right", { parent: 2, branch: 1, order: 0, status: "ABORTED" }),
    visit(5, "Left", { parent: 2, branch: 0, order: 0, attempt: 2 }),
  ];

  test("shows its last attempt", () => {
    expect(view(parallel(), visits).shown).toMatchObject({ Left: 5, Right: null });
  });

  test("shows the attempt that a chosen state belongs to", () => {
    expect(view(parallel(), visits, 4).shown).toMatchObject({ Left: 3, Right: 4 });
  });
});

describe("the items of a Map", () => {
  const visits = [
    visit(1, "For each", { type: "Map", status: "RUNNING", exited_at: null, items: 4 }),
    visit(2, "Fetch", { parent: 1, branch: 0 }),
    visit(3, "Store", { parent: 1, branch: 0 }),
    visit(4, "Fetch", { parent: 1, branch: 1 }),
    visit(5, "Fetch", { parent: 1, branch: 2 }),
    visit(6, "Store", { parent: 1, branch: 2, status: "FAILED" }),
    visit(7, "Fetch", { parent: 1, branch: 3, status: "RETRYING", exited_at: null }),
  ];

  test("stand as their last state does; between two states they still run", () => {
    expect(view(map(), visits).items?.marks.map((mark) => mark.status)).toEqual([
      "SUCCEEDED",
      "RUNNING",
      "FAILED",
      "RETRYING",
    ]);
  });

  test("begin with one that failed", () => {
    const { items, shown } = view(map(), visits);
    expect(items?.chosen).toBe(2);
    expect(shown["Store"]).toBe(6);
  });

  test("are chosen by their index, or by a state inside of one", () => {
    expect(view(map(), visits, null, { visit: 1, index: 0 }).shown["Store"]).toBe(3);
    expect(view(map(), visits, 7).shown).toMatchObject({ Fetch: 7, Store: null });
    expect(view(map(), visits, 1, { visit: 1, index: 1 }).shown).toMatchObject({ Fetch: 4, Store: null });
  });

  test("are quick to look through, thousands of them", () => {
    const many = [visit(1, "For each", { type: "Map" })];
    for (let i = 0; i < 4000; i++) {
      many.push(
        visit(2 * i + 2, "Fetch", { parent: 1, branch: i }),
        visit(2 * i + 3, "Store", { parent: 1, branch: i }),
      );
    }
    const began = performance.now();
    expect(view(map(), many).items?.marks).toHaveLength(4000);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});
