"""Executions that somebody looks at: read once, then only what is new, and kept for a while."""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError

from switchyard.console.execution_views import event_view, visit_view
from switchyard.console.problems import RequestError
from switchyard.console.schema import EventRow, ExecutionRow, ExecutionStatus, Visit
from switchyard.console.sources import CloudSource, PastSource, UnknownExecutionError
from switchyard.console.state_reader import StateReader
from switchyard.executions.history import HistoryBuilder

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud
    from switchyard.console.connection import Connection
    from switchyard.console.known import KnownExecution
    from switchyard.console.past import PastRuns
    from switchyard.console.sources import Source

# How much of histories is kept, in characters of what the events say; what is watched now is kept anyway.
_MAX_CHARACTERS = 128 * 1024 * 1024
_MAX_OPENED = 100
_MAX_READERS = 20
_EVENT_CHARACTERS = 600
_LONG = ("input", "output", "parameters", "cause")
# How old what is known may be when somebody asks; AWS counts requests.
_LOCAL_AGE, _AWS_AGE = 0.1, 2.0
# An ended execution's history may take a while to be complete on AWS; after that, it breaks off.
_MAX_TRIES = 10


class OpenedExecution:
    """All that has been read of an execution.

    Parameters
    ----------
    arn
        Its ARN.
    source
        Where it comes from.
    title
        Gives a workflow's title by its ARN.
    """

    def __init__(self, arn: str, source: Source, title: Callable[[str], str]) -> None:
        self.arn = arn
        self.source = source
        self.lock = threading.RLock()
        self.row: ExecutionRow
        self.description: Mapping[str, Any] = {}
        self.definition: dict[str, Any] | None = None
        self.definition_problem: str | None = None
        self.builder = HistoryBuilder()
        self.problem: str | None = None
        self.events: list[EventRow] = []
        self.visits: dict[int, Visit] = {}
        # Grows with every look that has seen something new; and what each visit was seen to change with.
        self.revision = 0
        self.changed_at: dict[int, int] = {}
        # Counts how often the history was made anew, since an event came late: nothing then is as it was.
        self.editions = 0
        self.characters = 0
        # The tracebacks that were found in logs, by the visit and the number of its attempts.
        self.tracebacks: dict[tuple[int, int], list[str]] = {}
        self._readers: OrderedDict[int, StateReader] = OrderedDict()
        self._title = title
        self._looked_at: float | None = None
        self._known: KnownExecution | None = None
        self._tries = 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended, as far as its description says."""
        return self.row.status is not ExecutionStatus.RUNNING

    @property
    def is_complete(self) -> bool:
        """Whether its history goes on to its end, when it has ended."""
        return self.builder.is_complete or (not self.is_over and self.source.saved is None)

    def reader(self, visit: int) -> StateReader:
        """Give what reads the log and the job of a visit; the same one for all who look at it."""
        with self.lock:
            if visit not in self._readers:
                self._readers[visit] = StateReader(self, visit)
            self._readers.move_to_end(visit)
            while len(self._readers) > _MAX_READERS:
                self._readers.popitem(last=False)
            return self._readers[visit]

    def refresh(self, max_age: float = 0.0) -> None:
        """Read what is new, unless that was done less than `max_age` seconds ago.

        Raises
        ------
        UnknownExecutionError
            When there is no such execution (any more).
        """
        with self.lock:
            if self._looked_at is not None and time.monotonic() - self._looked_at < max_age:
                return
            known, self.description = self.source.describe()
            if self._looked_at is None:
                self.definition, self.definition_problem = self.source.definition()
                self.builder = HistoryBuilder(self.definition)
            has_changed = known != self._known
            if has_changed:
                self._tries = 0
            # One that was redriven runs again before its history tells so.
            if has_changed or known.status is ExecutionStatus.RUNNING or not self.builder.is_complete:
                self._read_events()
            if has_changed:
                self._known, self.row = known, known.row(self._title)
                self.revision += 1
            self._looked_at = time.monotonic()

    def _read_events(self) -> None:
        builder, has_tried = self.builder, self._tries >= _MAX_TRIES
        if has_tried and self.is_over:
            return
        tree = builder.tree
        # An event that is missing may still come, for a while: histories are eventually consistent.
        added = builder.add(self.source.events_after(builder.last if has_tried else builder.known_up_to))
        if self.builder.last == 0:
            self.problem = self.source.problem()
        if not added:
            has_all = builder.last == builder.known_up_to and not (self._known is not None and self.is_over)
            self._tries = 0 if has_all else self._tries + 1
            return
        if builder.last == builder.known_up_to:
            self._tries = 0
        self.revision += 1
        if self.builder.tree is not tree:
            self.editions += 1
            self.events, self.visits, self.changed_at = [], {}, {}
            added = sorted(self.builder.events)
        self.events += [event_view(self.builder, number) for number in added]
        is_gone = self.source.saved is not None and self.builder.tree.is_open
        for visit in self.builder.take_changed():
            self.visits[visit.id] = visit_view(visit, is_gone=is_gone)
            self.changed_at[visit.id] = self.revision
        self.characters += sum(_characters(self.builder.events[number]) for number in added)


class OpenedExecutions:
    """The executions that were looked at last.

    Parameters
    ----------
    connection
        To the cloud.
    past
        The past runs.
    title
        Gives a workflow's title by its ARN.
    """

    def __init__(self, connection: Connection, past: PastRuns, title: Callable[[str], str]) -> None:
        self._connection = connection
        self._past = past
        self._title = title
        self._lock = threading.Lock()
        self._opened: OrderedDict[str, OpenedExecution] = OrderedDict()
        # Also those that are no longer kept, as long as somebody watches them.
        self._alive: weakref.WeakValueDictionary[str, OpenedExecution] = weakref.WeakValueDictionary()
        self._opening: dict[str, threading.Lock] = {}

    def open(self, arn: str, *, max_age: float | None = None) -> OpenedExecution:
        """Give an execution as it is now: from the cloud, or else from what it has left.

        Parameters
        ----------
        arn
            Its ARN.
        max_age
            How many seconds old what is known may be; by default what the cloud takes.

        Raises
        ------
        RequestError
            When there is no such execution (404).
        """
        cloud = self._connection.cloud()
        if max_age is None:
            max_age = _LOCAL_AGE if cloud is None or cloud.is_local else _AWS_AGE
        with self._lock:
            opening = self._opening.setdefault(arn, threading.Lock())
        try:
            with opening:
                return self._open(arn, cloud, max_age)
        finally:
            with self._lock:
                if not opening.locked():
                    self._opening.pop(arn, None)

    def _open(self, arn: str, cloud: Cloud | None, max_age: float) -> OpenedExecution:
        with self._lock:
            known = self._opened.get(arn) or self._alive.get(arn)
        failure: Exception | None = None
        if cloud is not None and ":execution:" in arn:
            # A past run stays as it was read, while the cloud is asked whether it has an execution of that ARN.
            current = known if known is not None and known.source.cloud is cloud else None
            try:
                current = current or OpenedExecution(arn, CloudSource(cloud, arn), self._title)
                current.refresh(max_age)
                return self._keep(current)
            except UnknownExecutionError:
                known = None if known is current else known
            except BotoCoreError as error:
                failure = error  # the cloud is away: what is left of the execution can be read without it
        saved = self._past.find(arn)
        if saved is None:
            with self._lock:
                self._opened.pop(arn, None)
            if failure is not None:
                raise failure
            raise RequestError(404, f"there is no execution {arn}")
        try:
            source = PastSource(saved)
            if (
                known is None
                or not isinstance(known.source, PastSource)
                or known.source.changed_at != source.changed_at
            ):
                known = OpenedExecution(arn, source, self._title)
            known.refresh(max_age)
        except (UnknownExecutionError, OSError):
            raise RequestError(404, f"what {arn} has left in {saved.folder} cannot be read") from None
        return self._keep(known)

    def _keep(self, execution: OpenedExecution) -> OpenedExecution:
        with self._lock:
            self._opened[execution.arn] = self._alive[execution.arn] = execution
            self._opened.move_to_end(execution.arn)
            total = sum(each.characters for each in self._opened.values())
            while len(self._opened) > 1 and (total > _MAX_CHARACTERS or len(self._opened) > _MAX_OPENED):
                _, oldest = self._opened.popitem(last=False)
                total -= oldest.characters
        return execution


def _characters(event: Mapping[str, Any]) -> int:
    count = _EVENT_CHARACTERS
    for details in event.values():
        if isinstance(details, dict):
            texts = (details.get(key) for key in _LONG)
            count += sum(len(text) for text in texts if isinstance(text, str))
    return count
