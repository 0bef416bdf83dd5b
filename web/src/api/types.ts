// Generated from switchyard/console/schema.py by `make console`: change that, not this.

/**
 * How an execution stands: Step Functions' own words.
 */
export type ExecutionStatus = "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED" | "PENDING_REDRIVE";
/**
 * How a state that was entered stands; one that was not has no visit.
 */
export type StateStatus = "RUNNING" | "RETRYING" | "SUCCEEDED" | "CAUGHT" | "FAILED" | "TIMED_OUT" | "ABORTED";

export interface All {
  Attempt: Attempt;
  Bin: Bin;
  Cost: Cost;
  CostItem: CostItem;
  DataPlace: DataPlace;
  Decided: Decided;
  Decision: Decision;
  EndpointPage: EndpointPage;
  EndpointRow: EndpointRow;
  Endpoints: Endpoints;
  Evaluation: Evaluation;
  Event: Event;
  EventRow: EventRow;
  Execution: Execution;
  ExecutionChange: ExecutionChange;
  ExecutionMark: ExecutionMark;
  ExecutionRow: ExecutionRow;
  ExecutionStatus: ExecutionStatus;
  Executions: Executions;
  Facet: Facet;
  GateCondition: GateCondition;
  Invocation: Invocation;
  InvokeEndpoint: InvokeEndpoint;
  Job: Job;
  JobStep: JobStep;
  Lineage: Lineage;
  Live: Live;
  Log: Log;
  LogLine: LogLine;
  ModelPackage: ModelPackage;
  ModelPage: ModelPage;
  ModelRow: ModelRow;
  ModelRun: ModelRun;
  Models: Models;
  Point: Point;
  Prediction: Prediction;
  Problem: Problem;
  RecipeForm: RecipeForm;
  RecipeForms: RecipeForms;
  Release: Release;
  Report: Report;
  ReportState: ReportState;
  Revision: Revision;
  Series: Series;
  StartExecution: StartExecution;
  StartRun: StartRun;
  Started: Started;
  StateDetail: StateDetail;
  StateStatus: StateStatus;
  Target: Target;
  Variant: Variant;
  VariantMetrics: VariantMetrics;
  Visit: Visit;
  Workflow: Workflow;
  Workflows: Workflows;
}
/**
 * One attempt of a state.
 *
 * Parameters
 * ----------
 * number
 *     From 1.
 * ended_at, error, cause, reason
 *     None while it runs; error and reason also when it succeeded.
 * is_aborted
 *     Whether it was ended from outside: the execution was stopped, or another branch had failed.
 * traceback
 *     The last lines of the traceback in its cause.
 */
export interface Attempt {
  number: number;
  started_at: number;
  ended_at: number | null;
  error: string | null;
  cause: string | null;
  reason: string | null;
  traceback: string[];
  is_aborted: boolean;
}
/**
 * A bar of a histogram: from `low` up to `high`.
 */
export interface Bin {
  low: number;
  high: number;
  count: number;
}
/**
 * What a run would cost on AWS, by its own durations and list prices of a day.
 */
export interface Cost {
  items: CostItem[];
  total_usd: number;
  region: string;
  prices_of: string;
  notes: string[];
}
/**
 * A part of a run's cost on AWS.
 *
 * Parameters
 * ----------
 * what
 *     `Training`, `Endpoint, each hour` ...
 * basis
 *     How it is reckoned: `ml.m5.large, 132 s at 0.115 USD an hour`.
 * usd
 *     None when the price is not known.
 * is_recurring
 *     Whether it goes on by the hour as long as it is there; not in the total.
 */
export interface CostItem {
  what: string;
  basis: string;
  usd: number | null;
  is_recurring: boolean;
}
/**
 * Where a job reads or writes: a channel's or output's name, and its S3 URI.
 */
export interface DataPlace {
  name: string;
  uri: string;
  detail: string;
}
/**
 * A model package as it was decided about.
 */
export interface Decided {
  arn: string;
  approval: string;
  reason: string;
}
/**
 * What somebody says to an approval or a rejection.
 */
export interface Decision {
  reason: string;
}
/**
 * An endpoint and how it does.
 *
 * Parameters
 * ----------
 * metrics
 *     Over the last `window_seconds`, one point a `period_seconds`.
 * config
 *     The endpoint configuration's name.
 * content_type
 *     What its model takes, as far as is known.
 * example
 *     A row to try it with; None when none is known.
 */
