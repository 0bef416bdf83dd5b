import { PageHeader } from "../../ui";

export function StartPage() {
  return <PageHeader title="Start execution" />;
}
