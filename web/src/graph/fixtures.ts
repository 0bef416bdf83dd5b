// Definitions to try the graph with.

import { readFileSync } from "node:fs";
import type { Json } from "./model";

/** A workflow of this project, as it is deployed. */
export function workflow(name: string): Json {
  return JSON.parse(readFileSync(`../workflows/${name}.asl.json`, "utf8")) as Json;
}

export function machine(states: Json, startAt = Object.keys(states)[0]): Json {
  return { StartAt: startAt, States: states };
}

/** Two branches, the second with a Choice. */
export function parallel(): Json {
  return machine({
    Prepare: { Type: "Pass", Next: "Work" },
    Work: {
      Type: "Parallel",
      Branches: [
        machine({ Left: { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", End: true } }),
        machine({
          Right: {
            Type: "Choice",
            Choices: [{ Variable: "$.a", BooleanEquals: true, Next: "Far right" }],
            Default: "Near right",
          },
          "Far right": { Type: "Pass", End: true },
          "Near right": { Type: "Pass", End: true },
        }),
      ],
      Catch: [{ ErrorEquals: ["States.ALL"], Next: "Undo" }],
      Next: "Done",
    },
    Undo: { Type: "Pass", Next: "Failed" },
    Failed: { Type: "Fail", Error: "NoGood" },
    Done: { Type: "Succeed" },
  });
}

/** A Map over items, each with two states. */
export function map(key: "ItemProcessor" | "Iterator" = "ItemProcessor"): Json {
  return machine({
    "For each": {
      Type: "Map",
      ItemsPath: "$.items",
      [key]: machine({
        Fetch: { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", Next: "Store" },
        Store: { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", End: true },
      }),
      Next: "Done",
    },
    Done: { Type: "Succeed" },
  });
}

/** A state that is waited for in a circle. */
export function loop(): Json {
  return machine({
    Wait: { Type: "Wait", Seconds: 5, Next: "Look" },
    Look: { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", Next: "Ready?" },
    "Ready?": {
      Type: "Choice",
      Choices: [{ Variable: "$.ready", BooleanEquals: true, Next: "Done" }],
      Default: "Wait",
    },
    Done: { Type: "Succeed" },
  });
}

/** As many states, in a row with choices to skip, loops, and a Catch each. */
export function large(count: number): Json {
  const states: Json = {};
  for (let i = 0; i < count - 2; i++) {
    const next = i === count - 3 ? "Done" : `State ${i + 1}`;
    const isChoice = i % 5 === 3 && i + 4 < count - 2;
    states[`State ${i}`] = isChoice
      ? {
          Type: "Choice",
          Choices: [
            { Variable: "$.skip", BooleanEquals: true, Next: `State ${i + 3}` },
            ...(i % 10 === 8 ? [{ Variable: "$.again", BooleanEquals: true, Next: `State ${i - 3}` }] : []),
          ],
          Default: next,
        }
      : {
          Type: "Task",
          Resource: "arn:aws:states:::lambda:invoke",
          Catch: [{ ErrorEquals: ["States.ALL"], Next: "Undo" }],
          Next: next,
        };
  }
  states["Undo"] = { Type: "Fail" };
  states["Done"] = { Type: "Succeed" };
  return machine(states);
}
