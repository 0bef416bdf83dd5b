"""Every defect of moto 5.2.5 that the local cloud works around: one function, one reason each.

``tests/cloud/test_moto_fixes.py`` shows each defect in moto as shipped, so that it fails, and the fix can
go, once upstream is mended. `apply` runs before anything else imports moto's Step Functions interpreter.
"""

from __future__ import annotations

import datetime
import functools
import importlib
import json
import pickle
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from switchyard.cloud.iam.policy import Policy, Principal, evaluate
from switchyard.states_language import flow_problems

_ASL = "moto.stepfunctions.parser.asl"
_SERVICES = f"{_ASL}.component.state.exec.state_task.service"
# Names and indexes only: nothing in it can stand for several values.
_DEFINITE_PATH = re.compile(r"\$(\.\w+|\[\d+\]|\['[^']*'\])*")

# Source: "Step Functions service quotas" and StartExecution (AWS Step Functions API Reference).
LONGEST_EXECUTION_NAME = 80
LARGEST_EXECUTION_INPUT = 262_144
_NAME_REFUSED = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]""")
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


def apply() -> None:
    """Mend moto, in this process, once."""
    load_batch_lazily()
    execute_state_machines()
    evaluate_jsonata()
    name_error_codes()
    name_sdk_errors_as_aws()
    name_lambda_errors_as_aws()
    name_unnamed_executions()
    refuse_bad_starts()
    parse_definitions_apart()
    parse_each_definition_once()
    keep_stop_reason()
    page_and_reverse_history()
    report_time_outs()
    drop_events_after_the_end()
    release_waiting_tasks()
    end_time_outs_at_once()
    renew_task_tokens()
    evaluate_bucket_policies()
    attach_managed_policies()
    keep_policies_as_json()
    list_regions_once()
    list_services_once()
    read_service_descriptions_once()
    select_log_streams_by_prefix()
    encode_every_output()
    unwrap_definite_paths()
    name_failed_queries()
    pass_on_states_errors()
    refuse_dangling_states()


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


def execute_state_machines() -> None:
    """State machines from CloudFormation land in the backend that does not execute: make it one."""
    from moto.core.config import default_user_config
    from moto.stepfunctions import models
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    default_user_config["stepfunctions"]["execute_state_machine"] = True
    models.stepfunctions_backends = stepfunctions_parser_backends


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


def name_error_codes() -> None:
    """Errors of the interpreter's API reach clients over HTTP with a blank code."""
    from moto.stepfunctions.parser import api

    errors: list[Any] = [each for each in vars(api).values() if isinstance(each, type)]
    for error in errors:
        if issubclass(error, api.ServiceException) and isinstance(error.code, str):
            error.TYPE = error.code


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


def keep_stop_reason() -> None:
    """StopExecution drops error and cause, and fails when the execution's thread has not begun yet."""
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend
    from moto.stepfunctions.responses import StepFunctionResponse

    reflect = BaseExecutionWorkerCommunication._reflect_execution_status

    def reflect_execution_status(self: Any) -> None:
        state = self.execution.exec_worker.env.program_state()
        if isinstance(state, ProgramStopped):
            self.execution.error, self.execution.cause = state.error, state.cause
        reflect(self)

    BaseExecutionWorkerCommunication._reflect_execution_status = reflect_execution_status

    def stop(self: Any, stop_date: Any, error: str | None, cause: str | None) -> None:
        while self.env is None or self.env._program_state is None:
            time.sleep(0.001)
        self.env.set_stop(stop_date=stop_date, cause=cause, error=error)

    ExecutionWorker.stop = stop

    def stop_execution(self: Any) -> Any:
        from moto.core.responses import ActionResult

        backend: StepFunctionsParserBackend = self.stepfunction_backend
        execution = backend.describe_execution(self._get_param("executionArn"))
        now = datetime.datetime.now(tz=datetime.UTC)
        if execution.status == "RUNNING":
            execution.stop(stop_date=now, error=self._get_param("error"), cause=self._get_param("cause"))
        return ActionResult({"stopDate": execution.stop_date or now})

    StepFunctionResponse.stop_execution = stop_execution


