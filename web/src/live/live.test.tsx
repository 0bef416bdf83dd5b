import { act, cleanup, render, screen } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { useConnectionState, useLive } from ".";
import { LiveConnection, type Source } from "./connection";
import { replaceConnection } from "./useLive";

/** A stream that the test opens, fills and breaks. */
class FakeSource implements Source {
  onopen: Source["onopen"] = null;
  onerror: Source["onerror"] = null;
  onmessage: Source["onmessage"] = null;
  closed = false;

  constructor(readonly url: string) {}

  get topics(): string[] {
    return new URL(this.url, "http://localhost").searchParams.getAll("topic");
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    act(() => this.onopen?.(new Event("open")));
  }

  break(): void {
    act(() => this.onerror?.(new Event("error")));
  }

  say(topic: string, data: unknown, kind = "snapshot"): void {
    act(() => this.onmessage?.(new MessageEvent("message", { data: JSON.stringify({ topic, kind, data }) })));
  }
}

let sources: FakeSource[];
const last = () => sources[sources.length - 1] as FakeSource;

function Watch({
  topic,
  merge,
}: {
  topic: string | null;
  merge?: (now: string[], change: string[]) => string[];
}) {
  const { data, problem } = useLive<string[]>(topic, merge);
  const state = useConnectionState();
  return (
    <p>
      {state} {data?.join(",") ?? "nothing"} {problem?.detail}
    </p>
  );
}

function setHidden(hidden: boolean): void {
  vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
  act(() => void document.dispatchEvent(new Event("visibilitychange")));
}

async function wait(milliseconds: number): Promise<void> {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(milliseconds);
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  sources = [];
  replaceConnection(
    new LiveConnection((url) => {
      const source = new FakeSource(url);
      sources.push(source);
      return source;
    }),
  );
});

afterEach(() => {
  cleanup();
  replaceConnection(undefined);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const text = () => screen.getAllByText(/./).map((node) => node.textContent?.trim());

describe("one stream for all topics", () => {
  test("topics that come together are asked for in one opening", async () => {
    render(
      <>
        <Watch topic="a" />
        <Watch topic="b" />
        <Watch topic="a" />
      </>,
    );
    await wait(0);
    expect(sources.map((source) => source.topics)).toEqual([["a", "b"]]);
  });

  test("a topic that nobody watches any more is no longer asked for", async () => {
    const { rerender } = render(
      <>
        <Watch topic="a" />
        <Watch topic="b" />
      </>,
    );
    await wait(0);
    rerender(<Watch topic="a" />);
    await wait(0);
    expect(sources[0]?.closed).toBe(true);
    expect(last().topics).toEqual(["a"]);
  });

  test("a page that goes and a page that comes with the same topic keep the stream and what it said", async () => {
    const { rerender } = render(<Watch key="1" topic="a" />);
    await wait(0);
    last().open();
    last().say("a", ["x"]);
    rerender(<Watch key="2" topic="a" />);
    await wait(0);
    expect(sources).toHaveLength(1);
    expect(text()).toEqual(["open x"]);
  });

  test("null watches nothing", async () => {
    render(<Watch topic={null} />);
    await wait(0);
    expect(sources).toHaveLength(0);
  });
});

describe("what a topic says", () => {
  test("a snapshot replaces what was, a change is merged, a problem keeps the data", async () => {
    render(<Watch topic="a" merge={(now, change) => [...now, ...change]} />);
    await wait(0);
    last().open();
    last().say("a", ["x"]);
    last().say("a", ["y"], "change");
    expect(text()).toEqual(["open x,y"]);
    last().say("a", { detail: "Throttled" }, "problem");
    expect(text()).toEqual(["open x,y Throttled"]);
    last().say("a", ["z"]);
    expect(text()).toEqual(["open z"]);
  });

  test("a change of a topic without merge is all of it", async () => {
    render(<Watch topic="a" />);
    await wait(0);
    last().say("a", ["x"]);
    last().say("a", ["y"], "change");
    expect(text()).toEqual(["connecting y"]);
  });
});

describe("a server that goes away", () => {
  test("is tried again, slower and slower, until it is back; then its snapshot is shown", async () => {
    render(<Watch topic="a" />);
    await wait(0);
    last().open();
    last().say("a", ["old"]);

    last().break();
    expect(text()).toEqual(["connecting old"]);
    await wait(249);
    expect(sources).toHaveLength(1);
    await wait(1);
    expect(sources).toHaveLength(2);
    last().break();
    expect(text()).toEqual(["lost old"]);
    await wait(499);
    expect(sources).toHaveLength(2);
    await wait(1);
    expect(sources).toHaveLength(3);

    last().open();
    last().say("a", ["new"]);
    expect(text()).toEqual(["open new"]);
    last().break();
    await wait(250);
    expect(sources).toHaveLength(4);
  });

  test("is asked every eight seconds at last", async () => {
    render(<Watch topic="a" />);
    await wait(0);
    for (let failures = 0; failures < 12; failures += 1) {
      last().break();
      await wait(8000);
    }
    const before = sources.length;
    last().break();
    await wait(7999);
    expect(sources).toHaveLength(before);
    await wait(1);
    expect(sources).toHaveLength(before + 1);
  });

  test("that accepts and breaks off without a word is not asked without a pause", async () => {
    render(<Watch topic="a" />);
    await wait(0);
    for (let round = 0; round < 4; round += 1) {
      last().open();
      last().break();
      await wait(2000);
    }
    const before = sources.length;
    last().open();
    last().break();
    await wait(2000);
    expect(sources).toHaveLength(before);
  });

  test("topics that come meanwhile wait for the next turn", async () => {
    const { rerender } = render(<Watch topic="a" />);
    await wait(0);
    last().break();
    rerender(<Watch topic="b" />);
    await wait(0);
    expect(sources).toHaveLength(1);
    await wait(250);
    expect(last().topics).toEqual(["b"]);
  });
});

describe("a hidden tab", () => {
  test("has no stream; in sight again it has one with a new snapshot", async () => {
    render(<Watch topic="a" />);
    await wait(0);
    last().open();
    last().say("a", ["old"]);
    setHidden(true);
    expect(last().closed).toBe(true);
    await wait(60_000);
    expect(sources).toHaveLength(1);
    setHidden(false);
    expect(sources).toHaveLength(2);
    expect(text()).toEqual(["open old"]);
    last().say("a", ["new"]);
    expect(text()).toEqual(["open new"]);
  });

  test("does not try a lost server either", async () => {
    render(<Watch topic="a" />);
    await wait(0);
    last().break();
    setHidden(true);
    await wait(60_000);
    expect(sources).toHaveLength(1);
  });
});
