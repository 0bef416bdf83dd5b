"""What can end an operation before it has come to its end: rollback triggers, and whoever cancels it.

Source: RollbackConfiguration (AWS CloudFormation API Reference); "Roll back your CloudFormation stack on alarm breach"
(AWS CloudFormation User Guide).
"""

from __future__ import annotations

import threading
import time
from typing import Any

from switchyard.cloud.cloudformation.types import Clients

# How often triggers are looked at, in unscaled seconds, and at most and at least here.
_BETWEEN_SECONDS, _LONGEST, _SHORTEST = 10.0, 1.0, 0.05
ALARMS = {"AWS::CloudWatch::Alarm": "MetricAlarms", "AWS::CloudWatch::CompositeAlarm": "CompositeAlarms"}


class StoppedError(Exception):
    """The operation is to be taken back; the message says why."""


class Watch:
    """Looks at the alarms of a RollbackConfiguration.

    Parameters
    ----------
    rollback : dict
        The RollbackConfiguration.
    time_scale : float
        Seconds here for one second of the monitoring time.
    cancelled : Event
        Set by whoever wants the operation taken back.
    """

    def __init__(
        self, clients: Clients, rollback: dict[str, Any], time_scale: float, cancelled: threading.Event
    ) -> None:
        self._clients = clients
        self._triggers: list[dict[str, str]] = rollback.get("RollbackTriggers") or []
        self._seconds = 60.0 * time_scale * int(rollback.get("MonitoringTimeInMinutes") or 0)
        self._between = min(max(_BETWEEN_SECONDS * time_scale, _SHORTEST), _LONGEST)
        self._cancelled = cancelled
        self._looked = 0.0

    def check(self) -> None:
        """Raise StoppedError if the operation is cancelled, or a trigger is in ALARM or not there."""
        if self._cancelled.is_set():
            raise StoppedError("The update was cancelled by CancelUpdateStack")
        if self._triggers and time.monotonic() - self._looked >= self._between:
            self._look()
            self._looked = time.monotonic()

    def monitor(self) -> None:
        """Check for the monitoring time."""
        self._looked = 0.0
        deadline = time.monotonic() + self._seconds
        self.check()
        while (left := deadline - time.monotonic()) > 0:
            self._cancelled.wait(min(left, self._between))
            self.check()
        self._looked = 0.0
        self.check()

    def _look(self) -> None:
        kinds = ["MetricAlarm", "CompositeAlarm"]
        wanted = {trigger["Arn"]: trigger["Arn"].partition(":alarm:")[2] for trigger in self._triggers}
        answer = self._clients("cloudwatch").describe_alarms(AlarmNames=sorted(wanted.values()), AlarmTypes=kinds)
        alarms = {alarm["AlarmArn"]: alarm for kind in ALARMS.values() for alarm in answer.get(kind, [])}
        for arn, name in wanted.items():
            if arn not in alarms:
                raise StoppedError(f"The rollback trigger {arn} does not exist")
            if alarms[arn]["StateValue"] == "ALARM":
                reason = alarms[arn].get("StateReason") or "no reason is given"
                raise StoppedError(f"The rollback trigger {name} is in ALARM: {reason}")
