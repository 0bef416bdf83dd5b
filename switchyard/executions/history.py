"""An execution's history, turned into a tree of states: pure functions over the events that AWS gives.

Events come in a flat list; each names the event before it on its own path (`previousEventId`), which is how
the branches of a Parallel are told apart.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from switchyard.executions.causes import failure_reason, read_json
from switchyard.executions.visits import (
    OPEN,
    Attempt,
    Branch,
    ExecutionTree,
    Failure,
    Job,
    StateVisit,
    Status,
    walk,
)

__all__ = [
    "Attempt",
    "Branch",
    "ExecutionTree",
    "Failure",
    "HistoryBuilder",
    "Job",
    "StateVisit",
    "Status",
    "build_tree",
    "failed_state",
    "failure_reason",
    "find_in_states",
    "read_time",
]

Event = Mapping[str, Any]
Definition = Mapping[str, Any]

_CONTAINERS = ("Parallel", "Map")
_EPOCH = datetime.fromtimestamp(0, UTC)


def build_tree(events: Iterable[Event], definition: Definition | None = None) -> ExecutionTree:
    """Turn the events of GetExecutionHistory into a tree.

    Parameters
    ----------
    events
        In any order; also an unfinished execution's, or those of a recorded `history.json`.
    definition
        The state machine's; with it branches come in its order, and a failed attempt that will be retried is
        told from one that will not.

    Examples
    --------
    >>> build_tree([{"id": 1, "type": "ExecutionStarted", "timestamp": 0}]).status
    <Status.RUNNING: 'RUNNING'>
    """
    builder = HistoryBuilder(definition)
    builder.add(events)
    return builder.tree


def failed_state(tree: ExecutionTree) -> StateVisit | None:
    """Find where an execution went wrong, or was when it was stopped; None when it did well.

    A state machine that catches an error, cleans up, and then fails with the same error ends in a Fail state, or in
    a function that raises the error again in words of its own; what a user wants to know is the state where the error
    came from. When no state's error is the one that it ended with, it is the first state that failed.
    """
    if tree.status not in (Status.FAILED, Status.ABORTED, Status.TIMED_OUT):
        return None
    visits = [visit for visit in tree.visits() if visit.status not in (Status.SUCCEEDED, *OPEN)]
    leaves = [visit for visit in visits if not visit.branches]
    if tree.status is not Status.FAILED:
        return next((visit for visit in reversed(leaves) if visit.status is Status.ABORTED), None)
    failed = [visit for visit in leaves if visit.failures and visit.type != "Fail"]
    reason = failure_reason(tree.cause or "")
    for visit in failed:
        last = visit.failures[-1]
        if last.error == tree.error and failure_reason(last.cause) == reason:
            return visit
    by_itself = [visit for visit in leaves if visit.type == "Fail"]  # of a branch, whose history has no event for it
    return next((visit for visit in (*failed, *visits) if visit.failures), by_itself[0] if by_itself else None)


def read_time(value: Any) -> datetime:
    """Read a time: boto3's datetime, seconds since 1970, or ISO 8601."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, (int, float)):
        return _EPOCH + timedelta(seconds=value)  # ten times as fast as fromtimestamp
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def find_in_states(tree: ExecutionTree, *path: str) -> Any:
    """Read a value from the latest state data that has it, such as `evaluation`, `metrics`; None without.

    Parameters
    ----------
    tree
        The execution.
    path
        The keys, from the outside in.
    """
    for visit in reversed(list(tree.visits())):
        for text in (visit.output, visit.input):
            value = _dig(text, path)
            if value is not None:
                return value
    return None


def _dig(text: str, path: tuple[str, ...]) -> Any:
    if f'"{path[0]}"' not in text:
        return None
    value = read_json(text)
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


@dataclass(slots=True)
class _Place:
    """Where an event happened: in which line of states, in which of them, and inside of which place."""

    line: Branch
    visit: StateVisit | None = None
    parent: _Place | None = None
    starts_branches: bool = False

    def up(self) -> Iterator[_Place]:
        place: _Place | None = self
        while place is not None:
            yield place
            place = place.parent


