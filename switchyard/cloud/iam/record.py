"""What each role called, and what came of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from switchyard.cloud.iam.policy import Statement

# A cloud that stays up for long calls without end; what is over this is counted under the action alone.
MOST_KEPT = 20_000


@dataclass
class Call:
    """The calls of one caller with one action on one resource.

    Attributes
    ----------
    statement : Statement or None
        What allowed or denied them.
    message : str
        What refused them, for calls that were.
    """

    caller: str
    action: str
    resource: str
    allowed: bool
    statement: Statement | None
    message: str = ""
    count: int = 0


class Record:
    """All calls since the cloud began."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, str, str, bool, int], Call] = {}

    def add(
        self,
        caller: str,
        action: str,
        resource: str,
        *,
        allowed: bool,
        statement: Statement | None = None,
        message: str = "",
    ) -> None:
        """Count one call."""
        key = (caller, action, resource, allowed, id(statement))
        with self._lock:
            call = self._calls.get(key)
            if call is None:
                if len(self._calls) >= MOST_KEPT:
                    resource = "…"
                    key = (caller, action, resource, allowed, id(statement))
                call = self._calls.setdefault(key, Call(caller, action, resource, allowed, statement, message))
            call.count += 1

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(list(self._calls.values()))
