"""The metrics of SQS queues: their depth once a minute, and the messages sent.

Source: "Available CloudWatch metrics for Amazon SQS" (Amazon SQS Developer Guide).
"""

from __future__ import annotations

from typing import Any

from switchyard.cloud import metrics
from switchyard.cloud.account import ACCOUNT_ID, REGION

NAMESPACE = "AWS/SQS"
# A queue without activity has metrics for up to six hours more.
ACTIVE_SECONDS = 6 * 3600


class QueueGauges:
    """How many messages each active queue holds, and how old the oldest is."""

    def __init__(self) -> None:
        self._active: dict[str, float] = {}

    def sent(self, queue: Any, message: Any) -> None:
        """Count a message that has come into a queue."""
        values = {"NumberOfMessagesSent": (1.0, "Count"), "SentMessageSize": (float(len(message.body)), "Bytes")}
        self._active[queue.name] = float("inf")  # until it is looked at
        metrics.record_all(NAMESPACE, {"QueueName": queue.name}, values)

    def sample(self, now: float, scale: float) -> bool:
        """Record the depth of every active queue; return whether there is one."""
        from moto.sqs.models import sqs_backends

        queues = sqs_backends[ACCOUNT_ID][REGION].queues
        for name in list(self._active):
            queue = queues.get(name)
            held = list(queue._messages) if queue is not None else []
            if held or self._active[name] > now:
                self._active[name] = now
            if queue is None or now - self._active[name] > ACTIVE_SECONDS * scale:
                del self._active[name]
                continue
            visible = [message for message in held if message.visible and not message.delayed]
            sent = min((message.sent_timestamp for message in held), default=None)
            age = 0.0 if sent is None else max(0.0, now - sent / 1000)
            values = {
                "ApproximateNumberOfMessagesVisible": (float(len(visible)), "Count"),
                "ApproximateNumberOfMessagesNotVisible": (float(sum(not each.visible for each in held)), "Count"),
                "ApproximateNumberOfMessagesDelayed": (float(sum(bool(each.delayed) for each in held)), "Count"),
                "ApproximateAgeOfOldestMessage": (age, "Seconds"),
            }
            metrics.record_all(NAMESPACE, {"QueueName": name}, values)
        return bool(self._active)
