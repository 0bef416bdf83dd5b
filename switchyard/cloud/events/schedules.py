"""Schedules: EventBridge Scheduler's, and the rules that have an expression of time. They keep real time.

moto keeps them and answers their API; one thread here sleeps until the next is due, or until one has changed.
Source: EventBridge Scheduler User Guide; "Creating a scheduled rule" (Amazon EventBridge User Guide).
"""

from __future__ import annotations

import datetime
import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID, REGION
from switchyard.cloud.events.bus import Bus, new_event
from switchyard.cloud.events.delivery import Deliveries, GivenUp, RetryPolicy
from switchyard.cloud.events.expressions import At, Rate, parse
from switchyard.cloud.events.targets import Caller, TargetError, Targets
from switchyard.cloud.events.timetable import Plan, Timetable

LOG = logging.getLogger(__name__)
SERVICE = "scheduler.amazonaws.com"
# Seconds.
PRECISION = 60.0
# A rate without a start begins at once, which is within that precision too.
TAKE_UP = datetime.timedelta(seconds=5)
# The wall clock may be set, or the machine may sleep.
LONGEST_SLEEP = 30.0

# Given the time that it was scheduled for.
Fire = Callable[[datetime.datetime], None]


def check(expression: str, timezone: str) -> None:
    """Refuse a wrong expression or time zone, as CreateSchedule does.

    Raises
    ------
    InvalidExpressionError
        The message says which part is wrong.
    """
    parse(expression, timezone)