def page_and_reverse_history() -> None:
    """GetExecutionHistory ignores maxResults, nextToken and reverseOrder."""
    from moto.stepfunctions.responses import StepFunctionResponse

    def get_execution_history(self: Any) -> Any:
        from moto.core.responses import ActionResult

        history = self.stepfunction_backend.get_execution_history(self._get_param("executionArn"))
        events = history["events"]
        if self._get_bool_param("reverseOrder"):
            events = events[::-1]
        start = int(self._get_param("nextToken") or 0)
        end = start + min(int(self._get_param("maxResults") or 1000), 1000)
        page = {"events": events[start:end]}
        if end < len(events):
            page["nextToken"] = str(end)
        return ActionResult(page)

    StepFunctionResponse.get_execution_history = get_execution_history


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


def drop_events_after_the_end() -> None:
    """A stopped execution goes on: its tasks and states write that they succeeded, and an error makes it FAILED."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped, ProgramTimedOut

    after, add_event = StateTaskService._after_eval_execution, EventManager.add_event
    set_stop, set_error = Environment.set_stop, Environment.set_error

    def after_eval_execution(self: Any, env: Any, **arguments: Any) -> None:
        if env.is_running():
            after(self, env=env, **arguments)

    def stop(self: Any, *arguments: Any, **options: Any) -> None:
        if self.is_running() and not self.is_frame():
            self.event_manager.has_ended = True
        set_stop(self, *arguments, **options)

    def fail(self: Any, error: Any) -> None:
        if not isinstance(self._program_state, ProgramStopped | ProgramTimedOut):
            set_error(self, error)

    def add(self: Any, context: Any, event_type: Any, *arguments: Any, **options: Any) -> Any:
        if getattr(self, "has_ended", False) and not event_type.value.startswith("Execution"):
            return context.last_published_event_id
        return add_event(self, context, event_type, *arguments, **options)

    StateTaskService._after_eval_execution = after_eval_execution
    Environment.set_stop, Environment.set_error = stop, fail
    EventManager.add_event = add


def release_waiting_tasks() -> None:
    """A task that waits for its token is not told of the end: a stopped execution stays RUNNING for as long."""
    from moto.stepfunctions.parser.asl.eval.environment import Environment

    set_stop, set_timed_out = Environment.set_stop, Environment.set_timed_out

    def release(self: Any) -> None:
        if not self.is_frame():
            for endpoint in list(self.callback_pool_manager._pool.values()):
                endpoint.interrupt_all()

    def stop(self: Any, *arguments: Any, **options: Any) -> None:
        set_stop(self, *arguments, **options)
        release(self)

    def time_out(self: Any) -> None:
        set_timed_out(self)
        release(self)

    Environment.set_stop, Environment.set_timed_out = stop, time_out


def end_time_outs_at_once() -> None:
    """TIMED_OUT comes before its event, which waits for the task that runs, and goes on to write that it succeeded."""
    from moto.stepfunctions.parser.api import HistoryEventType
    from moto.stepfunctions.parser.asl.component.program.program import Program
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramTimedOut

    evaluate, add_event = Program.eval, EventManager.add_event
    last = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}
    lock = threading.Lock()

    def add(self: Any, context: Any, event_type: Any, *arguments: Any, **options: Any) -> Any:
        with lock:
            is_over = getattr(self, "is_over", False)
            self.is_over = is_over or event_type.value in last
        if is_over:
            return context.last_published_event_id
        return add_event(self, context, event_type, *arguments, **options)

    def evaluate_in_time(self: Any, env: Any) -> None:
        evaluate(self, env)
        if isinstance(env._program_state, ProgramTimedOut) and not env.is_frame():
            details = EventDetails(executionTimedOutEventDetails={})
            env.event_manager.add_event(env.event_history_context, HistoryEventType.ExecutionTimedOut, details)

    Program.eval, EventManager.add_event = evaluate_in_time, add


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


def evaluate_bucket_policies() -> None:
    """Policies of buckets are read without their principals and conditions: a TLS-only one locks everybody out.

    What they deny is decided where requests come in, for every caller; here is left what they allow to the public.
    """
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(self: Any, action: str, resource: str) -> Any:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        context = {"aws:SecureTransport": "true", "aws:SourceIp": "127.0.0.1"}
        decision = evaluate([Policy(self.policy.decode())], action, resource, context, Principal())
        return PermissionResult.PERMITTED if decision.allowed else PermissionResult.NEUTRAL

    FakeBucket.get_permission = get_permission


def attach_managed_policies() -> None:
    """Roles of templates lose their ManagedPolicyArns, and no policy of AWS's own can be attached to anything."""
    from moto.iam.models import AWSManagedPolicy, IAMBackend, Role, aws_managed_policies_data

    @functools.cache
    def documents() -> dict[str, Any]:
        policies: dict[str, Any] = json.loads(aws_managed_policies_data)
        return policies

    def load(backend: Any, arn: str) -> None:
        name = arn.rpartition("/")[2]
        if arn in backend.managed_policies or ":iam::aws:policy/" not in arn or name not in documents():
            return
        policy = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, documents()[name])
        backend.managed_policies[policy.arn] = policy

    def loading(method: Callable[..., Any]) -> Callable[..., Any]:
        def loaded(self: Any, policy_arn: str, *arguments: Any, **options: Any) -> Any:
            load(self, policy_arn)
            return method(self, policy_arn, *arguments, **options)

        return loaded

    for name in ("attach_role_policy", "attach_user_policy", "attach_group_policy", "get_policy"):
        setattr(IAMBackend, name, loading(getattr(IAMBackend, name)))
    create = Role.create_from_cloudformation_json

    def create_from_cloudformation_json(
        resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **options: Any
    ) -> Any:
        from moto.iam.models import iam_backends

        role = create(resource_name, cloudformation_json, account_id, region_name, **options)
        for arn in cloudformation_json["Properties"].get("ManagedPolicyArns", []):
            iam_backends[account_id][role.partition].attach_role_policy(arn, role.name)
        return role

    Role.create_from_cloudformation_json = staticmethod(create_from_cloudformation_json)