export interface EndpointPage {
  row: EndpointRow;
  config: string;
  content_type: string;
  example: string | null;
  window_seconds: number;
  period_seconds: number;
  metrics: VariantMetrics[];
  aws_console_url: string | null;
  problem: string | null;
}
/**
 * An endpoint in a list.
 */
export interface EndpointRow {
  name: string;
  arn: string;
  status: string;
  reason: string | null;
  created_at: number;
  updated_at: number;
  variants: Variant[];
}
/**
 * A production variant of an endpoint.
 */
export interface Variant {
  name: string;
  model: string;
  weight: number;
  desired_weight: number | null;
  instances: number;
  instance_type: string | null;
  is_serverless: boolean;
}
/**
 * How a variant has done over a while: one point a period; latencies in milliseconds.
 */
export interface VariantMetrics {
  variant: string;
  invocations: Point[];
  errors_4xx: Point[];
  errors_5xx: Point[];
  latency_p50: Point[];
  latency_p99: Point[];
}
/**
 * A value at a time.
 */
export interface Point {
  at: number;
  value: number;
}
/**
 * Every endpoint of the cloud.
 */
export interface Endpoints {
  endpoints: EndpointRow[];
}
/**
 * The transform's output against the test data.
 *
 * Parameters
 * ----------
 * points
 *     At most 2,000, evenly taken from all rows.
 * residuals
 *     Of all rows: actual minus predicted.
 * rows
 *     How many there are.
 * rmse, mae, bias
 *     Of all rows: the root of the mean squared residual, the mean absolute one, the mean one.
 * problem
 *     Why there is none; the rest is then empty.
 */
export interface Evaluation {
  points: Prediction[];
  residuals: Bin[];
  rows: number;
  rmse: number | null;
  mae: number | null;
  bias: number | null;
  uri: string | null;
  problem: string | null;
}
/**
 * One row of the test data: what the model said, and what was so.
 */
export interface Prediction {
  predicted: number;
  actual: number;
}
/**
 * An event with its details, as GetExecutionHistory gives it (times in ISO 8601).
 */
export interface Event {
  event: {
    [k: string]: unknown;
  };
}
/**
 * An event of the history, without its details.
 *
 * Parameters
 * ----------
 * id, previous
 *     Its number, and that of the event before it on its path (0 at the start).
 * visit
 *     The visit that it belongs to; None when it is the execution's own.
 */
export interface EventRow {
  id: number;
  previous: number;
  type: string;
  at: number;
  visit: number | null;
}
/**
 * An execution and all that is needed to draw it.
 *
 * Parameters
 * ----------
 * row
 *     As in the list.
 * input, output
 *     JSON text, as it was given; output is None while there is none.
 * error, cause
 *     As Step Functions has them; None without.
 * failed_visit
 *     The state where it went wrong.
 * traceback
 *     The last lines of the failed state's own traceback; empty without one.
 * definition
 *     Of the state machine as it was; None when it cannot be had, or does not parse.
 * definition_problem
 *     Why there is none.
 * visits
 *     In the order in which the states were entered.
 * events
 *     All of the history.
 * is_complete
 *     False when the history of an ended execution breaks off before its end.
 * can_stop, can_redrive
 *     Whether these actions can be taken now.
 * aws_console_url
 *     Its page in AWS's console; None on a local cloud.
 * problem
 *     What of it cannot be shown, and why, such as a past run's file that is missing or broken; None when all is well.
 */
export interface Execution {
  row: ExecutionRow;
  input: string;
  output: string | null;
  error: string | null;
  cause: string | null;
  failed_visit: number | null;
  traceback: string[];
  definition: {
    [k: string]: unknown;
  } | null;
  definition_problem: string | null;
  visits: Visit[];
  events: EventRow[];
  is_complete: boolean;
  can_stop: boolean;
  can_redrive: boolean;
  aws_console_url: string | null;
  problem: string | null;
}
/**
 * An execution in a list.
 *
 * Parameters
 * ----------
 * workflow
 *     Its state machine's title.
 * recipe
 *     What its input calls so; None when it does not, or has not been read yet.
 * outcome
 *     The workflow's own word for how it ended, from its output's `status`: `DEPLOYED`, `REJECTED`; else None.
 * seconds
 *     How long it took; None while it runs.
 * reason
 *     Why it failed, in one line.
 * is_past
 *     Whether it is read from what past runs have left on this machine.
 */
