"""What a state has logged: a job's streams, a function's lines that are of this execution, an endpoint's."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.aws.errors import error_code
from switchyard.console.plain import plain_line
from switchyard.console.problems import problem_of
from switchyard.console.schema import Log, LogLine
from switchyard.executions.causes import read_json
from switchyard.executions.logs import readable

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud
    from switchyard.executions.history import HistoryBuilder, StateVisit
    from switchyard.executions.runs import SavedExecution

MAX_LINES = 5000
_MAX_CHARACTERS = 4 * 1024 * 1024
_LINE_CHARACTERS = 8000
# A log may be far longer than what is shown of it: it is read from its end where that can be done, else so far.
_MAX_PAGES = 30
_MAX_STREAMS = 20
# Lines may reach CloudWatch a little before or after the state that they belong to.
_SLACK = timedelta(seconds=2)
# How long to look for lines of a state that has been left.
LATE = timedelta(seconds=15)
_LEVELS = {"WARN": "WARNING", "CRITICAL": "ERROR", "FATAL": "ERROR"}
_LEVEL = re.compile(r"\b(ERROR|WARNING|WARN|INFO|DEBUG|CRITICAL|FATAL)\b")
# What says a level says it near its beginning: after a time, a logger's name.
_LEVEL_CHARACTERS = 80
# How a line names the request that it was written in: Lambda's own lines, Powertools' and Lambda's JSON.
_REQUEST = re.compile(
    r'(?:^(?:START|END|REPORT) RequestId: |"(?:function_request_id|requestId|AWSRequestId)": ?")([0-9a-f-]{36})'
)
NOTHING = "only states that run a job, invoke a function, or make or update an endpoint log something"


class Entry(NamedTuple):
    """An event of CloudWatch Logs.

    Parameters
    ----------
    at
        Its time in milliseconds; None in the log of a past run.
    message
        What was logged.
    stream
        The stream that it is in.
    """

    at: int | None
    message: str
    stream: str = ""


class LogReader:
    """Reads what a visit has logged, and then what is new.

    Parameters
    ----------
    cloud
        Where it ran.
    execution
        The execution's name.
    builder
        The execution's history.
    visit
        Which visit, by its id.
    """

    def __init__(self, cloud: Cloud, execution: str, builder: HistoryBuilder, visit: int) -> None:
        self._client = cloud.client("logs")
        self._cloud = cloud
        self._execution = execution
        self._builder = builder
        self._visit = visit
        self._entries: deque[Entry] = deque(maxlen=MAX_LINES)
        self._is_cut = False
        self._streams: dict[str, str] = {}
        self._seen: dict[str, int] = {}
        self._newest = 0
        self._group: str | None = None
        self._problem: str | None = None
        self._source = ""

    @property
    def entries(self) -> list[Entry]:
        """What has been read, in the order of its times."""
        return list(self._entries)

    def read(self) -> Log:
        """Read what is new, and give all: the newest lines that there are."""
        visit = self._builder.visits[self._visit]
        group = group_of(visit)
        if group is None:
            return Log(group=None, lines=[], is_cut=False, problem=_why_nothing(visit), is_live=False)
        if self._source != (source := f"{group} {visit.job.name if visit.job else ''}"):
            # Another attempt has another job, or a redrive has.
            self._source, self._group = source, group
            self._entries.clear()
            self._streams, self._seen, self._newest, self._is_cut = {}, {}, 0, False
        self._problem = None
        try:
            self._read(visit)
        except (ClientError, BotoCoreError) as error:
            self._problem = self._why(error, visit)
        entries = self.entries
        if visit.function is not None:
            calls = calls_of(self._builder, visit, self._execution, is_local=self._cloud.is_local)
            entries = of_calls(entries, calls)
        lines, is_cut = log_lines(entries)
        return Log(
            group=self._group,
            lines=lines,
            is_cut=is_cut or self._is_cut,
            problem=self._problem,
            is_live=is_live(visit, self._builder),
        )

    def _read(self, visit: StateVisit) -> None:
        if visit.job is not None:
            self._read_streams(f"{visit.job.name}/")
            return
        try:
            self._read_group(visit)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException" or not self._find_other_group(visit):
                raise
            self._read_group(visit)

    def _find_other_group(self, visit: StateVisit) -> bool:
        """Find the group that a function was told to log to, when that is not the usual one."""
        if visit.function is None:
            return False
        try:
            client = self._cloud.client("lambda")
            configuration = client.get_function_configuration(FunctionName=visit.function)
        except (ClientError, BotoCoreError):
            return False
        group = configuration.get("LoggingConfig", {}).get("LogGroup")
        is_other = bool(group) and group != self._group
        self._group = group if is_other else self._group
        return is_other

    def _read_streams(self, prefix: str) -> None:
        """Read a job's streams, one an instance, each from its end."""
        answer = self._client.describe_log_streams(logGroupName=self._group, logStreamNamePrefix=prefix)
        found: list[Entry] = []
        for stream in answer["logStreams"][:_MAX_STREAMS]:
            found += self._read_stream(stream["logStreamName"])
        if found:
            # One instance's clock may be a little behind another's.
            entries = sorted([*self._entries, *found], key=lambda entry: entry.at or 0)
            self._is_cut |= len(entries) > MAX_LINES
            self._entries = deque(entries, maxlen=MAX_LINES)

    def _read_stream(self, name: str) -> list[Entry]:
        token = self._streams.get(name)
        found: list[Entry] = []
        for _ in range(_MAX_PAGES):
            where = {"nextToken": token, "startFromHead": True} if token else {"startFromHead": False}
            page = self._client.get_log_events(logGroupName=self._group, logStreamName=name, limit=MAX_LINES, **where)
            found += [Entry(event["timestamp"], event["message"], name) for event in page["events"]]
            after = page["nextForwardToken"]
            if not token:
                found = [*self._before(name, page, len(found)), *found]
            if not token or after == token or not page["events"]:
                self._streams[name] = after
                break
            self._streams[name] = token = after
        return found

    def _before(self, name: str, page: Mapping[str, Any], count: int) -> list[Entry]:
        """Read the pages before the last one of a stream: AWS's hold 1 MB at most."""
        found: list[Entry] = []
        token = page["nextBackwardToken"]
        for _ in range(_MAX_PAGES):
            if count + len(found) >= MAX_LINES:
                self._is_cut = True
                break
            page = self._client.get_log_events(
                logGroupName=self._group, logStreamName=name, limit=MAX_LINES, nextToken=token, startFromHead=False
            )
            if not page["events"] or page["nextBackwardToken"] == token:
                break
            found = [*(Entry(event["timestamp"], event["message"], name) for event in page["events"]), *found]
            token = page["nextBackwardToken"]
        return found

    def _read_group(self, visit: StateVisit) -> None:
        """Read a function's or an endpoint's lines of the time that the state took."""
        since = int((visit.first_entered_at - _SLACK).timestamp() * 1000)
        end = self._builder.tree.stopped_at if visit.endpoint else visit.exited_at
        query: dict[str, Any] = {
            "logGroupName": self._group,
            "startTime": max(since, self._newest - 2000),
            "interleaved": True,
        }
        if end is not None:
            query["endTime"] = int((end + _SLACK).timestamp() * 1000)
        found: list[Entry] = []
        for _ in range(_MAX_PAGES):
            page = self._client.filter_log_events(**query)
            for event in page["events"]:
                identity = str(event.get("eventId") or (event["timestamp"], event["message"]))
                if identity not in self._seen:
                    self._seen[identity] = event["timestamp"]
                    found.append(Entry(event["timestamp"], event["message"], event.get("logStreamName", "")))
            if not page.get("nextToken"):
                break
            query["nextToken"] = page["nextToken"]
        else:
            self._is_cut = True
        self._newest = max([self._newest, *self._seen.values()])
        # What is too old to be read again need not be remembered.
        self._seen = {identity: at for identity, at in self._seen.items() if at >= self._newest - 4000}
        self._is_cut |= len(self._entries) + len(found) > MAX_LINES
        self._entries.extend(found)

    def _why(self, error: Exception, visit: StateVisit) -> str | None:
        if isinstance(error, ClientError) and error_code(error) == "ResourceNotFoundException":
            if visit.is_open:
                return None  # nothing has been logged yet
            return f"there is no log group {self._group}: nothing was logged, or it was deleted"
        return problem_of(error).detail


