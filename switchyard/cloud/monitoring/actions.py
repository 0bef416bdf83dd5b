"""What an alarm does when its state changes: SNS topics, functions and scaling policies are told.

Source: "Alarm actions", "Invoke a Lambda function from an alarm" (Amazon CloudWatch User Guide).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from switchyard.cloud.account import ACCOUNT_ID, REGION
from switchyard.cloud.monitoring import wording
from switchyard.cloud.monitoring.errors import NotEvaluatedError
from switchyard.cloud.monitoring.wording import Change


class Scale(Protocol):
    """Lets a scaling policy follow an alarm, without waiting for it."""

    def __call__(self, policy_arn: str, alarm: str, value: float, threshold: float, *, is_high: bool) -> None:
        """Give the policy the newest value, and whether that is too high or too low."""


def actor(invoke: Callable[[str, bytes], None], scale: Scale) -> Callable[[str, Change], None]:
    """Give what carries out an action.

    Parameters
    ----------
    invoke : callable
        Given a function's ARN and a payload, invokes it without waiting for it.
    scale : callable
        Lets a policy of Application Auto Scaling's follow an alarm.
    """

    def act(action: str, change: Change) -> None:
        service = action.split(":")[2] if action.count(":") >= 5 else ""
        if service == "sns":
            _tell_topic(action, change)
        elif service == "lambda":
            invoke(action, _function_event(change))
        elif wording.is_scaling(action):
            alarm = change.alarm
            is_high = str(alarm.request["ComparisonOperator"]).startswith("Greater")
            scale(action, alarm.name, change.last_value, alarm.threshold, is_high=is_high)
        else:
            raise NotEvaluatedError(f"actions of {service or action} are not carried out by the local cloud")

    return act


def _tell_topic(topic: str, change: Change) -> None:
    from moto.sns.models import sns_backends

    sns_backends[ACCOUNT_ID][REGION].publish(
        message=json.dumps(wording.message(change)), arn=topic, subject=wording.subject(change)
    )


def _function_event(change: Change) -> bytes:
    detail = wording.event_detail(change)
    data = {key: detail[key] for key in ("alarmName", "state", "previousState", "configuration")}
    event = {
        "source": "aws.cloudwatch",
        "alarmArn": change.alarm.arn,
        "accountId": ACCOUNT_ID,
        "time": wording.long_time(change.time),
        "region": REGION,
        "alarmData": data,
    }
    return json.dumps(event).encode()
