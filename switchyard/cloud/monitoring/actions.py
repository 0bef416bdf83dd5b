"""What an alarm does when its state changes: SNS topics and functions are told.

Source: "Alarm actions", "Invoke a Lambda function from an alarm" (Amazon CloudWatch User Guide).
"""

from __future__ import annotations

import json
from collections.abc import Callable

from switchyard.cloud.account import ACCOUNT_ID, REGION
from switchyard.cloud.monitoring import wording
from switchyard.cloud.monitoring.errors import NotEvaluatedError
from switchyard.cloud.monitoring.wording import Change


def actor(invoke: Callable[[str, bytes], None]) -> Callable[[str, Change], None]:
    """Give what carries out an action.

    Parameters
    ----------
    invoke : callable
        Given a function's ARN and a payload, invokes it without waiting for it.
    """

    def act(action: str, change: Change) -> None:
        service = action.split(":")[2] if action.count(":") >= 5 else ""
        if service == "sns":
            _tell_topic(action, change)
        elif service == "lambda":
            invoke(action, _function_event(change))
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