class JobLines:
    """Reads all that a job logs, from its beginning, some at a time.

    Parameters
    ----------
    cloud
        Where it runs.
    group, prefix
        Its log group, and how its streams' names begin.
    """

    def __init__(self, cloud: Cloud, group: str, prefix: str) -> None:
        self._client = cloud.client("logs")
        self._group = group
        self._prefix = prefix
        self._tokens: dict[str, str] = {}

    def read(self) -> list[Entry]:
        """Give the lines that have not been given yet; empty when there are none, or they may not be read."""
        found: list[Entry] = []
        try:
            answer = self._client.describe_log_streams(logGroupName=self._group, logStreamNamePrefix=self._prefix)
            for stream in answer["logStreams"][:_MAX_STREAMS]:
                found += self._read_stream(stream["logStreamName"])
        except (ClientError, BotoCoreError):
            return found  # the state's log says why
        return found

    def _read_stream(self, name: str) -> list[Entry]:
        found: list[Entry] = []
        for _ in range(_MAX_PAGES):
            token = self._tokens.get(name)
            where = {"nextToken": token} if token else {}
            page = self._client.get_log_events(
                logGroupName=self._group, logStreamName=name, limit=10_000, startFromHead=True, **where
            )
            found += [Entry(event["timestamp"], event["message"], name) for event in page["events"]]
            if not page["events"] or page["nextForwardToken"] == token:
                break
            self._tokens[name] = page["nextForwardToken"]
        return found


