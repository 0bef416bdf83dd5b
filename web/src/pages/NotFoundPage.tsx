import { Link } from "wouter-preact";
import { paths } from "../paths";
import { Empty, PageHeader } from "../ui";

export function NotFoundPage() {
  return (
    <>
      <PageHeader title="Page not found" />
      <Empty title="There is no page at this address.">
        <p>
          The <Link href={paths.workflows}>workflows</Link> and the{" "}
          <Link href={paths.executions}>executions</Link> lead to everything that there is.
        </p>
      </Empty>
    </>
  );
}
