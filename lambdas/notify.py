"""Notify: tell people how a run ended, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from urllib.parse import quote

from pydantic import BaseModel, Field
from shared.aws import client
from shared.causes import readable_cause
from shared.gate import GateRule, format_apart, judge
from shared.observability import publish_run_metrics
from shared.release_state import Shadow, Step
from shared.settings import NotifySettings, read_settings
from shared.tasks import StateEvent, task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

# SNS Publish's documentation, "Subject".
MAX_SUBJECT = 100
WORDS = {
    "DEPLOYED": "deployed",
    "REJECTED": "rejected",
    "PENDING_APPROVAL": "waits for approval",
    "APPROVED": "approved, its release begins",
    "RELEASED": "released",
    "ROLLED_BACK": "taken back",
    "COMPARED": "compared",
    "FAILED": "failed",
    "TIMED_OUT": "timed out",
    "ABORTED": "was stopped",
}


class TaskError(BaseModel):
    """What a Catch leaves in the state."""

    error: str = Field(default="Unknown", validation_alias="Error")
    cause: str = Field(default="", validation_alias="Cause")


class RollBack(BaseModel):
    """What ``Roll back`` left: what it deleted, or the error that it failed with."""

    error: str | None = Field(default=None, validation_alias="Error")
    cause: str = Field(default="", validation_alias="Cause")


class Evaluation(BaseModel):
    """What ``Check metrics`` found."""

    metrics: dict[str, float] = Field(default_factory=dict)
    reasons: list[str] = Field(default_factory=list)


class Predictions(BaseModel):
    """What ``Check predictions`` found."""

    rows: int
    predictions_uri: str
    metrics: dict[str, float] = Field(default_factory=dict)
    champion_metrics: dict[str, float] | None = None


class Used(BaseModel):
    """What ``Use model`` did."""

    predictions: Predictions


class Registration(BaseModel):
    """Where the model is registered."""

    model_package_arn: str


class Handover(BaseModel):
    """How a release is to put the model into service."""

    strategy: str


class Names(BaseModel):
    """The names of the run."""

    endpoint: str


class Plan(BaseModel):
    """How a release goes."""

    strategy: str


class Undone(BaseModel):
    """What ``Take back`` or ``Undo release`` left: why, or the error that it failed with."""

    reasons: list[str] = Field(default_factory=list)
    error: str | None = Field(default=None, validation_alias="Error")
    cause: str = Field(default="", validation_alias="Cause")


class Event(StateEvent):
    """The payload: how the run ended, and its state as far as it came."""

    status: Literal[
        "DEPLOYED", "REJECTED", "PENDING_APPROVAL", "APPROVED", "RELEASED", "ROLLED_BACK", "COMPARED",
        "FAILED", "TIMED_OUT", "ABORTED",
    ]  # fmt: skip
    execution_arn: str
    started: datetime
    recipe: str | None = None
    names: Names | None = None
    handover: Handover | None = None
    gate: list[GateRule] = Field(default_factory=list)
    evaluation: Evaluation | None = None
    used: Used | None = None
    registration: Registration | None = None
    error: TaskError | None = None
    roll_back: RollBack | None = None
    # Of a release.
    release: Plan | None = None
    model_package_arn: str | None = None
    step: Step | None = None
    shadow: Shadow | None = None
    undone: Undone | None = None

    @property
    def has_failed(self) -> bool:
        """Whether it ended with an error; a redriven run has the one that it overcame in its state."""
        return self.status in {"FAILED", "TIMED_OUT", "ABORTED"}

    @property
    def title(self) -> str:
        """What to call the run."""
        name = self.recipe or self.execution
        return (
            name
            if self.release is None or self.status in {"RELEASED", "ROLLED_BACK", "COMPARED"}
            else f"release of {name}"
        )

    @property
    def not_undone(self) -> str | None:
        """Why what it made could not be undone, if that is so."""
        for undoing in (self.roll_back, self.undone):
            if undoing is not None and undoing.error is not None:
                return undoing.cause
        return None


class Result(TypedDict):
    """The message that was sent."""

    message_id: str


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the states ``Notify ...``."""
    return notify(Event.model_validate(event), read_settings(NotifySettings))


def notify(run: Event, settings: NotifySettings) -> Result:
    """Publish how a run ended, as metrics and as a message.

    Returns
    -------
    dict
        ``message_id`` of the SNS message.
    """
    seconds = (datetime.now(tz=UTC) - run.started).total_seconds()
    publish_run_metrics(run.recipe, run.status, seconds, is_release=run.release is not None)
    link = settings.execution_url + quote(run.execution_arn, safe=":/")
    published = client("sns").publish(
        TopicArn=settings.topic_arn, Subject=subject(run), Message=message(run, link, seconds)
    )
    return {"message_id": published["MessageId"]}


