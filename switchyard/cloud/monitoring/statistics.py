"""What CloudWatch keeps of many values: their statistics, and enough of the values for percentiles.

Source: "CloudWatch statistics definitions" (Amazon CloudWatch User Guide).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

# More distinct values than these are kept to within half a percent: a hundred a factor of e, however many come.
MOST_EXACT_VALUES = 256
_STEPS = 100
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
SIMPLE = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")


def percentile(statistic: str) -> float | None:
    """Return the 99.9 of ``p99.9``, or None for a statistic that is no percentile."""
    match = _PERCENTILE.fullmatch(statistic)
    return float(match.group(1)) if match else None


def is_known(statistic: str) -> bool:
    """Return whether the statistic is one that this CloudWatch computes."""
    return statistic in SIMPLE or percentile(statistic) is not None


@dataclass
class Statistics:
    """The statistics of some values.

    Parameters
    ----------
    values : dict or None
        How often each value was seen; None when only statistics were given, which leaves percentiles unknown.
    """

    count: float = 0.0
    sum: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    values: dict[float, float] | None = field(default_factory=dict)
    is_exact: bool = True

    def add(self, value: float, count: float = 1.0) -> None:
        """Add a value that was seen `count` times."""
        self.count += count
        self.sum += value * count
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        if self.values is not None:
            self._put(self.values, value, count)

    def merge(self, other: Statistics) -> None:
        """Add all that another one has."""
        self.count += other.count
        self.sum += other.sum
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        if self.values is None or other.values is None:
            self.values = None
            return
        for value, count in other.values.items():
            self._put(self.values, value, count)

    def get(self, statistic: str) -> float | None:
        """Return ``Sum``, ``p99`` and so on; None when there is no value, or no way to tell."""
        if not self.count:
            return None
        simple = {
            "SampleCount": self.count,
            "Sum": self.sum,
            "Average": self.sum / self.count,
            "Minimum": self.minimum,
            "Maximum": self.maximum,
        }
        if statistic in simple:
            return simple[statistic]
        rank = percentile(statistic)
        return None if rank is None else self._percentile(rank)

    def _percentile(self, rank: float) -> float | None:
        if self.values is None:
            return self.minimum if self.minimum == self.maximum else None
        wanted = self.count * rank / 100
        seen = 0.0
        for value in sorted(self.values):
            seen += self.values[value]
            if seen >= wanted:
                return min(max(value, self.minimum), self.maximum)
        return self.maximum

    def _put(self, values: dict[float, float], value: float, count: float) -> None:
        key = value if self.is_exact else _rounded(value)
        values[key] = values.get(key, 0.0) + count
        if self.is_exact and len(values) > MOST_EXACT_VALUES:
            self.is_exact = False
            exact, self.values = values, {}
            for each, times in exact.items():
                self._put(self.values, each, times)


def _rounded(value: float) -> float:
    if not value:
        return 0.0
    return math.copysign(math.exp(round(math.log(abs(value)) * _STEPS) / _STEPS), value)
