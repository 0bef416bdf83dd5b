"""Step Functions' interpreter: what it loads and parses, how it evaluates, and the tasks that it calls."""

from __future__ import annotations

import importlib
import pickle
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

_ASL = "moto.stepfunctions.parser.asl"
_SERVICES = f"{_ASL}.component.state.exec.state_task.service"
# Names and indexes only: nothing in it can stand for several values.
_DEFINITE_PATH = re.compile(r"\$(\.\w+|\[\d+\]|\['[^']*'\])*")
# The errors of Invoke that do not come from the function (AWS Lambda API Reference), as boto3 would name them.
_INVOKE_ERRORS = {
    "InvalidParameterValueException",
    "InvalidRequestContentException",
    "RequestTooLargeException",
    "ResourceConflictException",
    "ResourceNotFoundException",
    "ResourceNotReadyException",
    "ServiceException",
    "SnapStartTimeoutException",
    "TooManyRequestsException",
    "UnsupportedMediaTypeException",
}
# Client names as in AWS's SDK for Java 2.x, which the aws-sdk integration's error names begin with.
_SDK_ERROR_PREFIXES = {
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "dynamodb": "DynamoDb",
    "eventbridge": "EventBridge",
    "iam": "Iam",
    "lambda": "Lambda",
    "s3": "S3",
    "sagemaker": "SageMaker",
    "sfn": "Sfn",
    "sns": "Sns",
    "sqs": "Sqs",
    "ssm": "Ssm",
    "sts": "Sts",
}


def load_batch_lazily() -> None:
    """The interpreter imports AWS Batch, hence EC2 with 15 MB of JSON: 0.8 s that only Batch tasks need."""
    name = f"{_SERVICES}.state_task_service_batch"
    if name in sys.modules:
        return
    stand_in = ModuleType(name)

    def build() -> Any:
        del sys.modules[name]
        return importlib.import_module(name).StateTaskServiceBatch()

    stand_in.StateTaskServiceBatch = build  # type: ignore[attr-defined]
    sys.modules[name] = stand_in


def parse_definitions_apart() -> None:
    """All parses share one list of query languages: a refused definition, or one parsed beside it, spoils the next."""
    from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

    original = Preprocessor.__init__

    def initialise(self: Any, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        self._query_language_per_scope = []

    Preprocessor.__init__ = initialise


def parse_each_definition_once() -> None:
    """A definition is parsed anew at every start (60 ms for 20 states); a copy of the parsed one is 1 ms."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    original: Callable[[str], Any] = AmazonStateLanguageParser.parse
    parsed: dict[str, bytes] = {}
    lock = threading.Lock()  # the same definition is not worth parsing twice at once

    def parse(definition: str) -> Any:
        with lock:
            if definition not in parsed:
                program, tree = original(definition)
                try:
                    parsed[definition] = pickle.dumps(program)
                except (TypeError, AttributeError, pickle.PicklingError):
                    return program, tree
        return pickle.loads(parsed[definition]), None  # noqa: S301 - our own, from the lines above

    AmazonStateLanguageParser.parse = staticmethod(parse)


def evaluate_jsonata() -> None:
    """The evaluator is missing (LocalStack has it in Java): every JSONata state fails without one."""
    from moto.stepfunctions.parser.asl.jsonata import jsonata as module

    def evaluate(expression: str) -> Any:
        from jsonata import Jsonata

        try:
            return Jsonata(expression).evaluate(None)
        except Exception as error:
            raise module.JSONataException("UNKNOWN", str(error)) from error

    module._eval_jsonata = evaluate


def name_failed_queries() -> None:
    """A JSONata expression that fails is a States.Runtime error, so no Catch of the query's error matches it."""
    from moto.stepfunctions.parser.api import EvaluationFailedEventDetails, HistoryEventType
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
        StatesErrorNameType,
    )
    from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
    from moto.stepfunctions.parser.asl.jsonata.jsonata import JSONataException

    original = StringJSONata._eval_body
    kind = StatesErrorNameType.StatesQueryEvaluationError

    def eval_body(self: Any, env: Any) -> None:
        try:
            original(self, env)
        except JSONataException as error:
            cause = f"The JSONata expression '{self.expression}' could not be evaluated: {error.details}"
            details = EvaluationFailedEventDetails(error=kind.to_name(), cause=cause)
            failure = FailureEvent(
                env=env,
                error_name=StatesErrorName(typ=kind),
                event_type=HistoryEventType.EvaluationFailed,
                event_details=EventDetails(evaluationFailedEventDetails=details),
            )
            raise FailureEventException(failure) from error

    StringJSONata._eval_body = eval_body


