"""What the states of an execution have logged: from CloudWatch Logs, or from the files of a past run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from switchyard.aws.errors import error_code

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud
    from switchyard.executions.history import ExecutionTree, StateVisit
    from switchyard.executions.runs import SavedExecution

# Lines may reach CloudWatch a little before or after the state that they belong to.
_SLACK = timedelta(seconds=2)


def state_logs(cloud: Cloud, execution: str, tree: ExecutionTree, state: str | None = None) -> dict[str, list[str]]:
    """Read the lines that each state has logged.

    Parameters
    ----------
    cloud
        Where it ran.
    execution
        Its name.
    tree
        Its states.
    state
        Only this one.

    Returns
    -------
    dict of str to list of str
        The lines by the state's name, in the order of the states; only states that can log.
    """
    logs: dict[str, list[str]] = {}
    for visit in tree.visits():
        if state in (None, visit.name) and (visit.job or visit.function or visit.endpoint):
            # An endpoint goes on after the state that made it has been left.
            end = tree.stopped_at if visit.endpoint else visit.exited_at
            query = _query(visit, end or datetime.now(UTC))
            logs.setdefault(visit.name, []).extend(_lines(cloud.client("logs"), query, visit, execution))
    return logs


def saved_logs(saved: SavedExecution, state: str | None = None) -> dict[str, list[str]]:
    """Read the lines that the states of a past run have logged.

    Parameters
    ----------
    saved
        The run.
    state
        Only this one.
    """
    names = dict.fromkeys(visit.name for visit in saved.tree.visits() if state in (None, visit.name))
    logs = {name: readable_lines(saved.log(name)) for name in names}
    return {name: lines for name, lines in logs.items() if lines or name == state}


def _query(visit: StateVisit, end: datetime) -> dict[str, Any]:
    if visit.job is not None:
        return {"logGroupName": visit.job.log_group, "logStreamNamePrefix": f"{visit.job.name}/"}
    group = f"/aws/sagemaker/Endpoints/{visit.endpoint}" if visit.endpoint else f"/aws/lambda/{visit.function}"
    return {
        "logGroupName": group,
        "startTime": int((visit.entered_at - _SLACK).timestamp() * 1000),
        "endTime": int((end + _SLACK).timestamp() * 1000),
    }


def _lines(client: Any, query: dict[str, Any], visit: StateVisit, execution: str) -> list[str]:
    messages: list[str] = []
    token: dict[str, str] = {}
    while True:
        try:
            page = client.filter_log_events(**query, **token)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return []  # nothing has been logged
            raise
        messages += [event["message"] for event in page["events"]]
        if not page.get("nextToken"):
            break
        token = {"nextToken": page["nextToken"]}
    if visit.function is not None:
        # One function serves many executions; its lines name theirs.
        messages = [message for message in messages if execution in message] or messages
    return readable_lines(messages)


def readable_lines(messages: Iterable[str]) -> list[str]:
    """Write log lines for people; metrics that are embedded in the log (CloudWatch EMF) are left out."""
    shown = (readable(message) for message in messages if not message.startswith('{"_aws":'))
    return [line for text in shown for line in text.splitlines()]


def readable(message: str) -> str:
    """Write a structured log line (Powertools Logger's JSON) for people; any other line stays as it is.

    Examples
    --------
    >>> readable('{"level": "INFO", "message": "Prepared the run", "timestamp": "12:00", "is_split": false}')
    '12:00 INFO Prepared the run is_split=False'
    """
    try:
        line = json.loads(message)
    except ValueError:
        return message.rstrip("\n")
    if not isinstance(line, dict) or "message" not in line:
        return message.rstrip("\n")
    shown = [str(line[key]) for key in ("timestamp", "level", "message") if line.get(key)]
    known = {"timestamp", "level", "message", "location", "service", "correlation_id", "sampling_rate"}
    known |= {
        "execution",
        "recipe",
        "state",
        "cold_start",
        "xray_trace_id",
        "stack_trace",
        "exception",
        "exception_name",
    }
    extra = [f"{key}={value}" for key, value in line.items() if key not in known and not key.startswith("function_")]
    text = " ".join([*shown, *extra])
    return f"{text}\n{line['exception']}" if line.get("exception") else text
