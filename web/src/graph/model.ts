// A state machine's definition as a graph: its states, the ways between them, and what is inside of a Parallel or Map.

import { errorWords, ruleWords, stateWords } from "./words";

export type Json = Record<string, unknown>;

/** A state; or the start or end of the whole. */
export interface GraphNode {
  readonly id: string;
  readonly name: string;
  /** `Task`, `Choice` ...; `Start` and `End` are no states. */
  readonly type: string;
  /** What it does, in a word or two. */
  readonly detail: string;
  /** What is inside of it: a Parallel's branches, a Map's processor. */
  readonly regions: readonly Region[];
  readonly definition: Json;
}

export type WayKind = "next" | "choice" | "default" | "catch";

/** One reason to go from a state to another. */
export interface Way {
  readonly kind: WayKind;
  /** When it is taken: a Choice's rule, a Catch's errors. */
  readonly words: string;
}

/** An arrow. Several ways between the same two states are one arrow. */
export interface GraphEdge {
  readonly id: string;
  readonly from: GraphNode;
  readonly to: GraphNode;
  readonly ways: readonly Way[];
  /** Whether only an error leads along it. */
  readonly isCatch: boolean;
  /** What stands beside it; empty for a plain Next. */
  readonly label: string;
}

/** States that follow each other: the whole machine, a branch, or what a Map does with each item. */
export interface Region {
  readonly id: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly start: GraphNode | null;
  readonly byName: ReadonlyMap<string, GraphNode>;
  /** The arrow from one node to another, by `edgeKey`. */
  readonly between: ReadonlyMap<string, GraphEdge>;
}

export interface Graph {
  readonly root: Region;
  /** Every state, also those inside of others; without Start and End. */
  readonly states: readonly GraphNode[];
  /** What is wrong with the definition although it can be drawn. */
  readonly problems: readonly string[];
}

/** The graph, or a sentence that says why there is none. */
export type Reading = { graph: Graph; problem: null } | { graph: null; problem: string };

const DEEPEST = 30;
const MOST_PROBLEMS = 5;

const readings = new WeakMap<object, Reading>();

/** Reads a definition, whatever it is: what cannot be read is said in a sentence, never thrown. */
export function readGraph(definition: unknown): Reading {
  const own = asObject(definition);
  if (!own)
    return { graph: null, problem: "The definition is not a JSON object, so there is no graph to draw." };
  const known = readings.get(own);
  if (known) return known;
  const reading = readOnce(own);
  readings.set(own, reading);
  return reading;
}

/** The key of `Region.between`. */
export function edgeKey(from: GraphNode, to: GraphNode): string {
  return `${from.id}>${to.id}`;
}

function readOnce(definition: Json): Reading {
  const states = asObject(definition["States"]);
  if (!states || Object.keys(states).length === 0)
    return { graph: null, problem: "The definition has no `States`, so there is no graph to draw." };
  const reader = new Reader();
  const root = reader.region("r", definition, 0);
  return { graph: { root, states: reader.states, problems: reader.problems }, problem: null };
}

class Reader {
  readonly states: GraphNode[] = [];
  readonly problems: string[] = [];

  region(id: string, machine: Json, depth: number): Region {
    const drawn: GraphNode[] = [];
    const byName = new Map<string, GraphNode>();
    for (const [name, value] of Object.entries(asObject(machine["States"]) ?? {})) {
      const node = this.node(`${id}.${drawn.length}`, name, value, depth);
      drawn.push(node);
      byName.set(name, node);
    }
    const startAt = machine["StartAt"];
    const start = typeof startAt === "string" ? (byName.get(startAt) ?? null) : null;
    if (!start)
      this.complain(
        typeof startAt === "string"
          ? `The definition starts at "${startAt}", which is none of its states.`
          : "The definition does not say where to start (StartAt).",
      );
    const links = new Links(id);
    const isTop = depth === 0;
    const begin = isTop && start ? marker("start", "Start") : null;
    const end = isTop ? marker("end", "End") : null;
    if (begin && start) links.add(begin, start, { kind: "next", words: "" });
    for (const node of drawn) this.ways(node, byName, links, end);
    const edges = links.edges();
    const ends = end !== null && edges.some((edge) => edge.to === end);
    return {
      id,
      nodes: [...(begin ? [begin] : []), ...drawn, ...(ends ? [end] : [])],
      edges,
      start: begin ?? start,
      byName,
      between: new Map(edges.map((edge) => [edgeKey(edge.from, edge.to), edge])),
    };
  }

