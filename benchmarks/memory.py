"""Peak memory of a tree of processes."""

from __future__ import annotations

import os
import threading
from types import TracebackType

from benchmarks import proc

INTERVAL_SECONDS = 0.02


class Peak:
    """Watches, while it is entered, all processes that descend from this one.

    Sampling costs time of its own, so it is not done in the rounds whose time is taken.

    Attributes
    ----------
    resident, proportional, largest
        The highest sum over the tree of resident memory; of resident memory with shared pages counted once;
        and the highest resident memory of a single process: bytes.
    processes
        The most processes at one time.
    """

    def __init__(self) -> None:
        self.resident = self.proportional = self.largest = self.processes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        if proc.AVAILABLE:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if proc.AVAILABLE:
            self._thread.join()

    def document(self) -> dict[str, int] | None:
        """Give the figures; None where they cannot be had."""
        if not proc.AVAILABLE:
            return None
        return {
            "resident_bytes": self.resident,
            "proportional_bytes": self.proportional,
            "largest_process_bytes": self.largest,
            "processes": self.processes,
        }

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL_SECONDS):
            family = proc.descendants(os.getpid())
            found = [memory for process in family if (memory := proc.memory(process.pid)) is not None]
            self.resident = max(self.resident, sum(memory.resident for memory in found))
            self.proportional = max(self.proportional, sum(memory.proportional for memory in found))
            self.largest = max(self.largest, max((memory.resident for memory in found), default=0))
            self.processes = max(self.processes, len(found))