export interface ExecutionRow {
  arn: string;
  name: string;
  workflow: string;
  workflow_arn: string;
  recipe: string | null;
  status: ExecutionStatus;
  outcome: string | null;
  started_at: number;
  stopped_at: number | null;
  seconds: number | null;
  reason: string | null;
  redrives: number;
  is_past: boolean;
}
/**
 * A state that was entered, once: enough to draw it; `StateDetail` has the rest.
 *
 * Parameters
 * ----------
 * id
 *     The id of the event that entered it.
 * parent
 *     The visit of the Parallel or Map that it is inside of; None at the top.
 * branch
 *     Which branch of the Parallel, or item of the Map, from 0; None at the top.
 * attempt
 *     Which attempt of that Parallel or Map, from 1: one that is retried enters its states anew; 1 at the top.
 * name, type
 *     The state's.
 * order
 *     Its place among the visits with the same parent, branch and attempt, from 0.
 * retries
 *     How many attempts followed the first one.
 * redrives
 *     How many times a redrive of the execution went on from here.
 * resource
 *     What a Task calls: `lambda:invoke`, `sagemaker:createTrainingJob.sync`; else empty.
 * error, reason
 *     Of its last failed attempt; None without any.
 * job, function, endpoint
 *     The name of what a Task works with, if that is one.
 * items
 *     Of a Map, how many items it has begun; of a Parallel, how many branches; else 0. In its last attempt.
 * length
 *     Of a Map, how many items it was given; None when that is not known.
 */
export interface Visit {
  id: number;
  parent: number | null;
  branch: number | null;
  attempt: number;
  name: string;
  type: string;
  order: number;
  status: StateStatus;
  entered_at: number;
  exited_at: number | null;
  retries: number;
  redrives: number;
  resource: string;
  error: string | null;
  reason: string | null;
  job: string | null;
  function: string | null;
  endpoint: string | null;
  items: number;
  length: number | null;
}
/**
 * What has changed in an execution since the last message: whatever is given replaces what was.
 *
 * Parameters
 * ----------
 * visits
 *     New ones, and changed ones by their id.
 * events
 *     New ones.
 */
export interface ExecutionChange {
  row: ExecutionRow;
  output: string | null;
  error: string | null;
  cause: string | null;
  failed_visit: number | null;
  traceback: string[];
  visits: Visit[];
  events: EventRow[];
  is_complete: boolean;
  can_stop: boolean;
  can_redrive: boolean;
}
/**
 * One of a workflow's recent executions, as a mark in its strip.
 */
export interface ExecutionMark {
  arn: string;
  name: string;
  status: ExecutionStatus;
  outcome: string | null;
  started_at: number;
  seconds: number | null;
}
/**
 * A page of executions, the newest first.
 *
 * Parameters
 * ----------
 * total
 *     How many the filter lets through.
 * next
 *     What to ask the next page with (`after`); None at the end.
 * workflows, recipes, statuses
 *     What there is to filter by, counted over all executions.
 * is_complete
 *     Whether all executions have been read; otherwise older ones are still coming in.
 */
export interface Executions {
  rows: ExecutionRow[];
  total: number;
  next: string | null;
  workflows: Facet[];
  recipes: Facet[];
  statuses: Facet[];
  is_complete: boolean;
}
/**
 * A value to filter by, and how many executions have it.
 */
export interface Facet {
  value: string;
  label: string;
  count: number;
}
/**
 * A condition of the gate; `direction` is `minimize` or `maximize`.
 */
export interface GateCondition {
  metric: string;
  direction: string;
  threshold: number | null;
  margin: number | null;
}
/**
 * What an endpoint answered: `status` 200, or the model's own error.
 */
export interface Invocation {
  status: number;
  variant: string | null;
  content_type: string;
  body: string;
  latency_ms: number;
}
/**
 * A request for an endpoint.
 */
export interface InvokeEndpoint {
  body: string;
  content_type: string;
  accept: string | null;
  variant: string | null;
}
/**
 * A SageMaker job.
 *
 * Parameters
 * ----------
 * kind
 *     `Training`, `Processing` or `Transform`.
 * metrics
 *     Curves over time, as the job's regular expressions caught them.
 * final_metrics
 *     The last value of each.
 * metrics_note
 *     What to know of the curves, such as that their times are estimated; None when there is nothing.
 * problem
 *     Why it cannot be described; everything else is then empty.
 */
export interface Job {
  kind: string;
  name: string;
  arn: string;
  status: string;
  secondary_status: string;
  reason: string | null;
  created_at: number | null;
  started_at: number | null;
  ended_at: number | null;
  billable_seconds: number | null;
  image: string;
  instance_type: string;
  instance_count: number;
  hyperparameters: {
    [k: string]: string;
  };
  environment: {
    [k: string]: string;
  };
  inputs: DataPlace[];
  outputs: DataPlace[];
  steps: JobStep[];
  metrics: Series[];
  final_metrics: {
    [k: string]: number;
  };
  aws_console_url: string | null;
  metrics_note: string | null;
  problem: string | null;
}
/**
 * A step of a job's life (SecondaryStatusTransitions).
 */
