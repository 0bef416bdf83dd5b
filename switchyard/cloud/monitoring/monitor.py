"""CloudWatch at work: takes in what was recorded and logged, and lets the alarms act, all in one thread."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from switchyard.cloud import metrics
from switchyard.cloud.monitoring import emf
from switchyard.cloud.monitoring.evaluator import Alarms
from switchyard.cloud.monitoring.store import Metric, MetricStore
from switchyard.cloud.monitoring.wording import Change

LOG = logging.getLogger(__name__)
# What arrives in a burst is taken in together.
GATHER_SECONDS = 0.1
# Services publish their metrics once a minute.
MINUTE = 60
SHORTEST_RESOLUTION = 0.01


class Gauges(Protocol):
    """Measures what has no events of its own, such as how many messages a queue holds."""

    def sample(self, now: float, scale: float) -> bool:
        """Record every gauge; return whether there is anything to look at again."""


class Monitor:
    """The metrics and alarms of the cloud.

    Parameters
    ----------
    time_scale : float
        Seconds here for one second of an alarm's period.
    act : callable
        Carries out one action, an ARN, of a change.
    publish : callable
        Tells EventBridge of a change.
    gauges : sequence of Gauges
        What to measure once a minute.
    clock : callable
        Gives the time, in seconds since the epoch.
    """

    def __init__(
        self,
        time_scale: float,
        act: Callable[[str, Change], None],
        publish: Callable[[Change], None],
        gauges: tuple[Gauges, ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        # A tenth of the shortest period but one, so that scaled periods can be told apart.
        self.store = MetricStore(min(1.0, max(10 * time_scale, SHORTEST_RESOLUTION)))
        self.alarms = Alarms(self.store, time_scale)
        self.clock = clock
        self._act = act
        self._publish = publish
        self._gauges = gauges
        self._gauges_due: float | None = None
        self._awake = threading.Event()
        self._stopped = threading.Event()
        self._inbox = metrics.open_inbox(self._awake)
        self._log_lines: deque[tuple[float, str, float]] = deque()
        self._taking = threading.Lock()

    def start(self) -> None:
        """Begin to evaluate alarms."""
        threading.Thread(target=self._run, name="monitoring", daemon=True).start()

    def close(self) -> None:
        """End the thread, and record nothing more."""
        metrics.close_inbox(self._inbox)
        self._stopped.set()
        self._awake.set()

    def wake(self) -> None:
        """Look at everything soon: something has changed."""
        self._awake.set()

    def take_log_events(self, events: list[dict[str, Any]]) -> None:
        """Keep the log events that have metrics in them, to be taken in later."""
        now = self.clock()
        found = [(event["timestamp"] / 1000, event["message"], now) for event in events if emf.MARK in event["message"]]
        if found:
            self._log_lines.extend(found)
            self._awake.set()

    def take_in(self) -> None:
        """Put what was recorded and logged into the store; a query sees all that came before it."""
        with self._taking:
            for sample, rows in self._gather():
                counts: dict[tuple[str, str], Counter[float]] = defaultdict(Counter)
                for row in rows:
                    for name, (value, unit) in row.items():
                        counts[name, unit][value] += 1
                for (name, unit), counted in counts.items():
                    metric = Metric.of(sample.namespace, name, sample.dimensions)
                    self.store.add_counted(metric, unit, sample.timestamp, counted)
                    self.alarms.arrived(metric, sample.timestamp)
            while self._log_lines:
                timestamp, line, moment = self._log_lines.popleft()
                for extracted in emf.extract(line, timestamp):
                    for value in extracted.values:
                        self.store.add(extracted.metric, extracted.unit, extracted.timestamp, value)
                    self.alarms.arrived(extracted.metric, moment)

    def step(self) -> float | None:
        """Do all that is due now; return when to come again, or None to wait for something to happen."""
        now = self.clock()
        dues = [self._sample_gauges(now)]
        self.take_in()
        dues.append(self.alarms.step(now))
        for change in self.alarms.changes():
            self._carry_out(change)
        return min((due for due in dues if due is not None), default=None)

    def _gather(self) -> Iterable[tuple[metrics.Sample, list[Mapping[str, tuple[float, str]]]]]:
        """Put together what is of the same thing and the same moment: under load that is nearly all."""
        together: dict[tuple[str, int, int], tuple[metrics.Sample, list[Mapping[str, tuple[float, str]]]]] = {}
        while self._inbox.samples:
            sample = self._inbox.samples.popleft()
            # The first sample is kept, and with it its dimensions: no others can have their identity meanwhile.
            key = (sample.namespace, id(sample.dimensions), int(sample.timestamp / self.store.resolution))
            if key in together:
                together[key][1].append(sample.values)
            else:
                together[key] = (sample, [sample.values])
        return together.values()

    def _sample_gauges(self, now: float) -> float | None:
        minute = MINUTE * self.alarms.scale
        if self._gauges_due is None or now >= self._gauges_due:
            busy = [gauges.sample(now, self.alarms.scale) for gauges in self._gauges]
            self._gauges_due = (math.floor(now / minute) + 1) * minute if any(busy) else None
        return self._gauges_due

    def _carry_out(self, change: Change) -> None:
        alarm = change.alarm
        for action in change.actions:
            try:
                self._act(action, change)
                if change.is_repeated:
                    continue
                summary = f"Successfully executed action {action}"
            except Exception as error:
                LOG.exception("%s: the action %s failed", alarm.name, action)
                summary = f"Failed to execute action {action}. Received error: {error}"
            self.alarms.remember(alarm, "Action", summary, '{"version": "1.0"}', change.time)
        if change.is_repeated:
            return
        try:
            self._publish(change)
        except Exception:
            LOG.exception("%s: the change could not be published", alarm.name)

    def _run(self) -> None:
        due: float | None = None
        while not self._stopped.is_set():
            left = None if due is None else max(due - self.clock(), 0.0)
            if self._awake.wait(left):
                self._stopped.wait(GATHER_SECONDS if left is None else min(left, GATHER_SECONDS))
                self._awake.clear()
            try:
                due = self.step()
            except Exception:
                LOG.exception("alarms could not be evaluated")
                due = self.clock() + 1
