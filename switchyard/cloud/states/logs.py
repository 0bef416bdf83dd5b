"""Writes the events of executions to their state machine's log group, as its LoggingConfiguration says.

Source: "Using CloudWatch Logs to log execution history in Step Functions" (AWS Step Functions Developer Guide).
"""

from __future__ import annotations

import datetime
import json
import logging
import queue
import secrets
import threading
from dataclasses import dataclass
from typing import Any

from moto.logs.exceptions import ResourceAlreadyExistsException, ResourceNotFoundException
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.event.logging import is_logging_enabled_for
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from switchyard.cloud.account import ACCOUNT_ID, REGION
from switchyard.cloud.logs import LONGEST_MESSAGE

LOG = logging.getLogger(__name__)
# What a log does not have when IncludeExecutionData is false.
_DATA = ("input", "inputDetails", "output", "outputDetails", "parameters", "assignedVariables")
_WRITER = secrets.token_hex(4)


@dataclass(frozen=True)
class Journal:
    """Where, and which of, one execution's events are written.

    Parameters
    ----------
    machine : str
        The state machine's name.
    level : str
        ALL, ERROR, FATAL or OFF.
    """

    group: str
    machine: str
    execution_arn: str
    level: str
    includes_data: bool
    redrive_count: int

    def line(self, event: dict[str, Any]) -> tuple[int, str]:
        """Return the time of an event, in milliseconds since 1970, and what is written of it."""
        moment = int(datetime.datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00")).timestamp() * 1000)
        details = next((value for key, value in event.items() if key.endswith("EventDetails")), None) or {}
        if not self.includes_data:
            details = {key: value for key, value in details.items() if key not in _DATA}
        document = {
            "id": str(event["id"]),
            "type": event["type"].value,
            "details": details,
            "redrive_count": str(self.redrive_count),
            "previous_event_id": str(event["previousEventId"]),
            "event_timestamp": str(moment),
            "execution_arn": self.execution_arn,
        }
        return moment, json.dumps(document, default=str)[:LONGEST_MESSAGE]

    def stream(self, moment: int) -> str:
        """Return the name of the stream for events of that time: one a minute."""
        minute = datetime.datetime.fromtimestamp(moment / 1000, datetime.UTC)
        return f"states/{self.machine}/{minute:%Y-%m-%d-%H-%M}/{_WRITER}"


# One thread writes, so that no execution waits for its log.
_entries: queue.SimpleQueue[tuple[Journal, dict[str, Any]]] = queue.SimpleQueue()


def install() -> None:
    """Have each event of an execution whose machine wants it written."""
    environment, publish = ExecutionWorker._get_evaluation_environment, EventManager._publish_history_event
    EventManager.journal = None

    def get_environment(self: Any) -> Any:
        env = environment(self)
        env.event_manager.journal = _journal(self._execution_communication.execution)
        return env

    def publish_event(self: Any, **event: Any) -> None:
        publish(self, **event)
        if self.journal is not None and is_logging_enabled_for(self.journal.level, event["event_type"]):
            _entries.put((self.journal, self._history_event_list[-1]))

    ExecutionWorker._get_evaluation_environment = get_environment
    EventManager._publish_history_event = publish_event
    threading.Thread(target=_write, name="machine-logs", daemon=True).start()


def _journal(execution: Any) -> Journal | None:
    configuration = execution.state_machine.loggingConfiguration
    destinations = configuration.get("destinations") or [{}]
    group_arn = destinations[0].get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
    group = group_arn.partition(":log-group:")[2].partition(":")[0]
    level = configuration.get("level", "OFF")
    if level == "OFF" or not group:
        return None
    return Journal(
        group=group,
        machine=execution.state_machine.name,
        execution_arn=execution.exec_arn,
        level=level,
        includes_data=bool(configuration.get("includeExecutionData")),
        redrive_count=execution.redrive_count,
    )


def _write() -> None:
    while True:
        entries = [_entries.get()]
        while not _entries.empty():
            entries.append(_entries.get())
        lines: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for journal, event in entries:
            moment, message = journal.line(event)
            where = lines.setdefault((journal.group, journal.stream(moment)), [])
            where.append({"timestamp": moment, "message": message})
        for (group, stream), written in lines.items():
            try:
                _put(group, stream, written)
            except ResourceNotFoundException:
                LOG.warning("there is no log group %s for the events of its state machine", group)
            except Exception:
                LOG.exception("the events of a state machine could not be written to %s", group)


def _put(group: str, stream: str, lines: list[dict[str, Any]]) -> None:
    from moto.logs.models import logs_backends

    backend = logs_backends[ACCOUNT_ID][REGION]
    if group not in backend.groups:
        raise ResourceNotFoundException
    if stream not in backend.groups[group].streams:
        try:
            backend.create_log_stream(group, stream)
        except ResourceAlreadyExistsException:
            LOG.debug("%s is there already", stream)
    backend.put_log_events(log_group_name=group, log_stream_name=stream, log_events=lines)
