"""CloudWatch: metrics of services and of log lines, and alarms on them that act."""

from __future__ import annotations

from collections.abc import Callable

from switchyard.cloud import moto_fixes
from switchyard.cloud.metrics import record, record_all
from switchyard.cloud.monitoring.actions import Scale, actor
from switchyard.cloud.monitoring.api import CloudWatch
from switchyard.cloud.monitoring.monitor import Gauges, Monitor
from switchyard.cloud.monitoring.queues import QueueGauges
from switchyard.cloud.monitoring.resources import creators
from switchyard.cloud.monitoring.wording import Change, event_detail

__all__ = ["CloudWatch", "Monitor", "creators", "install", "record", "record_all"]


def install(
    time_scale: float,
    publish: Callable[..., None],
    invoke: Callable[[str, bytes], None],
    scale: Scale,
    *gauges: Gauges,
) -> tuple[Monitor, CloudWatch]:
    """Make a monitor that CloudWatch's API and the services' metrics lead to; it has not been started.

    Parameters
    ----------
    time_scale : float
        Seconds here for one second of an alarm's period.
    publish : callable
        Puts an event on EventBridge's default bus: source, detail type, detail, resource.
    invoke : callable
        Given a function's ARN and a payload, invokes it without waiting for it.
    scale : callable
        Lets a policy of Application Auto Scaling's follow an alarm.
    gauges : Gauges
        What else is measured once a minute.
    """

    def tell(change: Change) -> None:
        publish("aws.cloudwatch", "CloudWatch Alarm State Change", event_detail(change), change.alarm.arn)

    queues = QueueGauges()
    monitor = Monitor(time_scale, actor(invoke, scale), tell, (queues, *gauges))
    cloudwatch = CloudWatch(monitor)
    moto_fixes.answer_cloudwatch(cloudwatch.operations())
    moto_fixes.on_log_events(monitor.take_log_events)
    moto_fixes.on_message_sent(queues.sent)
    return monitor, cloudwatch
