import { Button, ButtonLink, Empty, ErrorBox, Loading, PageHeader, useQuery } from "../../ui";
import { paths } from "../../paths";
import { ExecutionTable } from "./ExecutionTable";
import { FilterBar } from "./FilterBar";
import { filtersOf, isFiltered, NO_FILTERS, queryOf, type Filters } from "./filters";
import { useExecutions } from "./useExecutions";

/** Every execution, the newest first, filtered by what the address says. */
export function ExecutionsPage() {
  const [query, setQuery] = useQuery();
  const filters = filtersOf(query);
  const { rows, about, problem, hasMore, more, retry } = useExecutions(filters);
  const change = (next: Filters) => setQuery(queryOf(next));
  return (
    <>
      <PageHeader
        title="Executions"
        about={about ? countText(about.total, about.is_complete, isFiltered(filters)) : " "}
        actions={
          <ButtonLink variant="primary" href={paths.start}>
            Start execution
          </ButtonLink>
        }
      />
      <FilterBar
        filters={filters}
        workflows={about?.workflows ?? []}
        recipes={about?.recipes ?? []}
        statuses={about?.statuses ?? []}
        onChange={change}
      />
      {problem ? <ErrorBox problem={problem} onRetry={retry} /> : null}
      <div class="card executions-card">
        {!about && !problem ? <Loading what="Reading the executions" /> : null}
        {rows.length > 0 && about ? (
          <ExecutionTable rows={rows} total={about.total} hasMore={hasMore} onMore={more} />
        ) : null}
        {about && rows.length === 0 ? (
          <None
            isComplete={about.is_complete}
            filtered={isFiltered(filters)}
            onClear={() => change(NO_FILTERS)}
          />
        ) : null}
        {hasMore ? (
          <p class="executions-foot">
            {rows.length.toLocaleString("en")} of {about?.total.toLocaleString("en")} are here.{" "}
            <Button small variant="quiet" onClick={more}>
              Show more
            </Button>
          </p>
        ) : null}
      </div>
    </>
  );
}

function None({
  isComplete,
  filtered,
  onClear,
}: {
  isComplete: boolean;
  filtered: boolean;
  onClear: () => void;
}) {
  if (!isComplete) return <Empty title="None so far.">Older ones are still coming in.</Empty>;
  if (filtered)
    return (
      <Empty title="No execution passes these filters.">
        <Button onClick={onClear}>Clear filters</Button>
      </Empty>
    );
  return (
    <Empty title="There are no executions yet.">
      <p>
        Run a recipe in a terminal with <code>switchyard run diabetes</code>, or start one here.
      </p>
    </Empty>
  );
}

function countText(total: number, isComplete: boolean, filtered: boolean): string {
  const count = `${total.toLocaleString("en")} ${total === 1 ? "execution" : "executions"}`;
  const words = filtered ? `${count} ${total === 1 ? "passes" : "pass"} the filters` : count;
  return isComplete ? `${words}.` : `${words} so far; older ones are still coming in.`;
}
