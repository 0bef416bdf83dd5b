import { cleanup, fireEvent, render, screen, within } from "@testing-library/preact";
import { afterEach, describe, expect, test, vi } from "vitest";
import { LinePlot, LinePlots, type LineSeries } from "./line";

const RUNS: LineSeries[] = [
  {
    name: "rmse",
    points: [
      {
        at: 100,
        value: 48.9,
        label: "first",
        href: "/models/diabetes?run=a",
        note: "version 1",
        mark: "champion",
      },
      {
        at: 200,
        value: 71.2,
        label: "second",
        href: "/models/diabetes?run=b",
        note: "rejected",
        mark: "hollow",
      },
    ],
  },
];

afterEach(cleanup);

describe("a plot of runs", () => {
  const plot = (onOpen = vi.fn()) => {
    render(
      <LinePlot
        title="rmse over runs"
        series={RUNS}
        across="order"
        threshold={{ value: 60, direction: "minimize" }}
        onOpen={onOpen}
      />,
    );
    return onOpen;
  };

  test("says in words what it shows and which way is better", () => {
    plot();
    expect(screen.getByText(/gate ≤ 60, better is lower/)).toBeTruthy();
    expect(
      screen.getByText(/2 values, from 48.9 to 71.2, the last 71.2. The gate is at most 60/),
    ).toBeTruthy();
  });

  test("has one stop for the tab key; arrows go on from there and show the point", () => {
    plot();
    const links = screen.getAllByRole("link");
    expect(links.map((link) => link.getAttribute("tabindex"))).toEqual(["-1", "0"]);
    fireEvent.focus(links[1] as HTMLElement);
    expect(within(screen.getByRole("status")).getByText("rejected")).toBeTruthy();
    fireEvent.keyDown(links[1] as HTMLElement, { key: "ArrowLeft" });
    expect(within(screen.getByRole("status")).getByText("version 1")).toBeTruthy();
    expect(links[0]?.getAttribute("tabindex")).toBe("0");
  });

  test("a click on a point opens what it stands for, and a new tab stays the browser's business", () => {
    const onOpen = plot();
    const [first] = screen.getAllByRole("link");
    fireEvent.click(first as HTMLElement, { ctrlKey: true });
    expect(onOpen).not.toHaveBeenCalled();
    fireEvent.click(first as HTMLElement);
    expect(onOpen).toHaveBeenCalledWith("/models/diabetes?run=a");
  });

  test("gives its numbers as a table when asked", async () => {
    plot();
    const details = screen.getByText(/Show as a table/).closest("details") as HTMLDetailsElement;
    details.open = true;
    fireEvent(details, new Event("toggle"));
    const table = await screen.findByRole("table");
    expect(
      within(table)
        .getAllByRole("row")
        .map((row) => row.textContent),
    ).toEqual(["Runrmse", "first48.9", "second71.2"]);
  });
});

test("a line is broken where there is a gap, and leaves out what is no number", () => {
  const points = [0, 60, 600, 660].map((at) => ({ at, value: at }));
  const { container } = render(
    <LinePlot
      title="latency"
      series={[{ name: "p50", points: [...points, { at: 700, value: NaN }] }]}
      gap={120}
    />,
  );
  const path = container.querySelector(".plot-drawing path.plot-line")?.getAttribute("d") ?? "";
  expect(path.match(/M/g)).toHaveLength(2);
  expect(path).not.toContain("NaN");
});

test("nothing measured is said so", () => {
  render(<LinePlot title="rmse" series={[{ name: "rmse", points: [] }]} />);
  expect(screen.getByText("No values yet.")).toBeTruthy();
});

test("a count that is always zero has nothing below it", () => {
  render(<LinePlot title="errors" series={[{ name: "4xx", points: [{ at: 1, value: 0 }] }]} fromZero />);
  expect(screen.queryByText(/^-/)).toBeNull();
});

test("a count begins at zero", () => {
  render(
    <LinePlot title="requests" series={[{ name: "requests", points: [{ at: 1, value: 40 }] }]} fromZero />,
  );
  expect(screen.getByText("0")).toBeTruthy();
});

test("metrics without a scale in common have a plot each", () => {
  const { container } = render(
    <LinePlots
      title="training"
      across="elapsed"
      series={[
        { name: "loss", points: [{ at: 10, value: 4000 }] },
        { name: "r2", points: [{ at: 10.5, value: 0.5 }] },
      ]}
    />,
  );
  expect(container.querySelectorAll("svg[role=group]")).toHaveLength(2);
  expect(screen.getByRole("group", { name: "training: r2" })).toBeTruthy();
});

test("a plot whose values come later is as wide as its place", () => {
  const watched: Element[] = [];
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(private readonly tell: (entries: { contentRect: { width: number } }[]) => void) {}
      observe(element: Element) {
        watched.push(element);
        this.tell([{ contentRect: { width: 900 } }]);
      }
      disconnect() {}
    },
  );
  try {
    const plot = (values: number[]) => (
      <LinePlot
        title="rmse"
        series={[{ name: "rmse", points: values.map((value) => ({ at: value, value })) }]}
      />
    );
    const { rerender } = render(plot([]));
    expect(watched).toHaveLength(0);
    rerender(plot([1, 2]));
    expect(watched).toHaveLength(1);
    rerender(plot([1, 2, 3]));
    expect(screen.getByRole("group", { name: "rmse" }).getAttribute("width")).toBe("900");
  } finally {
    vi.unstubAllGlobals();
  }
});

test("points that stand close are a line alone, but one without neighbours is still seen", () => {
  const points = Array.from({ length: 200 }, (_, at) => ({ at: at * 10, value: at }));
  const { container } = render(
    <LinePlot
      title="latency"
      series={[{ name: "p50", points: [...points, { at: 9000, value: 5 }] }]}
      gap={15}
      window={[0, 9000]}
    />,
  );
  expect(container.querySelectorAll(".plot-mark circle")).toHaveLength(1);
});
