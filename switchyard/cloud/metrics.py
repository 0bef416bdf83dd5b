"""Where the cloud's services leave their metrics: a queue that costs a request about a microsecond.

`switchyard.cloud.monitoring` takes them from here and is CloudWatch; without it, they are dropped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import NamedTuple


class Sample(NamedTuple):
    """Values of several metrics of one thing, at one moment.

    Parameters
    ----------
    values : mapping
        The metric's name to its value and its unit.
    """

    timestamp: float
    namespace: str
    dimensions: Mapping[str, str]
    values: Mapping[str, tuple[float, str]]


@dataclass(frozen=True)
class Inbox:
    """What has been recorded and not been taken yet.

    Parameters
    ----------
    filled : Event
        Set whenever something is put in.
    """

    filled: Event
    samples: deque[Sample] = field(default_factory=deque)


_inboxes: list[Inbox] = []


def open_inbox(filled: Event) -> Inbox:
    """Give an inbox that everything recorded from now on is put into, until it is closed."""
    inbox = Inbox(filled)
    _inboxes.append(inbox)
    return inbox


def close_inbox(inbox: Inbox) -> None:
    """Put nothing more into an inbox."""
    _inboxes.remove(inbox)


def record(namespace: str, name: str, value: float, unit: str, dimensions: Mapping[str, str]) -> None:
    """Record one value of one metric, as of now.

    Parameters
    ----------
    namespace : str
        The service's, such as ``AWS/States``.
    unit : str
        One of CloudWatch's: ``Count``, ``Milliseconds``, ``Microseconds``, ``Seconds``, ``None`` ...
    dimensions : mapping
        The names and values that make it another metric than its namesakes; not to be changed afterwards.
    """
    record_all(namespace, dimensions, {name: (value, unit)})


def record_all(namespace: str, dimensions: Mapping[str, str], values: Mapping[str, tuple[float, str]]) -> None:
    """Record one value each of several metrics of the same thing, as of now.

    Parameters
    ----------
    values : mapping
        The metric's name to its value and its unit.
    """
    for inbox in _inboxes:
        inbox.samples.append(Sample(time.time(), namespace, dimensions, values))
        if not inbox.filled.is_set():
            inbox.filled.set()
