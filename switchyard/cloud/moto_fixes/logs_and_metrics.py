"""CloudWatch: log streams, metrics, and what metrics are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


def select_log_streams_by_prefix() -> None:
    """FilterLogEvents ignores logStreamNamePrefix, so what one job printed cannot be told from the others' lines."""
    from moto.logs.responses import LogsResponse

    original = LogsResponse.filter_log_events

    def filter_log_events(self: Any) -> Any:
        prefix = self._get_param("logStreamNamePrefix")
        group = self.logs_backend.groups.get(self._get_param("logGroupName"))
        if prefix and group is not None:
            # An empty list would mean every stream; none of them has the prefix as its name then.
            names = [name for name in group.streams if name.startswith(prefix)] or [prefix]
            self.body = json.dumps({**json.loads(self.body), "logStreamNames": names})
        return original(self)

    LogsResponse.filter_log_events = filter_log_events


def answer_cloudwatch(operations: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]) -> None:
    """Metrics are taken for others of other dimensions, have no percentiles, and move no alarm; history is not kept.

    Parameters
    ----------
    operations : mapping
        What answers each operation instead; an error it raises has a ``code`` and a ``message``.
    """
    from botocore import xform_name
    from moto.cloudwatch.exceptions import CloudWatchException
    from moto.cloudwatch.responses import CloudWatchResponse
    from moto.core.responses import ActionResult

    def answering(operation: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], Any]:
        def answer(self: Any) -> Any:
            try:
                return ActionResult(operation(self._get_params()))
            except Exception as error:
                code = getattr(error, "code", None)
                if not isinstance(code, str):
                    raise
                refusal = CloudWatchException(str(error))
                refusal.code = code
                raise refusal from error

        return answer

    for name, operation in operations.items():
        setattr(CloudWatchResponse, xform_name(name), answering(operation))


def on_log_events(listener: Callable[[list[dict[str, Any]]], None]) -> None:
    """Metrics in log lines are not extracted: call `listener` with the events that are put into any log stream."""
    from moto.logs.models import LogsBackend

    original = LogsBackend.put_log_events

    def put_log_events(self: Any, log_group_name: str, log_stream_name: str, log_events: list[dict[str, Any]]) -> Any:
        answer = original(self, log_group_name, log_stream_name, log_events)
        listener(log_events)
        return answer

    LogsBackend.put_log_events = put_log_events


def on_message_sent(listener: Callable[[Any, Any], None]) -> None:
    """Queues have no metrics: call `listener` with the queue and the message whenever one is put in."""
    from moto.sqs.models import Queue

    original = Queue.add_message

    def add_message(self: Any, message: Any) -> None:
        original(self, message)
        listener(self, message)

    Queue.add_message = add_message
