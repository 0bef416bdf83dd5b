import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Facet } from "../../api/types";
import { Button, statusWord } from "../../ui";
import { isFiltered, NO_FILTERS, RANGES, type Filters } from "./filters";

export interface FilterBarProps {
  filters: Filters;
  /** What there is to filter by, with counts. */
  workflows: readonly Facet[];
  recipes: readonly Facet[];
  statuses: readonly Facet[];
  onChange: (filters: Filters) => void;
}

export function FilterBar({ filters, workflows, recipes, statuses, onChange }: FilterBarProps) {
  const change = (part: Partial<Filters>) => onChange({ ...filters, ...part });
  return (
    <form
      class="filters"
      role="search"
      aria-label="Filter executions"
      onSubmit={(event) => event.preventDefault()}
    >
      <div class="filters-row">
        <TextFilter text={filters.text} onChange={(text) => change({ text })} />
        <Choice
          label="Workflow"
          any="Any workflow"
          value={filters.workflow}
          facets={workflows}
          onChange={(workflow) => change({ workflow })}
        />
        <Choice
          label="Recipe"
          any="Any recipe"
          value={filters.recipe}
          facets={recipes}
          onChange={(recipe) => change({ recipe })}
        />
        <TimeRange filters={filters} onChange={change} />
        {isFiltered(filters) ? (
          <Button variant="quiet" onClick={() => onChange(NO_FILTERS)}>
            Clear filters
          </Button>
        ) : null}
      </div>
      <StatusChoice
        statuses={statuses}
        chosen={filters.statuses}
        onChange={(chosen) => change({ statuses: chosen })}
      />
    </form>
  );
}

// The address and the server follow what is typed once the typing pauses.
function TextFilter({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const [typed, setTyped] = useState(text);
  const tell = useRef(onChange);
  tell.current = onChange;
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed === text) return;
    const timer = setTimeout(() => tell.current(typed), 250);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <input
      class="input filter-text"
      type="search"
      aria-label="Name, recipe or reason contains"
      placeholder="Find by name, recipe or reason"
      value={typed}
      onInput={(event) => setTyped(event.currentTarget.value)}
    />
  );
}

interface ChoiceProps {
  label: string;
  any: string;
  value: string;
  facets: readonly Facet[];
  onChange: (value: string) => void;
}

function Choice({ label, any, value, facets, onChange }: ChoiceProps) {
  const isKnown = value === "" || facets.some((facet) => facet.value === value);
  return (
    <select
      class="select filter-choice"
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    >
      <option value="">{any}</option>
      {isKnown ? null : <option value={value}>{value.slice(value.lastIndexOf(":") + 1)}</option>}
      {facets.map((facet) => (
        <option key={facet.value} value={facet.value}>
          {facet.label} ({facet.count.toLocaleString("en")})
        </option>
      ))}
    </select>
  );
}

function TimeRange({ filters, onChange }: { filters: Filters; onChange: (part: Partial<Filters>) => void }) {
  const id = useId();
  return (
    <>
      <select
        class="select filter-choice"
        aria-label="Started"
        value={filters.range}
        onChange={(event) => onChange({ range: event.currentTarget.value, since: "", until: "" })}
      >
        <option value="">Any time</option>
        {RANGES.map((range) => (
          <option key={range.id} value={range.id}>
            {range.label}
          </option>
        ))}
        <option value="custom">From ... until ...</option>
      </select>
      {filters.range === "custom" ? (
        <span class="filter-times">
          <label for={`${id}-since`}>From</label>
          <input
            class="input"
            type="datetime-local"
            id={`${id}-since`}
            value={filters.since}
            onChange={(event) => onChange({ since: event.currentTarget.value })}
          />
          <label for={`${id}-until`}>until</label>
          <input
            class="input"
            type="datetime-local"
            id={`${id}-until`}
            value={filters.until}
            onChange={(event) => onChange({ until: event.currentTarget.value })}
          />
        </span>
      ) : null}
    </>
  );
}

interface StatusChoiceProps {
  statuses: readonly Facet[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
}

const ORDER = ["RUNNING", "PENDING_REDRIVE", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];

function StatusChoice({ statuses, chosen, onChange }: StatusChoiceProps) {
  const shown = [
    ...statuses.filter((facet) => facet.count > 0 || chosen.includes(facet.value)),
    ...chosen
      .filter((value) => !statuses.some((facet) => facet.value === value))
      .map((value) => ({ value, label: statusWord(value), count: 0 })),
  ].sort((one, other) => ORDER.indexOf(one.value) - ORDER.indexOf(other.value));
  if (shown.length === 0) return null;
  return (
    <div class="chips" role="group" aria-label="Status">
      {shown.map(({ value, count }) => {
        const isChosen = chosen.includes(value);
        return (
          <button
            key={value}
            type="button"
            class="chip"
            aria-pressed={isChosen}
            onClick={() => onChange(isChosen ? chosen.filter((one) => one !== value) : [...chosen, value])}
          >
            {statusWord(value)} <span class="chip-count">{count.toLocaleString("en")}</span>
          </button>
        );
      })}
    </div>
  );
}
