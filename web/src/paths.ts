import { address } from "./api/client";

/** Where the pages are: the one place that knows. */
export const paths = {
  workflows: "/workflows",
  executions: "/executions",
  models: "/models",
  endpoints: "/endpoints",
  start: "/start",
  execution: (arn: string) => `/executions/${encodeURIComponent(arn)}`,
  executionsOf: (filter: { workflow?: string; recipe?: string; status?: string }) =>
    address("/executions", filter),
  model: (recipe: string) => `/models/${encodeURIComponent(recipe)}`,
  endpoint: (name: string) => `/endpoints/${encodeURIComponent(name)}`,
  startRecipe: (recipe: string) => address("/start", { recipe }),
  startWorkflow: (arn: string) => address("/start", { workflow: arn }),
  startFrom: (arn: string) => address("/start", { from: arn }),
} as const;
