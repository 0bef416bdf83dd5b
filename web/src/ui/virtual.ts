import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  observeWindowOffset,
  observeWindowRect,
  Virtualizer,
  windowScroll,
  type VirtualItem,
} from "@tanstack/virtual-core";
import { useLayoutEffect, useReducer, useState, type MutableRef } from "preact/hooks";

export interface VirtualOptions {
  count: number;
  /** About how high a row is, in pixels; rows that are measured take their own height. */
  rowHeight: number;
  /** What scrolls; the window when left out. */
  scroller?: MutableRef<HTMLElement | null>;
  /** Where the first row begins in what scrolls, in pixels (the window's headings above). */
  offset?: number;
  /** Rows drawn above and below what is seen; 12 unless said. */
  overscan?: number;
}

export interface VirtualRows {
  items: VirtualItem[];
  /** The height of all rows together. */
  total: number;
  /** Give it as `ref` to a row with `data-index` whose height is its own. */
  measure: (row: Element | null) => void;
  scrollToIndex: (index: number, align?: "start" | "center" | "end" | "auto") => void;
  /** Whether the end is in sight. */
  isAtEnd: () => boolean;
}

/** Which of many rows are to be drawn now. */
export function useVirtualRows(options: VirtualOptions): VirtualRows {
  const { count, rowHeight, scroller, offset = 0, overscan = 12 } = options;
  const [, redraw] = useReducer<number, void>((round) => round + 1, 0);
  const shared = {
    count,
    overscan,
    scrollMargin: offset,
    estimateSize: () => rowHeight,
    onChange: () => redraw(),
  };
  const [made] = useState(() =>
    scroller
      ? new Virtualizer<HTMLElement, Element>({ ...shared, ...elementOptions(scroller) })
      : new Virtualizer<Window, Element>({ ...shared, ...WINDOW }),
  );
  if (made.scrollElement instanceof Window || !scroller)
    (made as Virtualizer<Window, Element>).setOptions({ ...shared, ...WINDOW });
  else (made as Virtualizer<HTMLElement, Element>).setOptions({ ...shared, ...elementOptions(scroller) });
  useLayoutEffect(() => made._didMount(), []);
  useLayoutEffect(() => made._willUpdate());
  return {
    items: made.getVirtualItems(),
    total: made.getTotalSize(),
    measure: (row) => made.measureElement(row),
    scrollToIndex: (index, align = "auto") => made.scrollToIndex(index, { align }),
    isAtEnd: () => made.isAtEnd(4),
  };
}

const WINDOW = {
  getScrollElement: () => window,
  observeElementRect: observeWindowRect,
  observeElementOffset: observeWindowOffset,
  scrollToFn: windowScroll,
} as const;

function elementOptions(scroller: MutableRef<HTMLElement | null>) {
  return {
    getScrollElement: () => scroller.current,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
  } as const;
}
