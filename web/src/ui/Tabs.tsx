import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";

export interface Tab {
  id: string;
  label: string;
  /** Shown behind the label. */
  count?: number | undefined;
}

export interface TabsProps {
  /** What the tabs are of, for screen readers. */
  label: string;
  tabs: readonly Tab[];
  selected: string;
  onSelect: (id: string) => void;
  /** The selected tab's content. */
  children: ComponentChildren;
  /** Beside the tabs, at the right. */
  actions?: ComponentChildren;
}

/** Tabs that take arrow keys, Home and End. */
export function Tabs({ label, tabs, selected, onSelect, children, actions }: TabsProps) {
  const base = useId();
  const list = useRef<HTMLDivElement>(null);
  const at = Math.max(
    0,
    tabs.findIndex((tab) => tab.id === selected),
  );
  const go = (index: number) => {
    const place = (index + tabs.length) % tabs.length;
    const tab = tabs[place];
    if (!tab) return;
    onSelect(tab.id);
    const button = list.current?.children[place];
    if (button instanceof HTMLElement) button.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: tabs.length - 1,
    };
    const index = steps[event.key];
    if (index === undefined) return;
    event.preventDefault();
    go(index);
  };
  return (
    <div class="tabs">
      <div class="tabs-bar">
        <div class="tabs-list" role="tablist" aria-label={label} ref={list} onKeyDown={onKeyDown}>
          {tabs.map((tab, index) => (
            <button
              key={tab.id}
              type="button"
              role="tab"
              class="tab"
              id={`${base}-tab-${index}`}
              aria-selected={index === at}
              aria-controls={`${base}-panel`}
              tabIndex={index === at ? 0 : -1}
              onClick={() => onSelect(tab.id)}
            >
              {tab.label}
              {tab.count === undefined ? null : <span class="tab-count">{tab.count}</span>}
            </button>
          ))}
        </div>
        {actions ? <div class="tabs-actions">{actions}</div> : null}
      </div>
      <div
        class="tabs-panel"
        role="tabpanel"
        id={`${base}-panel`}
        aria-labelledby={`${base}-tab-${at}`}
        tabIndex={0}
      >
        {children}
      </div>
    </div>
  );
}
