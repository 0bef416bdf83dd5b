import { cleanup, fireEvent, render, screen, within } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Execution, Report } from "../../api/types";
import { machine, map, parallel } from "../../graph/fixtures";
import { detail, event, execution, report, visit } from "./fixtures";
import { ReportPage } from "./index";

const HOSTILE = "<img src=x onerror=alert(1)>";

beforeEach(() => {
  vi.stubGlobal("fetch", () => {
    throw new Error("a report asks for nothing");
  });
  // Lists that draw only what is seen need to see something.
  vi.spyOn(Element.prototype, "clientHeight", "get").mockReturnValue(600);
  vi.spyOn(Element.prototype, "clientWidth", "get").mockReturnValue(900);
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

function open(of: Execution, more: Partial<Report> = {}): void {
  render(<ReportPage report={report(of, more)} />);
}

function failedParallel(): Execution {
  return execution(
    {
      definition: parallel(),
      output: null,
      error: "NoGood",
      cause: "it was no good",
      failed_visit: 4,
      traceback: ["Traceback", '  File "check.py", line 3', "NoGood: it was no good"],
      can_redrive: true,
      visits: [
        visit(1, "Prepare", { type: "Pass" }),
        visit(2, "Work", { type: "Parallel", status: "CAUGHT", items: 2 }),
        visit(3, "Left", { parent: 2, branch: 0, status: "ABORTED" }),
        visit(4, "Right", {
          parent: 2,
          branch: 1,
          status: "FAILED",
          retries: 2,
          error: "NoGood",
          reason: "it was no good",
        }),
        visit(5, "Undo", { type: "Pass" }),
        visit(6, "Failed", { type: "Fail", status: "FAILED" }),
      ],
      events: [event(1, "ExecutionStarted"), event(2, "ParallelStateEntered", 2), event(3, "TaskFailed", 4)],
    },
    { status: "FAILED", reason: "it was no good" },
  );
}

describe("an execution that failed", () => {
  test("says why on top, and leads to the state", () => {
    open(failedParallel());
    const verdict = screen.getByRole("region", { name: "Why it failed" });
    expect(verdict.textContent).toContain("it was no good");
    expect(verdict.textContent).toContain("check.py");
    fireEvent.click(within(verdict).getByRole("button", { name: "Right" }));
    expect(screen.getByRole("heading", { level: 2, name: "Right" })).toBeTruthy();
  });

  test("is told by its graph in words", () => {
    open(failedParallel());
    const names = within(screen.getByRole("group", { name: /^Graph/ }))
      .getAllByRole("button")
      .map((button) => button.getAttribute("aria-label"));
    expect(names).toEqual([
      "Prepare, Pass, succeeded",
      "Work, Parallel, caught",
      "Left, Lambda: invoke, stopped",
      "Right, Choice, failed, 2 retries",
      "Near right, Pass, not reached",
      "Far right, Pass, not reached",
      "Done, Succeed, not reached",
      "Undo, Pass, succeeded",
      "Failed, Fail: NoGood, failed",
    ]);
  });

  test("has no actions in a report", () => {
    open(failedParallel());
    expect(screen.queryByRole("button", { name: "Redrive" })).toBeNull();
    expect(screen.queryByRole("link")).toBeNull();
  });
});

describe("the graph, by keyboard", () => {
  const button = (name: RegExp): HTMLElement =>
    within(screen.getByRole("group", { name: /^Graph/ })).getByRole("button", { name });

  test("moves from state to state and opens one", () => {
    open(failedParallel());
    button(/^Prepare/).focus();
    fireEvent.keyDown(button(/^Prepare/), { key: "ArrowDown" });
    expect(document.activeElement).toBe(button(/^Work/));
    fireEvent.keyDown(button(/^Work/), { key: "End" });
    expect(document.activeElement).toBe(button(/^Failed/));
    fireEvent.keyDown(button(/^Failed/), { key: "Home" });
    expect(document.activeElement).toBe(button(/^Prepare/));
    fireEvent.click(button(/^Prepare/));
    expect(button(/^Prepare/).getAttribute("aria-pressed")).toBe("true");
    expect(screen.getByRole("heading", { level: 2, name: "Prepare" })).toBeTruthy();
  });

  test("zooms and moves the pane", () => {
    open(failedParallel());
    const pane = screen.getByRole("group", { name: /^Graph/ });
    const content = pane.querySelector<HTMLElement>(".graph-content");
    const shown = (): string => content?.style.transform ?? "";
    const seen = [shown()];
    for (const key of ["+", "ArrowDown", "-", "-"]) {
      fireEvent.keyDown(pane, { key });
      seen.push(shown());
    }
    expect(new Set(seen).size).toBe(5);
  });

  test("leaves keys with Ctrl to the browser", () => {
    open(failedParallel());
    const pane = screen.getByRole("group", { name: /^Graph/ });
    expect(fireEvent.keyDown(pane, { key: "0", ctrlKey: true })).toBe(true);
    expect(fireEvent.keyDown(pane, { key: "0" })).toBe(false);
  });
});

test("a state that was not reached shows its definition", () => {
  open(failedParallel());
  fireEvent.click(screen.getByRole("button", { name: /^Far right/ }));
  const panel = screen.getByRole("region", { name: "Far right" });
  expect(panel.textContent).toContain("Not reached");
  expect(panel.textContent).toContain("Pass");
});

test("an item of a Map is chosen to see its states", () => {
  open(
    execution({
      definition: map(),
      visits: [
        visit(1, "For each", { type: "Map", items: 2 }),
        visit(2, "Fetch", { parent: 1, branch: 0 }),
        visit(3, "Fetch", { parent: 1, branch: 1, retries: 1 }),
      ],
    }),
  );
  expect(screen.getByRole("button", { name: "Item 0, succeeded" }).getAttribute("aria-pressed")).toBe("true");
  fireEvent.click(screen.getByRole("button", { name: "Item 1, succeeded" }));
  expect(screen.getByRole("button", { name: /^Fetch/ }).getAttribute("aria-label")).toContain("1 retry");
});

test("a state that was visited several times lets one choose", () => {
  open(
    execution({
      definition: machine({ Look: { Type: "Task", Next: "Look" } }),
      visits: [visit(1, "Look"), visit(2, "Look"), visit(3, "Look")],
    }),
  );
  fireEvent.click(screen.getByRole("button", { name: /^Look.*visited 3 times/ }));
  expect(screen.getByText("Visit 3 of 3")).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Visit before" }));
  expect(screen.getByText("Visit 2 of 3")).toBeTruthy();
});

test("a state has its data, its definition, its attempts, its log and its job", async () => {
  const trained = visit(1, "Train", { job: "train-1", retries: 1, error: "Throttled", reason: "too fast" });
  const of = execution({ definition: machine({ Train: { Type: "Task", End: true } }), visits: [trained] });
  open(of, {
    states: {
      1: {
        detail: detail(trained, {
          parameters: { TrainingJobName: "train-1" },
          attempts: [
            {
              number: 1,
              started_at: 1,
              ended_at: 2,
              error: "Throttled",
              cause: '{"x": 1}',
              reason: "too fast",
              traceback: [],
              is_aborted: false,
            },
            {
              number: 2,
              started_at: 3,
              ended_at: 4,
              error: null,
              cause: null,
              reason: null,
              traceback: [],
              is_aborted: false,
            },
          ],
        }),
        log: {
          group: "/logs",
          lines: [{ at: 5, text: HOSTILE, level: "ERROR" }],
          is_cut: false,
          problem: "The log group was deleted.",
          is_live: false,
        },
        job: null,
      },
    },
  });
  fireEvent.click(screen.getByRole("button", { name: /^Train/ }));
  const tab = (name: RegExp): boolean => fireEvent.click(screen.getByRole("tab", { name }));
  fireEvent.click(screen.getByRole("button", { name: "Changes" }));
  expect(screen.getByRole("group", { name: "From input to output" })).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Parameters" }));
  expect(screen.getByText('"train-1"')).toBeTruthy();
  tab(/Attempts/);
  expect(screen.getAllByRole("heading", { level: 3 }).map((one) => one.textContent)).toEqual([
    "Attempt 2",
    "Attempt 1",
  ]);
  tab(/Logs/);
  expect(screen.getByText("The log group was deleted.")).toBeTruthy();
  expect(await screen.findByText(HOSTILE)).toBeTruthy();
  tab(/Job/);
  expect(screen.getByText("This state's job is not in this report.")).toBeTruthy();
  expect(document.querySelector("img")).toBeNull();
});

describe("what is not in order", () => {
  test("an execution without a definition lists its states, and says why", async () => {
    open(execution({ definition_problem: "The state machine was deleted.", visits: [visit(1, "Prepare")] }));
    expect(screen.getByText(/The state machine was deleted\./)).toBeTruthy();
    expect(screen.getByRole("table", { name: "States" })).toBeTruthy();
    expect(await screen.findByRole("button", { name: "Prepare" })).toBeTruthy();
  });

  test("a history that breaks off says so", () => {
    open(execution({ is_complete: false }));
    expect(screen.getByText(/breaks off before its end/)).toBeTruthy();
  });

  test("hostile names stay text", () => {
    open(
      execution(
        {
          definition: machine({ [HOSTILE]: { Type: "Task", Next: HOSTILE } }),
          visits: [visit(1, HOSTILE, { status: "FAILED", error: HOSTILE, reason: HOSTILE })],
          failed_visit: 1,
          traceback: [HOSTILE],
        },
        { name: HOSTILE, status: "FAILED", reason: HOSTILE },
      ),
    );
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe(HOSTILE);
    expect(document.querySelector("img")).toBeNull();
  });
});

describe("the events", () => {
  test("are filtered and opened", async () => {
    open(failedParallel());
    fireEvent.click(screen.getByRole("tab", { name: /Events/ }));
    fireEvent.change(screen.getByRole("combobox", { name: "Type" }), { target: { value: "TaskFailed" } });
    expect(screen.getByText("1 of 3 events")).toBeTruthy();
    fireEvent.click(await screen.findByRole("button", { name: /TaskFailed/ }));
    expect(screen.getByRole("group", { name: "Event 3" })).toBeTruthy();
  });
});

test("a rejected run says why in calm words", () => {
  open(
    execution(
      { output: '{"status": "REJECTED", "reasons": ["rmse is 70, above 60"]}' },
      { outcome: "REJECTED" },
    ),
  );
  expect(screen.getByRole("region", { name: "Why the model was rejected" }).textContent).toContain(
    "rmse is 70, above 60",
  );
});