@dataclass(slots=True)
class _Progress:
    """What is known of a visit beside what it shows.

    Parameters
    ----------
    is_resumed
        Whether a redrive goes on from here, and nothing has been heard of it since.
    is_settled
        Of a Parallel or Map: whether its own end has been told, so that only leaving it can follow.
    has_exited
        Whether it has been left.
    rounds
        Of a Parallel or Map: how many times it began.
    retried
        How many times each Retry of its definition was used.
    items
        Of a Map: its iterations by their index.
    """

    is_resumed: bool = False
    is_settled: bool = False
    has_exited: bool = False
    rounds: int = 0
    retried: dict[int, int] = field(default_factory=dict)
    items: dict[int, Branch] = field(default_factory=dict)


class HistoryBuilder:
    """Makes the tree of an execution, event by event: what has been read need not be read again.

    Parameters
    ----------
    definition
        The state machine's, as for `build_tree`.

    Examples
    --------
    >>> builder = HistoryBuilder()
    >>> builder.add([{"id": 1, "type": "ExecutionStarted", "timestamp": 0}])
    >>> builder.add([{"id": 2, "type": "PassStateEntered", "timestamp": 1, "stateEnteredEventDetails": {"name": "A"}}])
    >>> [visit.name for visit in builder.tree.visits()]
    ['A']
    """

    def __init__(self, definition: Definition | None = None) -> None:
        self._definitions = dict(_state_definitions(definition or {}))
        self.events: dict[int, Event] = {}
        self._begin()

    def _begin(self) -> None:
        self.tree = ExecutionTree()
        # Every visit by its id, also those of earlier attempts of a Parallel or Map, which the tree has not.
        self.visits: dict[int, StateVisit] = {}
        self._visit_of: dict[int, int] = {}
        self._times: dict[int, datetime] = {}
        self._changed: dict[int, StateVisit] = {}
        self._progress: dict[int, _Progress] = {}
        self._root = _Place(Branch(0, self.tree.states))
        self._places: dict[int, _Place] = {0: self._root}
        self._last = self._known_up_to = 0
        self._has_ended = False
        self._now = _EPOCH

    def add(self, events: Iterable[Event]) -> list[int]:
        """Add events; those that are known already are passed over.

        Parameters
        ----------
        events
            In any order. One that comes later than an event with a higher id makes the tree anew, as another object.

        Returns
        -------
        list of int
            The ids of those that were new, in order.
        """
        fresh: dict[int, Event] = {}
        for event in events:
            number = _number(event.get("id")) if isinstance(event, Mapping) else None
            if number is not None and number > 0 and number not in self.events:
                fresh.setdefault(number, event)
        added = sorted(fresh)
        if added and added[0] < self._last:
            fresh.update(self.events)
            self.events = {}
            self._begin()
        for number in sorted(fresh):
            self.events[number] = fresh[number]
            self._add(number, fresh[number])
        while self._known_up_to + 1 in self.events:
            self._known_up_to += 1
        return added

    def visit_of(self, event: int) -> int | None:
        """Give the visit that an event belongs to; None when it is the execution's own."""
        return self._visit_of.get(event)

    def place_before(self, event: int) -> int:
        """Give the event before this one on its path, 0 at the start."""
        return _number(self.events[event].get("previousEventId")) or 0

    def events_of(self, visit: int) -> Iterator[Event]:
        """Give the events that belong to a visit, in order."""
        # A copy: another thread may add events meanwhile.
        return (self.events[event] for event, owner in tuple(self._visit_of.items()) if owner == visit)

    def time_of(self, event: int) -> datetime:
        """Give an event's time; where it has none, that of the one before."""
        return self._times[event]

    def definition_of(self, state: str) -> Mapping[str, Any] | None:
        """Give a state's own definition, wherever in the state machine it is; None when there is none."""
        return self._definitions.get(state)

    @property
    def last(self) -> int:
        """The id of the last event; 0 without any."""
        return self._last

    @property
    def known_up_to(self) -> int:
        """The id up to which no event is missing."""
        return self._known_up_to

    @property
    def is_complete(self) -> bool:
        """Whether no event is missing: none in between, and the last one tells of the execution's end."""
        return self._has_ended and self._last == self._known_up_to

    def take_changed(self) -> list[StateVisit]:
        """Give the visits that are new or have changed since this was last asked, in the order of their ids."""
        changed = [self._changed[number] for number in sorted(self._changed)]
        self._changed = {}
        return changed

    def _add(self, number: int, event: Event) -> None:
        kind = str(event.get("type") or "")
        # Where the event before is missing, the latest one is the best guess.
        previous = _number(event.get("previousEventId")) or 0
        before = self._places.get(previous) or self._places[self._last]
        at = self._times[number] = self._time(event.get("timestamp"))
        details = _details(event)
        place, visit = before, before.visit
        if kind == "ExecutionRedriven":
            place, visit = self._redrive(details, at), None
        elif kind.startswith("Execution"):
            self._execution(kind, details, at, before)
            visit = None
        elif kind.endswith("StateEntered"):
            place = self._enter(number, kind.removesuffix("StateEntered"), details, at, before)
            visit = place.visit
        elif kind.endswith("StateExited"):
            place = self._exit(details, at, before)
            visit = place.visit
        elif kind.startswith(_CONTAINERS):
            place, visit = self._container(kind, details, at, before)
        elif before.visit is not None:
            place = self._resumed_inside(before) if kind.endswith("Scheduled") else before
            visit = place.visit or before.visit
            self._task(kind, details, at, visit)
        if visit is not None:
            self._visit_of[number] = visit.id
        self._places[number] = place
        self._last = number
        self._has_ended = kind.startswith("Execution") and kind not in ("ExecutionStarted", "ExecutionRedriven")

    def _time(self, value: Any) -> datetime:
        # Without a time it is that of the event before.
        with contextlib.suppress(ValueError, OverflowError, OSError):
            self._now = read_time(value)
        return self._now

    # The execution

    def _execution(self, kind: str, details: Event, at: datetime, before: _Place) -> None:
        tree = self.tree
        if kind == "ExecutionStarted":
            tree.started_at = at
            tree.input = _text(details, "input")
            return
        ending = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.removeprefix("Execution")).upper()
        if ending not in ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"):
            return
        tree.status = Status(ending)
        tree.stopped_at = at
        tree.output = _text(details, "output")
        tree.error, tree.cause = _text(details, "error"), _text(details, "cause")
        if tree.status is Status.FAILED and before.visit is not None and before.visit.is_open:
            # A state that fails without an event of its own: a Fail state, or a path that finds nothing.
            if not self._has_failed(before.visit):
                self._fail(before.visit, tree.error, tree.cause, at)
            self._close(before.visit, Status.FAILED, at)
        self._close_all(tree.states, at)

    def _redrive(self, details: Event, at: datetime) -> _Place:
        """Open again what did not succeed: the event that follows says nothing of being entered."""
        tree = self.tree
        tree.status, tree.stopped_at, tree.output, tree.error, tree.cause = Status.RUNNING, None, "", "", ""
        tree.redrives = _number(details.get("redriveCount")) or tree.redrives + 1
        return self._resume(self._root, at)

    def _resume(self, line: _Place, at: datetime) -> _Place:
        """Let a line of states go on from its last one, and those inside of it; return where that is."""
        first: _Place | None = None
        waiting = [line]
        while waiting:
            line = waiting.pop()
            states = line.line.states
            place = _Place(line.line, states[-1] if states else None, line.parent)
            first = first or place
            visit = place.visit
            # A Fail state is entered again.
            if visit is None or visit.status in (Status.SUCCEEDED, Status.CAUGHT) or visit.type == "Fail":
                continue
            visit.status, visit.exited_at, visit.entered_at = Status.RUNNING, None, at
            visit.failures, visit.retries, visit.resource = [], 0, ""
            visit.redrives += 1
            progress = self._progress[visit.id]
            progress.is_resumed, progress.is_settled, progress.has_exited, progress.retried = True, False, False, {}
            if visit.type != "Task":
                visit.attempts.append(Attempt(at))
            self._changed[visit.id] = visit
            waiting += [_Place(branch, None, place) for branch in visit.branches]
        return first or line

    def _resumed_inside(self, place: _Place, name: str | None = None) -> _Place:
        """Find the state that goes on when its event only says that the execution was redriven."""
        visit = place.visit
        while visit is not None and visit.type in _CONTAINERS:
            waiting = [branch for branch in visit.branches if branch.states and self._is_resumed(branch.states[-1])]
            named = [branch for branch in waiting if branch.states[-1].name == name]
            if not waiting:
                break
            branch = (named or waiting)[0]
            visit = branch.states[-1]
            place = _Place(branch, visit, place)
        return place

    def _is_resumed(self, visit: StateVisit) -> bool:
        return visit.status is Status.RUNNING and self._progress[visit.id].is_resumed

    # A state

    def _enter(self, number: int, kind: str, details: Event, at: datetime, before: _Place) -> _Place:
        name = _text(details, "name")
        if before.visit is not None and self._is_resumed(before.visit):
            again = before if before.visit.name == name else self._resumed_inside(before, name)
            if again.visit is not None and again.visit.name == name and self._is_resumed(again.visit):
                return again  # it was opened when the execution was redriven
        line, parent = before.line, before.parent
        if before.starts_branches and before.visit is not None:
            line, parent = Branch(self._branch_index(before.visit, name)), before
            before.visit.branches.append(line)
            before.visit.branches.sort(key=lambda branch: branch.index)
            self._changed[before.visit.id] = before.visit
        visit = StateVisit(name, kind, at, _text(details, "input"), id=number, order=len(line.states))
        if parent is not None and parent.visit is not None:
            visit.parent, visit.branch = parent.visit.id, line.index
            visit.attempt = max(1, self._progress[parent.visit.id].rounds)
        if kind not in ("Task", *_CONTAINERS):
            visit.attempts.append(Attempt(at))
        line.states.append(visit)
        self.visits[number] = self._changed[number] = visit
        self._progress[number] = _Progress()
        return _Place(line, visit, parent)

    def _branch_index(self, parallel: StateVisit, first: str) -> int:
        branches = self._definitions.get(parallel.name, {}).get("Branches")
        taken = {branch.index for branch in parallel.branches}
        for index, branch in enumerate(branches if isinstance(branches, list) else []):
            if isinstance(branch, Mapping) and branch.get("StartAt") == first and index not in taken:
                return index
        return max(taken, default=-1) + 1

    def _exit(self, details: Event, at: datetime, before: _Place) -> _Place:
        name = _text(details, "name")
        for place in before.up():
            visit = place.visit
            if visit is not None and visit.name == name:
                visit.output = _text(details, "output")
                failed = visit.status in (Status.FAILED, Status.RETRYING)
                if failed and not self._has_failed(visit):
                    self._fail_like(visit, before, at)
                self._end_attempt(visit, at)
                self._close(visit, Status.CAUGHT if failed else Status.SUCCEEDED, at)
                self._close_inside(visit, at)
                self._progress[visit.id].has_exited = True
                return _Place(place.line, visit, place.parent)
        return before

    def _close(self, visit: StateVisit, status: Status, at: datetime) -> None:
        visit.status = status
        visit.exited_at = at
        if visit.attempts and visit.attempts[-1].ended_at is None:
            visit.attempts[-1].ended_at = at
            visit.attempts[-1].is_aborted = status is Status.ABORTED
        self._progress[visit.id].is_resumed = False
        self._changed[visit.id] = visit

    def _close_all(self, states: list[StateVisit], at: datetime) -> None:
        for visit in walk(states):
            if visit.is_open:
                self._close(visit, Status.FAILED if visit.status is Status.RETRYING else Status.ABORTED, at)

    def _close_inside(self, visit: StateVisit, at: datetime) -> None:
        for branch in visit.branches:
            for inner in walk(branch.states):
                if inner.is_open:
                    self._close(inner, Status.ABORTED, at)

    # Attempts

    def _begin_attempt(self, visit: StateVisit, at: datetime) -> None:
        self._end_attempt(visit, at)
        visit.attempts.append(Attempt(at))

    def _end_attempt(self, visit: StateVisit, at: datetime) -> None:
        if visit.attempts and visit.attempts[-1].ended_at is None:
            visit.attempts[-1].ended_at = at

    def _has_failed(self, visit: StateVisit) -> bool:
        """Whether the failure of its last attempt has been told already."""
        return bool(visit.failures) and bool(visit.attempts) and visit.attempts[-1].error is not None

    def _fail(self, visit: StateVisit, error: str, cause: str, at: datetime) -> bool:
        """Note that an attempt has failed; return whether the state's Retry will try again."""
        if not visit.attempts or visit.attempts[-1].ended_at is not None:
            # It failed before it could begin, such as for want of a parameter.
            visit.attempts.append(Attempt(visit.attempts[-1].ended_at or at if visit.attempts else visit.entered_at))
        attempt = visit.attempts[-1]
        attempt.ended_at, attempt.error, attempt.cause = at, error, cause
        visit.failures.append(Failure(error, cause, at))
        self._changed[visit.id] = visit
        return self._will_retry(visit, error)

    def _fail_like(self, visit: StateVisit, before: _Place, at: datetime) -> bool:
        """Let a Parallel or Map fail with the error of what is inside of it; return whether it will be tried again."""
        inner = before.visit if before.visit is not visit else None
        if inner is None or not inner.failures:
            failed = [each for branch in visit.branches for each in walk(branch.states) if each.failures]
            inner = max(failed, key=lambda each: each.failures[-1].at, default=None)
        failure = inner.failures[-1] if inner is not None else None
        if failure is None:
            return False
        return self._fail(visit, failure.error, failure.cause, at)

    def _will_retry(self, visit: StateVisit, error: str) -> bool:
        retriers = self._definitions.get(visit.name, {}).get("Retry")
        for index, retrier in enumerate(retriers if isinstance(retriers, list) else []):
            if isinstance(retrier, Mapping) and _matches(error, retrier):
                used = self._progress[visit.id].retried
                used[index] = used.get(index, 0) + 1
                most = retrier.get("MaxAttempts", 3)
                return not isinstance(most, (int, float)) or used[index] <= most
        return False

    # A Task

    def _task(self, kind: str, details: Event, at: datetime, visit: StateVisit) -> None:
        if visit.status is Status.ABORTED:
            return  # what a stopped branch still had to say
        if kind.endswith("Scheduled"):
            if visit.resource:
                visit.retries += 1
            visit.status, visit.exited_at = Status.RUNNING, None
            visit.resource, visit.parameters = _task_call(kind, details)
            self._progress[visit.id].is_resumed = False
            self._begin_attempt(visit, at)
            self._changed[visit.id] = visit
        elif kind.endswith("Succeeded"):
            self._end_attempt(visit, at)
            self._changed[visit.id] = visit
        elif kind.endswith("Aborted"):
            self._close(visit, Status.ABORTED, at)
        elif kind.endswith(("Failed", "TimedOut")):
            error = _text(details, "error") or ("States.Timeout" if kind.endswith("TimedOut") else kind)
            if self._fail(visit, error, _text(details, "cause"), at):
                visit.status = Status.RETRYING
            else:
                self._close(visit, Status.FAILED, at)

    # A Parallel or a Map

    def _container(self, kind: str, details: Event, at: datetime, before: _Place) -> tuple[_Place, StateVisit | None]:
        """Let a Parallel or Map go on; return where what follows happens, and which of them it is."""
        place = self._container_of(kind, details, before)
        visit = place.visit if place is not None else None
        if place is None or visit is None:
            return before, before.visit
        self._changed[visit.id] = visit
        if kind == "MapIterationStarted":
            return _Place(self._item(visit, _number(details.get("index"))), None, place), visit
        if kind in ("ParallelStateStarted", "MapStateStarted"):
            self._begin_round(visit, details, at, before)
            return _Place(place.line, visit, place.parent, starts_branches=kind.startswith("Parallel")), visit
        if kind.startswith("MapIteration"):
            if kind == "MapIterationFailed":
                self._fail_container(visit, details, at, before)
            elif kind == "MapIterationAborted":
                item = self._progress[visit.id].items.get(_number(details.get("index")) or 0)
                self._close_all(item.states if item else [], at)
            return before, visit
        if kind.startswith("MapRun"):
            visit.map_run = _text(details, "mapRunArn") or visit.map_run
            if kind == "MapRunFailed" and not self._has_failed(visit):
                self._fail(visit, _text(details, "error") or kind, _text(details, "cause"), at)
            return place, visit
        self._settle(visit, kind, details, at, before)
        return place, visit

    def _container_of(self, kind: str, details: Event, before: _Place) -> _Place | None:
        """Find the Parallel or Map that an event is of: the innermost one around it that this can still be said of."""
        wanted = "Parallel" if kind.startswith("Parallel") else "Map"
        name = _text(details, "name")
        nearest: _Place | None = None
        for place in before.up():
            visit = place.visit
            if visit is None or visit.type != wanted or (name and visit.name != name):
                continue
            progress = self._progress[visit.id]
            if progress.has_exited:
                continue
            if not progress.is_settled:
                return place
            nearest = nearest or place
        return nearest

    def _begin_round(self, visit: StateVisit, details: Event, at: datetime, before: _Place) -> None:
        progress = self._progress[visit.id]
        length = _number(details.get("length"))
        visit.length = length if length is not None else visit.length
        if progress.is_resumed and visit.branches:
            # A redrive goes on with the branches that are there.
            progress.is_resumed = False
            return
        if progress.rounds and not progress.is_resumed:
            # One that is retried starts all over again.
            if not self._has_failed(visit):
                self._fail_like(visit, before, at)
            self._close_inside(visit, at)
            visit.retries += 1
        visit.branches, progress.items = [], {}
        visit.status, visit.exited_at = Status.RUNNING, None
        if not progress.is_resumed:
            self._begin_attempt(visit, at)
        progress.rounds += 1
        progress.is_settled = progress.is_resumed = False

    def _item(self, visit: StateVisit, index: int | None) -> Branch:
        items = self._progress[visit.id].items
        index = len(items) if index is None else index
        if index not in items:
            items[index] = Branch(index)
            visit.branches.append(items[index])
        return items[index]

    def _fail_container(self, visit: StateVisit, details: Event, at: datetime, before: _Place) -> bool:
        """Let a Parallel or Map fail, and what is inside of it with it; return whether it will be tried again."""
        if self._has_failed(visit):
            return visit.status is Status.RETRYING
        inner = before.visit if before.visit is not visit else None
        if inner is not None and inner.is_open:
            self._close(inner, Status.FAILED, at)
        if _text(details, "error"):
            will_retry = self._fail(visit, _text(details, "error"), _text(details, "cause"), at)
        else:
            will_retry = self._fail_like(visit, before, at)
        self._close_inside(visit, at)
        if will_retry:
            visit.status = Status.RETRYING
        else:
            self._close(visit, Status.FAILED, at)
        return will_retry

    def _settle(self, visit: StateVisit, kind: str, details: Event, at: datetime, before: _Place) -> None:
        """Note how a Parallel or Map has ended."""
        self._progress[visit.id].is_settled = kind.endswith(("Succeeded", "Failed", "Aborted"))
        if kind.endswith("Failed"):
            self._fail_container(visit, details, at, before)
            self._close(visit, Status.FAILED, at)
        elif kind.endswith("Aborted"):
            self._close(visit, Status.ABORTED, at)
            self._close_inside(visit, at)


