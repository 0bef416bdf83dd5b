import { Link } from "wouter-preact";
import type { EndpointRow, Endpoints } from "../../api/types";
import { useLive } from "../../live";
import { paths } from "../../paths";
import { Empty, ErrorBox, Loading, None, PageHeader, StatusMark, Time } from "../../ui";
import { instancesText, shares } from "./words";

/** Every endpoint, and what serves behind it. */
export function EndpointsPage() {
  const { data, problem } = useLive<Endpoints>("endpoints");
  return (
    <>
      <PageHeader title="Endpoints" about="Models that answer requests." />
      {problem ? <ErrorBox problem={problem} /> : null}
      {!data && !problem ? <Loading what="Reading the endpoints" /> : null}
      {data?.endpoints.length === 0 ? (
        <Empty title="There are no endpoints now.">
          A run that deploys its model makes one. On this machine they end with the local cloud.
        </Empty>
      ) : null}
      {data && data.endpoints.length > 0 ? (
        <div class="card endpoints-card">
          <table aria-label="Endpoints">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Status</th>
                <th scope="col">Model</th>
                <th scope="col">Instances</th>
                <th scope="col">Updated</th>
              </tr>
            </thead>
            <tbody>
              {data.endpoints.map((endpoint) => (
                <Row key={endpoint.arn} endpoint={endpoint} />
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </>
  );
}

function Row({ endpoint }: { endpoint: EndpointRow }) {
  const { variants } = endpoint;
  const share = shares(variants);
  return (
    <tr>
      <th scope="row" class="endpoints-name">
        <Link href={paths.endpoint(endpoint.name)}>{endpoint.name}</Link>
      </th>
      <td>
        <StatusMark status={endpoint.status} />
      </td>
      <td>
        {variants.map((variant, at) => (
          <div key={variant.name}>
            {variant.model || <None />}
            {variants.length > 1 ? <span class="muted"> {share[at]}</span> : null}
          </div>
        ))}
      </td>
      <td>
        {variants.map((variant) => (
          <div key={variant.name} class="nowrap">
            {instancesText(variant)}
          </div>
        ))}
      </td>
      <td>
        <Time at={endpoint.updated_at} relative />
      </td>
    </tr>
  );
}
