"""An execution's history, turned into a tree of states: pure functions over the events that AWS gives.

Events come in a flat list; each names the event before it on its own path (`previousEventId`), which is how
the branches of a Parallel are told apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Event = Mapping[str, Any]
Definition = Mapping[str, Any]


class Status(StrEnum):
    """How a state, or an execution, stands."""

    RUNNING = "RUNNING"
    RETRYING = "RETRYING"
    SUCCEEDED = "SUCCEEDED"
    CAUGHT = "CAUGHT"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


_OPEN = (Status.RUNNING, Status.RETRYING)


@dataclass
class Failure:
    """One failed attempt of a state."""

    error: str
    cause: str
    at: datetime


@dataclass(frozen=True)
class Job:
    """A SageMaker job that a state runs.

    Parameters
    ----------
    kind
        `Training`, `Processing` or `Transform`.
    name
        The job's name.
    """

    kind: str
    name: str

    @property
    def log_group(self) -> str:
        """The CloudWatch log group; the streams begin with the job's name."""
        return f"/aws/sagemaker/{self.kind}Jobs"


@dataclass
class StateVisit:
    """A state that was entered, once.

    Parameters
    ----------
    name, type
        The state's name and type (`Task`, `Choice`, `Parallel` ...).
    entered_at, exited_at
        When; None while it runs.
    input, output
        JSON, as in the history.
    resource
        What a Task calls: `lambda:invoke`, `sagemaker:createTrainingJob.sync`.
    parameters
        What a Task gives to it.
    failures
        Every failed attempt; all but the last one were retried.
    retries
        How many attempts followed the first one.
    branches
        Of a Parallel, its branches in the definition's order; of a Map, its iterations.
    redrives
        How many times a redrive of the execution went on from here; its attempts and its time begin anew then.
    """

    name: str
    type: str
    entered_at: datetime
    input: str = ""
    status: Status = Status.RUNNING
    exited_at: datetime | None = None
    output: str = ""
    resource: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    retries: int = 0
    branches: list[Branch] = field(default_factory=list)
    redrives: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.status in _OPEN

    @property
    def job(self) -> Job | None:
        """The SageMaker job that it runs, if any."""
        match = re.fullmatch(r"sagemaker:create(Training|Processing|Transform)Job(\.sync)?", self.resource)
        name = self.parameters.get(f"{match[1]}JobName") if match else None
        return Job(match[1], str(name)) if match and name else None

    @property
    def function(self) -> str | None:
        """The name of the Lambda function that it invokes, if any."""
        if not self.resource.startswith("lambda:"):
            return None
        arn = str(self.parameters.get("FunctionName", "")).split(":")
        return (arn[6] if len(arn) > 6 else arn[0]) or None

    @property
    def endpoint(self) -> str | None:
        """The name of the SageMaker endpoint that it creates or updates, if any."""
        is_endpoint = self.resource in ("sagemaker:createEndpoint", "sagemaker:updateEndpoint")
        return str(self.parameters.get("EndpointName")) if is_endpoint else None

    def seconds(self, now: datetime | None = None) -> float:
        """How long it took, or has taken until `now`."""
        end = self.exited_at or now or datetime.now(UTC)
        return max(0.0, (end - self.entered_at).total_seconds())


@dataclass
class Branch:
    """A branch of a Parallel, or an iteration of a Map."""

    index: int
    states: list[StateVisit] = field(default_factory=list)


@dataclass
class ExecutionTree:
    """An execution: what it is about, and its states in the order in which they were entered."""

    status: Status = Status.RUNNING
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    input: str = ""
    output: str = ""
    error: str = ""
    cause: str = ""
    redrives: int = 0
    states: list[StateVisit] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.status in _OPEN

    def seconds(self, now: datetime | None = None) -> float:
        """How long it took, or has taken until `now`."""
        if self.started_at is None:
            return 0.0
        end = self.stopped_at or now or datetime.now(UTC)
        return max(0.0, (end - self.started_at).total_seconds())

    def visits(self) -> Iterator[StateVisit]:
        """Every state that was entered; a Parallel or Map comes before what is inside of it."""
        yield from _walk(self.states)


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
    builder = _Builder(definition or {})
    for event in sorted(events, key=lambda event: int(event["id"])):
        builder.add(event)
    return builder.tree


