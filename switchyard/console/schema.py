"""What the console's server says to its page, and the page to it: the one description of both.

`web/src/api/types.ts` is generated from these models, so that the two cannot differ unnoticed.
Times are seconds since 1970; documents that belong to a run (input, output, cause) are text, as AWS gives them.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import models_json_schema
from pydantic_core import PydanticSerializationError

from switchyard.console.plain import plain_document


class Model(BaseModel):
    """A shape whose fields are all there, and no others."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)

    def model_dump_json(self, **options: Any) -> str:
        """Write it as JSON, also when a text in it cannot be encoded (half of a surrogate pair)."""
        try:
            return super().model_dump_json(**options)
        except PydanticSerializationError:
            return json.dumps(plain_document(self.model_dump()), allow_nan=False)


class ExecutionStatus(StrEnum):
    """How an execution stands: Step Functions' own words."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"
    PENDING_REDRIVE = "PENDING_REDRIVE"


class StateStatus(StrEnum):
    """How a state that was entered stands; one that was not has no visit."""

    RUNNING = "RUNNING"
    RETRYING = "RETRYING"
    SUCCEEDED = "SUCCEEDED"
    CAUGHT = "CAUGHT"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


# The cloud


class Target(Model):
    """The cloud that the console looks at.

    Parameters
    ----------
    name
        For people: `http://127.0.0.1:4599`, `AWS, region eu-west-1`.
    is_local
        Whether it is on this machine.
    region
        The region's code.
    stack
        The CloudFormation stack's name.
    is_up
        Whether it answers; past runs can be read without it.
    problem
        Why it does not, or what of it may not be read; None when all is well.
    project
        The project's name, whose recipes can be started; None outside of a project.
    """

    name: str
    is_local: bool
    region: str
    stack: str
    is_up: bool
    problem: str | None = None
    project: str | None = None


class Problem(Model):
    """Why a request was refused (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


# Workflows


class ExecutionMark(Model):
    """One of a workflow's recent executions, as a mark in its strip."""

    arn: str
    name: str
    status: ExecutionStatus
    outcome: str | None
    started_at: float
    seconds: float | None


class Workflow(Model):
    """A state machine and how its executions have gone.

    Parameters
    ----------
    arn, name
        The state machine's.
    title
        Its name as the template has it, such as `TrainAndDeploy`.
    recent
        Its newest executions, at most 30, the oldest first.
    total, running
        How many executions are known, and run now.
    success_rate
        Of those that have ended, the share (0 to 1) that succeeded; None without any.
    median_seconds
        Of those that succeeded; None without any.
    definition
        Amazon States Language; None when it cannot be had or does not parse.
    definition_problem
        Why there is none.
    is_past
        Whether only past runs tell of it: the cloud has no such state machine now.
    """

    arn: str
    name: str
    title: str
    recent: list[ExecutionMark]
    total: int
    running: int
    success_rate: float | None
    median_seconds: float | None
    definition: dict[str, Any] | None = None
    definition_problem: str | None = None
    is_past: bool = False


class Workflows(Model):
    """Every workflow of the cloud, and those of past runs."""

    workflows: list[Workflow]


# Executions


class ExecutionRow(Model):
    """An execution in a list.

    Parameters
    ----------
    workflow
        Its state machine's title.
    recipe
        What its input calls so; None when it does not, or has not been read yet.
    outcome
        The workflow's own word for how it ended, from its output's `status`: `DEPLOYED`, `REJECTED`; else None.
    seconds
        How long it took; None while it runs.
    reason
        Why it failed, in one line.
    is_past
        Whether it is read from what past runs have left on this machine.
    """

    arn: str
    name: str
    workflow: str
    workflow_arn: str
    recipe: str | None
    status: ExecutionStatus
    outcome: str | None
    started_at: float
    stopped_at: float | None
    seconds: float | None
    reason: str | None
    redrives: int
    is_past: bool


class Facet(Model):
    """A value to filter by, and how many executions have it."""

    value: str
    label: str
    count: int


class Executions(Model):
    """A page of executions, the newest first.

    Parameters
    ----------
    total
        How many the filter lets through.
    next
        What to ask the next page with (`after`); None at the end.
    workflows, recipes, statuses
        What there is to filter by, counted over all executions.
    is_complete
        Whether all executions have been read; otherwise older ones are still coming in.
    """

    rows: list[ExecutionRow]
    total: int
    next: str | None
    workflows: list[Facet]
    recipes: list[Facet]
    statuses: list[Facet]
    is_complete: bool


class Visit(Model):
    """A state that was entered, once: enough to draw it; `StateDetail` has the rest.

    Parameters
    ----------
    id
        The id of the event that entered it.
    parent
        The visit of the Parallel or Map that it is inside of; None at the top.
    branch
        Which branch of the Parallel, or item of the Map, from 0; None at the top.
    attempt
        Which attempt of that Parallel or Map, from 1: one that is retried enters its states anew; 1 at the top.
    name, type
        The state's.
    order
        Its place among the visits with the same parent, branch and attempt, from 0.
    retries
        How many attempts followed the first one.
    redrives
        How many times a redrive of the execution went on from here.
    resource
        What a Task calls: `lambda:invoke`, `sagemaker:createTrainingJob.sync`; else empty.
    error, reason
        Of its last failed attempt; None without any.
    job, function, endpoint
        The name of what a Task works with, if that is one.
    items
        Of a Map, how many items it has begun; of a Parallel, how many branches; else 0. In its last attempt.
    length
        Of a Map, how many items it was given; None when that is not known.
    """

    id: int
    parent: int | None
    branch: int | None
    attempt: int
    name: str
    type: str
    order: int
    status: StateStatus
    entered_at: float
    exited_at: float | None
    retries: int
    redrives: int
    resource: str
    error: str | None
    reason: str | None
    job: str | None
    function: str | None
    endpoint: str | None
    items: int
    length: int | None


class EventRow(Model):
    """An event of the history, without its details.

    Parameters
    ----------
    id, previous
        Its number, and that of the event before it on its path (0 at the start).
    visit
        The visit that it belongs to; None when it is the execution's own.
    """

    id: int
    previous: int
    type: str
    at: float
    visit: int | None


class Execution(Model):
    """An execution and all that is needed to draw it.

    Parameters
    ----------
    row
        As in the list.
    input, output
        JSON text, as it was given; output is None while there is none.
    error, cause
        As Step Functions has them; None without.
    failed_visit
        The state where it went wrong.
    traceback
        The last lines of the failed state's own traceback; empty without one.
    definition
        Of the state machine as it was; None when it cannot be had, or does not parse.
    definition_problem
        Why there is none.
    visits
        In the order in which the states were entered.
    events
        All of the history.
    is_complete
        False when the history of an ended execution breaks off before its end.
    can_stop, can_redrive
        Whether these actions can be taken now.
    aws_console_url
        Its page in AWS's console; None on a local cloud.
    problem
        What of it cannot be shown, and why, such as a past run's file that is missing or broken; None when all is well.
    """

    row: ExecutionRow
    input: str
    output: str | None
    error: str | None
    cause: str | None
    failed_visit: int | None
    traceback: list[str]
    definition: dict[str, Any] | None
    definition_problem: str | None
    visits: list[Visit]
    events: list[EventRow]
    is_complete: bool
    can_stop: bool
    can_redrive: bool
    aws_console_url: str | None
    problem: str | None = None


class ExecutionChange(Model):
    """What has changed in an execution since the last message: whatever is given replaces what was.

    Parameters
    ----------
    visits
        New ones, and changed ones by their id.
    events
        New ones.
    """

    row: ExecutionRow
    output: str | None
    error: str | None
    cause: str | None
    failed_visit: int | None
    traceback: list[str]
    visits: list[Visit]
    events: list[EventRow]
    is_complete: bool
    can_stop: bool
    can_redrive: bool


class Event(Model):
    """An event with its details, as GetExecutionHistory gives it (times in ISO 8601)."""

    event: dict[str, Any]


class Attempt(Model):
    """One attempt of a state.

    Parameters
    ----------
    number
        From 1.
    ended_at, error, cause, reason
        None while it runs; error and reason also when it succeeded.
    is_aborted
        Whether it was ended from outside: the execution was stopped, or another branch had failed.
    traceback
        The last lines of the traceback in its cause.
    """

    number: int
    started_at: float
    ended_at: float | None
    error: str | None
    cause: str | None
    reason: str | None
    traceback: list[str]
    is_aborted: bool


class StateDetail(Model):
    """All of one visit.

    Parameters
    ----------
    input, output
        JSON text; output is None while there is none.
    parameters
        What a Task gave to what it calls; None without.
    definition
        The state's own; None when there is no definition.
    map_run
        Of a distributed Map, its Map Run's ARN: its items are executions of their own.
    """

    visit: Visit
    input: str
    output: str | None
    parameters: dict[str, Any] | None
    definition: dict[str, Any] | None
    attempts: list[Attempt]
    map_run: str | None


class LogLine(Model):
    """A line of a log; `level` when it says one (`ERROR`, `WARNING`, `INFO`, `DEBUG`)."""

    at: float | None
    text: str
    level: str | None = None


class Log(Model):
    """What a state has logged.

    Parameters
    ----------
    group
        The CloudWatch log group; None for a past run's file.
    lines
        The newest at the end; at most 5,000.
    is_cut
        Whether older lines were left out.
    problem
        Why there are none, such as a log group that was deleted; None when all is well.
    is_live
        Whether more may come.
    """

    group: str | None
    lines: list[LogLine]
    is_cut: bool
    problem: str | None
    is_live: bool


class Point(Model):
    """A value at a time."""

    at: float
    value: float


class Series(Model):
    """A curve."""

    name: str
    points: list[Point]


class DataPlace(Model):
    """Where a job reads or writes: a channel's or output's name, and its S3 URI."""

    name: str
    uri: str
    detail: str = ""


class JobStep(Model):
    """A step of a job's life (SecondaryStatusTransitions)."""

    status: str
    started_at: float
    ended_at: float | None
    message: str


class Job(Model):
    """A SageMaker job.

    Parameters
    ----------
    kind
        `Training`, `Processing` or `Transform`.
    metrics
        Curves over time, as the job's regular expressions caught them.
    final_metrics
        The last value of each.
    metrics_note
        What to know of the curves, such as that their times are estimated; None when there is nothing.
    problem
        Why it cannot be described; everything else is then empty.
    """

    kind: str
    name: str
    arn: str
    status: str
    secondary_status: str
    reason: str | None
    created_at: float | None
    started_at: float | None
    ended_at: float | None
    billable_seconds: float | None
    image: str
    instance_type: str
    instance_count: int
    hyperparameters: dict[str, str]
    environment: dict[str, str]
    inputs: list[DataPlace]
    outputs: list[DataPlace]
    steps: list[JobStep]
    metrics: list[Series]
    final_metrics: dict[str, float]
    aws_console_url: str | None
    metrics_note: str | None = None
    problem: str | None = None


# Actions


class StartExecution(Model):
    """A request to start an execution of any workflow; `input` is JSON text."""

    workflow_arn: str
    name: str | None = None
    input: str = "{}"


class StartRun(Model):
    """A request to run a recipe: it is published first, when the project is there."""

    recipe: str
    name: str | None = None
    data: str | None = None
    overrides: dict[str, Any] = {}


class Started(Model):
    """The execution that was started, or was there already under that name with that input."""

    arn: str
    name: str


class RecipeForm(Model):
    """What a run of a recipe can be given.

    Parameters
    ----------
    form
        JSON Schema of the overrides (`hyperparameters`, `instances`, `limits`, `gate` ...); its `default`s are the
        recipe's own values.
    data
        The recipe's own data; None when a run must name some.
    problem
        Why the recipe cannot be used; the rest is then empty.
    """

    name: str
    description: str
    image: str
    data: str | None
    form: dict[str, Any]
    problem: str | None = None


class RecipeForms(Model):
    """Every recipe that can be run, and the workflow that runs them."""

    recipes: list[RecipeForm]
    workflow_arn: str | None


# Models


class GateCondition(Model):
    """A condition of the gate; `direction` is `minimize` or `maximize`."""

    metric: str
    direction: str
    threshold: float | None
    margin: float | None


class ModelRun(Model):
    """A run of a recipe, as a point of the plot."""

    arn: str
    name: str
    status: ExecutionStatus
    outcome: str | None
    started_at: float
    metrics: dict[str, float]
    test_metrics: dict[str, float]
    version: int | None
    approval: str | None
    is_champion: bool


class ModelRow(Model):
    """A recipe's models in a list; `waiting` counts those that wait for approval."""

    recipe: str
    group: str | None
    runs: int
    versions: int
    waiting: int
    champion: ModelRun | None
    newest: ModelRun | None
    endpoint: str | None


class Models(Model):
    """Every recipe that has been run; `problem` is why the model registry cannot be read."""

    models: list[ModelRow]
    problem: str | None = None


class Lineage(Model):
    """What a model was made from."""

    data_uri: str | None
    data_hash: str | None
    code_hash: str | None
    recipe_hash: str | None
    parent: str | None
    image: str | None
    model_uri: str | None
    model_package_arn: str | None
    execution_arn: str | None


class CostItem(Model):
    """A part of a run's cost on AWS.

    Parameters
    ----------
    what
        `Training`, `Endpoint, each hour` ...
    basis
        How it is reckoned: `ml.m5.large, 132 s at 0.115 USD an hour`.
    usd
        None when the price is not known.
    is_recurring
        Whether it goes on by the hour as long as it is there; not in the total.
    """

    what: str
    basis: str
    usd: float | None
    is_recurring: bool = False


class Cost(Model):
    """What a run would cost on AWS, by its own durations and list prices of a day."""

    items: list[CostItem]
    total_usd: float
    region: str
    prices_of: str
    notes: list[str]


class Prediction(Model):
    """One row of the test data: what the model said, and what was so."""

    predicted: float
    actual: float


class Bin(Model):
    """A bar of a histogram: from `low` up to `high`."""

    low: float
    high: float
    count: int


class Evaluation(Model):
    """The transform's output against the test data.

    Parameters
    ----------
    points
        At most 2,000, evenly taken from all rows.
    residuals
        Of all rows: actual minus predicted.
    rows
        How many there are.
    rmse, mae, bias
        Of all rows: the root of the mean squared residual, the mean absolute one, the mean one.
    problem
        Why there is none; the rest is then empty.
    """

    points: list[Prediction]
    residuals: list[Bin]
    rows: int
    rmse: float | None
    mae: float | None
    bias: float | None
    uri: str | None
    problem: str | None = None


class Release(Model):
    """An execution that releases, or has released, a model package."""

    arn: str
    name: str
    status: ExecutionStatus
    outcome: str | None
    started_at: float


class ModelPackage(Model):
    """What was decided about a registered model, and how far it is on its way into service.

    Parameters
    ----------
    name
        `group/version`.
    approval, reason
        `Approved`, `Rejected` or `PendingManualApproval`, and what was said to it.
    release
        `requested`, `releasing`, `released`, `rolled-back`, `compared`, or `deployed` by its own run; None when nobody
        has said.
    released_at
        In ISO 8601.
    can_decide
        Whether it waits for approval.
    """

    arn: str
    name: str
    approval: str
    reason: str | None
    release: str | None
    strategy: str | None
    release_reason: str | None
    released_at: str | None
    released_endpoint: str | None
    can_decide: bool
    releases: list[Release]


class Decision(Model):
    """What somebody says to an approval or a rejection."""

    reason: str = ""


class Decided(Model):
    """A model package as it was decided about."""

    arn: str
    approval: str
    reason: str


class ModelPage(Model):
    """A recipe's models over its runs.

    Parameters
    ----------
    gate
        The conditions of the newest run that has them.
    runs
        The oldest first, at most 500.
    selected
        The ARN of the run that lineage, evaluation, cost and package are of.
    problem
        Why the model registry cannot be read; versions and approvals are then as the runs tell.
    """

    recipe: str
    group: str | None
    gate: list[GateCondition]
    runs: list[ModelRun]
    selected: str | None
    lineage: Lineage | None
    evaluation: Evaluation | None
    cost: Cost | None
    package: ModelPackage | None
    problem: str | None = None


# Endpoints


class Variant(Model):
    """A production variant of an endpoint."""

    name: str
    model: str
    weight: float
    desired_weight: float | None
    instances: int
    instance_type: str | None
    is_serverless: bool


class EndpointRow(Model):
    """An endpoint in a list."""

    name: str
    arn: str
    status: str
    reason: str | None
    created_at: float
    updated_at: float
    variants: list[Variant]


class Endpoints(Model):
    """Every endpoint of the cloud."""

    endpoints: list[EndpointRow]


class VariantMetrics(Model):
    """How a variant has done over a while: one point a period; latencies in milliseconds."""

    variant: str
    invocations: list[Point]
    errors_4xx: list[Point]
    errors_5xx: list[Point]
    latency_p50: list[Point]
    latency_p99: list[Point]


class EndpointPage(Model):
    """An endpoint and how it does.

    Parameters
    ----------
    metrics
        Over the last `window_seconds`, one point a `period_seconds`.
    config
        The endpoint configuration's name.
    content_type
        What its model takes, as far as is known.
    example
        A row to try it with; None when none is known.
    """

    row: EndpointRow
    config: str
    content_type: str
    example: str | None
    window_seconds: int
    period_seconds: int
    metrics: list[VariantMetrics]
    aws_console_url: str | None
    problem: str | None = None


class InvokeEndpoint(Model):
    """A request for an endpoint."""

    body: str
    content_type: str
    accept: str | None = None
    variant: str | None = None


class Invocation(Model):
    """What an endpoint answered: `status` 200, or the model's own error."""

    status: int
    variant: str | None
    content_type: str
    body: str
    latency_ms: float


# A page that needs no server


class ReportState(Model):
    """A visit of a report: its detail, log and job."""

    detail: StateDetail
    log: Log | None
    job: Job | None


class Report(Model):
    """All of an execution, for a page that opens without a server.

    Parameters
    ----------
    states
        By the visit's id.
    events
        With their details, by their id.
    made_at
        When the report was made.
    notes
        What was left out, and why.
    """

    execution: Execution
    states: dict[int, ReportState]
    events: dict[int, dict[str, Any]]
    cost: Cost | None
    made_at: float
    made_by: str
    notes: list[str]


# What the server sends by itself


class Live(Model):
    """A server-sent event: `topic` is what the page asked for.

    Parameters
    ----------
    kind
        `snapshot` gives all of the topic, `change` what is new (of an execution; other topics always give all),
        `problem` why the topic cannot be given now: the server goes on trying.
    """

    topic: str
    kind: Literal["snapshot", "change", "problem"]
    data: Execution | ExecutionChange | Log | Job | EndpointPage | Endpoints | Workflows | Target | Revision | Problem


class Revision(Model):
    """The executions have changed: a page that shows some asks again."""

    revision: int


Live.model_rebuild()


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of every shape, from which the page's types are made."""
    shapes = [shape for shape in globals().values() if isinstance(shape, type) and issubclass(shape, Model)]
    return models_json_schema([(shape, "serialization") for shape in shapes if shape is not Model])[1]


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
