import { Link } from "wouter-preact";
import type { Workflow } from "../../api/types";
import { paths } from "../../paths";
import { ButtonLink, Card, durationText, Facts, None } from "../../ui";
import { MarkStrip } from "./MarkStrip";
import { Picture } from "./Picture";

export interface WorkflowCardProps {
  workflow: Workflow;
  canStart: boolean;
}

export function WorkflowCard({ workflow, canStart }: WorkflowCardProps) {
  const executions = paths.executionsOf({ workflow: workflow.arn });
  return (
    <Card
      title={<Link href={executions}>{workflow.title}</Link>}
      about={aboutText(workflow)}
      actions={
        canStart ? (
          <ButtonLink href={paths.startWorkflow(workflow.arn)} label={`Start ${workflow.title}`}>
            Start
          </ButtonLink>
        ) : null
      }
    >
      <div class="workflow">
        <div class="workflow-picture">
          {workflow.definition ? (
            <Picture definition={workflow.definition} />
          ) : (
            <p class="muted">{workflow.definition_problem ?? "Its definition is not known."}</p>
          )}
        </div>
        <div class="workflow-words">
          <Facts
            facts={[
              ["Executions", <Link href={executions}>{workflow.total.toLocaleString("en")}</Link>],
              ["Running", <Running workflow={workflow} />],
              ["Success rate", workflow.success_rate === null ? <None /> : rateText(workflow.success_rate)],
              [
                "Median duration",
                workflow.median_seconds === null ? <None /> : durationText(workflow.median_seconds),
              ],
            ]}
          />
          <h3 class="workflow-recent">Recent executions</h3>
          {workflow.recent.length > 0 ? (
            <MarkStrip marks={workflow.recent} of={workflow.title} />
          ) : (
            <p class="muted">None yet.</p>
          )}
        </div>
      </div>
    </Card>
  );
}

function Running({ workflow }: { workflow: Workflow }) {
  if (workflow.running === 0) return <>0</>;
  return (
    <Link href={paths.executionsOf({ workflow: workflow.arn, status: "RUNNING" })}>
      {workflow.running.toLocaleString("en")}
    </Link>
  );
}

function aboutText(workflow: Workflow): string | undefined {
  if (workflow.is_past) return "Only past runs tell of it: the cloud has no such state machine now.";
  const comment = workflow.definition?.["Comment"];
  return typeof comment === "string" ? comment : undefined;
}

/** A share as a percentage that is 100 % only when none failed. */
export function rateText(rate: number): string {
  const percent = rate * 100;
  if (percent > 99 && percent < 100) return "99 %";
  return percent > 0 && percent < 1 ? "1 %" : `${Math.round(percent)} %`;
}
