import { act, cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ExecutionRow, Executions } from "../../api/types";
import { LiveConnection, type Source } from "../../live/connection";
import { replaceConnection } from "../../live/useLive";
import { ExecutionsPage } from ".";
import { filtersOf, isFiltered, NO_FILTERS, queryOf, requestOf } from "./filters";

describe("filters in the address", () => {
  const there = (text: string) => filtersOf(new URLSearchParams(text));
  const back = (text: string) => {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(queryOf(there(text))))
      for (const one of value === null ? [] : [value].flat()) query.append(name, one);
    return query.toString();
  };

  test.each([
    "",
    "workflow=arn%3Aaws%3Astates&recipe=diabetes&status=FAILED&status=TIMED_OUT&range=24h&text=rmse",
    "range=custom&since=2026-11-21T03%3A00&until=2026-11-21T04%3A00",
    "text=%3Cimg+src%3Dx%3E",
  ])("%j comes back as it was", (text) => expect(back(text)).toBe(text));

  test.each(["range=soon", "range=custom&since=yesterday", "since=2026-99-99T00:00", "status="])(
    "what makes no sense in %j is left out",
    (text) => expect(there(text)).toMatchObject({ since: "", statuses: [] }),
  );

  test("become what the server is asked", () => {
    const filters = { ...NO_FILTERS, statuses: ["FAILED"], range: "1h", text: " rmse " };
    expect(requestOf(filters, 10_000)).toMatchObject({
      status: ["FAILED"],
      since: 6400,
      until: null,
      text: "rmse",
    });
    const custom = there("since=2026-11-21T03:00");
    expect(requestOf(custom, 0)["since"]).toBe(new Date(2026, 10, 21, 3).getTime() / 1000);
  });

  test("say whether anything is filtered at all", () => {
    expect(isFiltered(NO_FILTERS)).toBe(false);
    expect(isFiltered({ ...NO_FILTERS, range: "custom" })).toBe(false);
    expect(isFiltered({ ...NO_FILTERS, range: "1h" })).toBe(true);
    expect(isFiltered({ ...NO_FILTERS, statuses: ["FAILED"] })).toBe(true);
  });
});