def keep_policies_as_json() -> None:
    """GetRolePolicy answers for a template's role with Python's way to write a dictionary, which no client reads."""
    from moto.iam.models import Role

    original = Role.put_policy

    def put_policy(self: Any, policy_name: str, policy_json: Any) -> None:
        original(self, policy_name, policy_json if isinstance(policy_json, str) else json.dumps(policy_json))

    Role.put_policy = put_policy


def list_regions_once() -> None:
    """Each service's whole description is read only to list its regions, 30 ms a service; S3 is in all of them."""
    from functools import cache

    from boto3 import Session
    from moto.core.base_backend import AccountSpecificBackend

    @cache
    def regions() -> list[str]:
        session = Session()
        return [
            region
            for partition in session.get_available_partitions()
            for region in session.get_available_regions("s3", partition_name=partition)
        ]

    AccountSpecificBackend._generate_regions = lambda self, service_name: list(regions())


def list_services_once() -> None:
    """The folders of moto's services are listed anew, one by one, at every single request: 0.6 ms of it."""
    from moto import backends

    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules


def read_service_descriptions_once() -> None:
    """moto opens a session of its own for each service, and botocore reads its files anew for each session."""
    from botocore.loaders import Loader

    for name in ("list_available_services", "load_data_with_path"):
        setattr(Loader, name, _shared(getattr(Loader, name)))


