"""The metrics: every value in a short stretch of time, and the statistics of any longer one.

Source: "Metrics concepts" (Amazon CloudWatch User Guide).
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from switchyard.cloud.monitoring.statistics import Statistics

# As on AWS, what is old is known less finely: (seconds old, seconds that are taken together from then on).
COARSER = ((3 * 3600.0, 60.0), (180.0, 1.0))
MOST_BUCKETS = 4096


class Metric(NamedTuple):
    """What tells one metric from another; the same name with other dimensions is another metric."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str] | None = None) -> Metric:
        """Build it from a mapping of dimensions; their order does not count."""
        return cls(namespace, name, tuple(sorted((dimensions or {}).items())))

    def matches(self, namespace: str | None, name: str | None, dimensions: Iterable[tuple[str, str | None]]) -> bool:
        """Return whether ListMetrics lists it for these filters; a dimension without a value stands for any."""
        own = dict(self.dimensions)
        return (
            namespace in {None, self.namespace}
            and name in {None, self.name}
            and all(key in own and value in {None, own[key]} for key, value in dimensions)
        )


class _Series:
    """The values of one metric in one unit; a bucket is known by its middle."""

    def __init__(self) -> None:
        self.middles: list[float] = []
        self.buckets: list[Statistics] = []
        self.limit = MOST_BUCKETS

    def bucket(self, middle: float) -> Statistics:
        if self.middles and self.middles[-1] == middle:
            return self.buckets[-1]
        at = bisect_left(self.middles, middle)
        if at == len(self.middles) or self.middles[at] != middle:
            self.middles.insert(at, middle)
            self.buckets.insert(at, Statistics())
        return self.buckets[at]

    def coarsen(self, now: float) -> None:
        merged: dict[float, Statistics] = {}
        for middle, bucket in zip(self.middles, self.buckets, strict=True):
            width = next((width for age, width in COARSER if now - middle > age), None)
            place = middle if width is None else (middle // width + 0.5) * width
            if place in merged:
                merged[place].merge(bucket)
            else:
                merged[place] = bucket
        self.middles = sorted(merged)
        self.buckets = [merged[middle] for middle in self.middles]
        self.limit = max(MOST_BUCKETS, 2 * len(self.middles))


class MetricStore:
    """All metrics.

    Parameters
    ----------
    resolution : float
        How finely time is told apart, in seconds.
    """

    def __init__(self, resolution: float) -> None:
        self.resolution = resolution
        self._lock = threading.Lock()
        self._series: dict[Metric, dict[str, _Series]] = {}

    def add(self, metric: Metric, unit: str, timestamp: float, value: float, count: float = 1.0) -> None:
        """Add a value that was seen `count` times."""
        with self._lock:
            self._bucket(metric, unit, timestamp).add(value, count)

    def add_counted(self, metric: Metric, unit: str, timestamp: float, counts: Mapping[float, int]) -> None:
        """Add values of one moment, each as often as it was seen."""
        with self._lock:
            bucket = self._bucket(metric, unit, timestamp)
            for value, count in counts.items():
                bucket.add(value, count)

    def add_statistics(self, metric: Metric, unit: str, timestamp: float, statistics: Statistics) -> None:
        """Add what is known of several values together."""
        with self._lock:
            self._bucket(metric, unit, timestamp).merge(statistics)

    def statistics(self, metric: Metric, start: float, end: float, unit: str | None = None) -> Statistics | None:
        """Return the statistics of the values from `start` up to, and not with, `end`; None when there are none."""
        found = Statistics()
        with self._lock:
            for own_unit, series in self._series.get(metric, {}).items():
                if unit in {None, own_unit}:
                    first, last = bisect_left(series.middles, start), bisect_left(series.middles, end)
                    for bucket in series.buckets[first:last]:
                        found.merge(bucket)
        return found if found.count else None

    def span(self, metric: Metric) -> tuple[float, float] | None:
        """Return the times of the first and of the last value; None when there are none."""
        with self._lock:
            middles = [series.middles for series in self._series.get(metric, {}).values()]
        return (min(each[0] for each in middles), max(each[-1] for each in middles)) if middles else None

    def unit(self, metric: Metric) -> str:
        """Return the unit of the metric; ``None`` when it has none or many."""
        units = set(self._series.get(metric, {}))
        return units.pop() if len(units) == 1 else "None"

    def find(
        self, namespace: str | None, name: str | None, dimensions: Iterable[tuple[str, str | None]] = ()
    ) -> list[Metric]:
        """List the metrics that match, in order."""
        wanted = list(dimensions)
        with self._lock:
            known = list(self._series)
        return sorted(metric for metric in known if metric.matches(namespace, name, wanted))

    def _bucket(self, metric: Metric, unit: str, timestamp: float) -> Statistics:
        series = self._series.setdefault(metric, {}).setdefault(unit, _Series())
        if len(series.middles) > series.limit:
            series.coarsen(timestamp)
        # A hair more: the quotient of a time that begins a bucket can be a hair too small.
        number = math.floor(timestamp / self.resolution + 1e-4)
        return series.bucket((number + 0.5) * self.resolution)