describe("the page", () => {
  let rows: ExecutionRow[];
  let asked: URLSearchParams[];
  let source: Source | null;

  beforeEach(() => {
    window.history.replaceState(null, "", "/executions");
    // jsdom lays nothing out: without a size no row would be in sight.
    vi.spyOn(window, "innerHeight", "get").mockReturnValue(800);
    rows = [];
    asked = [];
    source = null;
    replaceConnection(
      new LiveConnection(
        () => (source = { onopen: null, onerror: null, onmessage: null, close: () => undefined }),
      ),
    );
    vi.stubGlobal("fetch", (url: string) => {
      const query = new URL(url, "http://localhost").searchParams;
      asked.push(query);
      return Promise.resolve(new Response(JSON.stringify(page(query))));
    });
  });

  afterEach(() => {
    cleanup();
    replaceConnection(undefined);
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  function page(query: URLSearchParams): Executions {
    const statuses = query.getAll("status");
    const passing = rows.filter((row) => statuses.length === 0 || statuses.includes(row.status));
    const from = Number(query.get("after") ?? 0);
    const to = from + Number(query.get("limit"));
    const counts = new Map<string, number>();
    for (const row of rows) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
    return {
      rows: passing.slice(from, to),
      total: passing.length,
      next: to < passing.length ? String(to) : null,
      workflows: [],
      recipes: [],
      statuses: [...counts].map(([value, count]) => ({ value, label: value, count })),
      is_complete: true,
    };
  }

  function row(index: number, part: Partial<ExecutionRow> = {}): ExecutionRow {
    const name = `run-${index}`;
    return {
      arn: `arn:aws:states:x:1:execution:M:${name}`,
      name,
      workflow: "TrainAndDeploy",
      workflow_arn: "arn:m",
      recipe: "diabetes",
      status: "SUCCEEDED",
      outcome: "DEPLOYED",
      started_at: 1_700_000_000 - index,
      stopped_at: 1_700_000_010 - index,
      seconds: 10,
      reason: null,
      redrives: 0,
      is_past: false,
      ...part,
    };
  }

  const tell = () =>
    act(() =>
      source?.onmessage?.(
        new MessageEvent("message", {
          data: '{"topic":"executions","kind":"snapshot","data":{"revision":2}}',
        }),
      ),
    );

  test("says what to do when there is nothing", async () => {
    render(<ExecutionsPage />);
    await screen.findByText("There are no executions yet.");
    expect(screen.getByText("switchyard run diabetes").tagName).toBe("CODE");
  });

  test("shows hostile names and reasons as text", async () => {
    rows = [
      row(0, { name: "<img src=x onerror=alert(1)>", status: "FAILED", outcome: null, reason: "<b>bad</b>" }),
    ];
    render(<ExecutionsPage />);
    const link = await screen.findByRole("link", { name: "<img src=x onerror=alert(1)>" });
    expect(link.getAttribute("href")).toBe("/executions/arn%3Aaws%3Astates%3Ax%3A1%3Aexecution%3AM%3Arun-0");
    expect(screen.getByText("<b>bad</b>")).toBeTruthy();
  });

  test("keeps a chosen status in the address and asks for it", async () => {
    rows = [row(0), row(1, { status: "FAILED", outcome: null })];
    render(<ExecutionsPage />);
    fireEvent.click(await screen.findByRole("button", { name: /^Failed/ }));
    await waitFor(() => expect(screen.queryByRole("link", { name: "run-0" })).toBeNull());
    expect(window.location.search).toBe("?status=FAILED");
    expect(screen.getByRole("link", { name: "run-1" })).toBeTruthy();
    fireEvent.click(screen.getByRole("button", { name: "Clear filters" }));
    await screen.findByRole("link", { name: "run-0" });
    expect(window.location.search).toBe("");
  });

  test("draws only what is in sight of thousands, and tells a screen reader how many there are", async () => {
    rows = Array.from({ length: 3000 }, (_, index) => row(index));
    render(<ExecutionsPage />);
    const table = await screen.findByRole("table", { name: "Executions" });
    expect(table.getAttribute("aria-rowcount")).toBe("3001");
    await waitFor(() => expect(within(table).getAllByRole("row").length).toBeGreaterThan(10));
    expect(within(table).getAllByRole("row").length).toBeLessThan(60);
  });

  test("gets the next page by the button", async () => {
    rows = Array.from({ length: 250 }, (_, index) => row(index));
    render(<ExecutionsPage />);
    await screen.findByText(/100 of 250 are here/);
    fireEvent.click(screen.getByRole("button", { name: "Show more" }));
    await screen.findByText(/200 of 250 are here/);
    fireEvent.click(screen.getByRole("button", { name: "Show more" }));
    await waitFor(() => expect(screen.queryByRole("button", { name: "Show more" })).toBeNull());
    expect(asked.at(-1)?.get("after")).toBe("200");
  });

  test("reads all that is shown again when the server tells of a change", async () => {
    rows = Array.from({ length: 250 }, (_, index) => row(index));
    render(<ExecutionsPage />);
    await screen.findByText(/100 of 250 are here/);
    fireEvent.click(screen.getByRole("button", { name: "Show more" }));
    await screen.findByText(/200 of 250 are here/);
    rows = [row(-1, { name: "newest" }), ...rows];
    await waitFor(() => expect(source).not.toBeNull());
    tell();
    await screen.findByRole("link", { name: "newest" });
    expect(asked.at(-1)?.get("limit")).toBe("200");
    expect(screen.getByText(/200 of 251 are here/)).toBeTruthy();
  });

  test("shows an answer that is on its way when a change is told, and then reads again", async () => {
    rows = [row(0)];
    const answers: (() => void)[] = [];
    vi.stubGlobal("fetch", (url: string) => {
      const body = JSON.stringify(page(new URL(url, "http://localhost").searchParams));
      return new Promise((resolve) => answers.push(() => resolve(new Response(body))));
    });
    render(<ExecutionsPage />);
    await waitFor(() => expect(source).not.toBeNull());
    rows = [row(-1, { name: "newest" }), ...rows];
    tell();
    expect(answers).toHaveLength(1);
    answers[0]?.();
    await screen.findByRole("link", { name: "run-0" });
    expect(screen.queryByRole("link", { name: "newest" })).toBeNull();
    await waitFor(() => expect(answers).toHaveLength(2));
    answers[1]?.();
    await screen.findByRole("link", { name: "newest" });
  });
});
