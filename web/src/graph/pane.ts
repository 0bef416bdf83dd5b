// A pane that is moved and zoomed: by wheel, pinch and drag, by buttons and by keys.

import { select } from "d3-selection";
import { zoom, zoomIdentity, zoomTransform, type ZoomBehavior } from "d3-zoom";
import { useLayoutEffect, useMemo, useRef, type MutableRef } from "preact/hooks";

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Pane {
  readonly viewport: MutableRef<HTMLDivElement | null>;
  readonly content: MutableRef<HTMLDivElement | null>;
  /** Shows all of it. */
  fit(): void;
  zoomBy(factor: number): void;
  panBy(dx: number, dy: number): void;
  /** Moves only as far as it takes for the area to be seen. */
  show(area: Area): void;
  /** The same, as long as the reader has not moved the pane. */
  follow(area: Area): void;
}

const MARGIN = 20;
const LARGEST = 2;
/** Below this nothing can be read: a graph that large opens at its first state instead. */
const READABLE = 0.38;

/** Whether all of the content can be seen at once and still be read. */
export function firstScale(
  content: { width: number; height: number },
  view: { width: number; height: number },
): number {
  const whole = fitScale(content, view);
  return whole >= READABLE ? whole : 0.8;
}

function fitScale(
  content: { width: number; height: number },
  view: { width: number; height: number },
): number {
  const scale = Math.min(
    (view.width - 2 * MARGIN) / Math.max(1, content.width),
    (view.height - 2 * MARGIN) / Math.max(1, content.height),
  );
  return Math.min(1, Math.max(0.02, scale));
}

/**
 * Makes a pane over content of a size.
 *
 * Until the reader has moved it, it fits itself anew whenever its size changes; content that would then be too small
 * to read is shown around `focus`.
 */
export function usePane(size: { width: number; height: number }, focus: Area | null): Pane {
  const viewport = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const now = useRef({ size, focus });
  now.current = { size, focus };
  const isTouched = useRef(false);
  const parts = useMemo(() => makeParts(viewport, content, now, isTouched), []);
  useLayoutEffect(() => parts.attach(), []);
  useLayoutEffect(() => {
    isTouched.current = false;
    parts.open();
  }, [size.width, size.height]);
  return useMemo(() => ({ viewport, content, ...parts.pane }), []);
}

function makeParts(
  viewport: MutableRef<HTMLDivElement | null>,
  content: MutableRef<HTMLDivElement | null>,
  now: MutableRef<{ size: { width: number; height: number }; focus: Area | null }>,
  isTouched: MutableRef<boolean>,
) {
  let behaviour: ZoomBehavior<HTMLDivElement, unknown> | null = null;
  const view = () => ({
    width: viewport.current?.clientWidth ?? 0,
    height: viewport.current?.clientHeight ?? 0,
  });
  const put = (x: number, y: number, k: number): void => {
    if (!viewport.current || !behaviour) return;
    select(viewport.current).call(behaviour.transform, zoomIdentity.translate(x, y).scale(k));
  };
  const centre = (k: number): void => {
    const { width, height } = view();
    const { size } = now.current;
    put((width - size.width * k) / 2, Math.max(MARGIN, (height - size.height * k) / 2), k);
  };
  const fit = (): void => centre(fitScale(now.current.size, view()));
  /** Where a reader begins. */
  const open = (): void => {
    const { width, height } = view();
    if (width === 0) return;
    const { size, focus } = now.current;
    const k = firstScale(size, view());
    if (size.height * k <= height && size.width * k <= width) return centre(k);
    const at = focus ?? { x: size.width / 2, y: 0, width: 0, height: 0 };
    const x = width / 2 - (at.x + at.width / 2) * k;
    const y = height / 3 - at.y * k;
    put(x, Math.min(MARGIN, y), k);
  };
  const show = (area: Area): boolean => {
    if (!viewport.current) return false;
    const { width, height } = view();
    const { x, y, k } = zoomTransform(viewport.current);
    const move = (start: number, length: number, room: number): number => {
      if (start < MARGIN) return MARGIN - start;
      const over = start + length - (room - MARGIN);
      return over > 0 ? -Math.min(over, start - MARGIN) : 0;
    };
    const dx = move(area.x * k + x, area.width * k, width);
    const dy = move(area.y * k + y, Math.min(area.height, 80) * k, height);
    if (dx === 0 && dy === 0) return false;
    put(x + dx, y + dy, k);
    return true;
  };
  const attach = (): (() => void) | undefined => {
    const node = viewport.current;
    if (!node) return undefined;
    behaviour = zoom<HTMLDivElement, unknown>()
      .scaleExtent([0.02, LARGEST])
      .clickDistance(4)
      .filter((event: MouseEvent) => {
        const inStrip = event.target instanceof Element && event.target.closest(".graph-strip") !== null;
        return (!event.ctrlKey || event.type === "wheel") && event.button === 0 && !inStrip;
      })
      .on("zoom", (event: { transform: { x: number; y: number; k: number }; sourceEvent: unknown }) => {
        if (event.sourceEvent) isTouched.current = true;
        const { x, y, k } = event.transform;
        if (!content.current) return;
        content.current.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
        content.current.style.setProperty("--names", String(Math.max(1, Math.min(1.38, 0.75 / k))));
        content.current.dataset["zoom"] = k < 0.3 ? "far" : k < 0.7 ? "middle" : "near";
      });
    select(node).call(behaviour).on("dblclick.zoom", null);
    open();
    if (typeof ResizeObserver === "undefined") return undefined;
    const observer = new ResizeObserver(() => {
      if (!isTouched.current) open();
    });
    observer.observe(node);
    return () => observer.disconnect();
  };
  const touch =
    <Args extends unknown[]>(act: (...args: Args) => void) =>
    (...args: Args): void => {
      isTouched.current = true;
      act(...args);
    };
  return {
    attach,
    open,
    pane: {
      fit: () => {
        isTouched.current = true;
        fit();
      },
      zoomBy: touch((factor: number) => {
        if (viewport.current && behaviour) select(viewport.current).call(behaviour.scaleBy, factor);
      }),
      panBy: touch((dx: number, dy: number) => {
        if (!viewport.current) return;
        const { x, y, k } = zoomTransform(viewport.current);
        put(x + dx, y + dy, k);
      }),
      show: (area: Area) => {
        if (show(area)) isTouched.current = true;
      },
      follow: (area: Area) => {
        if (!isTouched.current) show(area);
      },
    },
  };
}
