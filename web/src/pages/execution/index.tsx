import type { Report } from "../../api/types";
import { Empty, PageHeader } from "../../ui";

/** An execution, live. */
export function ExecutionPage({ arn }: { arn: string }) {
  return (
    <>
      <PageHeader title="Execution" />
      <Empty title={arn} />
    </>
  );
}

/** An execution in a file of its own: no server, no live change. */
export function ReportPage({ report }: { report: Report }) {
  return <PageHeader title={report.execution.row.name} />;
}
