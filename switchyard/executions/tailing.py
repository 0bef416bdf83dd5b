"""Follows what a running execution logs, line by line, with the name of the state that each line is of."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from switchyard.aws.errors import error_code
from switchyard.executions.following import has_ended, read_new_events
from switchyard.executions.history import HistoryBuilder
from switchyard.executions.logs import readable_lines

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud
    from switchyard.executions.history import StateVisit

# What is logged may be found a little later than what came after it, and its clock may be a little off.
_SLACK = timedelta(seconds=2)
# How long to look for lines of a state that has been left.
_LATE = timedelta(seconds=15)
# CloudWatch Logs takes a while to find what has been logged; on this machine nothing does.
_LAST_LINES_SECONDS = 5.0
# Lambda's own lines, which name no execution.
_PLATFORM = ("START RequestId", "END RequestId", "REPORT RequestId", "INIT_START", "XRAY TraceId")


class LogLine(NamedTuple):
    """One line, for people.

    Parameters
    ----------
    state
        The name of the state that logged it.
    """

    state: str
    text: str


@dataclass
class _Source:
    """A log group, or some streams of it, that states log to."""

    query: dict[str, Any]
    since: datetime
    state: str
    execution: str | None = None  # only lines that name it: a function serves many
    until: datetime | None = None
    was_read: bool = False
    seen: set[str] = field(default_factory=set)


def tail(cloud: Cloud, execution_arn: str, *, interval: float, state: str | None = None) -> Iterator[LogLine]:
    """Yield the lines that an execution logs, in order, until it has ended and all of them are there.

    Parameters
    ----------
    cloud
        Where it runs.
    execution_arn
        Which.
    interval
        Seconds between two looks.
    state
        Only the lines of this one.
    """
    execution = execution_arn.rsplit(":", 1)[-1]
    stepfunctions, logs = cloud.client("stepfunctions"), cloud.client("logs")
    known: dict[int, dict[str, Any]] = {}
    sources: dict[str, _Source] = {}
    grace = 0.0 if cloud.is_local else _LAST_LINES_SECONDS
    ended_at: float | None = None
    builder = HistoryBuilder()
    while True:
        read_new_events(stepfunctions, execution_arn, known)
        events = [known[id_] for id_ in sorted(known)]
        if ended_at is None and events and has_ended(events):
            ended_at = time.monotonic()
        # Read once more after it has been seen to have ended: the last lines came just before.
        is_last = ended_at is not None and time.monotonic() - ended_at >= grace
        builder.add(events)
        for visit in builder.tree.visits():
            _add_source(sources, visit, execution)
        found = [line for source in sources.values() for line in _new_lines(logs, source)]
        for _, line in sorted(found, key=lambda each: each[0]):
            if state in (None, line.state):
                yield line
        if is_last:
            return
        time.sleep(interval)


def _add_source(sources: dict[str, _Source], visit: StateVisit, execution: str) -> None:
    since = visit.entered_at - _SLACK
    if visit.job is not None:
        key = f"{visit.job.log_group} {visit.job.name}"
        query = {"logGroupName": visit.job.log_group, "logStreamNamePrefix": f"{visit.job.name}/"}
        source = _Source(query, since, visit.name)
    elif visit.function is not None:
        key = f"/aws/lambda/{visit.function}"
        source = _Source({"logGroupName": key}, since, visit.name, execution)
    elif visit.endpoint is not None:
        key = f"/aws/sagemaker/Endpoints/{visit.endpoint}"
        source = _Source({"logGroupName": key}, since, visit.name)
    else:
        return
    until = None if visit.exited_at is None or visit.endpoint else visit.exited_at + _LATE
    if key in sources:
        # Another state that logs to the same place, or the same one again.
        sources[key].state, sources[key].until = visit.name, until
    else:
        source.until = until
        sources[key] = source


def _new_lines(logs: Any, source: _Source) -> Iterator[tuple[int, LogLine]]:
    """Yield the lines that have not been seen, each with its time in milliseconds."""
    if source.was_read and source.until is not None and datetime.now(UTC) > source.until:
        return
    source.was_read = True
    newest = source.since
    for event in _events(logs, {**source.query, "startTime": int(source.since.timestamp() * 1000)}):
        identity = str(event.get("eventId") or (event.get("timestamp"), event["message"]))
        if identity in source.seen:
            continue
        source.seen.add(identity)
        moment = int(event.get("timestamp", 0))
        newest = max(newest, datetime.fromtimestamp(moment / 1000, tz=UTC) - _SLACK)
        message = event["message"]
        if source.execution is not None and not _is_of(message, source.execution):
            continue
        for text in readable_lines([message]):
            yield moment, LogLine(_state_of(message) or source.state, text)
    source.since = newest


def _events(logs: Any, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        try:
            page = logs.filter_log_events(**query, **token)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return  # nothing has been logged yet
            raise
        yield from page["events"]
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}


def _is_of(message: str, execution: str) -> bool:
    return execution in message and not message.startswith(_PLATFORM)


def _state_of(message: str) -> str | None:
    """Find the state's name in a structured line: a function can serve several states of an execution."""
    try:
        line = json.loads(message)
    except ValueError:
        return None
    name = line.get("state") if isinstance(line, dict) else None
    return name if isinstance(name, str) else None
