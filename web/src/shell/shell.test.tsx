import { act, cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { App } from "../app";
import type { Target } from "../api/types";
import { LiveConnection, type Source } from "../live/connection";
import { replaceConnection } from "../live/useLive";
import { applyStoredTheme } from "./theme";

const TARGET: Target = {
  name: "http://127.0.0.1:4599",
  is_local: true,
  region: "mars-west-1",
  stack: "switchyard",
  is_up: true,
  problem: null,
  project: "switchyard",
};

let sources: Source[];

beforeEach(() => {
  window.history.replaceState(null, "", "/workflows");
  vi.stubGlobal("scrollTo", () => undefined);
  vi.useFakeTimers();
  sources = [];
  replaceConnection(
    new LiveConnection(() => {
      const source: Source = { onopen: null, onerror: null, onmessage: null, close: () => undefined };
      sources.push(source);
      return source;
    }),
  );
});

afterEach(() => {
  cleanup();
  replaceConnection(undefined);
  localStorage.clear();
  delete document.documentElement.dataset["theme"];
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function open(): Promise<void> {
  render(<App report={null} />);
  await wait(0);
}

async function wait(milliseconds: number): Promise<void> {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(milliseconds);
  });
}

function say(topic: string, data: unknown): void {
  const message = new MessageEvent("message", { data: JSON.stringify({ topic, kind: "snapshot", data }) });
  act(() => sources.at(-1)?.onmessage?.(message));
}

test("says that the server is gone, until it is back", async () => {
  await open();
  const banners = () =>
    screen
      .getAllByRole("status")
      .map((node) => node.textContent)
      .join(" ");
  for (let failures = 0; failures < 2; failures += 1) {
    act(() => sources.at(-1)?.onerror?.(new Event("error")));
    await wait(500);
  }
  expect(banners()).toContain("The console's server does not answer; trying again.");
  act(() => sources.at(-1)?.onopen?.(new Event("open")));
  expect(banners()).not.toContain("does not answer");
});

test("says that the cloud is away while past runs can be read", async () => {
  await open();
  say("target", { ...TARGET, is_up: false, problem: "nothing answers at it; start it with `switchyard up`" });
  expect(screen.getByText(/Past runs can be read/).textContent).toBe(
    "Nothing answers at it; start it with switchyard up. Past runs can be read; nothing can be started.",
  );
  expect(screen.getByText("switchyard up").tagName).toBe("CODE");
  say("target", TARGET);
  expect(screen.queryByText(/Past runs can be read/)).toBeNull();
});

test("says what of the cloud may not be read, while the rest is shown", async () => {
  await open();
  say("target", { ...TARGET, problem: "AWS denied ListExecutions: not you" });
  expect(screen.getByText(/AWS denied/).textContent).toBe(
    "AWS denied ListExecutions: not you. What may be read is shown.",
  );
  expect(screen.queryByText(/nothing can be started/)).toBeNull();
});

test("a navigation titles the tab and moves the focus to the new heading", async () => {
  await open();
  expect(document.title).toBe("Workflows - Switchyard");
  expect(document.activeElement).toBe(document.body);
  fireEvent.click(screen.getByRole("link", { name: "Endpoints" }));
  await wait(0);
  expect(document.title).toBe("Endpoints - Switchyard");
  expect(document.activeElement).toBe(screen.getByRole("heading", { level: 1, name: "Endpoints" }));
  expect(screen.getByRole("link", { name: "Endpoints" }).getAttribute("aria-current")).toBe("page");
});

test.each(["/nothing", "/executions/%E0%A4%A", "/models/a/b"])("%s is no page", async (address) => {
  window.history.replaceState(null, "", address);
  await open();
  expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Page not found");
});

test.each([
  ["/models/100%25", "100%"],
  ["/models/a%252Fb", "a%2Fb"],
  ["/models/a%2Fb", "a/b"],
])("%s is the page of %s", async (address, name) => {
  window.history.replaceState(null, "", address);
  await open();
  expect(screen.getByRole("heading", { level: 1 }).textContent).toBe(name);
});

test("a theme that was chosen is kept, and the system's is followed again", async () => {
  await open();
  const choose = (value: string) => fireEvent.change(screen.getByLabelText("Theme"), { target: { value } });
  choose("dark");
  delete document.documentElement.dataset["theme"];
  applyStoredTheme();
  expect(document.documentElement.dataset["theme"]).toBe("dark");
  choose("system");
  expect(document.documentElement.dataset["theme"]).toBeUndefined();
  expect(localStorage).toHaveLength(0);
});
