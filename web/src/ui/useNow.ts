import { useEffect, useState } from "preact/hooks";

const clocks = new Map<number, { listeners: Set<() => void>; timer: ReturnType<typeof setInterval> }>();

/** The time in seconds since 1970, anew every so many seconds; all that ask for the same pace share one clock. */
export function useNow(everySeconds: number | null): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    if (everySeconds === null) return;
    setNow(Date.now() / 1000);
    return listen(everySeconds, () => setNow(Date.now() / 1000));
  }, [everySeconds]);
  return now;
}

function listen(seconds: number, listener: () => void): () => void {
  let clock = clocks.get(seconds);
  if (!clock) {
    const listeners = new Set<() => void>();
    const tick = () => {
      if (!document.hidden) for (const one of [...listeners]) one();
    };
    clock = { listeners, timer: setInterval(tick, seconds * 1000) };
    clocks.set(seconds, clock);
  }
  clock.listeners.add(listener);
  const mine = clock;
  return () => {
    mine.listeners.delete(listener);
    if (mine.listeners.size > 0) return;
    clearInterval(mine.timer);
    clocks.delete(seconds);
  };
}