def failed_state(tree: ExecutionTree) -> StateVisit | None:
    """Find where an execution went wrong, or was when it was stopped; None when it did well.

    A state machine that catches an error, cleans up, and then fails with the same error ends in a Fail state, or in
    a function that raises the error again in words of its own; what a user wants to know is the state where the error
    came from. When no state's error is the one that it ended with, it is the first state that failed.
    """
    visits = [visit for visit in tree.visits() if visit.status not in (Status.SUCCEEDED, *_OPEN)]
    leaves = [visit for visit in visits if not visit.branches]
    if tree.status in (Status.ABORTED, Status.TIMED_OUT):
        return next((visit for visit in reversed(leaves) if visit.status is Status.ABORTED), None)
    if tree.status is not Status.FAILED:
        return None
    failed = [visit for visit in leaves if visit.failures and visit.type != "Fail"]
    reason = failure_reason(tree.cause or "")
    for visit in failed:
        last = visit.failures[-1]
        if last.error == tree.error and failure_reason(last.cause) == reason:
            return visit
    return next((visit for visit in (*failed, *visits) if visit.failures), None)


# A process that a signal has ended has this and the signal's number as its exit code.
_SIGNALLED = 128


def failure_reason(cause: str) -> str:
    """Say in a few words what a cause says: causes are often JSON, with the reason somewhere inside.

    Examples
    --------
    >>> failure_reason('{"FailureReason": "AlgorithmError: ExitCode 1\\\\nErrorMessage \\\\"ValueError: no\\\\""}')
    'ValueError: no'
    >>> failure_reason('{"errorType": "InvalidRun", "errorMessage": "there is no recipe x"}')
    'there is no recipe x'
    """
    text = cause
    try:
        document = json.loads(cause)
    except ValueError:
        document = None
    if isinstance(document, dict):
        for key in ("FailureReason", "errorMessage", "Cause", "message", "Message"):
            if isinstance(document.get(key), str) and document[key].strip():
                text = document[key]
                break
    # What a fault of the local cloud has brought about says so at its end.
    injected = re.search(r"\[injected: .*?\]", text)
    # SageMaker's script mode wraps what the script said last: ErrorMessage "...".
    if quoted := re.search(r'ErrorMessage "(.*?)"\s*(?:Command|\[injected|$)', text, flags=re.DOTALL):
        code = re.search(r"ExitCode (\d+)", text)
        text = quoted[1].replace("\\n", "\n")
        if code and int(code[1]) > _SIGNALLED:  # killed: whatever it said last is not why
            text = f"exit code {code[1]}, killed: {text}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = lines[-1] if lines else ""
    return reason if injected is None or injected[0] in reason else f"{reason} {injected[0]}"


