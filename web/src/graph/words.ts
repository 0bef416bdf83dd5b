// What a definition says, in a few words that people read: a Choice's rule, what a Task calls.

type Json = Record<string, unknown>;

const COMPARISONS: Record<string, string> = {
  Equals: "is",
  LessThan: "<",
  LessThanEquals: "≤",
  GreaterThan: ">",
  GreaterThanEquals: "≥",
};
const TIMES: Record<string, string> = {
  Equals: "is",
  LessThan: "is before",
  LessThanEquals: "is not after",
  GreaterThan: "is after",
  GreaterThanEquals: "is not before",
};
const KINDS: Record<string, string> = {
  IsNull: "null",
  IsString: "a string",
  IsNumeric: "a number",
  IsBoolean: "true or false",
  IsTimestamp: "a time",
};

/**
 * Says a Choice's rule: `$.gate.passed is true`, `$.count > 3 and $.name is "x"`, or a JSONata condition as it is.
 * A rule that cannot be read is `?`, so that the graph can still be drawn.
 */
export function ruleWords(rule: unknown): string {
  return sayRule(rule, false, 0);
}

/** Says what a Task calls, as its resource's ARN names it: `Lambda: invoke`, `SageMaker: createTrainingJob`. */
export function stateWords(state: Json): string {
  const type = text(state["Type"]) || "State";
  if (type === "Task") return taskWords(state);
  if (type === "Wait") return waitWords(state);
  if (type === "Fail" && text(state["Error"])) return `Fail: ${text(state["Error"])}`;
  if (type === "Map") {
    const processor = object(state["ItemProcessor"]);
    const mode = text(object(processor?.["ProcessorConfig"])?.["Mode"]);
    return mode === "DISTRIBUTED" ? "Map, distributed" : "Map";
  }
  return type;
}

/** Says which errors a Catch takes. */
export function errorWords(names: unknown): string {
  const list = Array.isArray(names) ? names.map(text).filter(Boolean) : [];
  if (list.length === 0) return "error";
  return list.includes("States.ALL") ? "any error" : list.join(", ");
}

/** Strips the `{% %}` that JSONata stands in. */
export function withoutMarks(expression: string): string {
  return /^\s*\{%([\s\S]*)%\}\s*$/.exec(expression)?.[1]?.trim() ?? expression;
}

function sayRule(rule: unknown, inside: boolean, depth: number): string {
  const own = object(rule);
  if (!own || depth > 20) return "?";
  if (typeof own["Condition"] === "string") return withoutMarks(own["Condition"]);
  if (typeof own["Condition"] === "boolean") return own["Condition"] ? "always" : "never";
  for (const [key, word] of [
    ["And", " and "],
    ["Or", " or "],
  ] as const) {
    const parts = own[key];
    if (Array.isArray(parts)) {
      const kept = key === "And" ? withoutPresence(parts) : parts;
      const said = kept.map((part) => sayRule(part, kept.length > 1, depth + 1)).join(word);
      return inside && kept.length > 1 ? `(${said})` : said;
    }
  }
  if ("Not" in own) return `not (${sayRule(own["Not"], false, depth + 1)})`;
  const variable = text(own["Variable"]) || "?";
  for (const [key, value] of Object.entries(own)) {
    const said = sayComparison(variable, key, value);
    if (said) return said;
  }
  return variable === "?" ? "?" : `${variable} …`;
}

/** "It is there and it is true" says no more than "it is true". */
function withoutPresence(parts: unknown[]): unknown[] {
  const compared = new Set(
    parts
      .map(object)
      .filter((part) => part && part["IsPresent"] === undefined)
      .map((part) => part?.["Variable"]),
  );
  return parts.filter((part) => {
    const own = object(part);
    return !(own && own["IsPresent"] === true && compared.has(own["Variable"]));
  });
}

function sayComparison(variable: string, key: string, value: unknown): string | null {
  if (key === "IsPresent") return `${variable} is ${value === false ? "not " : ""}present`;
  const kind = KINDS[key];
  if (kind) return `${variable} is ${value === false ? "not " : ""}${kind}`;
  if (key === "StringMatches") return `${variable} matches ${say(value)}`;
  const match = /^(String|Numeric|Boolean|Timestamp)([A-Z][A-Za-z]*?)(Path)?$/.exec(key);
  const words = match?.[1] === "Timestamp" ? TIMES : COMPARISONS;
  const word = match?.[2] === undefined ? undefined : words[match[2]];
  if (!match || !word) return null;
  const other = match[3] || match[1] === "Timestamp" ? text(value) || say(value) : say(value);
  return `${variable} ${word} ${other}`;
}

function taskWords(state: Json): string {
  const resource = text(state["Resource"]);
  const service = /^arn:[^:]*:states:[^:]*:[^:]*:(?:aws-sdk:)?([^:]+):(.+)$/.exec(resource);
  if (service?.[1] && service[2]) {
    const call = service[2].replace(/\.(sync(:2)?|waitForTaskToken)$/, "");
    if (service[1] === "activity") return `Activity: ${call}`;
    return `${serviceName(service[1])}: ${call}`;
  }
  const lambda = /^arn:[^:]*:lambda:[^:]*:[^:]*:function:([^:]+)/.exec(resource);
  if (lambda?.[1]) return `Lambda: ${lambda[1]}`;
  return "Task";
}

function waitWords(state: Json): string {
  const seconds = state["Seconds"];
  if (typeof seconds === "number") return `Wait ${seconds} s`;
  if (typeof state["Timestamp"] === "string") return `Wait until ${withoutMarks(state["Timestamp"])}`;
  return "Wait";
}

const SERVICES: Record<string, string> = {
  lambda: "Lambda",
  sagemaker: "SageMaker",
  dynamodb: "DynamoDB",
  sns: "SNS",
  sqs: "SQS",
  ecs: "ECS",
  s3: "S3",
  glue: "Glue",
  batch: "Batch",
  events: "EventBridge",
  states: "Step Functions",
  sfn: "Step Functions",
  http: "HTTP",
  bedrock: "Bedrock",
  ssm: "Systems Manager",
};

function serviceName(code: string): string {
  return Object.hasOwn(SERVICES, code) ? (SERVICES[code] ?? code) : code;
}

function say(value: unknown): string {
  return value === undefined ? "?" : JSON.stringify(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function object(value: unknown): Json | null {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Json) : null;
}
