import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { EndpointPage, Invocation, Variant } from "../../api/types";
import { RequestForm } from "./RequestForm";
import { countOf, curves, instancesText, shares, windowOf } from "./words";

function variant(changes: Partial<Variant> = {}): Variant {
  return {
    name: "AllTraffic",
    model: "m",
    weight: 1,
    desired_weight: null,
    instances: 1,
    instance_type: "ml.m5.large",
    is_serverless: false,
    ...changes,
  };
}

const PAGE: EndpointPage = {
  row: {
    name: "switchyard-diabetes",
    arn: "arn",
    status: "InService",
    reason: null,
    created_at: 0,
    updated_at: 0,
    variants: [variant(), variant({ name: "Canary" })],
  },
  config: "c",
  content_type: "text/csv",
  example: "48,1,21.6",
  window_seconds: 3600,
  period_seconds: 30,
  metrics: [],
  aws_console_url: null,
  problem: null,
};

afterEach(cleanup);

test("weights are said as shares of the requests", () => {
  expect(shares([variant({ weight: 9 }), variant({ weight: 1 })])).toEqual(["90 %", "10 %"]);
  expect(shares([variant({ weight: 1 }), variant({ weight: 2 })])).toEqual(["33.3 %", "66.7 %"]);
  expect(shares([variant({ weight: 0 })])).toEqual(["0 %"]);
});

test("instances are counted, unless there are none to count", () => {
  expect(instancesText(variant({ instances: 2 }))).toBe("2 x ml.m5.large");
  expect(instancesText(variant({ is_serverless: true, instance_type: null }))).toBe("serverless");
});

test("an address with a window that there is not shows the usual one", () => {
  expect([windowOf(null), windowOf("900"), windowOf("1"), windowOf("x")]).toEqual([3600, 900, 3600, 3600]);
});

test("a variant is named in a curve only where there are several", () => {
  const metrics = { invocations: [{ at: 1, value: 3 }], errors_4xx: [{ at: 1, value: 1 }], errors_5xx: [] };
  const one = { variant: "A", latency_p50: [], latency_p99: [], ...metrics };
  const names = (list: (typeof one)[]) =>
    curves(list, [
      ["errors_4xx", "4xx"],
      ["errors_5xx", "5xx"],
    ]).map((curve) => curve.name);
  expect(names([one])).toEqual(["4xx", "5xx"]);
  expect(names([one, { ...one, variant: "B" }])).toEqual(["A 4xx", "A 5xx", "B 4xx", "B 5xx"]);
  expect(countOf([one, one], ["invocations", "errors_4xx"])).toBe(8);
});

describe("the form", () => {
  const answer = (invocation: Partial<Invocation>, status = 200) =>
    vi.fn(async (_url: string, _init: RequestInit) => new Response(JSON.stringify(invocation), { status }));

  beforeEach(() => {
    vi.unstubAllGlobals();
  });

  test("sends the example as it is, and shows the answer", async () => {
    const fetched = answer({
      status: 200,
      variant: "Canary",
      content_type: "text/csv",
      body: "71.8",
      latency_ms: 12,
    });
    vi.stubGlobal("fetch", fetched);
    render(<RequestForm page={PAGE} />);
    fireEvent.change(screen.getByLabelText("Variant"), { target: { value: "Canary" } });
    fireEvent.click(screen.getByRole("button", { name: "Send" }));
    await screen.findByText("71.8");
    expect(screen.getByText("Answered in 12 ms.")).toBeTruthy();
    const [url, init] = fetched.mock.calls[0]!;
    expect(url).toBe("/api/endpoint/invocations?name=switchyard-diabetes");
    expect(JSON.parse(String(init.body))).toEqual({
      body: "48,1,21.6",
      content_type: "text/csv",
      accept: null,
      variant: "Canary",
    });
  });

  test("gives the model's own words when it refuses, as text", async () => {
    vi.stubGlobal(
      "fetch",
      answer({
        status: 400,
        variant: null,
        content_type: "text/plain",
        body: "<b>3 columns</b>",
        latency_ms: 3,
      }),
    );
    const { container } = render(<RequestForm page={PAGE} />);
    fireEvent.click(screen.getByRole("button", { name: "Send" }));
    await screen.findByText("The model refused it with status 400, after 3 ms.");
    expect(screen.getByText("<b>3 columns</b>")).toBeTruthy();
    expect(container.querySelector("b")).toBeNull();
  });

  test("says the server's own sentence when there is no endpoint any more", async () => {
    vi.stubGlobal(
      "fetch",
      vi.fn(
        async () =>
          new Response(
            JSON.stringify({ type: "about:blank", title: "Not Found", status: 404, detail: "it is gone" }),
            {
              status: 404,
            },
          ),
      ),
    );
    render(<RequestForm page={PAGE} />);
    fireEvent.click(screen.getByRole("button", { name: "Send" }));
    await waitFor(() => expect(within(screen.getByRole("alert")).getByText("It is gone")).toBeTruthy());
  });

  test("keeps what was typed when the example comes later", () => {
    const { rerender } = render(<RequestForm page={{ ...PAGE, example: null }} />);
    fireEvent.input(screen.getByLabelText("Body"), { target: { value: "mine" } });
    rerender(<RequestForm page={PAGE} />);
    expect((screen.getByLabelText("Body") as HTMLTextAreaElement).value).toBe("mine");
  });
});
