"""Runs work on threads of its own, now or after a while: what AWS does after it has answered."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

LOG = logging.getLogger(__name__)
IDLE_SECONDS = 30.0

Work = Callable[[], None]


class Later:
    """A pool of threads that come with the work and go without it.

    Parameters
    ----------
    name : str
        Begins the threads' names.
    most : int
        How many pieces of work run at once; further ones wait.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, Work]] = []
        self._order = itertools.count()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def submit(self, work: Work, delay: float = 0.0) -> None:
        """Run `work` after `delay` seconds. What it raises is logged."""
        with self._changed:
            if self._closed:
                return
            heapq.heappush(self._waiting, (time.monotonic() + delay, next(self._order), work))
            if self._idle:
                self._changed.notify()
            elif self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def close(self) -> None:
        """Drop what waits; what runs goes on to its end."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        while (work := self._take()) is not None:
            try:
                work()
            except Exception:
                LOG.exception("%s: a piece of work failed", self._name)

    def _take(self) -> Work | None:
        with self._changed:
            give_up = time.monotonic() + IDLE_SECONDS
            while not self._closed:
                now = time.monotonic()
                if self._waiting and self._waiting[0][0] <= now:
                    work = heapq.heappop(self._waiting)[2]
                    self._leave_another()
                    return work
                if not self._waiting and now >= give_up:
                    break
                self._idle += 1
                self._changed.wait((self._waiting[0][0] if self._waiting else give_up) - now)
                self._idle -= 1
            self._threads -= 1
            return None

    def _leave_another(self) -> None:
        """See to it that what is due too, or will be, does not wait for this piece of work's end."""
        if not self._waiting:
            return
        if self._idle:
            self._changed.notify()
        elif self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
