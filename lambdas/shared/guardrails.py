"""SageMaker's own way to release: UpdateEndpoint moves the traffic by itself, and an alarm takes it back.

Sources: DeploymentConfig, BlueGreenUpdatePolicy, TrafficRoutingConfig, AutoRollbackConfig (Amazon SageMaker API
Reference); "Deployment guardrails" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

from typing import Any

from shared.aws import ClientError, client, is_missing
from shared.endpoints import Endpoint
from shared.release_state import Names, Plan

# What a deployment may take beside its waits: until the new instances are up, and the old ones gone.
COMING_UP_SECONDS = 3600
LEAST_TIMEOUT, LONGEST_TIMEOUT = 600, 28800


def deployment_config(names: Names, plan: Plan) -> dict[str, Any]:
    """Say it as UpdateEndpoint takes it: the steps, how long each is watched, and the alarms that take it back.

    Each step is watched as long as the others, the last one included; the old fleet goes right after that.
    """
    waits = plan.bake_seconds * len(plan.shares)
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {**_routing(plan.shares), "WaitIntervalInSeconds": plan.bake_seconds},
            "TerminationWaitInSeconds": 0,
            "MaximumExecutionTimeoutInSeconds": min(max(waits + COMING_UP_SECONDS, LEAST_TIMEOUT), LONGEST_TIMEOUT),
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in (*names.alarms, *plan.alarms)]},
    }


def call_off(endpoint: Endpoint, names: Names) -> bool:
    """Let SageMaker take a deployment of this release back; say whether there was one.

    No operation stops an update. An alarm does, so one of the release's own is set to ALARM. CloudWatch evaluates it
    anew within a minute: to be called again until the endpoint is at rest.
    """
    if not endpoint.in_transition or endpoint.pending != names.final_config:
        return False
    try:
        client("cloudwatch").set_alarm_state(
            AlarmName=names.latency_alarm, StateValue="ALARM", StateReason="The release is being undone."
        )
    except ClientError as error:
        if not is_missing(error):
            raise
        return False
    return True


def _routing(shares: list[int]) -> dict[str, Any]:
    """Give the steps as SageMaker knows them.

    Examples
    --------
    >>> _routing([10, 100])
    {'Type': 'CANARY', 'CanarySize': {'Type': 'CAPACITY_PERCENT', 'Value': 10}}
    >>> _routing([30, 60, 90, 100])
    {'Type': 'LINEAR', 'LinearStepSize': {'Type': 'CAPACITY_PERCENT', 'Value': 30}}
    >>> _routing([100])
    {'Type': 'ALL_AT_ONCE'}
    """
    if len(shares) == 1:
        return {"Type": "ALL_AT_ONCE"}
    kind, size = ("CANARY", "CanarySize") if len(shares) == 2 else ("LINEAR", "LinearStepSize")
    return {"Type": kind, size: {"Type": "CAPACITY_PERCENT", "Value": shares[0]}}
