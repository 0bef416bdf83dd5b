import { useLocation } from "wouter-preact";
import { address } from "../../api/client";
import type { ModelPage as Page, ModelRun } from "../../api/types";
import { paths } from "../../paths";
import { LinePlot } from "../../plots";
import { ButtonLink, Card, ErrorBox, Loading, PageHeader, useQuery } from "../../ui";
import { RunSection } from "./RunSection";
import { RunsTable } from "./RunsTable";
import { gateText, metricNames, metricSeries, thresholdOf } from "./words";
import { useGetOfExecutions } from "./useGetOfExecutions";

/** A recipe's models over its runs, and all of one of them. */
export function ModelPage({ recipe }: { recipe: string }) {
  const [query] = useQuery();
  const run = query.get("run");
  const { data, problem, reload } = useGetOfExecutions<Page>("/api/model", { recipe, run });
  const link = (one: ModelRun) => address(paths.model(recipe), { run: one.arn });
  return (
    <>
      <PageHeader
        title={recipe}
        tabTitle={`${recipe} - Models`}
        crumbs={[{ label: "Models", href: paths.models }]}
        about={data ? aboutText(data) : " "}
        actions={
          <>
            <ButtonLink href={paths.executionsOf({ recipe })}>Executions</ButtonLink>
            <ButtonLink variant="primary" href={paths.startRecipe(recipe)}>
              Start a run
            </ButtonLink>
          </>
        }
      />
      {problem ? <ErrorBox problem={problem} onRetry={reload} /> : null}
      {data?.problem ? <p class="page-note">{data.problem}</p> : null}
      {!data && !problem ? <Loading what="Reading the runs" /> : null}
      {data ? (
        <div class="model">
          <Metrics page={data} link={link} />
          <RunsTable page={data} link={link} />
          <RunSection page={data} link={link} onChange={reload} />
        </div>
      ) : null}
    </>
  );
}

function Metrics({ page, link }: { page: Page; link: (run: ModelRun) => string }) {
  const [, navigate] = useLocation();
  const names = metricNames(page.gate, page.runs);
  const gate = page.gate.map(gateText).join("; ");
  return (
    <Card title="Metrics over runs" about={gate ? `The gate: ${gate}.` : undefined}>
      {names.length === 0 ? <p class="muted">No run has measured anything yet.</p> : null}
      <div class="model-plots">
        {names.map((name) => (
          <figure key={name}>
            <figcaption>{name}</figcaption>
            <LinePlot
              title={`${name} over ${page.runs.length} runs`}
              series={metricSeries(name, page.runs, page.selected, link)}
              across="order"
              threshold={thresholdOf(page.gate, name)}
              height={200}
              onOpen={(href) => navigate(href, { replace: true })}
            />
          </figure>
        ))}
      </div>
      {names.length > 0 ? (
        <p class="model-key">
          A star is the champion, an empty point a run whose model was not approved. A click on a point shows
          its run below.
        </p>
      ) : null}
    </Card>
  );
}

function aboutText(page: Page): string {
  const count = page.runs.length;
  const runs = `${count.toLocaleString("en")} ${count === 1 ? "run" : "runs"}`;
  const champion = page.runs.find((run) => run.is_champion);
  if (!champion) return `${runs}, no champion.`;
  const version = champion.version === null ? "" : `version ${champion.version} of `;
  return `${runs}. The champion is ${version}${page.group ?? page.recipe}, made by ${champion.name}.`;
}
