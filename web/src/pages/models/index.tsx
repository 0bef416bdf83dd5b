import { PageHeader } from "../../ui";

/** Every recipe that has been run. */
export function ModelsPage() {
  return <PageHeader title="Models" />;
}

/** A recipe's models over its runs. */
export function ModelPage({ recipe }: { recipe: string }) {
  return <PageHeader title={recipe} />;
}