def subject(run: Event) -> str:
    """Give the e-mail's subject: printable ASCII, at most 100 characters."""
    text = f"Switchyard: {run.title} {WORDS[run.status]}"
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:MAX_SUBJECT]


def message(run: Event, link: str, seconds: float) -> str:
    """Write the message: the status, the metrics against the gate, why, and where things are.

    Parameters
    ----------
    run
        The run.
    link
        Where a person can look at the execution.
    seconds
        How long the run took.
    """
    parts = (_facts(run, seconds), _metrics(run), _steps(run), _why(run), _what_next(run), (link,))
    blocks = ["\n".join(part) for part in parts]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _facts(run: Event, seconds: float) -> Iterator[str]:
    facts = {
        "Recipe": run.recipe,
        "Status": run.status,
        "Execution": run.execution,
        "Duration": str(timedelta(seconds=round(seconds))),
    }
    if run.names is not None and (run.status == "DEPLOYED" or run.release is not None):
        facts["Endpoint"] = run.names.endpoint
    if run.handover is not None and run.status in {"PENDING_APPROVAL", "APPROVED"}:
        facts["Strategy"] = run.handover.strategy
    if run.release is not None:
        facts["Strategy"] = run.release.strategy
    if run.used is not None:
        facts["Predictions"] = f"{run.used.predictions.rows} rows, {run.used.predictions.predictions_uri}"
    if package := run.registration.model_package_arn if run.registration else run.model_package_arn:
        facts["Model package"] = package
    return (f"{name + ':':<15}{value}" for name, value in facts.items() if value)


def _metrics(run: Event) -> Iterator[str]:
    if run.evaluation is None:
        return
    metrics = run.evaluation.metrics
    gated = {rule.metric for rule in run.gate}
    width = max(map(len, {*metrics, *gated}), default=0)
    yield "Metrics"
    for rule in run.gate:
        yield f"  {rule.metric:<{width}}  {_against(rule, metrics)}"
    for name, value in metrics.items():
        if name not in gated:
            yield f"  {name:<{width}}  {value:.4g}"
    if run.used is not None and run.used.predictions.metrics:
        yield "On the test data"
        champion = run.used.predictions.champion_metrics or {}
        for name, value in run.used.predictions.metrics.items():
            beside = f"  (champion {champion[name]:.4g})" if name in champion else ""
            yield f"  {name:<{width}}  {value:.4g}{beside}"


def _against(rule: GateRule, metrics: dict[str, float]) -> str:
    value = metrics.get(rule.metric)
    if value is None:
        return "missing"
    if rule.threshold is None:
        return f"{value:.4g}"
    shown, limit = format_apart(value, rule.threshold)
    bound = "at most" if rule.direction == "minimize" else "at least"
    held = not judge([rule], metrics)
    return f"{shown}  ({bound} {limit}: {'met' if held else 'missed'})"


def _steps(run: Event) -> Iterator[str]:
    if run.step is None or not run.step.done:
        return
    yield "Steps"
    for step in run.step.done:
        latency = "" if step.latency_ms is None or not step.requests else f", {step.latency_ms:g} ms on average"
        yield (
            f"  {step.share:>3} %  {step.requests} requests, {step.errors_5xx} of them 5xx, {step.errors_4xx} of them "
            f"4xx{latency}"
        )


def _why(run: Event) -> Iterator[str]:
    if run.has_failed:
        error = run.error or TaskError()
        yield f"Error: {error.error}"
        yield readable_cause(error.cause)
        if run.not_undone is not None:
            yield "\nWhat the run made could not be undone:"
            yield readable_cause(run.not_undone)
    elif run.status == "COMPARED" and run.shadow is not None and run.shadow.comparison is not None:
        seen = run.shadow.comparison
        latency = "" if seen.latency_ms is None else f", {seen.latency_ms:g} ms on average"
        yield f"{seen.summary}."
        yield f"{seen.requests} requests, {seen.errors_5xx} of them 5xx, {seen.errors_4xx} of them 4xx{latency}"
        yield "Nobody was served by it. It stays Approved: release it with another strategy, or reject it."
    elif run.status == "ROLLED_BACK" and run.undone is not None:
        yield "Why"
        yield from (f"  - {reason}" for reason in run.undone.reasons)
    elif run.evaluation is not None and run.evaluation.reasons:
        yield "Why"
        yield from (f"  - {reason}" for reason in run.evaluation.reasons)


def _what_next(run: Event) -> Iterator[str]:
    """Say how to decide about a model that waits for somebody."""
    if run.status != "PENDING_APPROVAL" or run.registration is None:
        return
    arn = run.registration.model_package_arn
    name = arn.partition("model-package/")[2]
    yield "Approve it, and its release begins; or reject it with a reason:"
    yield f"  switchyard approve {name}"
    yield f"  switchyard reject {name} --reason '...'"
    yield f"  aws sagemaker update-model-package --model-package-arn {arn} --model-approval-status Approved"
