import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useVirtualRows } from "./virtual";

export interface VirtualListProps {
  /** What the list is of, for screen readers. */
  label: string;
  count: number;
  /** About how high a row is, in pixels; each row then takes its own height. */
  rowHeight: number;
  row: (index: number) => ComponentChildren;
  class?: string;
  /** `log` reads new rows aloud as they come; `list` unless said. */
  role?: "list" | "log";
  /** Stays at the end as rows come, as long as the reader has not scrolled away from it. */
  followEnd?: boolean;
  /** Brings this row into sight when it changes. */
  scrollTo?: number | undefined;
}

/** A list of any length that draws only what is seen; it scrolls in its own box, whose height the class gives. */
export function VirtualList(props: VirtualListProps) {
  const { label, count, rowHeight, row, role = "list", followEnd = false, scrollTo } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualRows({ count, rowHeight, scroller });
  const wasAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (followEnd && wasAtEnd.current && count > 0) rows.scrollToIndex(count - 1, "end");
  }, [count, followEnd]);
  useLayoutEffect(() => {
    if (scrollTo !== undefined && scrollTo >= 0 && scrollTo < count) rows.scrollToIndex(scrollTo, "auto");
  }, [scrollTo]);
  const first = rows.items[0]?.start ?? 0;
  return (
    <div
      class={`virtual ${props.class ?? ""}`}
      ref={scroller}
      tabIndex={0}
      role={role === "log" ? "log" : "region"}
      aria-label={label}
      onScroll={() => (wasAtEnd.current = rows.isAtEnd())}
    >
      <div class="virtual-all" style={{ height: `${rows.total}px` }}>
        <div
          class="virtual-rows"
          style={{ transform: `translateY(${first}px)` }}
          {...(role === "list" ? { role: "list" as const } : {})}
        >
          {rows.items.map((item) => (
            <div
              key={item.key}
              ref={rows.measure}
              data-index={item.index}
              {...(role === "list"
                ? { role: "listitem" as const, "aria-setsize": count, "aria-posinset": item.index + 1 }
                : {})}
            >
              {row(item.index)}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
