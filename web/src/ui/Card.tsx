import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export interface CardProps {
  title?: ComponentChildren;
  /** The title's heading level; 2 unless said. */
  level?: 2 | 3 | 4;
  /** At the title's right. */
  actions?: ComponentChildren;
  /** A muted line under the title. */
  about?: ComponentChildren;
  /** The content reaches the card's edges: tables, plots. */
  flush?: boolean;
  children: ComponentChildren;
}

/** A white surface with a thin line around it. */
export function Card({ title, level = 2, actions, about, flush = false, children }: CardProps) {
  const id = useId();
  const Heading = `h${level}` as const;
  return (
    <section class="card" aria-labelledby={title ? id : undefined}>
      {title || actions ? (
        <header class="card-head">
          <div class="card-words">
            {title ? (
              <Heading class="card-title" id={id}>
                {title}
              </Heading>
            ) : null}
            {about ? <p class="card-about">{about}</p> : null}
          </div>
          {actions ? <div class="card-actions">{actions}</div> : null}
        </header>
      ) : null}
      <div class={flush ? "card-body card-flush" : "card-body"}>{children}</div>
    </section>
  );
}

export interface FactsProps {
  /** Each a label and its value. */
  facts: readonly (readonly [label: string, value: ComponentChildren])[];
}

/** Labels over values, side by side, as at the top of a page of AWS's console. */
export function Facts({ facts }: FactsProps) {
  return (
    <dl class="facts">
      {facts.map(([label, value]) => (
        <div class="fact" key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
