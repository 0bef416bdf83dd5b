import { useMemo } from "preact/hooks";
import { useGet } from "../../api/useGet";
import type { Execution, RecipeForms, Workflow, Workflows } from "../../api/types";
import { useLive } from "../../live";
import { paths } from "../../paths";
import { Card, Empty, ErrorBox, Field, Loading, PageHeader, useQuery } from "../../ui";
import { indented } from "../../ui/json/JsonTree";
import { shapeOf } from "./form/shape";
import { RawStart } from "./RawStart";
import { RecipeStart } from "./RecipeStart";
import { canShow, runInputOf } from "./runInput";

/** Starts an execution: of a recipe by a form, of any other workflow by its input in JSON. */
export function StartPage() {
  const [query, setQuery] = useQuery();
  const from = query.get("from");
  const recipes = useGet<RecipeForms>("/api/recipes");
  const workflows = useLive<Workflows>("workflows");
  const source = useGet<Execution>(from ? "/api/execution" : null, { arn: from });
  const known = (workflows.data?.workflows ?? []).filter((workflow) => !workflow.is_past);
  const problem = recipes.problem ?? source.problem ?? workflows.problem;
  const isReady = recipes.data && workflows.data && (!from || source.data);
  const name = source.data?.row.name;
  return (
    <>
      <PageHeader
        title={from ? "Run again with changes" : "Start execution"}
        crumbs={
          from && name
            ? [
                { label: "Executions", href: paths.executions },
                { label: name, href: paths.execution(from) },
              ]
            : [{ label: "Executions", href: paths.executions }]
        }
      />
      {problem ? (
        <ErrorBox problem={problem} onRetry={recipes.problem ? recipes.reload : source.reload} />
      ) : null}
      {!isReady && !problem ? <Loading what="Reading what can be started" /> : null}
      {isReady && recipes.data ? (
        <Chosen
          recipes={recipes.data}
          workflows={known}
          query={query}
          source={source.data}
          onChoose={(change) => setQuery({ ...change, from: null })}
        />
      ) : null}
    </>
  );
}

interface ChosenProps {
  recipes: RecipeForms;
  workflows: readonly Workflow[];
  query: URLSearchParams;
  source: Execution | undefined;
  onChoose: (change: { workflow?: string | null; recipe?: string | null }) => void;
}

function Chosen({ recipes, workflows, query, source, onChoose }: ChosenProps) {
  const run = useMemo(() => (source ? runInputOf(source.input) : null), [source]);
  const asked = source?.row.workflow_arn ?? query.get("workflow");
  const workflow = asked ?? recipes.workflow_arn ?? workflows[0]?.arn ?? null;
  const isRecipes = workflow !== null && workflow === recipes.workflow_arn;
  const wanted = run?.recipe ?? query.get("recipe");
  const recipe = isRecipes ? (recipes.recipes.find((one) => one.name === wanted) ?? null) : null;
  const first = wanted === null && isRecipes && !source ? (recipes.recipes[0] ?? null) : recipe;
  const isShown = useMemo(() => !source || isFormFor(first?.form, run?.overrides), [first, run, source]);
  if (workflow === null)
    return (
      <Empty title="There is nothing to start.">
        The cloud has no workflow now. <code>switchyard up</code> loads those of the project.
      </Empty>
    );
  const isUnknown = workflows.every((one) => one.arn !== workflow);
  return (
    <div class="start">
      <Card>
        <div class="form-pair">
          <Field label="Workflow">
            {(attributes) => (
              <select
                {...attributes}
                class="select"
                value={workflow}
                onChange={(event) => onChoose({ workflow: event.currentTarget.value, recipe: null })}
              >
                {isUnknown ? (
                  <option value={workflow}>{workflow.slice(workflow.lastIndexOf(":") + 1)}</option>
                ) : null}
                {workflows.map((one) => (
                  <option key={one.arn} value={one.arn}>
                    {one.title}
                  </option>
                ))}
              </select>
            )}
          </Field>
          {isRecipes && recipes.recipes.length > 0 ? (
            <Field label="Recipe" description={first?.description}>
              {(attributes) => (
                <select
                  {...attributes}
                  class="select"
                  value={first?.name ?? ""}
                  onChange={(event) => onChoose({ workflow: null, recipe: event.currentTarget.value })}
                >
                  {first ? null : <option value="">{wanted ?? "Choose one"}</option>}
                  {recipes.recipes.map((one) => (
                    <option key={one.name} value={one.name}>
                      {one.name}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          ) : null}
        </div>
      </Card>
      {isRecipes && !source && wanted !== null && !first ? (
        <ErrorBox
          problem={{
            type: "about:blank",
            title: "Unknown recipe",
            status: 404,
            detail: `There is no recipe ${wanted} here; choose one above.`,
          }}
        />
      ) : first?.problem ? (
        <ErrorBox
          problem={{
            type: "about:blank",
            title: `The recipe ${first.name} cannot be used`,
            status: 400,
            detail: first.problem,
          }}
        />
      ) : first && isShown ? (
        <RecipeStart key={first.name} form={first} workflowArn={workflow} initial={run ?? undefined} />
      ) : (
        <RawStart key={workflow} workflowArn={workflow} input={source ? readable(source.input) : "{}"} />
      )}
    </div>
  );
}

function isFormFor(
  form: Record<string, unknown> | undefined,
  overrides: Record<string, unknown> | undefined,
): boolean {
  return form !== undefined && overrides !== undefined && canShow(shapeOf(form), overrides);
}

function readable(text: string): string {
  return indented(text) || text;
}
