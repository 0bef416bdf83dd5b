import { useMemo } from "preact/hooks";
import { Link } from "wouter-preact";
import type { Execution } from "../../api/types";
import { chooseFrom, GraphView, indexVisits, readGraph, runView, type GraphNode } from "../../graph";
import { paths } from "../../paths";
import { Duration, Empty, ErrorBox, Loading, PageHeader, StatusMark, Tabs, Time } from "../../ui";
import { Actions } from "./actions";
import { Events } from "./events";
import { Failure } from "./failure";
import { ExecutionPanel, StatePanel, UnreachedPanel } from "./panel";
import { readSelection, selectItem, selectUnreached, selectVisit } from "./selection";
import type { ExecutionSource } from "./source";
import { Split } from "./split";
import { StateTable } from "./table";

const VIEWS = [
  { id: "graph", label: "Graph" },
  { id: "table", label: "Table" },
  { id: "events", label: "Events" },
] as const;

/** An execution, wherever it comes from. */
export function ExecutionView({ source }: { source: ExecutionSource }) {
  const { data, problem } = source.useExecution();
  if (data) return <Loaded source={source} execution={data} />;
  const name = source.arn.split(":").pop() ?? source.arn;
  return (
    <>
      <PageHeader title={name} tabTitle="Execution" crumbs={CRUMBS} />
      {problem === null ? <Loading what="Reading the history" /> : null}
      {problem?.status === 404 ? (
        <Empty title="There is no such execution">
          <p>
            {problem.detail}. See <Link href={paths.executions}>all executions</Link>.
          </p>
        </Empty>
      ) : null}
      {problem && problem.status !== 404 ? <ErrorBox problem={problem} /> : null}
    </>
  );
}

const CRUMBS = [{ label: "Executions", href: paths.executions }];

function Loaded({ source, execution }: { source: ExecutionSource; execution: Execution }) {
  const [query, change] = source.useView();
  const { row } = execution;
  const index = useMemo(() => indexVisits(execution.visits), [execution.visits]);
  const reading = useMemo(() => readGraph(execution.definition), [execution.definition]);
  const selection = readSelection(query, index, reading.graph);
  const { visit, unreached, item } = selection;
  const run = useMemo(
    () => reading.graph && runView(reading.graph, index, chooseFrom(index, visit?.id ?? null, item)),
    [reading, index, visit?.id, item?.visit, item?.index],
  );
  const failed = execution.failed_visit === null ? null : (index.byId.get(execution.failed_visit) ?? null);
  const wanted = query.get("view");
  const view = VIEWS.some(({ id }) => id === wanted) ? wanted : "graph";

  const selected = useMemo(() => {
    if (unreached) return unreached.id;
    if (!visit || !run) return null;
    for (const [id, { shown }] of run.nodes) if (shown.id === visit.id) return id;
    return null;
  }, [run, visit, unreached]);
  const focus = firstLook(run, execution);
  const onNode = (node: GraphNode): void => {
    const shown = run?.nodes.get(node.id)?.shown;
    change(shown ? selectVisit(shown) : selectUnreached(node));
  };
  const table = (
    <StateTable
      execution={execution}
      index={index}
      selected={visit}
      onSelect={(one) => change(selectVisit(one))}
    />
  );
  return (
    <div class="execution">
      <PageHeader
        title={row.name}
        {...(source.isLive ? { crumbs: CRUMBS } : {})}
        mark={
          <span role="status">
            <StatusMark status={row.status} outcome={row.outcome}>
              {row.status === "ABORTED" ? "Stopped" : undefined}
            </StatusMark>
          </span>
        }
        about={<About execution={execution} isLive={source.isLive} />}
        actions={source.isLive ? <Actions execution={execution} /> : null}
      />
      <Failure execution={execution} failed={failed} onOpen={(one) => change(selectVisit(one))} />
      {execution.problem ? <p class="note">{execution.problem}</p> : null}
      {execution.is_complete ? null : (
        <p class="note">The history breaks off before its end: what came after is not known.</p>
      )}
      <Split
        left={
          <div class="views">
            <Tabs
              label="Views of the execution"
              tabs={VIEWS.map(({ id, label }) => ({
                id,
                label,
                count: { graph: undefined, table: execution.visits.length, events: execution.events.length }[
                  id
                ],
              }))}
              selected={view ?? "graph"}
              onSelect={(id) => change({ view: id === "graph" ? null : id })}
            >
              {view === "graph" && reading.graph ? (
                <>
                  {reading.graph.problems.map((sentence) => (
                    <p key={sentence} class="note">
                      {sentence}
                    </p>
                  ))}
                  <GraphView
                    graph={reading.graph}
                    run={run}
                    selected={selected}
                    focus={focus}
                    onSelect={onNode}
                    onItem={(map, place) =>
                      change(selectItem(selection, index, { visit: map, index: place }))
                    }
                  />
                </>
              ) : null}
              {view === "graph" && !reading.graph ? (
                <>
                  <p class="note">
                    {execution.definition_problem ?? reading.problem} Here are the states that were entered.
                  </p>
                  {table}
                </>
              ) : null}
              {view === "table" ? table : null}
              {view === "events" ? (
                <Events
                  source={source}
                  execution={execution}
                  index={index}
                  onSelect={(id) => change({ state: String(id) })}
                />
              ) : null}
            </Tabs>
          </div>
        }
        right={
          visit ? (
            <StatePanel
              key={visit.id}
              source={source}
              visit={visit}
              visits={index
                .inside(visit.parent, visit.branch, visit.attempt)
                .filter((other) => other.name === visit.name)}
              onSelect={(other) => change(selectVisit(other))}
            />
          ) : unreached ? (
            <UnreachedPanel node={unreached} onClose={() => change({ state: null })} />
          ) : (
            <ExecutionPanel source={source} execution={execution} />
          )
        }
      />
    </div>
  );
}

function About({ execution: { row }, isLive }: { execution: Execution; isLive: boolean }) {
  const workflow = isLive ? (
    <Link href={paths.executionsOf({ workflow: row.workflow_arn })}>{row.workflow}</Link>
  ) : (
    row.workflow
  );
  return (
    <span class="facts-line">
      <span>{workflow}</span>
      {row.recipe ? (
        <span>{isLive ? <Link href={paths.model(row.recipe)}>{row.recipe}</Link> : row.recipe}</span>
      ) : null}
      <span>
        Started <Time at={row.started_at} />
      </span>
      <span>
        {row.status === "RUNNING" ? "Running for " : "Took "}
        <Duration seconds={row.seconds} since={row.status === "RUNNING" ? row.started_at : null} />
      </span>
      {row.redrives > 0 ? (
        <span>Redriven {row.redrives === 1 ? "once" : `${row.redrives} times`}</span>
      ) : null}
    </span>
  );
}

/** Where to look first in a graph too large to be seen at once: where it failed, or where it is, or its start. */
function firstLook(run: ReturnType<typeof runView> | null, execution: Execution): string | null {
  let first: string | null = null;
  let last: string | null = null;
  for (const [id, { shown }] of run?.nodes ?? []) {
    if (shown.id === execution.failed_visit) return id;
    first ??= id;
    last = id;
  }
  return execution.row.status === "RUNNING" ? last : first;
}
