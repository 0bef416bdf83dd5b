import { PageHeader } from "../../ui";

/** Every endpoint of the cloud. */
export function EndpointsPage() {
  return <PageHeader title="Endpoints" />;
}

/** An endpoint and how it does. */
export function EndpointPage({ name }: { name: string }) {
  return <PageHeader title={name} />;
}
