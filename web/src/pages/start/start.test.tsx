import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RecipeForm } from "../../api/types";
import { nameProblem } from "./checks";
import { RawStart } from "./RawStart";
import { RecipeStart } from "./RecipeStart";
import { canShow, runInputOf } from "./runInput";
import { fieldOf } from "./serverProblem";
import { shapeOf } from "./form/shape";

const RECIPE: RecipeForm = {
  name: "diabetes",
  description: "",
  image: "scikit-learn:1.4-2",
  data: "data/diabetes.csv",
  problem: null,
  form: {
    type: "object",
    additionalProperties: false,
    properties: {
      hyperparameters: {
        type: "object",
        additionalProperties: false,
        properties: { alpha: { type: "number", default: 10 } },
      },
      limits: {
        type: "object",
        additionalProperties: false,
        properties: { training_seconds: { type: "integer", minimum: 1, default: 3600 } },
      },
    },
  },
};

let sent: { url: string; body: unknown }[];
let answer: { status: number; body: object };

beforeEach(() => {
  window.history.replaceState(null, "", "/start");
  sent = [];
  answer = { status: 200, body: { arn: "arn:aws:states:x:1:execution:M:new", name: "new" } };
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    sent.push({ url, body: JSON.parse(String(init.body)) });
    return Promise.resolve(new Response(JSON.stringify(answer.body), { status: answer.status }));
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const type = (label: string, value: string) =>
  fireEvent.input(screen.getByLabelText(label), { target: { value } });
const submit = () => fireEvent.click(screen.getByRole("button", { name: "Start execution" }));

describe("a recipe's form", () => {
  test("sends only what was changed, and goes to the new execution", async () => {
    render(<RecipeStart form={RECIPE} workflowArn="arn:w" />);
    type("alpha", "0.5");
    submit();
    await waitFor(() =>
      expect(window.location.pathname).toBe("/executions/arn%3Aaws%3Astates%3Ax%3A1%3Aexecution%3AM%3Anew"),
    );
    expect(sent).toEqual([
      {
        url: "/api/runs",
        body: { recipe: "diabetes", data: null, name: null, overrides: { hyperparameters: { alpha: 0.5 } } },
      },
    ]);
  });

  test("sends nothing as long as a field is wrong, and says so at the field", () => {
    render(<RecipeStart form={RECIPE} workflowArn="arn:w" />);
    type("alpha", "much");
    expect(screen.queryByText(/Give a number/)).toBeNull();
    submit();
    expect(screen.getByLabelText("alpha").getAttribute("aria-invalid")).toBe("true");
    expect(screen.getByText("Give a number, such as 0.5 or 1e-3.")).toBeTruthy();
    expect(sent).toEqual([]);
  });

  test("begins with what another execution was given, and sends that again", async () => {
    const initial = {
      recipe: "diabetes",
      data: "s3://b/k.csv",
      overrides: { limits: { training_seconds: 60 } },
    };
    render(<RecipeStart form={RECIPE} workflowArn="arn:w" initial={initial} />);
    expect((screen.getByLabelText("training_seconds") as HTMLInputElement).value).toBe("60");
    submit();
    await waitFor(() => expect(sent).toHaveLength(1));
    expect(sent[0]?.body).toEqual({ ...initial, name: null });
  });

  test("shows the server's refusal at the field that it names", async () => {
    answer = { status: 400, body: { detail: "overrides.limits.training_seconds: the account takes 600" } };
    render(<RecipeStart form={RECIPE} workflowArn="arn:w" />);
    submit();
    await screen.findByText(/the account takes 600/);
    expect(screen.getByLabelText("training_seconds").getAttribute("aria-invalid")).toBe("true");
    expect(screen.queryByRole("alert")).toBeNull();
  });

  test("shows at the name that it is taken", async () => {
    answer = { status: 409, body: { detail: "there is an execution mine already, with another input" } };
    render(<RecipeStart form={RECIPE} workflowArn="arn:w" />);
    type("Execution name", "mine");
    submit();
    await screen.findByText(/an execution mine already/);
    expect(screen.getByLabelText("Execution name").getAttribute("aria-invalid")).toBe("true");
  });

  test("shows any other refusal above, and can be sent again", async () => {
    answer = {
      status: 502,
      body: { title: "Bad Gateway", detail: "nothing answers at http://127.0.0.1:4599" },
    };
    render(<RecipeStart form={RECIPE} workflowArn="arn:w" />);
    submit();
    expect((await screen.findByRole("alert")).textContent).toContain("Nothing answers");
    answer = { status: 200, body: { arn: "arn:x", name: "x" } };
    submit();
    await waitFor(() => expect(window.location.pathname).toBe("/executions/arn%3Ax"));
  });

  test("needs data when the recipe has none", () => {
    render(<RecipeStart form={{ ...RECIPE, data: null }} workflowArn="arn:w" />);
    submit();
    expect(screen.getByLabelText("Training data").getAttribute("aria-invalid")).toBe("true");
    expect(sent).toEqual([]);
  });

  test("goes over to JSON and back with what was typed", () => {
    render(<RecipeStart form={RECIPE} workflowArn="arn:w" />);
    type("alpha", "3");
    fireEvent.click(screen.getByRole("tab", { name: "JSON" }));
    const area = screen.getByLabelText("Input") as HTMLTextAreaElement;
    expect(JSON.parse(area.value)).toEqual({
      recipe: "diabetes",
      overrides: { hyperparameters: { alpha: 3 } },
    });
    type("Input", '{"recipe": "diabetes", "overrides": {"hyperparameters": {"alpha": 4}}}');
    fireEvent.click(screen.getByRole("tab", { name: "Form" }));
    expect((screen.getByLabelText("alpha") as HTMLInputElement).value).toBe("4");
  });

  test("stays with JSON that it cannot show", () => {
    render(<RecipeStart form={RECIPE} workflowArn="arn:w" />);
    fireEvent.click(screen.getByRole("tab", { name: "JSON" }));
    type("Input", '{"recipe": "diabetes", "detail": {}}');
    fireEvent.click(screen.getByRole("tab", { name: "Form" }));
    expect(screen.getByRole("alert").textContent).toContain("has no field for");
    expect((screen.getByLabelText("Input") as HTMLTextAreaElement).value).toContain("detail");
  });
});

describe("any other workflow", () => {
  test("gets its input as it was typed", async () => {
    render(<RawStart workflowArn="arn:w" input="{}" />);
    type("Input", '{"n": 12345678901234567890, "x": 1.0}');
    submit();
    await waitFor(() => expect(sent).toHaveLength(1));
    expect(sent[0]).toEqual({
      url: "/api/executions",
      body: { workflow_arn: "arn:w", name: null, input: '{"n": 12345678901234567890, "x": 1.0}' },
    });
  });

  test("is told where its JSON is wrong, and nothing is sent", () => {
    render(<RawStart workflowArn="arn:w" input="{}" />);
    type("Input", '{\n  "a": 1,\n}');
    submit();
    expect(screen.getByText("Line 3, column 1: A comma stands before the closing }.")).toBeTruthy();
    expect(sent).toEqual([]);
  });
});

describe("what a form can show of an input", () => {
  test("recipe, data and overrides, and nothing else", () => {
    expect(runInputOf('{"recipe": "a"}')).toEqual({ recipe: "a", data: null, overrides: {} });
    for (const text of [
      '{"detail": {}}',
      '{"recipe": 1}',
      '{"recipe": "a", "etag": "x"}',
      "[]",
      "{",
      '{"recipe": "a", "overrides": []}',
    ])
      expect(runInputOf(text)).toBeNull();
  });

  test("overrides that it has fields for", () => {
    const shape = shapeOf(RECIPE.form);
    expect(canShow(shape, {})).toBe(true);
    expect(canShow(shape, { hyperparameters: { alpha: 10 } })).toBe(true);
    expect(canShow(shape, { hyperparameters: { beta: 1 } })).toBe(false);
    expect(canShow(shape, { hyperparameters: { alpha: "x" } })).toBe(false);
    expect(canShow(shape, { gate: [] })).toBe(false);
  });
});

test("a refusal names the most exact field, whole words only", () => {
  const problem = (detail: string) => ({ type: "", title: "", status: 400, detail });
  const paths = ["name", "data.split", "data.split.train", "limits.spot"];
  expect(fieldOf(problem("--set data.split.train=2: too much"), paths)).toBe("data.split.train");
  expect(fieldOf(problem("limits.spot_price is not known"), paths)).toBeNull();
  expect(fieldOf(problem("the name is wrong"), paths)).toBeNull();
});

test("a name that Step Functions refuses", () => {
  expect(nameProblem("a b")).toBe("A name holds no spaces.");
  expect(nameProblem("a/b")).toBe("A name holds no /.");
  expect(nameProblem("x".repeat(81))).toBe("It has 81 characters; Step Functions takes 80.");
  expect(nameProblem("diabetes_2.b-é")).toBeNull();
});
