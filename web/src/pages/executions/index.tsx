import { PageHeader } from "../../ui";

export function ExecutionsPage() {
  return <PageHeader title="Executions" />;
}