export interface JobStep {
  status: string;
  started_at: number;
  ended_at: number | null;
  message: string;
}
/**
 * A curve.
 */
export interface Series {
  name: string;
  points: Point[];
}
/**
 * What a model was made from.
 */
export interface Lineage {
  data_uri: string | null;
  data_hash: string | null;
  code_hash: string | null;
  recipe_hash: string | null;
  parent: string | null;
  image: string | null;
  model_uri: string | null;
  model_package_arn: string | null;
  execution_arn: string | null;
}
/**
 * A server-sent event: `topic` is what the page asked for.
 *
 * Parameters
 * ----------
 * kind
 *     `snapshot` gives all of the topic, `change` what is new (of an execution; other topics always give all),
 *     `problem` why the topic cannot be given now: the server goes on trying.
 */
export interface Live {
  topic: string;
  kind: "snapshot" | "change" | "problem";
  data: Execution | ExecutionChange | Log | Job | EndpointPage | Endpoints | Workflows | Target | Revision | Problem;
}
/**
 * What a state has logged.
 *
 * Parameters
 * ----------
 * group
 *     The CloudWatch log group; None for a past run's file.
 * lines
 *     The newest at the end; at most 5,000.
 * is_cut
 *     Whether older lines were left out.
 * problem
 *     Why there are none, such as a log group that was deleted; None when all is well.
 * is_live
 *     Whether more may come.
 */
export interface Log {
  group: string | null;
  lines: LogLine[];
  is_cut: boolean;
  problem: string | null;
  is_live: boolean;
}
/**
 * A line of a log; `level` when it says one (`ERROR`, `WARNING`, `INFO`, `DEBUG`).
 */
export interface LogLine {
  at: number | null;
  text: string;
  level: string | null;
}
/**
 * Every workflow of the cloud, and those of past runs.
 */
export interface Workflows {
  workflows: Workflow[];
}
/**
 * A state machine and how its executions have gone.
 *
 * Parameters
 * ----------
 * arn, name
 *     The state machine's.
 * title
 *     Its name as the template has it, such as `TrainAndDeploy`.
 * recent
 *     Its newest executions, at most 30, the oldest first.
 * total, running
 *     How many executions are known, and run now.
 * success_rate
 *     Of those that have ended, the share (0 to 1) that succeeded; None without any.
 * median_seconds
 *     Of those that succeeded; None without any.
 * definition
 *     Amazon States Language; None when it cannot be had or does not parse.
 * definition_problem
 *     Why there is none.
 * is_past
 *     Whether only past runs tell of it: the cloud has no such state machine now.
 */
export interface Workflow {
  arn: string;
  name: string;
  title: string;
  recent: ExecutionMark[];
  total: number;
  running: number;
  success_rate: number | null;
  median_seconds: number | null;
  definition: {
    [k: string]: unknown;
  } | null;
  definition_problem: string | null;
  is_past: boolean;
}
/**
 * The cloud that the console looks at.
 *
 * Parameters
 * ----------
 * name
 *     For people: `http://127.0.0.1:4599`, `AWS, region eu-west-1`.
 * is_local
 *     Whether it is on this machine.
 * region
 *     The region's code.
 * stack
 *     The CloudFormation stack's name.
 * is_up
 *     Whether it answers; past runs can be read without it.
 * problem
 *     Why it does not, or what of it may not be read; None when all is well.
 * project
 *     The project's name, whose recipes can be started; None outside of a project.
 */
export interface Target {
  name: string;
  is_local: boolean;
  region: string;
  stack: string;
  is_up: boolean;
  problem: string | null;
  project: string | null;
}
/**
 * The executions have changed: a page that shows some asks again.
 */
export interface Revision {
  revision: number;
}
/**
 * Why a request was refused (RFC 9457).
 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
}
/**
 * What was decided about a registered model, and how far it is on its way into service.
 *
 * Parameters
 * ----------
 * name
 *     `group/version`.
 * approval, reason
 *     `Approved`, `Rejected` or `PendingManualApproval`, and what was said to it.
 * release
 *     `requested`, `releasing`, `released`, `rolled-back`, `compared`, or `deployed` by its own run; None when nobody
 *     has said.
 * released_at
 *     In ISO 8601.
 * can_decide
 *     Whether it waits for approval.
 */