class Schedules:
    """Fires what is due.

    Parameters
    ----------
    bus : Bus
        Delivers the events of scheduled rules.
    clock : callable
        Tells the time, in UTC.
    """

    def __init__(
        self,
        bus: Bus,
        deliveries: Deliveries,
        targets: Targets,
        clock: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(tz=datetime.UTC),
    ) -> None:
        self._bus = bus
        self._deliveries = deliveries
        self._targets = targets
        self._clock = clock
        self._timetable = Timetable()
        self._changed = threading.Condition()
        self._is_stale = False
        self._thread: threading.Thread | None = None
        self._closed = False

    def change(self) -> None:
        """Look at the schedules anew: one has been made, altered or deleted."""
        with self._changed:
            self._is_stale = True
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="schedules", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Fire nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._is_stale and not self._closed:
                    self._changed.wait(self._sleep())
                if self._closed:
                    return
                self._is_stale = False
            try:
                self._fire_due()
            except Exception:
                LOG.exception("The schedules could not be looked at")

    def _sleep(self) -> float:
        due = self._timetable.next_due()
        if due is None:
            return LONGEST_SLEEP
        return min(max((due - self._clock()).total_seconds(), 0.0), LONGEST_SLEEP)

    def _fire_due(self) -> None:
        now = self._clock()
        fires: dict[str, Fire] = {}
        plans: dict[str, Plan] = {}
        for key, plan, fire in (*self._scheduled_rules(), *self._scheduled_targets()):
            plans[key], fires[key] = plan, fire
        self._timetable.update(plans, now)
        for key, scheduled in self._timetable.take(now):
            try:
                fires[key](scheduled)
            except Exception:  # the others are due too
                LOG.exception("%s could not be fired", key)

    def _scheduled_rules(self) -> Iterator[tuple[str, Plan, Fire]]:
        from moto.events.models import events_backends

        for rule in list(events_backends[ACCOUNT_ID][REGION].event_buses["default"].rules.values()):
            if not rule.scheduled_expression or not rule.state.startswith("ENABLED"):
                continue
            expression = parse(rule.scheduled_expression)
            made = rule.__dict__.setdefault("made", self._clock())
            first = made + datetime.timedelta(seconds=expression.seconds) if isinstance(expression, Rate) else made
            plan = Plan(expression, f"{rule.scheduled_expression} {made}", first, made)
            yield rule.arn, plan, partial(self._fire_rule, rule)

    def _fire_rule(self, rule: Any, scheduled: datetime.datetime) -> None:
        event = new_event("aws.events", "Scheduled Event", {}, [rule.arn], _stamp(scheduled))
        self._bus.deliver(rule, event)

    def _scheduled_targets(self) -> Iterator[tuple[str, Plan, Fire]]:
        from moto.scheduler.models import scheduler_backends

        for group in list(scheduler_backends[ACCOUNT_ID][REGION].schedule_groups.values()):
            for schedule in list(group.schedules.values()):
                if schedule.state == "ENABLED":
                    yield schedule.arn, _plan(schedule), partial(self._fire, schedule)

    def _fire(self, schedule: Any, scheduled: datetime.datetime) -> None:
        target = schedule.target
        execution = str(uuid.uuid4())
        caller = Caller(SERVICE, schedule.arn, target["RoleArn"])
        is_last = self._timetable.is_complete(schedule.arn)

        def payload(attempt: int) -> str:
            values = {
                "<aws.scheduler.schedule-arn>": schedule.arn,
                "<aws.scheduler.scheduled-time>": _stamp(scheduled),
                "<aws.scheduler.execution-id>": execution,
                "<aws.scheduler.attempt-number>": str(attempt),
            }
            text = target.get("Input") or json.dumps(
                {**new_event("aws.scheduler", "Scheduled Event", {}, [schedule.arn], _stamp(scheduled)), "detail": "{}"}
            )
            for variable, value in values.items():
                text = text.replace(variable, value)
            return str(text)

        def send(number: int) -> None:
            self._targets.send(target, payload(number), caller, execution)
            self._complete(schedule, is_last)

        def give_up(reason: GivenUp) -> None:
            dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
            about = {
                "SCHEDULE_ARN": schedule.arn,
                "TARGET_ARN": target["Arn"],
                "EXECUTION_ID": execution,
                "SCHEDULED_TIME": _stamp(scheduled),
                "IS_PAYLOAD_TRUNCATED": "false",
                **reason.attributes(),
            }
            if dead_letters:
                try:
                    self._targets.to_queue(dead_letters, payload(reason.retries + 1), about, caller)
                except TargetError as error:
                    LOG.error("A call of %s is lost: %s did not take it: %s", schedule.arn, dead_letters, error)
            self._complete(schedule, is_last)

        self._deliveries.begin(send, RetryPolicy.of(target), give_up, f"{schedule.arn} to {target['Arn']}")

    def _complete(self, schedule: Any, is_last: bool) -> None:
        if not is_last or schedule.action_after_completion != "DELETE":
            return
        from moto.scheduler.models import scheduler_backends

        group = scheduler_backends[ACCOUNT_ID][REGION].schedule_groups.get(schedule.group_name)
        if group is not None and group.schedules.get(schedule.name) is schedule:
            group.delete_schedule(schedule.name)


def _plan(schedule: Any) -> Plan:
    text, zone = schedule.schedule_expression, schedule.schedule_expression_timezone
    changed = _time(schedule.last_modified_date)
    start = _time(schedule.start_date) if schedule.start_date else None
    window = schedule.flexible_time_window or {}
    minutes = window.get("MaximumWindowInMinutes", 0) if window.get("Mode") == "FLEXIBLE" else 0
    expression = parse(text, zone)
    # What was to happen once, in the minute that has just passed, still does: that is Scheduler's precision.
    late = PRECISION if isinstance(expression, At) else 0.0
    return Plan(
        expression,
        f"{text} {zone} {start} {changed}",
        start or changed + TAKE_UP,
        (max(start, changed) if start else changed) - datetime.timedelta(seconds=late),
        _time(schedule.end_date) if schedule.end_date else None,
        float(minutes) * 60,
        late,
    )


def _time(value: Any) -> datetime.datetime:
    if isinstance(value, int | float):
        return datetime.datetime.fromtimestamp(value, tz=datetime.UTC)
    moment = datetime.datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _stamp(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
