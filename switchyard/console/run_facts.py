"""What a run of a recipe says of its model: from its output, and from its history where it has none."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchyard.console.schema import GateCondition, Lineage
from switchyard.executions.history import Status, find_in_states

if TYPE_CHECKING:
    from switchyard.console.known import KnownExecution
    from switchyard.executions.history import ExecutionTree

_PACKAGE = re.compile(r"arn:[^:]+:sagemaker:[^:]*:[^:]*:model-package/([A-Za-z0-9-]+)/(\d{1,9})")
_MOST_METRICS = 50


@dataclass(frozen=True)
class RunFacts:
    """What a run says of its model.

    Parameters
    ----------
    metrics, test_metrics
        Measured on the validation data by the training, and on the test data by the batch transform.
    package_arn
        The model package that it was registered as.
    endpoint, model_uri, predictions_uri
        As in the workflow's output.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    test_metrics: dict[str, float] = field(default_factory=dict)
    package_arn: str | None = None
    endpoint: str | None = None
    model_uri: str | None = None
    predictions_uri: str | None = None

    @property
    def group(self) -> str | None:
        """The model package group that it was registered in."""
        match = _PACKAGE.fullmatch(self.package_arn or "")
        return match[1] if match else None

    @property
    def version(self) -> int | None:
        """The model package's version."""
        match = _PACKAGE.fullmatch(self.package_arn or "")
        return int(match[2]) if match else None


def facts_of(execution: KnownExecution) -> RunFacts:
    """Read a run's output; empty when there is none."""
    try:
        output = json.loads(execution.output) if execution.output else {}
    except (ValueError, RecursionError):
        return RunFacts()
    if not isinstance(output, dict):
        return RunFacts()
    return RunFacts(
        metrics=numbers(output.get("metrics")),
        test_metrics=numbers(output.get("test_metrics")),
        package_arn=_text(output.get("model_package_arn")),
        endpoint=_text(output.get("endpoint_name")),
        model_uri=_text(output.get("model_uri")),
        predictions_uri=_text(output.get("predictions_uri")),
    )


def facts_in_history(tree: ExecutionTree) -> RunFacts:
    """Read what a run without an output had come to know."""
    return RunFacts(
        metrics=numbers(find_in_states(tree, "evaluation", "metrics")),
        test_metrics=numbers(find_in_states(tree, "used", "predictions", "metrics")),
        package_arn=_text(find_in_states(tree, "registration", "model_package_arn")),
        model_uri=_text(find_in_states(tree, "training_job", "model_uri")),
        predictions_uri=_transform_output(tree),
    )


def _transform_output(tree: ExecutionTree) -> str | None:
    """Give where the last batch transform wrote; the one before it may have been the champion's."""
    uri = None
    for visit in tree.visits():
        if visit.job is not None and visit.job.kind == "Transform" and visit.status is Status.SUCCEEDED:
            output = visit.parameters.get("TransformOutput")
            uri = _text(output.get("S3OutputPath")) if isinstance(output, dict) else None
    return uri


def gate_in_history(tree: ExecutionTree) -> list[GateCondition]:
    """Give the conditions that a run's model was held to."""
    rules = find_in_states(tree, "gate")
    conditions = []
    for rule in rules if isinstance(rules, list) else []:
        if isinstance(rule, dict) and rule.get("direction") in ("minimize", "maximize") and rule.get("metric"):
            conditions.append(
                GateCondition(
                    metric=str(rule["metric"]),
                    direction=rule["direction"],
                    threshold=_number(rule.get("threshold")),
                    margin=_number(rule.get("margin")),
                )
            )
    return conditions


def group_in_history(tree: ExecutionTree) -> str | None:
    """Give the model package group that a run registers its model in."""
    return _text(find_in_states(tree, "names", "model_package_group"))


def lineage_of(execution: KnownExecution, facts: RunFacts, tree: ExecutionTree, parent: str | None) -> Lineage:
    """Say what a run's model was made from.

    Parameters
    ----------
    execution, facts, tree
        The run.
    parent
        What it follows when it was held against no champion.
    """

    def told(*path: str) -> str | None:
        return _text(find_in_states(tree, *path))

    return Lineage(
        data_uri=told("data", "uri"),
        data_hash=told("lineage", "data"),
        code_hash=told("lineage", "code"),
        recipe_hash=told("lineage", "recipe"),
        parent=told("evaluation", "champion", "model_package_arn") or parent,
        image=told("image_uri"),
        model_uri=facts.model_uri or told("training_job", "model_uri"),
        model_package_arn=facts.package_arn,
        execution_arn=execution.arn,
    )


def numbers(value: Any) -> dict[str, float]:
    """Give what is a finite number, by its name."""
    if not isinstance(value, dict):
        return {}
    found = {str(name): _number(number) for name, number in list(value.items())[:_MOST_METRICS]}
    return {name: number for name, number in found.items() if number is not None}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
