import type { EndpointPage as Page } from "../../api/types";
import { useLive } from "../../live";
import { paths } from "../../paths";
import { LinePlot } from "../../plots";
import {
  Card,
  ErrorBox,
  ExternalLink,
  Loading,
  None,
  PageHeader,
  StatusMark,
  Time,
  useQuery,
} from "../../ui";
import { RequestForm } from "./RequestForm";
import { countOf, curves, DEFAULT_WINDOW, instancesText, shares, windowOf, WINDOWS } from "./words";

/** An endpoint: what serves, how it does, and a form to ask it. */
export function EndpointPage({ name }: { name: string }) {
  const [query, setQuery] = useQuery();
  const window = windowOf(query.get("window"));
  const { data, problem } = useLive<Page>(`endpoint:${name}#${window}`);
  return (
    <>
      <PageHeader
        title={name}
        tabTitle={`${name} - Endpoints`}
        crumbs={[{ label: "Endpoints", href: paths.endpoints }]}
        mark={data ? <StatusMark status={data.row.status} /> : null}
        about={
          data ? (
            <>
              Configuration {data.config}, updated <Time at={data.row.updated_at} relative />.
            </>
          ) : (
            " "
          )
        }
        actions={
          data?.aws_console_url ? (
            <ExternalLink button href={data.aws_console_url}>
              Open in AWS console
            </ExternalLink>
          ) : null
        }
      />
      {problem ? <ErrorBox problem={problem} /> : null}
      {!data && !problem ? <Loading what="Reading the endpoint" /> : null}
      {data ? (
        <div class="endpoint">
          {data.row.reason ? (
            <ErrorBox
              problem={{
                type: "about:blank",
                title: `The endpoint is ${data.row.status}`,
                status: 0,
                detail: data.row.reason,
              }}
            />
          ) : null}
          <Variants page={data} />
          <Traffic
            page={data}
            onWindow={(seconds) => setQuery({ window: seconds === DEFAULT_WINDOW ? null : String(seconds) })}
          />
          <RequestForm key={name} page={data} />
        </div>
      ) : null}
    </>
  );
}

function Variants({ page }: { page: Page }) {
  const { variants } = page.row;
  const share = shares(variants);
  return (
    <Card title="Variants" flush>
      <table aria-label="Variants">
        <thead>
          <tr>
            <th scope="col">Variant</th>
            <th scope="col">Model</th>
            <th scope="col">Instances</th>
            <th scope="col" class="number">
              Weight
            </th>
            <th scope="col" class="number">
              Share of requests
            </th>
          </tr>
        </thead>
        <tbody>
          {variants.map((variant, at) => (
            <tr key={variant.name}>
              <th scope="row" class="endpoints-name">
                {variant.name}
              </th>
              <td class="endpoint-model">{variant.model || <None />}</td>
              <td class="nowrap">{instancesText(variant)}</td>
              <td class="number">
                {variant.weight}
                {variant.desired_weight !== null && variant.desired_weight !== variant.weight ? (
                  <span class="muted"> to {variant.desired_weight}</span>
                ) : null}
              </td>
              <td class="number">{share[at]}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function Traffic({ page, onWindow }: { page: Page; onWindow: (seconds: number) => void }) {
  const { metrics, window_seconds: window, period_seconds: period } = page;
  const errors = countOf(metrics, ["errors_4xx", "errors_5xx"]);
  const requests = countOf(metrics, ["invocations"]);
  const count = (number: number, word: string) =>
    `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
  const last = metrics[0]?.invocations.at(-1)?.at ?? Date.now() / 1000;
  const common = {
    window: [last - window + period, last] as [number, number],
    gap: period * 1.5,
    fromZero: true,
    isNamed: true,
    height: 190,
  };
  return (
    <Card
      title="Traffic"
      about={`${count(requests, "request")} in this time, ${count(errors, "error")}. A point stands for ${periodText(period)}.`}
      actions={
        <label class="endpoint-window">
          <span>The last</span>
          <select
            class="select select-small"
            value={String(window)}
            onChange={(event) => onWindow(Number(event.currentTarget.value))}
          >
            {WINDOWS.map(([seconds, words]) => (
              <option key={seconds} value={String(seconds)}>
                {words}
              </option>
            ))}
          </select>
        </label>
      }
    >
      {page.problem ? <p class="page-note">The metrics cannot be read: {page.problem}</p> : null}
      <div class="endpoint-plots">
        <figure>
          <figcaption>Requests</figcaption>
          <LinePlot
            title="Requests over time"
            series={curves(metrics, [["invocations", "requests"]])}
            {...common}
          />
        </figure>
        <figure>
          <figcaption>Errors</figcaption>
          <LinePlot
            title="Errors over time"
            series={curves(metrics, [
              ["errors_4xx", "4xx"],
              ["errors_5xx", "5xx"],
            ])}
            {...common}
          />
        </figure>
        <figure>
          <figcaption>Model latency</figcaption>
          <LinePlot
            title="Model latency over time"
            unit="ms"
            series={curves(metrics, [
              ["latency_p50", "p50"],
              ["latency_p99", "p99"],
            ])}
            {...common}
          />
        </figure>
      </div>
    </Card>
  );
}

function periodText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return seconds === 60 ? "a minute" : `${seconds / 60} minutes`;
  return seconds === 3600 ? "an hour" : `${seconds / 3600} hours`;
}
