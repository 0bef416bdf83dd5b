import type { ComponentChildren } from "preact";
import type { Execution, Visit } from "../../api/types";
import { type GraphNode, retriesWords, secondsOf, sinceOf } from "../../graph";
import { Button, Duration, Empty, JsonTree, Tabs, Time } from "../../ui";
import { Attempts } from "./attempts";
import { Documents } from "./documents";
import { JobView } from "./job";
import { LogView } from "./log";
import { StateMark } from "./marks";
import type { ExecutionSource } from "./source";

export interface StatePanelProps {
  source: ExecutionSource;
  visit: Visit;
  /** All visits of this state beside it, when there are several. */
  visits: readonly Visit[];
  onSelect: (visit: Visit | null) => void;
}

/** All of one visit of a state. */
export function StatePanel({ source, visit, visits, onSelect }: StatePanelProps) {
  const [query, change] = source.useView();
  const detail = source.useDetail(visit);
  const hasLog = visit.job !== null || visit.function !== null;
  const tabs = [
    { id: "io", label: "Input/Output" },
    { id: "definition", label: "Definition" },
    { id: "attempts", label: "Attempts", count: visit.retries + 1 },
    ...(hasLog ? [{ id: "logs", label: "Logs" }] : []),
    ...(visit.job !== null ? [{ id: "job", label: "Job" }] : []),
  ];
  const wanted = query.get("tab");
  const tab = tabs.some(({ id }) => id === wanted) ? (wanted ?? "io") : "io";
  return (
    <PanelFrame
      title={visit.name}
      mark={<StateMark visit={visit} />}
      onClose={() => onSelect(null)}
      facts={
        <>
          <span>{visit.resource || visit.type}</span>
          <Time at={visit.entered_at} />
          <Duration seconds={secondsOf(visit)} since={sinceOf(visit)} />
          {visit.retries > 0 ? <span>{retriesWords(visit.retries)}</span> : null}
          {visit.redrives > 0 ? <span>redriven</span> : null}
        </>
      }
    >
      {visits.length > 1 ? <Visits visit={visit} visits={visits} onSelect={onSelect} /> : null}
      {detail.data?.map_run ? (
        <p class="note">
          A distributed Map: its items are executions of their own, of the Map Run{" "}
          <span class="mono wrap">{detail.data.map_run}</span>
        </p>
      ) : null}
      <StateError visit={visit} />
      <Tabs
        label="State"
        tabs={tabs}
        selected={tab}
        onSelect={(id) => change({ tab: id === "io" ? null : id })}
      >
        {tab === "io" ? <Documents source={source} detail={detail} visit={visit} /> : null}
        {tab === "definition" ? (
          <Definition definition={detail.data?.definition} isThere={detail.data !== undefined} />
        ) : null}
        {tab === "attempts" ? <Attempts detail={detail} /> : null}
        {tab === "logs" ? <LogView source={source} visit={visit} /> : null}
        {tab === "job" ? <JobView source={source} visit={visit} /> : null}
      </Tabs>
    </PanelFrame>
  );
}

/** A state that the execution did not come to: all there is to say is its definition. */
export function UnreachedPanel({ node, onClose }: { node: GraphNode; onClose: () => void }) {
  return (
    <PanelFrame
      title={node.name}
      mark={<span class="muted">Not reached</span>}
      onClose={onClose}
      facts={<span>{node.detail}</span>}
    >
      <h3>Definition</h3>
      <JsonTree value={node.definition} label="Definition" depth={3} />
    </PanelFrame>
  );
}

/** Stands there while no state is chosen: what the execution was given and what it gave. */
export function ExecutionPanel({ source, execution }: { source: ExecutionSource; execution: Execution }) {
  const [query, change] = source.useView();
  const { input, output } = execution;
  const wanted = query.get("part") ?? (output === null ? "input" : "output");
  const tab = wanted === "input" ? "input" : "output";
  return (
    <PanelFrame title="Input and output of the execution">
      <Tabs
        label="Execution"
        tabs={[
          { id: "input", label: "Input" },
          { id: "output", label: "Output" },
        ]}
        selected={tab}
        onSelect={(part) => change({ part })}
      >
        {tab === "input" ? <JsonTree text={input} label="Input" /> : null}
        {tab === "output" && output !== null ? <JsonTree text={output} label="Output" /> : null}
        {tab === "output" && output === null ? (
          <Empty title="No output">
            <p>
              {execution.row.status === "RUNNING" ? "The execution still runs." : "The execution gave none."}
            </p>
          </Empty>
        ) : null}
      </Tabs>
    </PanelFrame>
  );
}

interface PanelFrameProps {
  title: string;
  mark?: ComponentChildren;
  facts?: ComponentChildren;
  onClose?: () => void;
  children: ComponentChildren;
}

function PanelFrame({ title, mark, facts, onClose, children }: PanelFrameProps) {
  return (
    <section class="panel" aria-label={title}>
      <header class="panel-head">
        <div class="panel-title">
          <h2>{title}</h2>
          {mark}
          {onClose ? (
            <span class="panel-close">
              <Button small variant="quiet" label="Close the state" onClick={onClose}>
                Close
              </Button>
            </span>
          ) : null}
        </div>
        {facts ? <p class="panel-facts">{facts}</p> : null}
      </header>
      {children}
    </section>
  );
}

/** Why its last failed attempt failed; red only where that was the end of it. */
function StateError({ visit }: { visit: Visit }) {
  if (!visit.error) return null;
  const isEnd = visit.status === "FAILED" || visit.status === "TIMED_OUT";
  const goesOn = ["SUCCEEDED", "RUNNING", "RETRYING"].includes(visit.status);
  return (
    <div class={`state-error${isEnd ? "" : " is-caught"}`}>
      {goesOn ? <p>An attempt before failed:</p> : null}
      <code>{visit.error}</code>
      {visit.reason ? <p>{visit.reason}</p> : null}
    </div>
  );
}

function Visits({ visit, visits, onSelect }: Pick<StatePanelProps, "visit" | "visits" | "onSelect">) {
  const at = visits.findIndex((one) => one.id === visit.id);
  const to = (place: number) => () => onSelect(visits[place] ?? null);
  return (
    <div class="visits" role="group" aria-label="Visits of this state">
      <Button small disabled={at <= 0} label="Visit before" onClick={to(at - 1)}>
        ‹
      </Button>
      <span>
        Visit {at + 1} of {visits.length}
      </span>
      <Button small disabled={at >= visits.length - 1} label="Visit after" onClick={to(at + 1)}>
        ›
      </Button>
    </div>
  );
}

function Definition({
  definition,
  isThere,
}: {
  definition: Record<string, unknown> | null | undefined;
  isThere: boolean;
}) {
  if (definition) return <JsonTree value={definition} label="Definition" depth={3} />;
  return isThere ? <Empty title="There is no definition to show" /> : null;
}
