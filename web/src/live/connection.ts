import type { Live, Problem } from "../api/types";

/** How the page stands with the server: `lost` once a second try has failed too. */
export type ConnectionState = "connecting" | "open" | "lost";

/** Puts a change into what is there; given by whoever watches a topic that has changes. */
export type Merge<T = unknown> = (now: T, change: unknown) => T;

export interface TopicValue {
  data: unknown;
  problem: Problem | null;
}

interface Topic extends TopicValue {
  merge: Merge | undefined;
  listeners: Set<() => void>;
}

/** The part of EventSource that is used. */
export interface Source {
  onopen: ((event: Event) => void) | null;
  onerror: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent<string>) => void) | null;
  close(): void;
}

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 8000;
const NOTHING: TopicValue = { data: undefined, problem: null };

/**
 * One stream of server-sent events for all topics that the page watches.
 *
 * The stream's address holds the topics, so it is opened anew when they change; each opening begins with a
 * snapshot of every topic, so nothing is missed however long it was closed. It is closed while the tab is hidden.
 */
export class LiveConnection {
  state: ConnectionState = "connecting";
  private readonly topics = new Map<string, Topic>();
  private readonly watchers = new Set<() => void>();
  private source: Source | null = null;
  private opened = "";
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly connect: (url: string) => Source = (url) => new EventSource(url)) {
    document.addEventListener("visibilitychange", () => this.settle());
  }

  /** Watches a topic until the function it gives is called. */
  watch(name: string, listener: () => void, merge?: Merge): () => void {
    let topic = this.topics.get(name);
    if (!topic) {
      topic = { ...NOTHING, merge, listeners: new Set() };
      this.topics.set(name, topic);
      this.settleSoon();
    }
    topic.merge ??= merge;
    topic.listeners.add(listener);
    const watched = topic;
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size === 0) this.settleSoon();
    };
  }

  value(name: string): TopicValue {
    return this.topics.get(name) ?? NOTHING;
  }

  /** Calls back whenever `state` changes, until the function it gives is called. */
  watchState(listener: () => void): () => void {
    this.watchers.add(listener);
    return () => this.watchers.delete(listener);
  }

  /** Tries again at once, without waiting for the next turn. */
  retry(): void {
    if (this.source && this.state === "open") return;
    this.shut();
    this.settle();
  }

  // A page that goes and a page that comes change the topics in one go: one opening is enough.
  private settleSoon(): void {
    if (this.failures > 0) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), 0);
  }

  private settle(): void {
    clearTimeout(this.timer);
    for (const [name, topic] of this.topics) if (topic.listeners.size === 0) this.topics.delete(name);
    if (document.hidden || this.topics.size === 0) {
      this.shut();
      return;
    }
    const query = new URLSearchParams([...this.topics.keys()].sort().map((name) => ["topic", name]));
    const url = `/api/live?${query.toString()}`;
    if (this.source && this.opened === url) return;
    this.shut();
    this.opened = url;
    const source = this.connect(url);
    this.source = source;
    source.onopen = () => this.setState("open");
    source.onmessage = (event) => this.take(event.data);
    source.onerror = () => {
      if (this.source === source) this.fail();
    };
  }

  private fail(): void {
    this.shut();
    this.failures += 1;
    this.setState(this.failures > 1 ? "lost" : "connecting");
    const pause = Math.min(FIRST_PAUSE * 2 ** (this.failures - 1), LONGEST_PAUSE);
    this.timer = setTimeout(() => this.settle(), pause);
  }

  private shut(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.opened = "";
  }

  private setState(state: ConnectionState): void {
    if (state === this.state) return;
    this.state = state;
    for (const watcher of [...this.watchers]) watcher();
  }

  private take(text: string): void {
    // Not in onopen: a server that accepts and breaks off again and again must not be asked without a pause.
    this.failures = 0;
    const message = JSON.parse(text) as Live;
    const topic = this.topics.get(message.topic);
    if (!topic) return;
    if (message.kind === "problem") {
      topic.problem = message.data as Problem;
    } else {
      const isPart = message.kind === "change" && topic.merge !== undefined && topic.data !== undefined;
      topic.data = isPart ? topic.merge?.(topic.data, message.data) : message.data;
      topic.problem = null;
    }
    for (const listener of [...topic.listeners]) listener();
  }
}
