"""Keeps to a rate of requests: AWS counts them, and others of the account need some too."""

from __future__ import annotations

import threading
import time


class Pace:
    """A token bucket.

    Parameters
    ----------
    per_second
        How many requests, on average; 0 for as many as there are.
    at_once
        How many after a rest.
    """

    def __init__(self, per_second: float, at_once: int) -> None:
        self._per_second = per_second
        self._at_once = at_once
        self._left = float(at_once)
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def wait(self, stopped: threading.Event) -> bool:
        """Wait until a request may be made; False when that is not worth while any more."""
        if not self._per_second:
            return not stopped.is_set()
        with self._lock:
            now = time.monotonic()
            self._left = min(self._at_once, self._left + (now - self._at) * self._per_second) - 1
            self._at = now
            seconds = max(0.0, -self._left / self._per_second)
        return not stopped.wait(seconds)
