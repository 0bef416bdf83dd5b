"""Scaling policies: how many instances a metric calls for, and the alarms that say when.

Sources: PutScalingPolicy, StepScalingPolicyConfiguration, TargetTrackingScalingPolicyConfiguration (Application Auto
Scaling API Reference); "Step scaling policies", "Target tracking scaling policies" (Application Auto Scaling User
Guide).
"""

from __future__ import annotations

import itertools
import math
import uuid
from dataclasses import dataclass, field
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID, PARTITION, REGION
from switchyard.cloud.autoscaling.errors import AutoScalingError, NotRunError

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
# Of endpoint variants.
DEFAULT_COOLDOWN = 300
# Target tracking wants to see more before it scales in: the metric below nine tenths of the target for a quarter hour.
SCALE_IN_BELOW = 0.9
HIGH_MINUTES, LOW_MINUTES = 3, 15
INVOCATIONS = "SageMakerVariantInvocationsPerInstance"


@dataclass(frozen=True)
class Reading:
    """What an alarm has seen when it calls for a policy.

    Parameters
    ----------
    is_high : bool
        Whether it is for too much rather than for too little.
    """

    value: float
    threshold: float
    is_high: bool


@dataclass
class Policy:
    """A scaling policy of one scalable target.

    Parameters
    ----------
    config : dict
        The StepScalingPolicyConfiguration or the TargetTrackingScalingPolicyConfiguration.
    alarms : dict
        By name, PutMetricAlarm requests of the alarms that it has made itself.
    """

    name: str
    resource_id: str
    kind: str
    config: dict[str, Any]
    created: float
    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def arn(self) -> str:
        """Its ARN, which alarms have as their action."""
        place = f"{REGION}:{ACCOUNT_ID}:scalingPolicy:{self.id}:resource/{NAMESPACE}/{self.resource_id}"
        return f"arn:{PARTITION}:autoscaling:{place}:policyName/{self.name}"

    def wanted(self, capacity: int, reading: Reading) -> int:
        """Return how many instances it calls for, where there are `capacity`; the target's bounds come later."""
        if self.kind == "StepScaling":
            return _step(self.config, capacity, reading.value - reading.threshold)
        # In proportion to how far the metric is from its target; where there is none, as if there were one.
        target = float(self.config["TargetValue"])
        needed = math.ceil(round(max(capacity, 1) * reading.value / target, 6))
        return max(needed, capacity) if reading.is_high else min(needed, capacity)

    def cooldown(self, *, is_out: bool) -> float:
        """Return for how many seconds nothing follows once it has scaled out, or in."""
        if self.kind == "StepScaling":
            return float(self.config.get("Cooldown", DEFAULT_COOLDOWN))
        return float(self.config.get("ScaleOutCooldown" if is_out else "ScaleInCooldown", DEFAULT_COOLDOWN))


def check(kind: str, config: dict[str, Any] | None) -> dict[str, Any]:
    """Return a policy's configuration.

    Raises
    ------
    AutoScalingError
        It is not there, contradicts itself, or is none that runs here.
    """
    if kind == "PredictiveScaling":
        raise NotRunError("PutScalingPolicy with the PolicyType PredictiveScaling")
    if not config:
        raise AutoScalingError(f"A policy of the PolicyType {kind} needs a {kind}PolicyConfiguration.")
    if kind == "StepScaling":
        _check_steps(config)
    else:
        _check_tracking(config)
    return config