def read_time(value: Any) -> datetime:
    """Read a time: boto3's datetime, seconds since 1970, or ISO 8601."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
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
    try:
        value = json.loads(text)
    except ValueError:
        return None
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _walk(states: list[StateVisit]) -> Iterator[StateVisit]:
    for visit in states:
        yield visit
        for branch in visit.branches:
            yield from _walk(branch.states)


@dataclass
class _Place:
    """Where an event happened: in which list of states, in which of them, and inside of which place."""

    states: list[StateVisit]
    visit: StateVisit | None = None
    parent: _Place | None = None
    starts_branches: bool = False

    def up(self) -> Iterator[_Place]:
        place: _Place | None = self
        while place is not None:
            yield place
            place = place.parent


class _Builder:
    def __init__(self, definition: Definition) -> None:
        self.tree = ExecutionTree()
        self._definitions = dict(_state_definitions(definition))
        self._root = _Place(self.tree.states)
        self._places: dict[int, _Place] = {0: self._root}

    def add(self, event: Event) -> None:
        kind = str(event["type"])
        before = self._places.get(int(event.get("previousEventId") or 0), self._root)
        at = read_time(event["timestamp"])
        details: Event = next((v for k, v in event.items() if k.endswith("EventDetails") and v), {})
        place = before
        if kind == "ExecutionRedriven":
            place = self._redrive(details, at)
        elif kind.startswith("Execution"):
            self._execution(kind, details, at, before)
        elif kind.endswith("StateEntered"):
            place = self._enter(kind.removesuffix("StateEntered"), details, at, before)
        elif kind.endswith("StateExited"):
            place = self._exit(details, at, before)
        elif kind.startswith(("Parallel", "Map")):
            place = self._container(kind, details, at, before)
        elif before.visit is not None:
            place = self._resumed_inside(before) if kind.endswith("Scheduled") else before
            self._task(kind, details, at, place.visit or before.visit)
        self._places[int(event["id"])] = place

    def _execution(self, kind: str, details: Event, at: datetime, before: _Place) -> None:
        tree = self.tree
        if kind == "ExecutionStarted":
            tree.started_at = at
            tree.input = details.get("input") or ""
            return
        tree.status = Status(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.removeprefix("Execution")).upper())
        tree.stopped_at = at
        tree.output = details.get("output") or ""
        tree.error, tree.cause = details.get("error") or "", details.get("cause") or ""
        if tree.status is Status.FAILED and before.visit is not None and before.visit.is_open:
            # A state that fails without an event of its own: a Fail state, or a path that finds nothing.
            before.visit.failures.append(Failure(tree.error, tree.cause, at))
            _close(before.visit, Status.FAILED, at)
        for visit in tree.visits():
            if visit.is_open:
                _close(visit, Status.FAILED if visit.status is Status.RETRYING else Status.ABORTED, at)

    def _redrive(self, details: Event, at: datetime) -> _Place:
        """Open again what did not succeed: the event that follows says nothing of being entered."""
        tree = self.tree
        tree.status, tree.stopped_at, tree.output, tree.error, tree.cause = Status.RUNNING, None, "", "", ""
        tree.redrives = int(details.get("redriveCount") or tree.redrives + 1)
        return self._resume(self._root, at)

    def _resume(self, line: _Place, at: datetime) -> _Place:
        """Let a line of states go on from its last one; return where that is."""
        visit = line.states[-1] if line.states else None
        if visit is None or visit.status in (Status.SUCCEEDED, Status.CAUGHT):
            return _Place(line.states, visit, line.parent)
        place = _Place(line.states, visit, line.parent)
        if visit.type == "Fail":
            return place  # it is entered again
        visit.status, visit.exited_at, visit.entered_at = Status.RUNNING, None, at
        visit.failures, visit.retries, visit.resource = [], 0, ""
        visit.redrives += 1
        for branch in visit.branches:
            self._resume(_Place(branch.states, None, place), at)
        return place

    def _resumed_inside(self, place: _Place) -> _Place:
        """Find the task that goes on when its event only says that the execution was redriven."""
        visit = place.visit
        while visit is not None and visit.type in ("Parallel", "Map"):
            waiting = [branch.states for branch in visit.branches if branch.states and _is_resumed(branch.states[-1])]
            if not waiting:
                break
            visit = waiting[0][-1]
            place = _Place(waiting[0], visit, place)
        return place

    def _enter(self, kind: str, details: Event, at: datetime, before: _Place) -> _Place:
        resumed = before.visit
        if resumed is not None and resumed.name == details.get("name") and _is_resumed(resumed):
            return before  # it was opened when the execution was redriven
        visit = StateVisit(str(details.get("name")), kind, at, details.get("input") or "")
        states, parent = before.states, before.parent
        if before.starts_branches and before.visit is not None:
            branch = Branch(self._branch_index(before.visit, visit.name))
            before.visit.branches.append(branch)
            before.visit.branches.sort(key=lambda branch: branch.index)
            states, parent = branch.states, before
        states.append(visit)
        return _Place(states, visit, parent)

    def _branch_index(self, parallel: StateVisit, first: str) -> int:
        branches = self._definitions.get(parallel.name, {}).get("Branches") or []
        taken = {branch.index for branch in parallel.branches}
        for index, branch in enumerate(branches):
            if branch.get("StartAt") == first and index not in taken:
                return index
        return max(taken, default=-1) + 1

    def _exit(self, details: Event, at: datetime, before: _Place) -> _Place:
        name = details.get("name")
        for place in before.up():
            visit = place.visit
            if visit is not None and visit.name == name:
                visit.output = details.get("output") or ""
                failed = visit.status in (Status.FAILED, Status.RETRYING)
                _close(visit, Status.CAUGHT if failed else Status.SUCCEEDED, at)
                return _Place(place.states, visit, place.parent)
        return before

    def _container(self, kind: str, details: Event, at: datetime, before: _Place) -> _Place:
        place = next(
            (
                place
                for place in before.up()
                if place.visit is not None and place.visit.type in ("Parallel", "Map") and place.visit.is_open
            ),
            before,
        )
        visit = place.visit
        if visit is None:
            return before
        if kind == "MapIterationStarted":
            index = int(details.get("index") or 0)
            branch = Branch(index)
            visit.branches.append(branch)
            return _Place(branch.states, None, place)
        if kind in ("ParallelStateStarted", "MapStateStarted"):
            # A Parallel that is retried starts all over again.
            visit.retries += bool(visit.branches)
            visit.branches = []
            visit.status = Status.RUNNING
            return _Place(place.states, visit, place.parent, starts_branches=kind.startswith("Parallel"))
        if kind in ("ParallelStateFailed", "MapStateFailed", "MapIterationFailed"):
            self._fail_container(visit, at, before)
        elif kind.endswith("StateAborted"):
            _close(visit, Status.ABORTED, at)
        return before if kind.startswith("MapIteration") else place

    def _fail_container(self, visit: StateVisit, at: datetime, before: _Place) -> None:
        inner = before.visit if before.visit is not visit else None
        if inner is not None and inner.is_open:
            _close(inner, Status.FAILED, at)
        if inner is not None and inner.failures:
            visit.failures.append(inner.failures[-1])
        for branch in visit.branches:
            for other in _walk(branch.states):
                if other.is_open:
                    _close(other, Status.ABORTED, at)
        visit.status = Status.FAILED
        visit.exited_at = at

    def _task(self, kind: str, details: Event, at: datetime, visit: StateVisit) -> None:
        if visit.status is Status.ABORTED:
            return  # what a stopped branch still had to say
        if kind.endswith("Scheduled"):
            if visit.resource:
                visit.retries += 1
            visit.status, visit.exited_at = Status.RUNNING, None
            visit.resource, visit.parameters = _task_call(kind, details)
        elif kind.endswith("Aborted"):
            _close(visit, Status.ABORTED, at)
        elif kind.endswith(("Failed", "TimedOut")):
            error = details.get("error") or ("States.Timeout" if kind.endswith("TimedOut") else kind)
            visit.failures.append(Failure(error, details.get("cause") or "", at))
            if self._retries(visit):
                visit.status = Status.RETRYING
            else:
                _close(visit, Status.FAILED, at)

    def _retries(self, visit: StateVisit) -> bool:
        """Whether the state's Retry will try again after its last failure."""
        retriers = self._definitions.get(visit.name, {}).get("Retry") or []
        used: dict[int, int] = {}
        found = None
        for failure in visit.failures:
            found = next((i for i, r in enumerate(retriers) if _matches(failure.error, r)), None)
            if found is not None:
                used[found] = used.get(found, 0) + 1
        return found is not None and used[found] <= retriers[found].get("MaxAttempts", 3)