  private node(id: string, name: string, value: unknown, depth: number): GraphNode {
    const definition = asObject(value);
    if (!definition) this.complain(`The state "${name}" is not a JSON object.`);
    const state = definition ?? {};
    const type = typeof state["Type"] === "string" ? state["Type"] : "State";
    const regions: Region[] = [];
    const node: GraphNode = { id, name, type, detail: stateWords(state), regions, definition: state };
    this.states.push(node);
    const machines = insideOf(type, state);
    if (machines.length > 0 && depth >= DEEPEST)
      this.complain(`The state "${name}" stands too deep for what is inside of it to be drawn.`);
    else machines.forEach((machine, i) => regions.push(this.region(`${id}.${i}`, machine, depth + 1)));
    return node;
  }

  private ways(node: GraphNode, byName: Map<string, GraphNode>, links: Links, end: GraphNode | null): void {
    const state = node.definition;
    const lead = (name: unknown, way: Way): void => {
      if (name === undefined) return;
      const to = typeof name === "string" ? byName.get(name) : undefined;
      if (to) links.add(node, to, way);
      else
        this.complain(
          `"${node.name}" leads to ${JSON.stringify(name)}, which is none of the states beside it.`,
        );
    };
    if (node.type === "Choice") {
      for (const choice of asList(state["Choices"])) {
        const rule = asObject(choice);
        if (rule) lead(rule["Next"], { kind: "choice", words: ruleWords(rule) });
      }
      lead(state["Default"], { kind: "default", words: "otherwise" });
    } else {
      lead(state["Next"], { kind: "next", words: "" });
    }
    for (const catcher of asList(state["Catch"])) {
      const own = asObject(catcher);
      if (own) lead(own["Next"], { kind: "catch", words: errorWords(own["ErrorEquals"]) });
    }
    if (end && (state["End"] === true || node.type === "Succeed"))
      links.add(node, end, { kind: "next", words: "" });
  }

  private complain(sentence: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(sentence);
  }
}

/** The arrows of a region, as they are found. */
class Links {
  private readonly found = new Map<string, { from: GraphNode; to: GraphNode; ways: Way[] }>();

  constructor(private readonly region: string) {}

  add(from: GraphNode, to: GraphNode, way: Way): void {
    const key = edgeKey(from, to);
    const known = this.found.get(key);
    if (known) known.ways.push(way);
    else this.found.set(key, { from, to, ways: [way] });
  }

  edges(): GraphEdge[] {
    return [...this.found.values()].map(({ from, to, ways }, i) => {
      const isCatch = ways.every((way) => way.kind === "catch");
      const shown = ways.filter((way) => isCatch || way.kind !== "catch");
      const words = [...new Set(shown.map((way) => way.words).filter(Boolean))];
      return {
        id: `${this.region}:${i}`,
        from,
        to,
        ways,
        isCatch,
        label: words.join(isCatch ? ", " : " or "),
      };
    });
  }
}

function marker(id: string, type: string): GraphNode {
  return { id, name: type, type, detail: "", regions: [], definition: {} };
}

function insideOf(type: string, state: Json): Json[] {
  if (type === "Parallel") return asList(state["Branches"]).map((branch) => asObject(branch) ?? {});
  if (type !== "Map") return [];
  const processor = asObject(state["ItemProcessor"]) ?? asObject(state["Iterator"]);
  return processor ? [processor] : [];
}

function asObject(value: unknown): Json | null {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Json) : null;
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
