import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { ModelPage, ModelRun } from "../../api/types";
import { formatNumber } from "../../plots";
import { Button, Card, None, StatusMark, Time } from "../../ui";
import { ChampionMark } from "./ChampionMark";
import { metricNames } from "./words";

const FEW = 6;
const MOST_METRICS = 2;

/** The runs, the newest first; the first metrics of the gate beside each. */
export function RunsTable({ page, link }: { page: ModelPage; link: (run: ModelRun) => string }) {
  const [isOpen, setOpen] = useState(false);
  const metrics = metricNames(page.gate, page.runs).slice(0, MOST_METRICS);
  const runs = [...page.runs].reverse();
  const selectedAt = runs.findIndex((run) => run.arn === page.selected);
  const few = runs.slice(0, FEW);
  const selected = runs[selectedAt];
  if (selected && selectedAt >= FEW) few.push(selected);
  return (
    <Card
      title="Runs"
      flush
      actions={
        runs.length > FEW ? (
          <Button small variant="quiet" expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {isOpen ? "Show fewer" : `Show all ${runs.length.toLocaleString("en")}`}
          </Button>
        ) : null
      }
    >
      <table aria-label="Runs" class="runs-table">
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">Status</th>
            <th scope="col">Version</th>
            <th scope="col">Approval</th>
            {metrics.map((name) => (
              <th key={name} scope="col" class="number">
                {name} <span class="runs-of">validation / test</span>
              </th>
            ))}
            <th scope="col">Started</th>
          </tr>
        </thead>
        <tbody>
          {(isOpen ? runs : few).map((run) => (
            <tr key={run.arn} class={run.arn === page.selected ? "runs-selected" : undefined}>
              <th scope="row">
                <Link href={link(run)} replace aria-current={run.arn === page.selected ? "true" : undefined}>
                  {run.name}
                </Link>
              </th>
              <td>
                <StatusMark status={run.status} outcome={run.outcome} />
              </td>
              <td class="nowrap">
                {run.version ?? <None />} {run.is_champion ? <ChampionMark word /> : null}
              </td>
              <td>{run.approval ? <StatusMark status={run.approval} /> : <None />}</td>
              {metrics.map((name) => (
                <td key={name} class="number nowrap">
                  {valueText(run.metrics[name])} / {valueText(run.test_metrics[name])}
                </td>
              ))}
              <td>
                <Time at={run.started_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function valueText(value: number | undefined): string {
  return value === undefined ? "–" : formatNumber(value);
}