def _shared(method: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[tuple[Any, ...], Any] = {}

    def shared(self: Any, *arguments: Any, **options: Any) -> Any:
        key = (tuple(self.search_paths), arguments, tuple(sorted(options.items())))
        if key not in known:
            known[key] = method(self, *arguments, **options)
        return known[key]

    return shared


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


def pass_on_states_errors() -> None:
    """A ``States.`` error that leaves a Parallel, a Map or a Fail state turns into States.Runtime, its cause lost."""
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName

    CustomErrorName.__init__ = lambda self, error_name: ErrorName.__init__(self, error_name=error_name)


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


def on_execution_end(listener: Callable[[Any], None]) -> None:
    """There is no hook at an execution's end: call `listener` with the execution once its status is final."""
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication

    original = BaseExecutionWorkerCommunication.terminated

    def terminated(self: Any) -> None:
        original(self)
        threading.Thread(target=listener, args=(self.execution,), daemon=True).start()

    BaseExecutionWorkerCommunication.terminated = terminated


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


def _replace_imported(name: str, original: Any, replacement: Any) -> None:
    """Put `replacement` where the interpreter's modules have imported `original` by its name."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(_ASL) and getattr(module, name, None) is original:
            setattr(module, name, replacement)


def deliver_events(put: Callable[..., list[dict[str, str]]], offer: Callable[[Any, dict[str, Any]], None]) -> None:
    """Events reach logs and queues only, from disabled rules too, and Input and InputPath are ignored.

    Parameters
    ----------
    put : callable
        Answers PutEvents' entries and delivers them; told as ``is_owner`` whether no role's session calls.
    offer : callable
        Given one of moto's rules and an event, delivers it if the rule wants it.
    """
    from moto.core.exceptions import JsonRESTError
    from moto.events.models import Rule
    from moto.events.responses import EventsHandler

    def put_events(self: Any) -> str:
        entries = self._get_param("Entries") or []
        if not 1 <= len(entries) <= 10:
            raise JsonRESTError(
                "ValidationException",
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: "
                f"Member must have length between 1 and 10, but {len(entries)} were given",
            )
        answers = put(entries, is_owner="X-Amz-Security-Token" not in self.headers)
        return json.dumps({"FailedEntryCount": sum("ErrorCode" in each for each in answers), "Entries": answers})

    def send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
        offer(self, original_event)

    EventsHandler.put_events = put_events
    Rule.send_to_targets = send_to_targets


def check_event_patterns(parse_pattern: Callable[[str], Any], check_target: Callable[[Any], None]) -> None:
    """Patterns with unknown operators and targets with two inputs are taken; TestEventPattern answers nothing.

    Parameters
    ----------
    parse_pattern, check_target : callable
        Raise ValueError for a pattern or a target that EventBridge refuses; a parsed pattern `matches` events.
    """
    from moto.core.exceptions import JsonRESTError
    from moto.events.exceptions import InvalidEventPatternException
    from moto.events.models import EventPatternParser, EventsBackend
    from moto.events.responses import EventsHandler

    def parsed(text: str) -> Any:
        try:
            return parse_pattern(text)
        except ValueError as error:
            raise InvalidEventPatternException(reason=str(error)) from None

    parse = EventPatternParser.parse
    put_targets = EventsBackend.put_targets

    def parse_checked(self: Any) -> Any:
        if self.pattern:
            parsed(self.pattern)
        return parse(self)

    def put_checked_targets(self: Any, name: str, event_bus_arn: Any, targets: Any) -> None:
        for target in targets:
            try:
                check_target(target)
            except ValueError as error:
                raise JsonRESTError("ValidationException", str(error)) from None
        put_targets(self, name, event_bus_arn, targets)

    def test_event_pattern(self: Any) -> str:
        pattern = parsed(self._get_param("EventPattern") or "")
        try:
            event = json.loads(self._get_param("Event") or "")
        except ValueError:
            event = None
        wanted = ("id", "account", "source", "time", "region", "resources", "detail-type")
        missing = [key for key in wanted if not isinstance(event, dict) or key not in event]
        if missing:
            raise JsonRESTError("ValidationException", f"Event is not valid: {missing[0]} is missing.")
        return json.dumps({"Result": pattern.matches(event)})

    EventPatternParser.parse = parse_checked
    EventsBackend.put_targets = put_checked_targets
    EventsHandler.test_event_pattern = test_event_pattern


def tell_of_objects(listener: Callable[[str, Any, Any], None]) -> None:
    """S3's events have invented fields, come twice for a multipart upload, and not at all for a delete marker.

    Parameters
    ----------
    listener : callable
        Told what happened (such as ``ObjectCreated:Put``), with moto's bucket and object.
    """
    from moto.s3 import notifications
    from moto.s3.models import S3Backend

    delete_object = S3Backend.delete_object

    def send_event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        happened = event_name.value.partition(":")[2]
        removed = happened.startswith("ObjectRemoved")  # told below
        if not removed and not (happened == "ObjectCreated:Put" and getattr(key, "multipart", None) is not None):
            listener(happened, bucket, key)

    def delete(
        self: Any, bucket_name: str, key_name: str, version_id: str | None = None, *rest: Any, **more: Any
    ) -> Any:
        bucket = self.get_bucket(bucket_name)
        before = {each.version_id: each for each in bucket.keys.getlist(key_name, [])}
        current = bucket.keys.get(key_name)
        answer = delete_object(self, bucket_name, key_name, version_id, *rest, **more)
        after = {each.version_id: each for each in bucket.keys.getlist(key_name, [])}
        for version in after.keys() - before.keys():
            listener("ObjectRemoved:DeleteMarkerCreated", bucket, after[version])
        if not bucket.is_versioned and current is not None and not after:
            listener("ObjectRemoved:Delete", bucket, current)
        elif bucket.is_versioned:
            for version in before.keys() - after.keys():
                listener("ObjectRemoved:Delete", bucket, before[version])
        return answer

    notifications.send_event = send_event
    S3Backend.delete_object = delete


def tell_of_schedules(check: Callable[[str, str], None], changed: Callable[[], None]) -> None:
    """Schedules never fire, wrong ones are taken, and an update drops what happens after their completion.

    Parameters
    ----------
    check : callable
        Given an expression and a time zone, raises ValueError if they are none.
    changed : callable
        Told whenever a schedule, or a rule that may be one, is not what it was.
    """
    from moto.events.models import EventsBackend
    from moto.scheduler.exceptions import ScheduleGroupNotFound, ValidationException
    from moto.scheduler.models import EventBridgeSchedulerBackend
    from moto.scheduler.responses import EventBridgeSchedulerResponse

    def telling(original: Callable[..., Any]) -> Callable[..., Any]:
        def tell(*arguments: Any, **options: Any) -> Any:
            answer = original(*arguments, **options)
            changed()
            return answer

        return tell

    def checking(original: Callable[..., Any]) -> Callable[..., Any]:
        def checked(self: Any, **options: Any) -> Any:
            try:
                check(options["schedule_expression"] or "", options["schedule_expression_timezone"] or "UTC")
            except ValueError as error:
                raise ValidationException(str(error)) from None
            if (options["group_name"] or "default") not in self.schedule_groups:
                raise ScheduleGroupNotFound(options["group_name"])
            return original(self, **options)

        return checked

    update = EventBridgeSchedulerResponse.update_schedule

    def update_schedule(self: Any) -> str:
        answer: str = update(self)
        name = self.uri.split("?")[0].split("/")[-1]
        schedule = self.scheduler_backend.get_schedule(self._get_param("GroupName"), name)
        schedule.action_after_completion = self._get_param("ActionAfterCompletion")
        return answer

    put_rule = EventsBackend.put_rule

    def put_checked_rule(self: Any, *arguments: Any, **options: Any) -> Any:
        from moto.events.exceptions import ValidationException as InvalidRule

        if expression := options.get("scheduled_expression"):
            try:
                check(expression, "UTC")
            except ValueError:
                raise InvalidRule("Parameter ScheduleExpression is not valid.") from None
        return put_rule(self, *arguments, **options)

    EventsBackend.put_rule = telling(put_checked_rule)
    for name in ("delete_rule", "disable_rule", "enable_rule"):
        setattr(EventsBackend, name, telling(getattr(EventsBackend, name)))
    for name in ("create_schedule", "update_schedule"):
        setattr(EventBridgeSchedulerBackend, name, telling(checking(getattr(EventBridgeSchedulerBackend, name))))
    for name in ("delete_schedule", "delete_schedule_group"):
        setattr(EventBridgeSchedulerBackend, name, telling(getattr(EventBridgeSchedulerBackend, name)))
    EventBridgeSchedulerResponse.update_schedule = update_schedule
