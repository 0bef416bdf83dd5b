"""What is due, and when: the arithmetic of schedules without a clock."""

from __future__ import annotations

import datetime
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from switchyard.cloud.events.expressions import Expression

_TICK = datetime.timedelta(microseconds=1)


@dataclass(frozen=True)
class Plan:
    """When one schedule is due.

    Parameters
    ----------
    expression : Expression
        Its rate, cron or at.
    text : str
        All that it was made of: with another text it is another plan.
    anchor : datetime
        From when a rate's periods are counted.
    begin : datetime
        Nothing is due before.
    end : datetime or None
        Nothing is due after.
    window : float
        Seconds within which it may be due after its time.
    late : float
        Seconds by which a time may have passed before the plan was known.
    """

    expression: Expression = field(compare=False)
    text: str
    anchor: datetime.datetime = field(compare=False)
    begin: datetime.datetime = field(compare=False)
    end: datetime.datetime | None = None
    window: float = 0.0
    late: float = 0.0

    def next_after(self, moment: datetime.datetime) -> datetime.datetime | None:
        """Return the first time after a moment."""
        found = self.expression.next_after(max(moment, self.begin - _TICK), self.anchor)
        return None if found is None or (self.end is not None and found > self.end) else found


@dataclass
class _Entry:
    plan: Plan
    scheduled: datetime.datetime
    due: datetime.datetime


class Timetable:
    """The plans of all schedules, by their ARNs."""

    def __init__(self) -> None:
        self._plans: dict[str, Plan] = {}
        self._entries: dict[str, _Entry] = {}

    def update(self, plans: Mapping[str, Plan], now: datetime.datetime) -> None:
        """Take the plans that there are now; those that have not changed keep their next time."""
        for key in set(self._plans) - set(plans):
            del self._plans[key]
            self._entries.pop(key, None)
        for key, plan in plans.items():
            if self._plans.get(key) != plan:
                self._plans[key] = plan
                self._enter(key, plan, now - datetime.timedelta(seconds=plan.late) - _TICK)

    def next_due(self) -> datetime.datetime | None:
        """Return when the next one is due."""
        return min((entry.due for entry in self._entries.values()), default=None)

    def take(self, now: datetime.datetime) -> list[tuple[str, datetime.datetime]]:
        """Return what is due now, with the times that it was scheduled for, the earliest first.

        What was due several times while nobody asked is due once.
        """
        due = sorted(
            ((entry.due, key, entry) for key, entry in self._entries.items() if entry.due <= now),
            key=lambda each: each[:2],
        )
        for _, key, entry in due:
            self._enter(key, entry.plan, max(now, entry.scheduled))
        return [(key, entry.scheduled) for _, key, entry in due]

    def is_complete(self, key: str) -> bool:
        """Return whether a schedule is due no more."""
        return key not in self._entries

    def _enter(self, key: str, plan: Plan, after: datetime.datetime) -> None:
        scheduled = plan.next_after(after)
        if scheduled is None:
            self._entries.pop(key, None)
            return
        delay = datetime.timedelta(seconds=random.uniform(0, plan.window))  # noqa: S311 - spreads calls
        self._entries[key] = _Entry(plan, scheduled, scheduled + delay)
