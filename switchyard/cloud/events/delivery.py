"""Deliveries: tried again with a growing pause, and given up when the retry policy says so.

Source: "How EventBridge retries delivering events", "Using dead-letter queues to process undelivered events" (Amazon
EventBridge User Guide); "Configuring a dead-letter queue" (EventBridge Scheduler User Guide).
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.events.targets import TargetError
from switchyard.cloud.later import Later

LOG = logging.getLogger(__name__)
MOST_ATTEMPTS = 185
LONGEST_AGE = 86400
LONGEST_PAUSE = 600.0


@dataclass(frozen=True)
class RetryPolicy:
    """How long a delivery is tried.

    Parameters
    ----------
    attempts : int
        How many more times, after the first.
    age : int
        Seconds after which it is given up.
    """

    attempts: int = MOST_ATTEMPTS
    age: int = LONGEST_AGE

    @classmethod
    def of(cls, target: Mapping[str, Any]) -> RetryPolicy:
        """Read a target's own, or the usual one."""
        given = target.get("RetryPolicy") or {}
        return cls(
            int(given.get("MaximumRetryAttempts", MOST_ATTEMPTS)),
            int(given.get("MaximumEventAgeInSeconds", LONGEST_AGE)),
        )


@dataclass(frozen=True)
class GivenUp:
    """Why a delivery was given up.

    Parameters
    ----------
    retries : int
        How many times it was tried again.
    condition : str or None
        Which part of the retry policy was used up; None if no retry could have helped.
    """

    error: TargetError
    retries: int
    condition: str | None

    def attributes(self) -> dict[str, str]:
        """Return what the dead letter says of it."""
        told = {
            "ERROR_CODE": self.error.code,
            "ERROR_MESSAGE": str(self.error),
            "RETRY_ATTEMPTS": str(self.retries),
        }
        if self.condition:
            told["EXHAUSTED_RETRY_CONDITION"] = self.condition
        return told


class Deliveries:
    """Tries deliveries, off the threads that brought them.

    Parameters
    ----------
    later : Later
        Runs each attempt.
    time_scale : float
        Seconds here for one second of pause between attempts.
    """

    def __init__(self, later: Later, time_scale: float) -> None:
        self._later = later
        self._time_scale = time_scale

    def begin(
        self, send: Callable[[int], None], policy: RetryPolicy, give_up: Callable[[GivenUp], None], what: str
    ) -> None:
        """Deliver, now and then again until it is done or given up.

        Parameters
        ----------
        send : callable
            Makes the attempt of that number, counted from 1; raises `TargetError`.
        give_up : callable
            Takes the dead letter.
        what : str
            Names the delivery in the log.
        """
        began = time.monotonic()
        skipped = 0.0  # seconds of pauses that the time scale has spared

        def attempt(number: int) -> None:
            nonlocal skipped
            try:
                _try(send, number, what)
            except TargetError as error:
                age = time.monotonic() - began + skipped
                pause = random.uniform(0.5, 1) * min(2.0 ** min(number - 1, 20), LONGEST_PAUSE)  # noqa: S311 - a pause
                condition = None
                if error.may_pass:
                    if number > policy.attempts:
                        condition = "MaximumRetryAttempts"
                    elif age + pause > policy.age:
                        condition = "MaximumEventAgeInSeconds"
                    else:
                        skipped += pause * (1 - self._time_scale)
                        self._later.submit(lambda: attempt(number + 1), pause * self._time_scale)
                        return
                LOG.warning("%s was given up after %s attempts: %s: %s", what, number, error.code, error)
                give_up(GivenUp(error, number - 1, condition))

        self._later.submit(lambda: attempt(1))


def _try(send: Callable[[int], None], number: int, what: str) -> None:
    """Send; whatever it raises is a reason to give the delivery up, so that its event becomes a dead letter."""
    try:
        send(number)
    except TargetError:
        raise
    except Exception as error:
        LOG.exception("%s failed", what)
        raise TargetError("SDK_CLIENT_ERROR", f"{type(error).__name__}: {error}") from error
