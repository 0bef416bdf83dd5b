import { useMemo, useState } from "preact/hooks";
import type { EventRow, Execution } from "../../api/types";
import type { VisitIndex } from "../../graph";
import { absoluteText, Caret, durationText, Empty, ErrorBox, JsonTree, Loading, VirtualList } from "../../ui";
import type { ExecutionSource } from "./source";

export interface EventsProps {
  source: ExecutionSource;
  execution: Execution;
  index: VisitIndex;
  /** Shows the state that an event belongs to. */
  onSelect: (visit: number) => void;
}

interface Filter {
  type: string;
  state: string;
  text: string;
}

/** All of the history; each event opens to its details. */
export function Events({ source, execution, index, onSelect }: EventsProps) {
  const [query, change] = source.useView();
  const filter = {
    type: query.get("event") ?? "",
    state: query.get("of") ?? "",
    text: query.get("text") ?? "",
  };
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const { events } = execution;
  const types = useMemo(() => countBy(events, (event) => event.type), [events]);
  const states = useMemo(() => countBy(events, (event) => nameOf(event, index)), [events, index]);
  const shown = useMemo(
    () => filterEvents(events, index, filter),
    [events, index, filter.type, filter.state, filter.text],
  );
  const toggle = (id: number): void =>
    setOpened((now) => {
      const next = new Set(now);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    <div class="events">
      <div class="find-bar" role="search" aria-label="Events">
        <input
          class="input"
          type="search"
          aria-label="Find events"
          placeholder="Find by text"
          value={filter.text}
          onInput={(event) => change({ text: event.currentTarget.value || null })}
        />
        <Select
          label="Type"
          all="All types"
          value={filter.type}
          options={types}
          onChange={(event) => change({ event })}
        />
        <Select
          label="State"
          all="All states"
          value={filter.state}
          options={states}
          onChange={(of) => change({ of })}
        />
        <p class="find-count" role="status">
          {shown.length === events.length
            ? `${events.length.toLocaleString("en")} events`
            : `${shown.length.toLocaleString("en")} of ${events.length.toLocaleString("en")} events`}
        </p>
      </div>
      {shown.length === 0 ? (
        <Empty title={events.length === 0 ? "No events yet" : "No event is like that"}>
          {events.length === 0 ? null : <p>Take a part of the filter away.</p>}
        </Empty>
      ) : (
        <VirtualList
          class="events-list"
          label="Events"
          count={shown.length}
          rowHeight={37}
          row={(place) => {
            const event = shown[place];
            if (!event) return null;
            const isOpen = opened.has(event.id);
            const state = nameOf(event, index);
            return (
              <div class="event">
                <div class="event-line">
                  <button
                    type="button"
                    class="event-toggle"
                    aria-expanded={isOpen}
                    onClick={() => toggle(event.id)}
                  >
                    <Caret />
                    <span class="event-id">{event.id}</span>
                    <span class={`event-type${/Failed|TimedOut|Aborted/.test(event.type) ? " is-bad" : ""}`}>
                      {event.type}
                    </span>
                  </button>
                  <span class="event-state">
                    {state && event.visit !== null ? (
                      <button type="button" class="link" onClick={() => onSelect(event.visit ?? 0)}>
                        {state}
                      </button>
                    ) : null}
                  </span>
                  <span class="event-elapsed">
                    +{durationText(Math.max(0, event.at - execution.row.started_at))}
                  </span>
                  <span class="event-time">{absoluteText(event.at, true)}</span>
                </div>
                {isOpen ? <EventDetails source={source} id={event.id} /> : null}
              </div>
            );
          }}
        />
      )}
    </div>
  );
}

/** Finds events by their type, the name of their state, or a text in either; a number also finds an id. */
export function filterEvents(
  events: readonly EventRow[],
  index: VisitIndex,
  filter: Filter,
): readonly EventRow[] {
  const { type, state } = filter;
  const text = filter.text.trim().toLowerCase();
  if (!type && !state && !text) return events;
  return events.filter((event) => {
    if (type && event.type !== type) return false;
    const name = nameOf(event, index);
    if (state && name !== state) return false;
    return (
      !text ||
      event.type.toLowerCase().includes(text) ||
      name.toLowerCase().includes(text) ||
      String(event.id) === text
    );
  });
}

function EventDetails({ source, id }: { source: ExecutionSource; id: number }) {
  const { data, problem } = source.useEvent(id);
  return (
    <div class="event-details">
      {data ? <JsonTree value={data.event} label={`Event ${id}`} depth={3} /> : null}
      {!data && problem ? <ErrorBox problem={problem} /> : null}
      {!data && !problem ? <Loading /> : null}
    </div>
  );
}

interface SelectProps {
  label: string;
  all: string;
  value: string;
  options: readonly [string, number][];
  onChange: (value: string | null) => void;
}

function Select({ label, all, value, options, onChange }: SelectProps) {
  return (
    <select
      class="select"
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value || null)}
    >
      <option value="">{all}</option>
      {options.map(([name, count]) => (
        <option key={name} value={name}>
          {name} ({count.toLocaleString("en")})
        </option>
      ))}
    </select>
  );
}

function nameOf(event: EventRow, index: VisitIndex): string {
  return event.visit === null ? "" : (index.byId.get(event.visit)?.name ?? "");
}

function countBy(events: readonly EventRow[], key: (event: EventRow) => string): [string, number][] {
  const counts = new Map<string, number>();
  for (const event of events) {
    const value = key(event);
    if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
}
