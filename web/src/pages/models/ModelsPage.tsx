import { Link } from "wouter-preact";
import type { ModelRow, ModelRun, Models } from "../../api/types";
import { paths } from "../../paths";
import { formatNumber } from "../../plots";
import { Empty, ErrorBox, Loading, None, PageHeader, StatusMark, Time } from "../../ui";
import { ChampionMark } from "./ChampionMark";
import { metricNames } from "./words";
import { useGetOfExecutions } from "./useGetOfExecutions";

/** Every recipe that has been run, with its champion and its newest run. */
export function ModelsPage() {
  const { data, problem, reload } = useGetOfExecutions<Models>("/api/models");
  return (
    <>
      <PageHeader
        title="Models"
        about="Recipes that have been run, the model that counts, and the last try."
      />
      {problem ? <ErrorBox problem={problem} onRetry={reload} /> : null}
      {data?.problem ? <p class="page-note">{data.problem}</p> : null}
      {!data && !problem ? <Loading what="Reading the models" /> : null}
      {data?.models.length === 0 ? (
        <Empty title="There are no models yet.">
          <p>
            Run a recipe in a terminal with <code>switchyard run diabetes</code>, or{" "}
            <Link href={paths.start}>start one here</Link>.
          </p>
        </Empty>
      ) : null}
      {data && data.models.length > 0 ? (
        <div class="card models-card">
          <table aria-label="Models">
            <thead>
              <tr>
                <th scope="col">Recipe</th>
                <th scope="col">Champion</th>
                <th scope="col">Its metrics</th>
                <th scope="col">Newest run</th>
                <th scope="col" class="number">
                  Runs
                </th>
                <th scope="col" class="number">
                  Versions
                </th>
                <th scope="col">Endpoint</th>
              </tr>
            </thead>
            <tbody>
              {data.models.map((model) => (
                <Row key={model.recipe} model={model} />
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </>
  );
}

function Row({ model }: { model: ModelRow }) {
  const { champion, newest } = model;
  return (
    <tr>
      <th scope="row" class="models-name">
        <Link href={paths.model(model.recipe)}>{model.recipe}</Link>
      </th>
      <td>
        {champion ? (
          <>
            <ChampionMark /> {champion.version === null ? champion.name : `Version ${champion.version}`}
            <div class="models-more">
              <Time at={champion.started_at} relative />
            </div>
          </>
        ) : (
          <None />
        )}
      </td>
      <td>{champion ? <MetricWords run={champion} /> : <None />}</td>
      <td>
        {newest ? (
          <>
            <StatusMark status={newest.status} outcome={newest.outcome} />
            <div class="models-more">
              <Time at={newest.started_at} relative />
            </div>
          </>
        ) : (
          <None />
        )}
      </td>
      <td class="number">{model.runs.toLocaleString("en")}</td>
      <td class="number">
        {model.versions.toLocaleString("en")}
        {model.waiting > 0 ? (
          <div class="models-more">{model.waiting.toLocaleString("en")} to be approved</div>
        ) : null}
      </td>
      <td>
        {model.endpoint ? <Link href={paths.endpoint(model.endpoint)}>{model.endpoint}</Link> : <None />}
      </td>
    </tr>
  );
}

/** The first few metrics: on the test data where there are any, since that decides. */
function MetricWords({ run }: { run: ModelRun }) {
  const isTested = Object.keys(run.test_metrics).length > 0;
  const metrics = isTested ? run.test_metrics : run.metrics;
  return (
    <>
      {metricNames([], [run])
        .filter((name) => name in metrics)
        .slice(0, 2)
        .map((name) => (
          <span key={name} class="models-metric">
            {name} <b>{formatNumber(metrics[name] as number)}</b>
          </span>
        ))}
      <div class="models-more">{isTested ? "on test data" : "on validation data"}</div>
    </>
  );
}
