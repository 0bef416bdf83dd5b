"""Step Functions' API: what may be created and started, and how executions are described."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from switchyard.states_language import flow_problems

# Source: "Step Functions service quotas" and StartExecution (AWS Step Functions API Reference).
LONGEST_EXECUTION_NAME = 80
LARGEST_EXECUTION_INPUT = 262_144
_NAME_REFUSED = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]""")


def execute_state_machines() -> None:
    """State machines from CloudFormation land in the backend that does not execute: make it one."""
    from moto.core.config import default_user_config
    from moto.stepfunctions import models
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    default_user_config["stepfunctions"]["execute_state_machine"] = True
    models.stepfunctions_backends = stepfunctions_parser_backends


def name_error_codes() -> None:
    """Errors of the interpreter's API reach clients over HTTP with a blank code."""
    from moto.stepfunctions.parser import api

    errors: list[Any] = [each for each in vars(api).values() if isinstance(each, type)]
    for error in errors:
        if issubclass(error, api.ServiceException) and isinstance(error.code, str):
            error.TYPE = error.code


def refuse_dangling_states() -> None:
    """Definitions are checked for syntax only: a Next that leads nowhere is found out in the middle of a run."""
    from moto.stepfunctions.parser import api
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    original: Callable[[str], None] = StepFunctionsParserBackend._validate_definition

    def validate_definition(definition: str) -> None:
        original(definition)
        problems = [str(problem) for problem in flow_problems(json.loads(definition))]
        if problems:
            raise api.InvalidDefinition(message=f"Invalid State Machine Definition: {'. '.join(problems)}")

    StepFunctionsParserBackend._validate_definition = staticmethod(validate_definition)


def name_unnamed_executions() -> None:
    """Without a name the ARN ends with ``:None``, and the second start already 'exists'."""
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    original = StepFunctionsParserBackend.start_execution

    def start_execution(
        self: Any, state_machine_arn: str, name: str | None = None, *arguments: Any, **options: Any
    ) -> Any:
        return original(self, state_machine_arn, name or str(uuid.uuid4()), *arguments, **options)

    StepFunctionsParserBackend.start_execution = start_execution


def refuse_bad_starts() -> None:
    """StartExecution takes names and inputs that Step Functions refuses: too long, or with spaces and wildcards."""
    from moto.stepfunctions.parser import api
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    original = StepFunctionsParserBackend.start_execution

    def start_execution(
        self: Any, state_machine_arn: str, name: str | None = None, execution_input: str | None = None, **options: Any
    ) -> Any:
        if name is not None and (not 1 <= len(name) <= LONGEST_EXECUTION_NAME or _NAME_REFUSED.search(name)):
            raise api.InvalidName(message=f"Invalid Name: '{name}'")
        size = len((execution_input or "").encode())
        if size > LARGEST_EXECUTION_INPUT:
            raise api.InvalidExecutionInput(
                message=f"Invalid State Machine Execution Input: {size} bytes are more than {LARGEST_EXECUTION_INPUT}"
            )
        return original(self, state_machine_arn, name, execution_input, **options)

    StepFunctionsParserBackend.start_execution = start_execution


def report_time_outs() -> None:
    """A TIMED_OUT execution has no stopDate."""
    from moto.stepfunctions.responses import StepFunctionResponse

    original = StepFunctionResponse.describe_execution

    def describe_execution(self: Any) -> Any:
        answer = original(self)
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        if execution.stop_date is not None:
            answer.result["stopDate"] = execution.stop_date
        return answer

    StepFunctionResponse.describe_execution = describe_execution


def encode_every_output() -> None:
    """An output that is a string comes bare, and one that is null not at all; every output is JSON."""
    from moto.stepfunctions.responses import StepFunctionResponse

    original = StepFunctionResponse.describe_execution

    def describe_execution(self: Any) -> Any:
        answer = original(self)
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        if execution.status == "SUCCEEDED" and (execution.output is None or isinstance(execution.output, str)):
            answer.result["output"] = json.dumps(execution.output)
        return answer

    StepFunctionResponse.describe_execution = describe_execution


def name_the_status_of_a_beginning_execution() -> None:
    """An execution is listed a moment before it has a status; whoever lists or describes it then gets an error."""
    from moto.stepfunctions.parser.api import ExecutionStatus
    from moto.stepfunctions.parser.backend.execution import Execution

    Execution.status = property(lambda self: (self.exec_status or ExecutionStatus.RUNNING).value)


def page_and_reverse_history() -> None:
    """GetExecutionHistory ignores maxResults, nextToken and reverseOrder, and copies the whole history each time.

    With pages, a copy for each of them makes a history of 25,000 events, Step Functions' limit, take half a minute.
    An event is never changed once it is in the list, so that a page of it can be written down as it is.
    """
    from moto.stepfunctions.responses import StepFunctionResponse

    def get_execution_history(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        worker = execution.exec_worker
        events = [] if worker is None or worker.env is None else worker.env.event_manager._history_event_list
        total = len(events)  # more may come meanwhile
        start = int(self._get_param("nextToken") or 0)
        end = min(start + min(int(self._get_param("maxResults") or 1000), 1000), total)
        from_the_end = events[total - end : total - start][::-1]
        chosen = from_the_end if self._get_bool_param("reverseOrder") else events[start:end]
        page: dict[str, Any] = {"events": [_with_seconds(event) for event in chosen]}
        if end < total:
            page["nextToken"] = str(end)
        return 200, {}, json.dumps(page)

    StepFunctionResponse.get_execution_history = get_execution_history


def _with_seconds(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "timestamp": datetime.fromisoformat(event["timestamp"]).timestamp()}
