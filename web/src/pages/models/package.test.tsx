import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ModelPackage } from "../../api/types";
import { PackageCard } from "./PackageCard";

const ARN = "arn:aws:sagemaker:us-east-1:1:model-package/switchyard-diabetes/3";
const WAITING: ModelPackage = {
  arn: ARN,
  name: "switchyard-diabetes/3",
  approval: "PendingManualApproval",
  reason: "Every rule of the gate holds",
  release: "requested",
  strategy: "canary",
  release_reason: null,
  released_at: null,
  released_endpoint: null,
  can_decide: true,
  releases: [],
};

let sent: { url: string; body: unknown }[];
let answer: { status: number; body: object };

beforeEach(() => {
  // jsdom draws no dialogs.
  HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function (this: HTMLDialogElement) {
    this.open = false;
  };
  sent = [];
  answer = { status: 200, body: { arn: ARN, approval: "Approved", reason: "" } };
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    sent.push({ url, body: JSON.parse(String(init.body)) });
    return Promise.resolve(new Response(JSON.stringify(answer.body), { status: answer.status }));
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const press = (name: string) => fireEvent.click(screen.getByRole("button", { name }));

test("an approval is sent with its reason, and the page asked anew", async () => {
  const decided = vi.fn();
  render(<PackageCard model={WAITING} onDecided={decided} />);
  press("Approve");
  expect(screen.getByText("Its release begins: canary.")).toBeTruthy();
  fireEvent.input(screen.getByLabelText("Reason (optional)"), { target: { value: "fine" } });
  press("Approve it");
  await waitFor(() => expect(decided).toHaveBeenCalledOnce());
  const url = `/api/package/approve?arn=${encodeURIComponent(ARN)}`;
  expect(sent).toEqual([{ url, body: { reason: "fine" } }]);
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("a rejection wants a reason, and says what the server says", async () => {
  answer = { status: 409, body: { title: "Conflict", status: 409, detail: "it was rejected already" } };
  render(<PackageCard model={WAITING} onDecided={() => undefined} />);
  press("Reject");
  press("Reject it");
  expect(screen.getByText(/Say why/)).toBeTruthy();
  expect(sent).toEqual([]);
  fireEvent.input(screen.getByLabelText("Reason"), { target: { value: "biased" } });
  press("Reject it");
  await waitFor(() => expect(screen.getByRole("alert").textContent).toContain("It was rejected already"));
});

test("what is decided has no buttons, and shows its releases", () => {
  const releases: ModelPackage["releases"] = [
    {
      arn: "arn:aws:states:x:1:execution:R:r-1",
      name: "r-1",
      status: "SUCCEEDED",
      outcome: "ROLLED_BACK",
      started_at: 1,
    },
  ];
  const model = { ...WAITING, can_decide: false, release: "rolled-back", release_reason: "612 ms", releases };
  render(<PackageCard model={model} onDecided={() => undefined} />);
  expect(screen.queryByRole("button")).toBeNull();
  expect(screen.getAllByText("Rolled back")).toHaveLength(2);
  expect(screen.getByText("612 ms")).toBeTruthy();
  expect(screen.getByRole("link", { name: "r-1" })).toBeTruthy();
});
