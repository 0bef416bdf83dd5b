import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";

export interface SplitProps {
  left: ComponentChildren;
  right: ComponentChildren;
}

const KEPT = "switchyard.side-width";
const SMALLEST = 300;
const FIRST = 440;

/** Two panes side by side, the right one as wide as the reader makes it; one above the other where it is narrow. */
export function Split({ left, right }: SplitProps) {
  const [width, setWidth] = useState(readWidth);
  const whole = useRef<HTMLDivElement>(null);
  const put = (wanted: number): void => {
    const room = whole.current?.clientWidth ?? 1200;
    const next = Math.round(Math.max(SMALLEST, Math.min(wanted, room - SMALLEST)));
    setWidth(next);
    keepWidth(next);
  };
  const drag = (event: PointerEvent): void => {
    const right = whole.current?.getBoundingClientRect().right ?? 0;
    const handle = event.currentTarget as HTMLElement;
    handle.setPointerCapture(event.pointerId);
    handle.onpointermove = (move) => put(right - move.clientX);
    handle.onpointerup = () => (handle.onpointermove = null);
    handle.onlostpointercapture = () => (handle.onpointermove = null);
    event.preventDefault();
  };
  return (
    <div class="split" ref={whole} style={{ "--split": `${width}px` } as Record<string, string>}>
      <div class="split-left">{left}</div>
      <div
        class="split-handle"
        role="separator"
        aria-orientation="vertical"
        aria-label="Width of the details"
        aria-valuenow={width}
        aria-valuemin={SMALLEST}
        aria-valuemax={2000}
        tabIndex={0}
        onPointerDown={drag}
        onDblClick={() => put(FIRST)}
        onKeyDown={(event) => {
          const step = { ArrowLeft: 24, ArrowRight: -24 }[event.key];
          if (step === undefined) return;
          event.preventDefault();
          put(width + step);
        }}
      />
      <div class="split-right">{right}</div>
    </div>
  );
}

// Kept where the browser allows it: a file or a private window may not.
function readWidth(): number {
  try {
    const kept = Number(localStorage.getItem(KEPT));
    return kept >= SMALLEST && kept < 2000 ? kept : FIRST;
  } catch {
    return FIRST;
  }
}

function keepWidth(width: number): void {
  try {
    localStorage.setItem(KEPT, String(width));
  } catch {
    // It is then as wide as ever the next time.
  }
}
