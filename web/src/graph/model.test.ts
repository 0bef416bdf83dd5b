import { describe, expect, test } from "vitest";
import { large, loop, machine, map, parallel, workflow } from "./fixtures";
import { type GraphEdge, type Region, readGraph } from "./model";
import { errorWords, ruleWords, stateWords } from "./words";

function graphOf(definition: unknown) {
  const { graph, problem } = readGraph(definition);
  if (!graph) throw new Error(problem ?? "");
  return graph;
}

function arrows(region: Region): string[] {
  const say = (edge: GraphEdge): string => (edge.label ? ` (${edge.label})` : "");
  return region.edges.map((edge) => `${edge.from.name} > ${edge.to.name}${say(edge)}`);
}

describe("a definition as a graph", () => {
  test("has each way from a state to the next, and why it is taken", () => {
    expect(arrows(graphOf(loop()).root)).toEqual([
      "Start > Wait",
      "Wait > Look",
      "Look > Ready?",
      "Ready? > Done ($.ready is true)",
      "Ready? > Wait (otherwise)",
      "Done > End",
    ]);
  });

  test("leads an error to what catches it", () => {
    const caught = graphOf(parallel()).root.edges.filter((edge) => edge.isCatch);
    expect(caught.map((edge) => [edge.from.name, edge.to.name, edge.label])).toEqual([
      ["Work", "Undo", "any error"],
    ]);
  });

  test("draws a Next and a Catch to the same state as one arrow that is no error's", () => {
    const { root } = graphOf(
      machine({
        A: { Type: "Task", Next: "B", Catch: [{ ErrorEquals: ["States.ALL"], Next: "B" }] },
        B: { Type: "Succeed" },
      }),
    );
    const [edge] = root.edges.filter((edge) => edge.from.name === "A");
    expect([edge?.isCatch, edge?.label, edge?.ways.length]).toEqual([false, "", 2]);
  });

  test("holds a Parallel's branches, which have no Start and End of their own", () => {
    const work = graphOf(parallel()).states.find((node) => node.name === "Work");
    expect(work?.regions.map((region) => region.nodes.map((node) => node.name))).toEqual([
      ["Left"],
      ["Right", "Far right", "Near right"],
    ]);
  });

  test.each(["ItemProcessor", "Iterator"] as const)("holds what a Map does with each item (%s)", (key) => {
    const each = graphOf(map(key)).states.find((node) => node.type === "Map");
    expect(each?.regions.map((region) => region.nodes.map((node) => node.name))).toEqual([
      ["Fetch", "Store"],
    ]);
  });

  test.each(["train_and_deploy", "release", "clean_up", "housekeeping"])(
    "reads this project's %s without complaint, each of its states",
    (name) => {
      const graph = graphOf(workflow(name));
      expect(graph.problems).toEqual([]);
      // Nothing but a state has a type.
      const types = JSON.stringify(workflow(name)).match(/"Type":/g) ?? [];
      expect(graph.states).toHaveLength(types.length);
    },
  );

  test("names no node twice, also where states have the same name", () => {
    const twice = machine({ A: { Type: "Pass", End: true } });
    const graph = graphOf(machine({ A: { Type: "Parallel", Branches: [twice, twice], End: true } }));
    expect(new Set(graph.states.map((node) => node.id)).size).toBe(3);
  });

  test.each(["__proto__", "constructor", "a/b\u0000<b>"])("takes %j as a name like any other", (name) => {
    const graph = graphOf(
      JSON.parse(
        `{"StartAt": ${JSON.stringify(name)}, "States": {${JSON.stringify(name)}: {"Type": "Pass", "End": true}}}`,
      ),
    );
    expect(arrows(graph.root)).toEqual([`Start > ${name}`, `${name} > End`]);
  });
});

