import { cleanup, fireEvent, render, screen, within } from "@testing-library/preact";
import { afterEach, expect, test } from "vitest";
import { Histogram } from "./histogram";
import { ScatterPlot } from "./scatter";

afterEach(cleanup);

test("a scatter plot has one scale for both axes, and a diagonal from corner to corner", () => {
  const { container } = render(
    <ScatterPlot
      title="Predicted against actual"
      xTitle="actual"
      yTitle="predicted"
      points={[
        { x: 75, y: 71.8 },
        { x: 346, y: 180 },
      ]}
    />,
  );
  const ticks = [...container.querySelectorAll(".plot-axes text")].map((text) => text.textContent);
  expect(ticks.filter((tick) => tick === "200")).toHaveLength(2);
  const diagonal = container.querySelector(".plot-diagonal") as SVGLineElement;
  expect(Number(diagonal.getAttribute("x1"))).toBeLessThan(Number(diagonal.getAttribute("x2")));
  expect(Number(diagonal.getAttribute("y1"))).toBeGreaterThan(Number(diagonal.getAttribute("y2")));
});

test("arrow keys go through a scatter plot's points by what was so", () => {
  render(
    <ScatterPlot
      title="p"
      xTitle="actual"
      yTitle="predicted"
      points={[
        { x: 9, y: 2 },
        { x: 1, y: 5 },
      ]}
    />,
  );
  const plot = screen.getByRole("group", { name: "p" });
  fireEvent.keyDown(plot, { key: "ArrowRight" });
  expect(screen.getByRole("status").textContent).toBe("predicted: 5actual: 1off by 4");
  fireEvent.keyDown(plot, { key: "End" });
  expect(screen.getByRole("status").textContent).toBe("predicted: 2actual: 9off by -7");
  fireEvent.blur(plot);
  expect(screen.queryByRole("status")).toBeNull();
});

test("two thousand points are one element", () => {
  const points = Array.from({ length: 2000 }, (_, at) => ({ x: at, y: at }));
  const { container } = render(<ScatterPlot title="p" xTitle="a" yTitle="b" points={points} />);
  expect(container.querySelector(".plot-dots")?.getAttribute("d")?.match(/M/g)).toHaveLength(2000);
  expect(container.querySelectorAll("circle")).toHaveLength(0);
});

test("a histogram says how many rows a bar has, and their share", () => {
  const { container } = render(
    <Histogram
      title="Residuals"
      xTitle="actual minus predicted"
      counted="rows"
      bins={[
        { low: -50, high: 0, count: 1 },
        { low: 0, high: 50, count: 3 },
      ]}
    />,
  );
  fireEvent.keyDown(screen.getByRole("group", { name: "Residuals" }), { key: "End" });
  expect(within(screen.getByRole("status")).getByText("0 to 50")).toBeTruthy();
  expect(screen.getByRole("status").textContent).toContain("3 rows, 75 %");
  const counts = [...container.querySelectorAll(".plot-axes text")].map((text) => text.textContent);
  expect(counts).not.toContain("0.5");
});

test("no rows at all draw nothing that is no number", () => {
  const { container } = render(<Histogram title="h" xTitle="x" counted="rows" bins={[]} />);
  expect(container.innerHTML).not.toContain("NaN");
});