def _is_resumed(visit: StateVisit) -> bool:
    return visit.redrives > 0 and visit.status is Status.RUNNING and not visit.resource


def _matches(error: str, retrier: Mapping[str, Any]) -> bool:
    names = retrier.get("ErrorEquals") or []
    if error in names:
        return True
    if "States.ALL" in names:
        return error not in ("States.DataLimitExceeded", "States.Runtime")
    return "States.TaskFailed" in names and error not in (
        "States.Timeout",
        "States.DataLimitExceeded",
        "States.Runtime",
    )


def _close(visit: StateVisit, status: Status, at: datetime) -> None:
    visit.status = status
    visit.exited_at = at


def _task_call(kind: str, details: Event) -> tuple[str, dict[str, Any]]:
    if kind == "LambdaFunctionScheduled":
        return "lambda:invoke", {"FunctionName": details.get("resource", "")}
    resource = f"{details.get('resourceType', 'task')}:{details.get('resource', '')}"
    try:
        parameters = json.loads(details.get("parameters") or "{}")
    except ValueError:
        parameters = {}
    return resource, parameters if isinstance(parameters, dict) else {}


def _state_definitions(definition: Definition) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, state in (definition.get("States") or {}).items():
        yield name, state
        inner = [*(state.get("Branches") or []), state.get("ItemProcessor"), state.get("Iterator")]
        for machine in inner:
            yield from _state_definitions(machine or {})