def saved_log(saved: SavedExecution, execution: str, builder: HistoryBuilder, visit: StateVisit) -> Log:
    """Give what a past run has kept of what a state logged."""
    entries, is_cut = saved_entries(saved, execution, builder, visit)
    lines, is_cut_too = log_lines(entries)
    problem = _why_nothing(visit) if group_of(visit) is None else None
    if not entries and problem is None:
        problem = "no log of this state was kept: it logged nothing, or the run was cut off"
    return Log(group=None, lines=lines, is_cut=is_cut or is_cut_too, problem=problem, is_live=False)


def saved_entries(
    saved: SavedExecution, execution: str, builder: HistoryBuilder, visit: StateVisit
) -> tuple[list[Entry], bool]:
    """Give the lines that a past run has kept of a state, without times, and whether there were more."""
    if group_of(visit) is None:
        return [], False
    kept, is_cut = saved.log_tail(visit.name)
    entries = [Entry(None, line) for line in kept]
    if visit.function is not None:
        entries = of_calls(entries, calls_of(builder, visit, execution, is_local=True))
    return entries, is_cut


def _why_nothing(visit: StateVisit) -> str | None:
    has_called = visit.type != "Task" or bool(visit.resource)
    return NOTHING if has_called or not visit.is_open else None


def group_of(visit: StateVisit) -> str | None:
    """Give the log group of what a state runs; None when that logs nothing."""
    if visit.job is not None:
        return visit.job.log_group
    if visit.function is not None:
        return f"/aws/lambda/{visit.function}"
    return f"/aws/sagemaker/Endpoints/{visit.endpoint}" if visit.endpoint is not None else None


def is_live(visit: StateVisit, builder: HistoryBuilder) -> bool:
    """Whether more lines may come: it runs, or did a moment ago."""
    end = builder.tree.stopped_at if visit.endpoint else visit.exited_at
    return end is None or datetime.now(UTC) < end + LATE


@dataclass(frozen=True)
class Calls:
    """What is known of the invocations that a visit has made of a function.

    Parameters
    ----------
    execution
        The execution's name, which the function's structured lines have.
    requests
        Their request ids; None when not all of them are known.
    spans
        From when to when each took, in milliseconds.
    tolerance
        By how many milliseconds clocks may differ.
    """

    execution: str
    requests: frozenset[str] | None = None
    spans: tuple[tuple[float, float], ...] = ()
    tolerance: float = 25.0


def calls_of(builder: HistoryBuilder, visit: StateVisit, execution: str, *, is_local: bool) -> Calls:
    """Find what is known of the invocations that a visit has made of a function."""
    now = datetime.now(UTC)
    spans = tuple(
        (attempt.started_at.timestamp() * 1000, (attempt.ended_at or now).timestamp() * 1000)
        for attempt in visit.attempts
    )
    answers = [_request_id(event) for event in builder.events_of(visit.id)]
    requests = frozenset(request for request in answers if request is not None)
    return Calls(
        execution=execution,
        requests=requests if len(requests) == len(visit.attempts) else None,
        spans=spans,
        tolerance=25.0 if is_local else 1500.0,
    )


