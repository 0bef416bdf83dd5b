import { useMemo } from "preact/hooks";
import type { Report } from "../../api/types";
import { ExecutionView } from "./page";
import { reportSource, serverSource } from "./source";

/** An execution, live. */
export function ExecutionPage({ arn }: { arn: string }) {
  const source = useMemo(() => serverSource(arn), [arn]);
  return <ExecutionView key={arn} source={source} />;
}

/** An execution in a file of its own: no server, no live change. */
export function ReportPage({ report }: { report: Report }) {
  const source = useMemo(() => reportSource(report), [report]);
  return <ExecutionView source={source} />;
}
