"""Deployment guardrails: traffic goes from the old (blue) fleet to the new (green) one in steps, watched by alarms.

Instances are not processes here, so a share of the capacity is that share of the traffic, to the percent. Waits take
the cloud's time scale; what a model server needs to come up counts as it is.

Sources: DeploymentConfig, BlueGreenUpdatePolicy, RollingUpdatePolicy, AutoRollbackConfig (Amazon SageMaker API
Reference); "Deployment guardrails", "Auto-rollback configuration and monitoring" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from switchyard.cloud.identity import Identity
from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.store import now

CANARY_MOST = 50  # percent, of the new fleet's capacity
LINEAR_LEAST, LINEAR_MOST = 10, 50
ROLLING_LEAST, ROLLING_MOST = 5, 50
# How often the alarms are read: AWS does not say. More often than they are evaluated would be in vain.
LOOK_SECONDS = 10
LEAST_LOOK_SECONDS, MOST_LOOK_SECONDS = 0.05, 5.0


@dataclass(frozen=True)
class Step:
    """A share of the traffic for the new fleet, and how long it is watched.

    Parameters
    ----------
    share : float
        Of all traffic, up to 1.
    seconds : int
        As on AWS.
    why : str
        The member of the request that asks for them.
    """

    share: float
    seconds: int
    why: str = "WaitIntervalInSeconds"


@dataclass(frozen=True)
class Plan:
    """A deployment, step by step.

    Parameters
    ----------
    timeout : int or None
        How many seconds all may take.
    alarms : tuple of str
        Any of them in ALARM takes it back.
    """

    steps: tuple[Step, ...] = (Step(1.0, 0),)
    timeout: int | None = None
    alarms: tuple[str, ...] = ()


def make_plan(
    config: dict[str, Any] | None, variants: list[dict[str, Any]], before: list[dict[str, Any]] | None = None
) -> Plan:
    """Say how a DeploymentConfig moves the traffic.

    Parameters
    ----------
    config : dict or None
        The DeploymentConfig; without one, all traffic moves at once and nothing is watched.
    variants : list of dict
        The production variants of the new configuration.
    before : list of dict, optional
        Those of the old one, if there is one.

    Raises
    ------
    ValidationError
        The configuration contradicts itself, or does not suit the variants.
    """
    if not config:
        return Plan()
    policy, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if policy and rolling:
        raise ValidationError(
            "DeploymentConfig has a BlueGreenUpdatePolicy and a RollingUpdatePolicy; only one is used."
        )
    if before is not None:
        _check_variants(variants, before, "rolling" if rolling else "blue/green")
    if rolling:
        if len(variants) > 1:
            raise ValidationError("An endpoint with several production variants has no rolling deployment.")
        steps, timeout = _rolling(rolling, variants), rolling.get("MaximumExecutionTimeoutInSeconds")
    elif policy:
        steps, timeout = _blue_green(policy, variants), policy.get("MaximumExecutionTimeoutInSeconds")
    else:
        steps, timeout = [Step(1.0, 0)], None
    waits = sum(step.seconds for step in steps)
    if timeout is not None and waits >= timeout:
        raise ValidationError(
            f"MaximumExecutionTimeoutInSeconds is {timeout}; the deployment waits for {waits} seconds in all, and it "
            "has to be larger."
        )
    alarms = (config.get("AutoRollbackConfiguration") or {}).get("Alarms") or []
    return Plan(tuple(steps), timeout, tuple(alarm["AlarmName"] for alarm in alarms if alarm.get("AlarmName")))


class Deployment:
    """The move from one fleet to another.

    Parameters
    ----------
    identity : Identity
        Reads the alarms,
    role_arn : str
        in the name of this role.
    time_scale : float
        Seconds here for one second of a wait.
    instances : int
        How many instances the new fleet has.
    took : float
        How many seconds it took until the new fleet was up.
    on_stage : callable
        Called when its `status` has changed.

    Attributes
    ----------
    share : float
        How much of the traffic the new fleet gets now.
    status : dict
        The VariantStatus of its variants.
    """

    def __init__(
        self,
        plan: Plan,
        identity: Identity,
        role_arn: str,
        time_scale: float,
        *,
        instances: int,
        took: float,
        on_stage: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_stage = on_stage
        self._plan = plan
        self._identity = identity
        self._role_arn = role_arn
        self._scale = time_scale
        self._instances = instances
        self._left = math.inf if plan.timeout is None else plan.timeout - took
        self._aborted = threading.Event()
        self._abort_reason = ""
        self.share = 0.0
        self.status: dict[str, Any] = variant_status("ActivatingTraffic", "Activating traffic.")

    def abort(self, reason: str) -> None:
        """Let it be taken back for this reason."""
        self._abort_reason = reason
        self._aborted.set()

    def run(self) -> str | None:
        """Move the traffic; return why it has to be taken back, or None."""
        if trouble := self._trouble():
            return trouble
        for step in self._plan.steps:
            active = max(1, math.ceil(round(step.share * self._instances, 6)))
            capacity = "full" if step.share == 1 else "canary"
            where = f"on {capacity} capacity of {active} instance(s)."
            self._enter("ActivatingTraffic", f"Activating traffic {where}")
            self.share = step.share
            self._enter("Baking", f"Baking for {step.seconds} seconds ({step.why}) with traffic enabled {where}")
            if trouble := self._bake(step.seconds):
                return trouble
        return None

    def _enter(self, status: str, message: str) -> None:
        self.status = variant_status(status, message)
        self._on_stage()

    def _bake(self, seconds: int) -> str | None:
        self._left -= seconds
        is_too_long = self._left < 0
        until = time.monotonic() + max(0.0, seconds + min(0.0, self._left)) * self._scale
        look = min(max(LOOK_SECONDS * self._scale, LEAST_LOOK_SECONDS), MOST_LOOK_SECONDS)
        while True:
            if trouble := self._trouble():
                return trouble
            left = until - time.monotonic()
            if left <= 0:
                break
            self._aborted.wait(min(left, look) if self._plan.alarms else left)
        if is_too_long:
            return (
                "The deployment was rolled back: it has taken longer than MaximumExecutionTimeoutInSeconds "
                f"({self._plan.timeout})."
            )
        return None

    def _trouble(self) -> str | None:
        if self._aborted.is_set():
            return self._abort_reason
        if not self._plan.alarms:
            return None
        try:
            cloudwatch = self._identity.client("cloudwatch", self._role_arn)
            found = cloudwatch.describe_alarms(AlarmNames=list(self._plan.alarms))["MetricAlarms"]
        except ClientError as error:
            return (
                f"The deployment was rolled back: the alarms of AutoRollbackConfiguration could not be read in the "
                f"name of {self._role_arn}: {error}"
            )
        states = {alarm["AlarmName"]: alarm for alarm in found}
        if missing := [name for name in self._plan.alarms if name not in states]:
            return f"The deployment was rolled back: there is no alarm {', '.join(map(repr, missing))}."
        for name in self._plan.alarms:
            if states[name]["StateValue"] == "ALARM":
                return (
                    f"The deployment was rolled back: the alarm '{name}' of AutoRollbackConfiguration is in ALARM "
                    f"state. {states[name]['StateReason']}"
                )
        return None


def variant_status(status: str, message: str) -> dict[str, Any]:
    """Return a VariantStatus as of now."""
    return {"Status": status, "StatusMessage": message, "StartTime": now()}


def _check_variants(variants: list[dict[str, Any]], before: list[dict[str, Any]], kind: str) -> None:
    names, earlier = ({each["VariantName"] for each in side} for side in (variants, before))
    if names != earlier:
        raise ValidationError(
            f"With a DeploymentConfig, a {kind} deployment is from variants to variants of the same names; these are "
            f"{', '.join(sorted(names))}, and were {', '.join(sorted(earlier))}."
        )
    if any(each.get("ServerlessConfig") for each in [*variants, *before]):
        raise ValidationError("A DeploymentConfig is for endpoints on instances; this one is serverless.")


def _blue_green(policy: dict[str, Any], variants: list[dict[str, Any]]) -> list[Step]:
    routing = policy["TrafficRoutingConfiguration"]
    kind, wait = routing["Type"], routing["WaitIntervalInSeconds"]
    for name, needed in (("CanarySize", "CANARY"), ("LinearStepSize", "LINEAR")):
        if bool(routing.get(name)) != (kind == needed):
            verb = "needs" if kind == needed else "does not go with"
            raise ValidationError(f"TrafficRoutingConfiguration of the Type {kind} {verb} {name}.")
    if kind == "CANARY":
        shares = [_share("CanarySize", routing["CanarySize"], variants, 0, CANARY_MOST), 1.0]
    elif kind == "LINEAR":
        shares = _up_to_all(_share("LinearStepSize", routing["LinearStepSize"], variants, LINEAR_LEAST, LINEAR_MOST))
    else:
        shares = [1.0]
    steps = [Step(share, wait) for share in shares]
    if termination := policy.get("TerminationWaitInSeconds"):
        steps.append(Step(1.0, termination, "TerminationWaitInSeconds"))
    return steps


def _rolling(policy: dict[str, Any], variants: list[dict[str, Any]]) -> list[Step]:
    share = _share("MaximumBatchSize", policy["MaximumBatchSize"], variants, ROLLING_LEAST, ROLLING_MOST)
    if back := policy.get("RollbackMaximumBatchSize"):
        _share("RollbackMaximumBatchSize", back, variants, ROLLING_LEAST, 100)
    return [Step(each, policy["WaitIntervalInSeconds"]) for each in _up_to_all(share)]


def _up_to_all(share: float) -> list[float]:
    return [min(1.0, share * number) for number in range(1, math.ceil(round(1 / share, 6)) + 1)]


def _share(name: str, size: dict[str, Any], variants: list[dict[str, Any]], least: int, most: int) -> float:
    instances = sum(variant.get("InitialInstanceCount", 1) for variant in variants)
    by_count = size["Type"] == "INSTANCE_COUNT"
    percent = 100 * size["Value"] * len(variants) / instances if by_count else size["Value"]
    if not least <= percent <= most:
        of = f" instance(s) of {instances}" if by_count else " percent"
        between = f"between {least} and {most}" if least else f"at most {most}"
        raise ValidationError(f"{name} is {size['Value']}{of}; it is {between} percent of the variant's capacity.")
    return float(percent) / 100