def _request_id(event: Mapping[str, Any]) -> str | None:
    """Find Lambda's request id in how an invocation has ended."""
    for key, path in (("output", ("SdkResponseMetadata", "RequestId")), ("cause", ("requestId",))):
        details = next((value for name, value in event.items() if name.endswith("EventDetails")), None)
        text = details.get(key) if isinstance(details, Mapping) else None
        if not isinstance(text, str) or not str(event.get("type", "")).startswith(("Task", "LambdaFunction")):
            continue
        found = read_json(text) if f'"{path[-1]}"' in text else None
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, str):
            return found
    return None


@dataclass(slots=True)
class _Request:
    """The lines of one request to a function: a sandbox serves one after another."""

    id: str | None = None
    is_named: bool = False
    has_ended: bool = False
    first: int | None = None
    last: int | None = None

    def is_within(self, calls: Calls) -> bool:
        """Whether it took place while one of the calls was made."""
        if self.first is None or self.last is None:
            return False
        return any(
            start - calls.tolerance <= self.first and self.last <= end + calls.tolerance for start, end in calls.spans
        )


def of_calls(entries: list[Entry], calls: Calls) -> list[Entry]:
    """Choose the lines of a function that are of some calls: it may serve other executions and states meanwhile.

    Where nothing tells the calls' requests from others, all lines are given.

    Parameters
    ----------
    entries
        What the function has logged.
    calls
        What is known of the calls.
    """
    current: dict[str, _Request] = {}
    by_id: dict[str, _Request] = {}
    requests: list[_Request] = []
    of_request: list[_Request] = []
    for entry in entries:
        own = _REQUEST.search(entry.message)
        request = current.get(entry.stream)
        if own is not None and (request is None or request.id != own[1]):
            # What has no id yet was printed before the first line that says which request it is of.
            is_nameless = request is not None and request.id is None and not request.has_ended
            request = by_id.get(own[1]) or (request if is_nameless else None)
        elif request is not None and request.has_ended:
            request = None
        if request is None:
            request = _Request()
            requests.append(request)
        if own is not None:
            request.id = own[1]
            by_id[own[1]] = request
        current[entry.stream] = request
        request.is_named |= calls.execution in entry.message
        # Lambda writes this one last.
        request.has_ended |= entry.message.startswith("REPORT ") or '"platform.report"' in entry.message
        request.first = entry.at if request.first is None else request.first
        request.last = entry.at
        of_request.append(request)
    chosen = [request for request in requests if calls.requests is not None and request.id in calls.requests]
    if not chosen:
        chosen = [request for request in requests if request.is_named] or requests
        chosen = [request for request in chosen if request.is_within(calls)] or chosen
    ids = {id(request) for request in chosen}
    return [entry for entry, request in zip(entries, of_request, strict=True) if id(request) in ids]


def log_lines(entries: Iterable[Entry], most: int = MAX_LINES) -> tuple[list[LogLine], bool]:
    """Write log entries for people, the newest ones; and say whether older ones were left out.

    Metrics that are embedded in the log (CloudWatch EMF) are left out too.

    Parameters
    ----------
    entries
        What was logged.
    most
        How many lines, at most.
    """
    lines: deque[LogLine] = deque()
    characters, is_cut = 0, False
    for entry in reversed(list(entries)):
        if entry.message.startswith('{"_aws":'):
            continue
        level = _level(entry.message)
        for text in reversed(_readable(entry.message).split("\n")):
            shown = plain_line(text, _LINE_CHARACTERS)
            characters += len(shown) + 50
            if len(lines) >= most or characters > _MAX_CHARACTERS:
                is_cut = True
                break
            lines.appendleft(LogLine(at=None if entry.at is None else entry.at / 1000, text=shown, level=level))
        if is_cut:
            break
    return list(lines), is_cut


def _readable(message: str) -> str:
    try:
        return readable(message)
    except RecursionError:
        return message


def _level(message: str) -> str | None:
    if message.startswith("{"):
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            document = None
        said = document.get("level") if isinstance(document, dict) else None
        if isinstance(said, str):
            level = said.upper()[:20]
            return _LEVELS.get(level, level) if _LEVEL.fullmatch(level) else None
    match = _LEVEL.search(message[:_LEVEL_CHARACTERS])
    return _LEVELS.get(match[1], match[1]) if match else None
