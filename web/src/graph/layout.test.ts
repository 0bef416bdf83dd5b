import { describe, expect, test } from "vitest";
import { classify } from "./classify";
import { large, loop, machine, map, parallel, workflow } from "./fixtures";
import { neighbour } from "./keys";
import { type Box, type Layout, layoutGraph, SIZES } from "./layout";
import { readGraph } from "./model";
import { routePath } from "./paths";

const DEFINITIONS = {
  "train and deploy": workflow("train_and_deploy"),
  "clean up": workflow("clean_up"),
  "a Parallel": parallel(),
  "a Map": map(),
  "a loop": loop(),
  "60 states": large(60),
  "states that nothing leads to": machine({
    A: { Type: "Pass", End: true },
    B: { Type: "Pass", Next: "C" },
    C: { Type: "Fail" },
  }),
  "a state that leads to itself": machine({ A: { Type: "Task", Retry: [], Next: "A" } }),
  "an empty branch": machine({ A: { Type: "Parallel", Branches: [{}], End: true } }),
};

function layoutOf(definition: unknown, strips = true): Layout {
  const { graph, problem } = readGraph(definition);
  if (!graph) throw new Error(problem ?? "");
  return layoutGraph(graph, { strips });
}

function overlaps(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function isInside(
  inner: { x: number; y: number; width: number; height: number },
  outer: typeof inner,
): boolean {
  return (
    inner.x >= outer.x - 0.01 &&
    inner.y >= outer.y - 0.01 &&
    inner.x + inner.width <= outer.x + outer.width + 0.01 &&
    inner.y + inner.height <= outer.y + outer.height + 0.01
  );
}

describe.each(Object.entries(DEFINITIONS))("the layout of %s", (_, definition) => {
  const layout = layoutOf(definition);
  const boxes = new Map(layout.boxes.map((box) => [box.node, box]));

  test("lets no two states of a region overlap", () => {
    const frames = layout.frames.map((frame) => frame.region);
    const all = new Set([
      ...frames.map((region) => region.nodes),
      readGraph(definition).graph?.root.nodes ?? [],
    ]);
    for (const nodes of all) {
      const own = nodes.map((node) => boxes.get(node)).filter((box) => box !== undefined);
      own.forEach((a, i) => own.slice(i + 1).forEach((b) => expect(overlaps(a, b)).toBe(false)));
    }
  });

  test("keeps what is inside of a state in its box, below its header", () => {
    for (const frame of layout.frames) {
      const owner = boxes.get(frame.owner);
      if (!owner) throw new Error("no owner");
      const body = { ...owner, y: owner.y + SIZES.header, height: owner.height - SIZES.header };
      expect(isInside(frame, body)).toBe(true);
      for (const node of frame.region.nodes) {
        const box = boxes.get(node);
        expect(box && isInside(box, frame)).toBe(true);
      }
    }
  });

  test("keeps everything within its size", () => {
    const whole = { x: 0, y: 0, width: layout.width, height: layout.height };
    for (const box of layout.boxes) expect(isInside(box, whole)).toBe(true);
    for (const route of layout.routes)
      for (const point of route.points) expect(isInside({ ...point, width: 0, height: 0 }, whole)).toBe(true);
  });

  test("draws every arrow, from border to border", () => {
    const onBorder = (point: { x: number; y: number } | undefined, box: Box | undefined): boolean => {
      if (!point || !box || !isInside({ ...point, width: 0, height: 0 }, box)) return false;
      return [
        point.x - box.x,
        box.x + box.width - point.x,
        point.y - box.y,
        box.y + box.height - point.y,
      ].some((distance) => Math.abs(distance) < 0.01);
    };
    const edges = [readGraph(definition).graph?.root, ...layout.frames.map((frame) => frame.region)].flatMap(
      (region) => region?.edges ?? [],
    );
    expect(new Set(layout.routes.map((route) => route.edge))).toEqual(new Set(edges));
    for (const { edge, points } of layout.routes) {
      expect(onBorder(points[0], boxes.get(edge.from))).toBe(true);
      expect(onBorder(points[points.length - 1], boxes.get(edge.to))).toBe(true);
    }
  });

  test("runs no arrow through a state that it passes on its way down", () => {
    for (const { edge, points, shape } of layout.routes) {
      if (shape !== "down") continue;
      points.slice(1).forEach((point, i) => {
        const before = points[i];
        if (!before || Math.abs(before.x - point.x) > 0.5) return;
        for (const box of layout.boxes) {
          if (box.node === edge.from || box.node === edge.to || box.node.regions.length > 0) continue;
          const crosses =
            point.x > box.x &&
            point.x < box.x + box.width &&
            before.y < box.y + box.height &&
            point.y > box.y;
          expect(crosses, `${edge.from.name} > ${edge.to.name} through ${box.node.name}`).toBe(false);
        }
      });
    }
  });

  test("has a path of numbers for each arrow", () => {
    for (const route of layout.routes) expect(routePath(route)).toMatch(/^M[-\d.,MLQCVH ]+$/);
  });
});

test("errors that many states catch are handled in a column of its own", () => {
  const { graph } = readGraph(workflow("train_and_deploy"));
  if (!graph) throw new Error("no graph");
  const names = [...classify(graph.root).lane].map((node) => node.name);
  expect(names).toContain("Roll back");
  expect(names).toContain("Notify failure");
  expect(names).not.toContain("Take back");
  const layout = layoutGraph(graph);
  const right = (name: string): number => layout.boxes.find((box) => box.node.name === name)?.x ?? 0;
  const main = layout.boxes.filter((box) => !names.includes(box.node.name));
  expect(right("Roll back")).toBeGreaterThan(Math.max(...main.map((box) => box.x + box.width)));
});

test("what was decided early stands near the decision", () => {
  const layout = layoutOf(workflow("train_and_deploy"));
  const top = (name: string): number => layout.boxes.find((box) => box.node.name === name)?.y ?? 0;
  expect(top("Record rejection")).toBe(top("Serve it now?"));
});

test("the box of a Map has room for its items only where there is a run", () => {
  expect(layoutOf(map(), true).height - layoutOf(map(), false).height).toBe(SIZES.strip);
});

test("200 states are laid out at once, also by a machine that is busy (a quiet one takes a tenth of that)", () => {
  layoutOf(large(20));
  const began = performance.now();
  const layout = layoutOf(large(200));
  const took = performance.now() - began;
  expect(layout.boxes).toHaveLength(202);
  expect(took).toBeLessThan(2000);
});

describe("arrow keys", () => {
  const layout = layoutOf(parallel());
  const box = (name: string) => layout.boxes.find((box) => box.node.name === name);
  const go = (name: string, direction: "up" | "down" | "left" | "right") =>
    neighbour(layout, box(name)?.node.id ?? "", direction)?.node.name ?? null;

  test("move to the state in that direction", () => {
    expect(go("Prepare", "down")).toBe("Work");
    expect(go("Work", "up")).toBe("Prepare");
    expect(go("Left", "right")).toBe("Right");
    expect(go("Right", "left")).toBe("Left");
  });

  test("stop at the last one, and skip Start and End", () => {
    expect(go("Prepare", "up")).toBeNull();
    expect(go("Done", "down")).not.toBe("End");
  });
});