def unwrap_definite_paths() -> None:
    """A path such as ``$.metrics[0].Value`` names one thing, yet the value comes as a list of one."""
    from moto.stepfunctions.parser.asl.utils import json_path

    original = json_path.extract_json

    def extract_json(path: str, data: Any) -> Any:
        if _DEFINITE_PATH.fullmatch(path):
            matches = json_path.parse(path).find(data)
            if len(matches) == 1:
                return matches[0].value
        return original(path, data)

    json_path.extract_json = extract_json
    _replace_imported("extract_json", original, extract_json)


def parse_each_path_once() -> None:
    """A path is parsed anew, by a parser that is built anew, each time that a state reads or writes with it."""
    from moto.stepfunctions.parser.asl.component.common.path import result_path
    from moto.stepfunctions.parser.asl.utils import json_path

    # What is parsed is only read from, so all executions may share it; kept are the paths of many machines.
    for module in (json_path, result_path):
        module.parse = lru_cache(maxsize=4096)(module.parse)


def pass_on_states_errors() -> None:
    """A ``States.`` error that leaves a Parallel, a Map or a Fail state turns into States.Runtime, its cause lost."""
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName

    CustomErrorName.__init__ = lambda self, error_name: ErrorName.__init__(self, error_name=error_name)


def name_sdk_errors_as_aws() -> None:
    """An aws-sdk task's error begins with the service in lower case (``s3.``), so no Catch matches it."""
    module = importlib.import_module(f"{_SERVICES}.state_task_service_aws_sdk")
    module._SERVICE_ERROR_NAMES.update(_SDK_ERROR_PREFIXES)


def name_lambda_errors_as_aws() -> None:
    """Any code becomes ``Lambda.<code>``; Step Functions does so with those that Invoke models, and else says
    ``Lambda.AWSLambdaException``, so that a Retry for it matches."""
    module = importlib.import_module(f"{_SERVICES}.state_task_service_lambda")
    service = module.StateTaskServiceLambda
    original = service._error_cause_from_client_error

    def error_and_cause(error: Any) -> tuple[str, str]:
        name, cause = original(error)
        known = type(error).__name__ != "ClientError" or error.response["Error"]["Code"] in _INVOKE_ERRORS
        return (name if known else "Lambda.AWSLambdaException"), cause

    service._error_cause_from_client_error = staticmethod(error_and_cause)


def read_roles_by_path() -> None:
    """A ``"RoleArn.$"`` among a task's parameters is taken for that of Credentials, and passed on as it is."""
    from moto.stepfunctions.parser.asl.antlr.runtime.ASLLexer import ASLLexer

    original = ASLLexer.nextToken
    of_credentials = [ASLLexer.CREDENTIALS, ASLLexer.COLON, ASLLexer.LBRACE]

    def next_token(self: Any) -> Any:
        token = original(self)
        before = self.__dict__.setdefault("_types_before", deque(maxlen=len(of_credentials)))
        if token.type == ASLLexer.ROLEARNPATH and list(before) != of_credentials:
            token.type = ASLLexer.STRINGDOLLAR
        before.append(token.type)
        return token

    ASLLexer.nextToken = next_token


def renew_task_tokens() -> None:
    """A task that is tried again has the token of the first try, and with it that try's outcome, at once."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
        StateTaskServiceCallback,
    )

    original = StateTaskServiceCallback._eval_execution

    def eval_execution(self: Any, env: Any) -> None:
        context = env.states.context_object
        if "Task" in context.context_object_data and context.context_object_data["State"]["RetryCount"]:
            env.callback_pool_manager.add(context.update_task_token())
        original(self, env)

    StateTaskServiceCallback._eval_execution = eval_execution


def scale_time(factor: float) -> None:
    """Waits and retry intervals take real time: let them take `factor` of it (1 changes nothing)."""
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

    def wait_interval(self: Any, env: Any, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds * factor
        while env.is_running() and (left := deadline - time.monotonic()) > 0:
            env.program_state_event.wait(left)

    WaitFunction._wait_interval = wait_interval

    class ScaledTime:
        @staticmethod
        def sleep(seconds: float) -> None:
            time.sleep(seconds * factor)

    retrier_decl.time = ScaledTime


def call_through(client_for: Callable[[str, str | None], Any]) -> None:
    """Tasks call ``http://localhost:$MOTO_PORT`` as nobody: give each call its role's own client.

    Parameters
    ----------
    client_for : callable
        Given a service and the role's ARN, returns the client to call it with.
    """
    from moto.stepfunctions.parser.asl.utils import boto_client

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        return client_for(service, getattr(state_credentials, "role_arn", None))

    original = boto_client.boto_client_for
    boto_client.boto_client_for = boto_client_for
    _replace_imported("boto_client_for", original, boto_client_for)


def _replace_imported(name: str, original: Any, replacement: Any) -> None:
    """Put `replacement` where the interpreter's modules have imported `original` by its name."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(_ASL) and getattr(module, name, None) is original:
            setattr(module, name, replacement)
