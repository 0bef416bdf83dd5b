"""Stacks for the tests, by boto3 against the local cloud."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from tests.cloud.local_cloud import LocalCloud, wait_until

INFRASTRUCTURE = Path(__file__).resolve().parents[2] / "infrastructure"
_numbers = itertools.count(1)


def parameters(values: dict[str, Any]) -> list[dict[str, str]]:
    """Return parameters as requests have them."""
    return [{"ParameterKey": key, "ParameterValue": str(value)} for key, value in values.items()]


def settled(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """Wait until nothing is being done to a stack, and return what is said of it."""

    def look() -> dict[str, Any] | None:
        (stack,) = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        found: dict[str, Any] = stack
        return None if found["StackStatus"].endswith("_IN_PROGRESS") else found

    stack = wait_until(look)
    assert stack is not None
    return stack


def create(cloud: LocalCloud, name: str, template: str, values: dict[str, Any] | None = None, **more: Any) -> Any:
    """Create a stack and wait for it."""
    cloud.client("cloudformation").create_stack(
        StackName=name, TemplateBody=template, Parameters=parameters(values or {}), **more
    )
    return settled(cloud, name)


def update(
    cloud: LocalCloud, name: str, template: str | None, values: dict[str, Any] | None = None, **more: Any
) -> Any:
    """Update a stack and wait for it."""
    body = {"UsePreviousTemplate": True} if template is None else {"TemplateBody": template}
    cloud.client("cloudformation").update_stack(StackName=name, **body, Parameters=parameters(values or {}), **more)
    return settled(cloud, name)


def delete(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """Delete a stack, wait for it, and return what is said of it."""
    (stack,) = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    cloud.client("cloudformation").delete_stack(StackName=name)
    return settled(cloud, stack["StackId"])


def preview(cloud: LocalCloud, name: str, template: str, values: dict[str, Any] | None = None, **more: Any) -> Any:
    """Create a change set and return what is said of it."""
    change_set = cloud.client("cloudformation").create_change_set(
        StackName=name,
        ChangeSetName=f"preview-{next(_numbers)}",
        TemplateBody=template,
        Parameters=parameters(values or {}),
        **more,
    )
    return cloud.client("cloudformation").describe_change_set(
        ChangeSetName=change_set["Id"], IncludePropertyValues=True
    )


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    """Return a stack's outputs by name."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def happened(cloud: LocalCloud, name: str) -> list[tuple[str, str]]:
    """Return what has happened to a stack, the oldest first: logical id and status."""
    pages = cloud.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=name)
    events = [event for page in pages for event in page["StackEvents"]]
    return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(events)]


def alarm(cloud: LocalCloud, name: str, state: str) -> str:
    """An alarm on a metric that nobody has, in a state."""
    cloudwatch = cloud.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Nobody",
        MetricName="nothing",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="Somebody says so.")
    (found,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(found["AlarmArn"])
