"""How the next values are found: at random, by a model of the objective, or all of them in turn.

Source: "Understand the hyperparameter tuning strategies available in Amazon SageMaker AI" (Amazon SageMaker Developer
Guide).
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from switchyard.cloud.sagemaker.tuning.ranges import Categorical, Range

# So many are drawn for a Gaussian process to choose from.
CANDIDATES = 1000
Values = dict[str, str]
# Given the program's argument, returns what it has printed.
Program = Callable[[str], str]


class Strategy(Protocol):
    """What finds values."""

    def propose(self, tried: Sequence[tuple[Values, float]], running: Sequence[Values]) -> Values:
        """Return the values to try next.

        Parameters
        ----------
        tried : sequence of tuple
            Values and their objectives, the less the better.
        running : sequence
            Values that are being tried.
        """


class Random:
    """Each value anywhere in its range."""

    def __init__(self, ranges: Sequence[Range], seed: int | None) -> None:
        self.ranges = ranges
        self.random = random.Random(seed)  # noqa: S311 - nobody's secret

    def propose(self, tried: Sequence[tuple[Values, float]], running: Sequence[Values]) -> Values:  # noqa: ARG002
        """Return values at random."""
        return {each.name: each.value(self.random.random()) for each in self.ranges}


class Bayesian(Random):
    """Where a Gaussian process expects the greatest improvement, once there is enough to learn from."""

    def __init__(self, ranges: Sequence[Range], seed: int | None, program: Program) -> None:
        super().__init__(ranges, seed)
        self._program = program

    def propose(self, tried: Sequence[tuple[Values, float]], running: Sequence[Values]) -> Values:
        """Return the most promising values of many; the first few are at random."""
        if len(tried) < max(3, len(self.ranges)):
            return super().propose(tried, running)
        candidates = [super(Bayesian, self).propose(tried, running) for _ in range(CANDIDATES)]
        text = json.dumps(
            {
                "tried": [self._place(values) for values, _ in tried],
                "objectives": [objective for _, objective in tried],
                "running": [self._place(values) for values in running],
                "candidates": [self._place(values) for values in candidates],
                "seed": self.random.randrange(2**31),
            }
        )
        return candidates[int(self._program(text))]

    def _place(self, values: Values) -> list[float]:
        return [part for each in self.ranges for part in each.place(values[each.name])]


class Grid:
    """Every combination of categories, once."""

    def __init__(self, ranges: Sequence[Categorical]) -> None:
        names = [each.name for each in ranges]
        self._left = [
            dict(zip(names, values, strict=True)) for values in itertools.product(*(each.values for each in ranges))
        ]
        self.count = len(self._left)

    def propose(self, tried: Sequence[tuple[Values, float]], running: Sequence[Values]) -> Values:  # noqa: ARG002
        """Return the next combination."""
        return self._left.pop(0)


def strategy_of(config: dict[str, Any], ranges: Sequence[Range], program: Program) -> Strategy:
    """Return the strategy that a HyperParameterTuningJobConfig asks for."""
    if config["Strategy"] == "Grid":
        return Grid([each for each in ranges if isinstance(each, Categorical)])
    seed = config.get("RandomSeed")
    return Random(ranges, seed) if config["Strategy"] == "Random" else Bayesian(ranges, seed, program)
