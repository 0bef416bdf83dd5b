import type { Target, Workflows } from "../../api/types";
import { useLive } from "../../live";
import { Empty, ErrorBox, Loading, PageHeader } from "../../ui";
import { WorkflowCard } from "./WorkflowCard";

/** Every workflow, and how its executions have gone. */
export function WorkflowsPage() {
  const { data, problem } = useLive<Workflows>("workflows");
  const target = useLive<Target>("target").data;
  return (
    <>
      <PageHeader title="Workflows" about="State machines and how their executions have gone." />
      {problem ? <ErrorBox problem={problem} /> : null}
      {!data && !problem ? <Loading what="Reading the workflows" /> : null}
      {data?.workflows.length === 0 ? <NoWorkflows target={target} /> : null}
      <ul class="workflows">
        {data?.workflows.map((workflow) => (
          <li key={workflow.arn}>
            <WorkflowCard workflow={workflow} canStart={(target?.is_up ?? true) && !workflow.is_past} />
          </li>
        ))}
      </ul>
    </>
  );
}

function NoWorkflows({ target }: { target: Target | undefined }) {
  return (
    <Empty title="There are no workflows.">
      {target?.is_local === false ? (
        <p>
          The stack {target.stack} in {target.region} has no state machine, or is not there.{" "}
          <code>sam deploy</code> makes it.
        </p>
      ) : (
        <p>
          State machines come from <code>template.yaml</code>. Is the project there that{" "}
          <code>switchyard up</code> was started in?
        </p>
      )}
    </Empty>
  );
}
