"""Notify: tell people how a run ended, in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field
from shared.aws import client
from shared.gate import GateRule, format_apart, judge
from shared.settings import NotifySettings, read_settings
from shared.tasks import StateEvent, task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

# SNS Publish's documentation, "Subject".
MAX_SUBJECT = 100
MAX_REASON = 2000


class TaskError(BaseModel):
    """What a Catch leaves in the state."""

    error: str = Field(default="Unknown", validation_alias="Error")
    cause: str = Field(default="", validation_alias="Cause")


class Evaluation(BaseModel):
    """What ``Check metrics`` found."""

    metrics: dict[str, float] = Field(default_factory=dict)
    reasons: list[str] = Field(default_factory=list)


class Predictions(BaseModel):
    """What ``Check predictions`` found."""

    rows: int
    predictions_uri: str


class Used(BaseModel):
    """What ``Use model`` did."""

    predictions: Predictions


class Registration(BaseModel):
    """Where the model is registered."""

    model_package_arn: str


class Names(BaseModel):
    """The names of the run."""

    endpoint: str


class Event(StateEvent):
    """The payload: how the run ended, and its state as far as it came."""

    status: Literal["DEPLOYED", "REJECTED", "FAILED"]
    recipe: str | None = None
    names: Names | None = None
    gate: list[GateRule] = Field(default_factory=list)
    evaluation: Evaluation | None = None
    used: Used | None = None
    registration: Registration | None = None
    error: TaskError | None = None

    @property
    def title(self) -> str:
        """What to call the run."""
        return self.recipe or self.execution


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer the states ``Notify ...``."""
    return notify(Event.model_validate(event), read_settings(NotifySettings).topic_arn)


def notify(run: Event, topic_arn: str) -> dict[str, Any]:
    """Publish how a run ended.

    Returns
    -------
    dict
        ``message_id`` of the SNS message.
    """
    published = client("sns").publish(TopicArn=topic_arn, Subject=subject(run), Message=message(run))
    return {"message_id": published["MessageId"]}


def subject(run: Event) -> str:
    """Give the e-mail's subject: printable ASCII, at most 100 characters."""
    text = f"Switchyard: {run.title} {run.status.lower()}"
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:MAX_SUBJECT]


def message(run: Event) -> str:
    """Write the message: the status, the metrics against the gate, why, and where things are."""
    blocks = ["\n".join(_facts(run)), "\n".join(_metrics(run)), "\n".join(_why(run))]
    return "\n\n".join(block for block in blocks if block) + "\n"


def readable_cause(cause: str) -> str:
    """Find the reason in a failed task's cause.

    It is JSON when a function raised (``errorMessage``) or a SageMaker job failed (the description,
    with ``FailureReason``), and else plain text.
    """
    try:
        document = json.loads(cause)
    except ValueError:
        document = None
    if isinstance(document, dict):
        cause = next((str(document[key]) for key in ("errorMessage", "FailureReason") if document.get(key)), cause)
    return cause if len(cause) <= MAX_REASON else f"{cause[:MAX_REASON]} ..."


def _facts(run: Event) -> Iterator[str]:
    facts = {"Recipe": run.recipe, "Status": run.status, "Execution": run.execution}
    if run.names is not None and run.status == "DEPLOYED":
        facts["Endpoint"] = run.names.endpoint
    if run.used is not None:
        facts["Predictions"] = f"{run.used.predictions.rows} rows, {run.used.predictions.predictions_uri}"
    if run.registration is not None:
        facts["Model package"] = run.registration.model_package_arn
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


def _why(run: Event) -> Iterator[str]:
    if run.error is not None:
        yield f"Error: {run.error.error}"
        yield readable_cause(run.error.cause)
    elif run.evaluation is not None and run.evaluation.reasons:
        yield "Why"
        yield from (f"  - {reason}" for reason in run.evaluation.reasons)