def tracking_alarms(policy: Policy, metric: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the PutMetricAlarm requests of a target tracking policy, by the alarms' names.

    Parameters
    ----------
    metric : dict
        MetricName, Namespace, Dimensions, Statistic and Unit.
    """
    target = float(policy.config["TargetValue"])
    sides = [("AlarmHigh", "GreaterThanThreshold", target, HIGH_MINUTES)]
    if not policy.config.get("DisableScaleIn"):
        sides.append(("AlarmLow", "LessThanThreshold", target * SCALE_IN_BELOW, LOW_MINUTES))
    alarms = {}
    for side, comparison, threshold, minutes in sides:
        name = f"TargetTracking-{policy.resource_id}-{side}-{uuid.uuid4()}"
        alarms[name] = {
            "AlarmName": name,
            "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.arn}.",
            "ComparisonOperator": comparison,
            "Threshold": threshold,
            "EvaluationPeriods": minutes,
            "Period": 60,
            "AlarmActions": [policy.arn],
            **metric,
        }
    return alarms


def tracked_metric(config: dict[str, Any], endpoint: str, variant: str) -> dict[str, Any]:
    """Return the metric that a target tracking policy follows, as PutMetricAlarm has it."""
    if custom := config.get("CustomizedMetricSpecification"):
        names = ("MetricName", "Namespace", "Dimensions", "Statistic", "Unit")
        return {name: custom[name] for name in names if custom.get(name)}
    return {
        "MetricName": "InvocationsPerInstance",
        "Namespace": "AWS/SageMaker",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
        "Statistic": "Sum",
    }


def _check_steps(config: dict[str, Any]) -> None:
    steps = config.get("StepAdjustments")
    if not config.get("AdjustmentType") or not steps:
        raise AutoScalingError("StepScalingPolicyConfiguration needs an AdjustmentType and StepAdjustments.")
    spans = sorted(map(_span, steps))
    if any(low >= high for low, high in spans):
        raise AutoScalingError("A step's MetricIntervalLowerBound is less than its MetricIntervalUpperBound.")
    if any(before[1] != after[0] for before, after in itertools.pairwise(spans)):
        raise AutoScalingError("There can be neither a gap nor an overlap between the steps of StepAdjustments.")


def _check_tracking(config: dict[str, Any]) -> None:
    predefined, custom = config.get("PredefinedMetricSpecification"), config.get("CustomizedMetricSpecification")
    if bool(predefined) == bool(custom):
        raise AutoScalingError(
            "TargetTrackingScalingPolicyConfiguration needs either a PredefinedMetricSpecification or a "
            "CustomizedMetricSpecification."
        )
    if config["TargetValue"] <= 0:
        raise AutoScalingError(f"TargetValue is {config['TargetValue']}; it is greater than 0.")
    if predefined and predefined["PredefinedMetricType"] != INVOCATIONS:
        raise NotRunError(f"PutScalingPolicy with the PredefinedMetricType {predefined['PredefinedMetricType']}")
    if custom and custom.get("Metrics"):
        raise NotRunError("PutScalingPolicy with CustomizedMetricSpecification.Metrics")
    if custom and not (custom.get("MetricName") and custom.get("Namespace") and custom.get("Statistic")):
        raise AutoScalingError("CustomizedMetricSpecification needs MetricName, Namespace and Statistic.")


def _span(step: dict[str, Any]) -> tuple[float, float]:
    low, high = step.get("MetricIntervalLowerBound"), step.get("MetricIntervalUpperBound")
    return -math.inf if low is None else low, math.inf if high is None else high


def _step(config: dict[str, Any], capacity: int, breach: float) -> int:
    for step in config["StepAdjustments"]:
        low, high = _span(step)
        # The bound that is further from the threshold does not belong to a step.
        if (low <= breach < high) if breach >= 0 else (low < breach <= high):
            return _adjusted(config, capacity, step["ScalingAdjustment"])
    return capacity


def _adjusted(config: dict[str, Any], capacity: int, adjustment: int) -> int:
    kind = config["AdjustmentType"]
    if kind == "ExactCapacity":
        return adjustment
    if kind == "ChangeInCapacity":
        return capacity + adjustment
    change = capacity * adjustment / 100
    # Towards zero, but never to nothing.
    whole = math.trunc(change) or (math.ceil(change) if change > 0 else math.floor(change))
    least = config.get("MinAdjustmentMagnitude", 0)
    if abs(whole) < least:
        whole = int(math.copysign(least, adjustment))
    return capacity + whole
