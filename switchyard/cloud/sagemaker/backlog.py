"""The queue of an asynchronous endpoint, and how long it is.

Source: "Monitor asynchronous endpoint" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from switchyard.cloud import metrics

NAMESPACE = "AWS/SageMaker"


class Backlog:
    """Requests in the order in which they came, as many under way at a time as there is capacity for.

    Parameters
    ----------
    capacity : callable
        Gives how many may be under way now.
    """

    def __init__(self, capacity: Callable[[], int]) -> None:
        self._capacity = capacity
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._received: list[float] = []
        self._under_way = 0
        self._changed = threading.Condition()

    @asynccontextmanager
    async def turn(self, seconds: float) -> AsyncIterator[None]:
        """Wait for a request's turn, and hold it.

        Raises
        ------
        TimeoutError
            It did not come within so many seconds.
        """
        self._loop = asyncio.get_running_loop()
        received = time.time()
        with self._changed:
            self._received.append(received)
        try:
            await self._wait(seconds)
            try:
                yield
            finally:
                with self._changed:
                    self._under_way -= 1
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._received.remove(received)
            self._admit()

    async def _wait(self, seconds: float) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        self._admit()
        try:
            async with asyncio.timeout(seconds):
                await mine
        except BaseException:
            if mine.done() and not mine.cancelled():  # its turn came in the very same moment
                with self._changed:
                    self._under_way -= 1
                    self._changed.notify_all()
            else:
                self._waiting.remove(mine)
            raise

    def look_again(self) -> None:
        """Let further requests have their turn, if there is more capacity now; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._admit)

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until no request is under way, at most for so many seconds; not in the event loop's thread."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way == 0, seconds)

    def record(self, endpoint: str, instances: int) -> None:
        """Record how long the queue is, as CloudWatch has it once a minute."""
        with self._changed:
            size, oldest = len(self._received), min(self._received, default=None)
        values = {
            "ApproximateBacklogSize": (float(size), "Count"),
            # Without an instance there is nothing to divide by; all of it counts.
            "ApproximateBacklogSizePerInstance": (size / max(instances, 1), "Count"),
            "ApproximateAgeOfOldestRequest": (0.0 if oldest is None else max(0.0, time.time() - oldest), "Seconds"),
            "HasBacklogWithoutCapacity": (float(size > 0 and instances == 0), "Count"),
        }
        metrics.record_all(NAMESPACE, {"EndpointName": endpoint}, values)

    def _admit(self) -> None:
        with self._changed:
            free = self._capacity() - self._under_way
            while self._waiting and free > 0:
                self._waiting.popleft().set_result(None)
                self._under_way += 1
                free -= 1


class BacklogGauges:
    """The queues of all asynchronous endpoints, measured once a minute.

    Parameters
    ----------
    record : callable
        Has every endpoint that has a queue record it, and gives for each a true value.
    """

    def __init__(self, record: Callable[[], Iterable[bool]]) -> None:
        self._record = record

    def sample(self, now: float, scale: float) -> bool:  # noqa: ARG002 - as of now, whatever the scale
        """Record every queue; return whether there is one."""
        return any(list(self._record()))
