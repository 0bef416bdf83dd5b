import { expect, test } from "vitest";
import type { ExecutionChange } from "../../api/types";
import { event, execution, visit } from "./fixtures";
import { mergeExecution } from "./store";

function change(more: Partial<ExecutionChange>): ExecutionChange {
  const { input, definition, definition_problem, aws_console_url, problem, ...rest } = execution();
  return { ...rest, visits: [], events: [], ...more };
}

test("new visits follow the old ones, changed ones take the place of those with their id", () => {
  const now = execution({
    visits: [visit(2, "A", { status: "RUNNING" }), visit(7, "B", { status: "RUNNING" })],
  });
  const { visits } = mergeExecution(now, change({ visits: [visit(2, "A"), visit(9, "C")] }));
  expect(visits.map(({ id, status }) => [id, status])).toEqual([
    [2, "SUCCEEDED"],
    [7, "RUNNING"],
    [9, "SUCCEEDED"],
  ]);
});

test("a visit that comes late stands in its place", () => {
  const now = execution({ visits: [visit(2, "A"), visit(9, "C")] });
  expect(mergeExecution(now, change({ visits: [visit(7, "B")] })).visits.map(({ id }) => id)).toEqual([
    2, 7, 9,
  ]);
});

test("new events follow the old ones, and none comes twice", () => {
  const now = execution({ events: [event(1, "ExecutionStarted"), event(2, "TaskStateEntered", 2)] });
  const { events } = mergeExecution(
    now,
    change({ events: [event(2, "TaskStateEntered", 2), event(3, "TaskScheduled", 2)] }),
  );
  expect(events.map(({ id }) => id)).toEqual([1, 2, 3]);
});

test("what is given replaces what was, the rest stays", () => {
  const now = execution({ definition: { StartAt: "A" }, input: '{"n": 1}' }, { status: "RUNNING" });
  const merged = mergeExecution(now, change({ error: "Boom", failed_visit: 3, can_redrive: true }));
  expect(merged).toMatchObject({
    error: "Boom",
    failed_visit: 3,
    can_redrive: true,
    input: '{"n": 1}',
    definition: { StartAt: "A" },
  });
  expect(merged.row.status).toBe("SUCCEEDED");
});

test("nothing new leaves the lists as they are, so that nothing is drawn again", () => {
  const now = execution({ visits: [visit(2, "A")], events: [event(1, "ExecutionStarted")] });
  const merged = mergeExecution(now, change({}));
  expect(merged.visits).toBe(now.visits);
  expect(merged.events).toBe(now.events);
});

test("25,000 events are merged at once", () => {
  const now = execution({
    events: Array.from({ length: 24_000 }, (_, i) => event(i + 1, "TaskScheduled")),
    visits: Array.from({ length: 8_000 }, (_, i) => visit(3 * i + 1, "A")),
  });
  const more = change({
    events: Array.from({ length: 1_000 }, (_, i) => event(24_001 + i, "TaskScheduled")),
    visits: Array.from({ length: 500 }, (_, i) => visit(3 * i + 1, "A")),
  });
  const began = performance.now();
  expect(mergeExecution(now, more).events).toHaveLength(25_000);
  expect(performance.now() - began).toBeLessThan(500);
});