def _matches(error: str, retrier: Mapping[str, Any]) -> bool:
    names = retrier.get("ErrorEquals")
    if not isinstance(names, list):
        return False
    if error in names:
        return True
    if "States.ALL" in names:
        return error not in ("States.DataLimitExceeded", "States.Runtime")
    return "States.TaskFailed" in names and error not in (
        "States.Timeout",
        "States.DataLimitExceeded",
        "States.Runtime",
    )


def _details(event: Event) -> Event:
    for key, value in event.items():
        if key.endswith("EventDetails") and value and isinstance(value, Mapping):
            return value
    return {}


def _text(details: Event, key: str) -> str:
    value = details.get(key)
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, default=str)


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _task_call(kind: str, details: Event) -> tuple[str, dict[str, Any]]:
    if kind == "LambdaFunctionScheduled":
        return "lambda:invoke", {"FunctionName": _text(details, "resource")}
    if kind == "ActivityScheduled":
        return "states:activity", {"ActivityArn": _text(details, "resource")}
    resource = f"{_text(details, 'resourceType') or 'task'}:{_text(details, 'resource')}"
    parameters = read_json(_text(details, "parameters") or "{}")
    return resource, parameters if isinstance(parameters, dict) else {}


def _state_definitions(definition: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    waiting = [definition]
    while waiting:
        machine = waiting.pop()
        states = machine.get("States") if isinstance(machine, Mapping) else None
        for name, state in states.items() if isinstance(states, Mapping) else ():
            if not isinstance(state, Mapping):
                continue
            yield str(name), state
            branches = state.get("Branches")
            waiting += branches if isinstance(branches, list) else []
            waiting += [state.get("ItemProcessor"), state.get("Iterator")]