export interface ModelPackage {
  arn: string;
  name: string;
  approval: string;
  reason: string | null;
  release: string | null;
  strategy: string | null;
  release_reason: string | null;
  released_at: string | null;
  released_endpoint: string | null;
  can_decide: boolean;
  releases: Release[];
}
/**
 * An execution that releases, or has released, a model package.
 */
export interface Release {
  arn: string;
  name: string;
  status: ExecutionStatus;
  outcome: string | null;
  started_at: number;
}
/**
 * A recipe's models over its runs.
 *
 * Parameters
 * ----------
 * gate
 *     The conditions of the newest run that has them.
 * runs
 *     The oldest first, at most 500.
 * selected
 *     The ARN of the run that lineage, evaluation, cost and package are of.
 * problem
 *     Why the model registry cannot be read; versions and approvals are then as the runs tell.
 */
export interface ModelPage {
  recipe: string;
  group: string | null;
  gate: GateCondition[];
  runs: ModelRun[];
  selected: string | null;
  lineage: Lineage | null;
  evaluation: Evaluation | null;
  cost: Cost | null;
  package: ModelPackage | null;
  problem: string | null;
}
/**
 * A run of a recipe, as a point of the plot.
 */
export interface ModelRun {
  arn: string;
  name: string;
  status: ExecutionStatus;
  outcome: string | null;
  started_at: number;
  metrics: {
    [k: string]: number;
  };
  test_metrics: {
    [k: string]: number;
  };
  version: number | null;
  approval: string | null;
  is_champion: boolean;
}
/**
 * A recipe's models in a list; `waiting` counts those that wait for approval.
 */
export interface ModelRow {
  recipe: string;
  group: string | null;
  runs: number;
  versions: number;
  waiting: number;
  champion: ModelRun | null;
  newest: ModelRun | null;
  endpoint: string | null;
}
/**
 * Every recipe that has been run; `problem` is why the model registry cannot be read.
 */
export interface Models {
  models: ModelRow[];
  problem: string | null;
}
/**
 * What a run of a recipe can be given.
 *
 * Parameters
 * ----------
 * form
 *     JSON Schema of the overrides (`hyperparameters`, `instances`, `limits`, `gate` ...); its `default`s are the
 *     recipe's own values.
 * data
 *     The recipe's own data; None when a run must name some.
 * problem
 *     Why the recipe cannot be used; the rest is then empty.
 */
export interface RecipeForm {
  name: string;
  description: string;
  image: string;
  data: string | null;
  form: {
    [k: string]: unknown;
  };
  problem: string | null;
}
/**
 * Every recipe that can be run, and the workflow that runs them.
 */
export interface RecipeForms {
  recipes: RecipeForm[];
  workflow_arn: string | null;
}
/**
 * All of an execution, for a page that opens without a server.
 *
 * Parameters
 * ----------
 * states
 *     By the visit's id.
 * events
 *     With their details, by their id.
 * made_at
 *     When the report was made.
 * notes
 *     What was left out, and why.
 */
export interface Report {
  execution: Execution;
  states: {
    [k: string]: ReportState;
  };
  events: {
    [k: string]: {
      [k: string]: unknown;
    };
  };
  cost: Cost | null;
  made_at: number;
  made_by: string;
  notes: string[];
}
/**
 * A visit of a report: its detail, log and job.
 */
export interface ReportState {
  detail: StateDetail;
  log: Log | null;
  job: Job | null;
}
/**
 * All of one visit.
 *
 * Parameters
 * ----------
 * input, output
 *     JSON text; output is None while there is none.
 * parameters
 *     What a Task gave to what it calls; None without.
 * definition
 *     The state's own; None when there is no definition.
 * map_run
 *     Of a distributed Map, its Map Run's ARN: its items are executions of their own.
 */
export interface StateDetail {
  visit: Visit;
  input: string;
  output: string | null;
  parameters: {
    [k: string]: unknown;
  } | null;
  definition: {
    [k: string]: unknown;
  } | null;
  attempts: Attempt[];
  map_run: string | null;
}
/**
 * A request to start an execution of any workflow; `input` is JSON text.
 */
export interface StartExecution {
  workflow_arn: string;
  name: string | null;
  input: string;
}
/**
 * A request to run a recipe: it is published first, when the project is there.
 */
export interface StartRun {
  recipe: string;
  name: string | null;
  data: string | null;
  overrides: {
    [k: string]: unknown;
  };
}
/**
 * The execution that was started, or was there already under that name with that input.
 */
export interface Started {
  arn: string;
  name: string;
}
