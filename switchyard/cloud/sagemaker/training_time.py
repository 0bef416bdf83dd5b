"""How long a training job has trained, how long it may, and what of it is billed.

Sources: StoppingCondition, DescribeTrainingJob (Amazon SageMaker API Reference); "Managed Spot Training in Amazon
SageMaker AI" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

DEFAULT_MAX_SECONDS = 24 * 3600
# Of a spot instance's time, what is billed. On AWS it follows the spot price; savings of 70 % are usual.
SPOT_SHARE = 0.3


class TrainingTime:
    """The time of one job, over all of its attempts.

    Parameters
    ----------
    request : dict
        Of CreateTrainingJob.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        stopping = request.get("StoppingCondition") or {}
        self._is_spot = bool(request.get("EnableManagedSpotTraining"))
        self._run: float = stopping.get("MaxRuntimeInSeconds", DEFAULT_MAX_SECONDS)
        self._wait: float = stopping.get("MaxWaitTimeInSeconds", math.inf)
        self._created = time.monotonic()
        self._began: float | None = None
        self._earlier = 0.0

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Count what goes on in the context."""
        self._began = time.monotonic()
        try:
            yield
        finally:
            self._earlier, self._began = self._trained(), None

    def left(self) -> tuple[float, str]:
        """Return how many seconds the job may still train, and the stage that it comes to after them."""
        run, wait = self._run - self._trained(), self._wait - (time.monotonic() - self._created)
        return (max(run, 0.0), "MaxRuntimeExceeded") if run <= wait else (max(wait, 0.0), "MaxWaitTimeExceeded")

    def trained(self) -> int:
        """Return the whole seconds of training."""
        return math.ceil(self._trained())

    def billable(self) -> int:
        """Return the whole seconds that are billed."""
        return max(1, math.ceil(self._trained() * SPOT_SHARE)) if self._is_spot else self.trained()

    def _trained(self) -> float:
        return self._earlier + (0.0 if self._began is None else time.monotonic() - self._began)