describe("a definition that is not in order", () => {
  test.each([null, undefined, "text", 3, [], {}, { States: {} }, { States: [] }])(
    "%j has a sentence instead of a graph",
    (it) => {
      const { graph, problem } = readGraph(it);
      expect(graph).toBeNull();
      expect(problem).toMatch(/\.$/);
    },
  );

  test("is drawn as far as it goes, and what is wrong is said", () => {
    const graph = graphOf({
      StartAt: "Nowhere",
      States: {
        A: { Type: "Task", Next: "B", Catch: "no list" },
        C: 3,
        D: { Type: "Parallel", Branches: [null, { States: 1 }] },
        E: { Type: "Choice", Choices: [null, { Variable: 3, Next: 7 }], Default: {} },
        F: { Type: "Map" },
      },
    });
    expect(graph.states.map((node) => node.name)).toEqual(["A", "C", "D", "E", "F"]);
    expect(graph.problems.join(" ")).toContain('"A" leads to "B", which is none of the states beside it.');
    expect(graph.problems.join(" ")).toContain("Nowhere");
  });

  test("may be nested without end", () => {
    let inner: object = machine({ A: { Type: "Pass", End: true } });
    for (let i = 0; i < 200; i++) inner = machine({ A: { Type: "Parallel", Branches: [inner], End: true } });
    expect(graphOf(inner).problems.join()).toContain("too deep");
  });

  test("may be large", () => {
    expect(graphOf(large(3000)).states).toHaveLength(3000);
  });
});

describe("rules in words", () => {
  test.each([
    [{ Variable: "$.gate.passed", BooleanEquals: true }, "$.gate.passed is true"],
    [{ Variable: "$.n", NumericGreaterThanEquals: 3 }, "$.n ≥ 3"],
    [{ Variable: "$.n", NumericLessThanPath: "$.limit" }, "$.n < $.limit"],
    [{ Variable: "$.s", StringEquals: "a b" }, '$.s is "a b"'],
    [{ Variable: "$.s", StringMatches: "log-*" }, '$.s matches "log-*"'],
    [{ Variable: "$.s", IsPresent: false }, "$.s is not present"],
    [{ Variable: "$.s", IsNumeric: true }, "$.s is a number"],
    [{ Variable: "$.t", TimestampLessThan: "2026-01-01T00:00:00Z" }, "$.t is before 2026-01-01T00:00:00Z"],
    [{ Not: { Variable: "$.a", IsNull: true } }, "not ($.a is null)"],
    [
      {
        And: [
          { Variable: "$.a", IsPresent: true },
          { Variable: "$.a", BooleanEquals: true },
        ],
      },
      "$.a is true",
    ],
    [
      {
        And: [
          { Variable: "$.a", NumericEquals: 1 },
          {
            Or: [
              { Variable: "$.b", NumericEquals: 2 },
              { Variable: "$.c", NumericEquals: 3 },
            ],
          },
        ],
      },
      "$.a is 1 and ($.b is 2 or $.c is 3)",
    ],
    [{ Condition: "{% $states.input.n > 3 %}" }, "$states.input.n > 3"],
    [{}, "?"],
    [null, "?"],
  ])("%j", (rule, words) => {
    expect(ruleWords(rule)).toBe(words);
  });

  test.each([
    [
      { Type: "Task", Resource: "arn:aws:states:::sagemaker:createTrainingJob.sync" },
      "SageMaker: createTrainingJob",
    ],
    [{ Type: "Task", Resource: "arn:aws:states:::aws-sdk:s3:getObject" }, "S3: getObject"],
    [{ Type: "Task", Resource: "arn:aws:lambda:eu-west-1:123456789012:function:check" }, "Lambda: check"],
    [{ Type: "Task", Resource: "${Function}" }, "Task"],
    [{ Type: "Wait", Seconds: 5 }, "Wait 5 s"],
    [{ Type: "Fail", Error: "NoGood" }, "Fail: NoGood"],
    [{}, "State"],
  ])("%j", (state, words) => {
    expect(stateWords(state)).toBe(words);
  });

  test("errors", () => {
    expect(errorWords(["States.Timeout", "NoGood"])).toBe("States.Timeout, NoGood");
    expect(errorWords(["States.ALL"])).toBe("any error");
    expect(errorWords(7)).toBe("error");
  });
});
