import { PageHeader } from "../../ui";

export function WorkflowsPage() {
  return <PageHeader title="Workflows" />;
}
