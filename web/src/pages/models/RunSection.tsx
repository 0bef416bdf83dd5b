import { useMemo } from "preact/hooks";
import { Link } from "wouter-preact";
import type { Cost, Evaluation, Lineage, ModelPage, ModelRun } from "../../api/types";
import { paths } from "../../paths";
import { formatNumber, Histogram, ScatterPlot } from "../../plots";
import { ButtonLink, Card, CopyButton, Facts, None, StatusMark } from "../../ui";
import { PackageCard } from "./PackageCard";
import { packageOf, usdText } from "./words";

interface RunSectionProps {
  page: ModelPage;
  link: (run: ModelRun) => string;
  /** What is shown may have changed. */
  onChange: () => void;
}

/** All of the selected run: what became of its model, how well it predicts, what it was made from, what it costs. */
export function RunSection({ page, link, onChange }: RunSectionProps) {
  const run = page.runs.find((one) => one.arn === page.selected);
  if (page.selected === null) return null;
  return (
    <section class="run" aria-labelledby="run-title">
      <header class="run-head">
        <h2 id="run-title">{run?.name ?? page.selected}</h2>
        {run ? <StatusMark status={run.status} outcome={run.outcome} /> : null}
        <ButtonLink small href={paths.execution(page.selected)}>
          Open its execution
        </ButtonLink>
      </header>
      {page.package ? <PackageCard key={page.package.arn} model={page.package} onDecided={onChange} /> : null}
      {page.evaluation ? <EvaluationCard evaluation={page.evaluation} /> : null}
      <div class="run-pair">
        {page.lineage ? <LineageCard lineage={page.lineage} runs={page.runs} link={link} /> : null}
        {page.cost ? <CostCard cost={page.cost} /> : null}
      </div>
    </section>
  );
}

function EvaluationCard({ evaluation }: { evaluation: Evaluation }) {
  const { rows, points, problem } = evaluation;
  const placed = useMemo(() => points.map((point) => ({ x: point.actual, y: point.predicted })), [points]);
  if (problem !== null)
    return (
      <Card title="Predicted against actual" level={3}>
        <p class="muted">Nothing to compare: {problem}.</p>
      </Card>
    );
  const shown = points.length < rows ? `, ${points.length.toLocaleString("en")} of them drawn` : "";
  return (
    <Card
      title="Predicted against actual"
      level={3}
      about={`What the batch transform said of ${rows.toLocaleString("en")} test rows${shown}.`}
    >
      <Facts
        facts={[
          ["Root mean squared error", numberOf(evaluation.rmse)],
          ["Mean absolute error", numberOf(evaluation.mae)],
          ["Mean residual", numberOf(evaluation.bias)],
          ["Rows", rows.toLocaleString("en")],
        ]}
      />
      <div class="model-plots run-plots">
        <figure>
          <figcaption>Predicted against actual</figcaption>
          <ScatterPlot title="Predicted against actual" points={placed} xTitle="actual" yTitle="predicted" />
        </figure>
        <figure>
          <figcaption>Residuals</figcaption>
          <Histogram
            title="Residuals: actual minus predicted"
            bins={evaluation.residuals}
            xTitle="actual minus predicted"
            counted="rows"
          />
        </figure>
      </div>
    </Card>
  );
}

function LineageCard({
  lineage,
  runs,
  link,
}: {
  lineage: Lineage;
  runs: readonly ModelRun[];
  link: (run: ModelRun) => string;
}) {
  const facts: [string, preact.ComponentChildren][] = [
    ["Data", <Value text={lineage.data_uri} />],
    ["Data hash", <Value text={lineage.data_hash} />],
    ["Code hash", <Value text={lineage.code_hash} />],
    ["Recipe hash", <Value text={lineage.recipe_hash} />],
    ["Parent", <Package arn={lineage.parent} runs={runs} link={link} />],
    ["Image", <Value text={lineage.image} />],
    ["Model", <Value text={lineage.model_uri} />],
    ["Model package", <Value text={lineage.model_package_arn} />],
  ];
  return (
    <Card title="Lineage" level={3} about="What the model was made from.">
      <dl class="lineage">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

function Value({ text }: { text: string | null }) {
  if (text === null) return <None />;
  return (
    <>
      <span class="mono lineage-value">{text}</span>
      <CopyButton text={text} />
    </>
  );
}

/** A model package, as a link to the run that made it when that is known. */
function Package({
  arn,
  runs,
  link,
}: {
  arn: string | null;
  runs: readonly ModelRun[];
  link: (run: ModelRun) => string;
}) {
  const found = arn ? packageOf(arn) : null;
  if (!arn || !found) return <Value text={arn} />;
  const words = `${found.group}, version ${found.version}`;
  const made = [...runs].reverse().find((run) => run.version === found.version);
  return <span title={arn}>{made ? <Link href={link(made)}>{words}</Link> : words}</span>;
}

function CostCard({ cost }: { cost: Cost }) {
  const once = cost.items.filter((item) => !item.is_recurring);
  const recurring = cost.items.filter((item) => item.is_recurring);
  return (
    <Card
      title="Cost on AWS"
      level={3}
      about={`An estimate from this run's own durations, ${cost.region}, list prices of ${cost.prices_of}.`}
    >
      <table class="cost" aria-label="Cost on AWS">
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col" class="number">
              USD
            </th>
          </tr>
        </thead>
        <tbody>
          {once.map((item) => (
            <CostRow key={item.what} what={item.what} basis={item.basis} usd={item.usd} />
          ))}
          <tr class="cost-total">
            <th scope="row">The run in all</th>
            <td class="number">{usdText(cost.total_usd)}</td>
          </tr>
          {recurring.map((item) => (
            <CostRow key={item.what} what={item.what} basis={item.basis} usd={item.usd} />
          ))}
        </tbody>
      </table>
      <ul class="cost-notes">
        {cost.notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </Card>
  );
}

function CostRow({ what, basis, usd }: { what: string; basis: string; usd: number | null }) {
  return (
    <tr>
      <th scope="row">
        {what}
        <span class="cost-basis">{basis}</span>
      </th>
      <td class="number">{usd === null ? "not known" : usdText(usd)}</td>
    </tr>
  );
}

function numberOf(value: number | null) {
  return value === null ? <None /> : formatNumber(value);
}
