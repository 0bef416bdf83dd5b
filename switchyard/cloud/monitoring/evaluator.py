"""All alarms: kept, evaluated when something could have changed, and remembered.

A period of an alarm takes as long as a Wait state of the same seconds does here: both are scaled by the cloud's
time scale, so that a workflow which waits five minutes and then looks at its alarms sees five of their minutes.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.monitoring import wording
from switchyard.cloud.monitoring.alarms import Alarm, create, look_back
from switchyard.cloud.monitoring.errors import NotFoundError
from switchyard.cloud.monitoring.expressions import Points
from switchyard.cloud.monitoring.queries import evaluate
from switchyard.cloud.monitoring.statistics import Statistics
from switchyard.cloud.monitoring.store import Metric, MetricStore
from switchyard.cloud.monitoring.wording import Change

LOG = logging.getLogger(__name__)
# CloudWatch looks at an alarm every minute, and more often only if its period is shorter.
LONGEST_STEP = 60
MOST_HISTORY = 5000
SMALLEST_SCALE = 0.001
# Of the steps that a machine at rest, or too busy, has let go by: what happened in them is seen all the same.
MOST_MISSED = 600


@dataclass
class _Watch:
    """An alarm, and when to look at it next: never, once all data is out of its sight."""

    alarm: Alarm
    metrics: frozenset[Metric]
    due: float | None
    last_sample: float


class Alarms:
    """The alarms.

    Parameters
    ----------
    store : MetricStore
        What they look at.
    time_scale : float
        Seconds here for one second of a period.
    """

    def __init__(self, store: MetricStore, time_scale: float) -> None:
        self._store = store
        self.scale = max(time_scale, SMALLEST_SCALE)
        self._lock = threading.RLock()
        self._watches: dict[str, _Watch] = {}
        self._changes: deque[Change] = deque()
        self.history: deque[dict[str, Any]] = deque(maxlen=MOST_HISTORY)

    def put(self, request: dict[str, Any], now: float) -> Alarm:
        """Make an alarm, or put another in its place; its state stays.

        Raises
        ------
        MonitoringError
            The request is wrong.
        """
        alarm = create(request, now)
        with self._lock:
            earlier = self._watches.get(alarm.name)
            if earlier is not None:
                was = earlier.alarm
                alarm.state, alarm.reason, alarm.reason_data = was.state, was.reason, was.reason_data
                alarm.updated, alarm.transitioned = was.updated, was.transitioned
            metrics = frozenset(query.metric for query in alarm.queries if query.metric is not None)
            self._watches[alarm.name] = _Watch(alarm, metrics, self._next_step(alarm, now), now)
            what = "created" if earlier is None else "updated"
            self.remember(alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" {what}', '{"version": "1.0"}', now)
        return alarm

    def delete(self, names: Iterable[str], now: float) -> None:
        """Delete alarms; those that do not exist are no error, if one of them does."""
        with self._lock:
            for name in names:
                if watch := self._watches.pop(name, None):
                    self.remember(
                        watch.alarm, "ConfigurationUpdate", f'Alarm "{name}" deleted', '{"version": "1.0"}', now
                    )

    def get(self, name: str) -> Alarm:
        """Return an alarm.

        Raises
        ------
        NotFoundError
            There is none of that name.
        """
        with self._lock:
            if name not in self._watches:
                raise NotFoundError("Unknown")
            return self._watches[name].alarm

    def __iter__(self) -> Iterator[Alarm]:
        with self._lock:
            return iter([self._watches[name].alarm for name in sorted(self._watches)])

    def set_state(self, name: str, state: str, reason: str, data: str, now: float) -> None:
        """Put an alarm into a state by hand: its actions follow, and the next evaluation may change it again."""
        with self._lock:
            alarm = self.get(name)
            self._move(alarm, state, reason, data, now)
            self._watches[name].due = self._next_step(alarm, now)

    def arrived(self, metric: Metric, moment: float) -> None:
        """Look again at the alarms on a metric that has got a value, from the moment on when it got it."""
        with self._lock:
            for watch in self._watches.values():
                if metric in watch.metrics:
                    watch.last_sample = max(watch.last_sample, moment)
                    if watch.due is None:
                        watch.due = self._next_step(watch.alarm, moment)

    def step(self, now: float) -> float | None:
        """Evaluate the alarms that are due; return when the next one is, or None when none will be by itself."""
        with self._lock:
            for watch in list(self._watches.values()):
                if watch.due is not None and watch.due <= now:
                    try:
                        self._evaluate(watch, now)
                    except Exception:  # one that fails does not keep the others from being looked at
                        LOG.exception("%s: the alarm could not be evaluated", watch.alarm.name)
                        watch.due = self._next_step(watch.alarm, now)
            return min((watch.due for watch in self._watches.values() if watch.due is not None), default=None)

    def changes(self) -> Iterable[Change]:
        """Take the changes of state whose actions have not been carried out yet."""
        while self._changes:
            yield self._changes.popleft()

    def remember(self, alarm: Alarm, kind: str, summary: str, data: str, now: float) -> None:
        """Add an item to the history."""
        self.history.append(
            {
                "AlarmName": alarm.name,
                "AlarmType": "MetricAlarm",
                "Timestamp": now,
                "HistoryItemType": kind,
                "HistorySummary": summary,
                "HistoryData": data,
            }
        )

    def _step_seconds(self, alarm: Alarm) -> float:
        return min(alarm.period, LONGEST_STEP) * self.scale

    def _next_step(self, alarm: Alarm, now: float) -> float:
        step = self._step_seconds(alarm)
        return (math.floor(now / step) + 1) * step

    def _evaluate(self, watch: _Watch, now: float) -> None:
        step = self._step_seconds(watch.alarm)
        out_of_sight = watch.last_sample + watch.alarm.period * self.scale * watch.alarm.range + step
        last = min(math.floor(now / step), math.ceil(out_of_sight / step))
        while watch.due is not None and watch.due <= now:
            number = max(round(watch.due / step), last - MOST_MISSED)
            self._look(watch, number * step, now, is_newest=(number + 1) * step > now)
            watch.due = (number + 1) * step if number * step <= out_of_sight else None

    def _look(self, watch: _Watch, end: float, now: float, *, is_newest: bool) -> None:
        """Evaluate an alarm by the periods before `end`."""
        alarm, seconds = watch.alarm, watch.alarm.period * self.scale
        starts = [end - seconds * (alarm.range - number) for number in range(alarm.range)]

        def look(metric: Metric, unit: str | None, number: int) -> Statistics | None:
            return self._store.statistics(metric, starts[number], starts[number] + seconds, unit)

        values = evaluate(alarm.queries, alarm.range, look)[alarm.watched]
        counts: Points = [None] * alarm.range
        (query, *others) = alarm.queries
        if query.metric is not None and not others:
            found = [look(query.metric, query.unit, number) for number in range(alarm.range)]
            counts = [None if each is None else each.count for each in found]
        points = look_back(values, starts, counts)
        verdict = alarm.judge(points)
        if verdict.state is not None and verdict.state != alarm.state:
            why = wording.reason(alarm, verdict, verdict.state)
            self._move(alarm, verdict.state, why, wording.reason_data(alarm, points, now), now)
        elif is_newest and any(map(wording.is_scaling, wording.actions_in(alarm, alarm.state))):
            self._repeat(alarm, wording.reason_data(alarm, points, now), now)

    def _repeat(self, alarm: Alarm, data: str, now: float) -> None:
        """Tell scaling policies again that the alarm is in its state, as CloudWatch does each minute."""
        was, why = alarm.state, alarm.reason
        self._changes.append(
            Change(alarm, was, why, alarm.reason_data, alarm.updated, was, why, data, now, is_repeated=True)
        )

    def _move(self, alarm: Alarm, state: str, reason: str, data: str, now: float) -> None:
        change = Change(alarm, alarm.state, alarm.reason, alarm.reason_data, alarm.updated, state, reason, data, now)
        if state != alarm.state:
            alarm.transitioned = now
            summary = f"Alarm updated from {alarm.state} to {state}"
            self.remember(alarm, "StateUpdate", summary, wording.history_data(change), now)
            self._changes.append(change)
        alarm.state, alarm.reason, alarm.reason_data, alarm.updated = state, reason, data, now
