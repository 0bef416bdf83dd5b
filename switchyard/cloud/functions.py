"""Lambda: each function runs in warm worker processes, through AWS's own runtime interface client.

Source: "Understanding the Lambda execution environment lifecycle" (AWS Lambda Developer Guide).
"""

from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from switchyard.cloud import metrics
from switchyard.cloud.account import REGION, arn
from switchyard.cloud.function_policies import FunctionPolicies
from switchyard.cloud.iam import service_calls
from switchyard.cloud.identity import Identity
from switchyard.cloud.logs import LogStream, pump
from switchyard.cloud.processes import ProcessHost
from switchyard.cloud.runtime_api import Invocation, RuntimeApi, trace_header

MOST_PREPARED = 16
MOST_IDLE = 2  # of one function, once a burst of events is over
LARGEST_PAYLOAD = 6 * 1024 * 1024
# What Lambda's Python runtime and the public Powertools layer bring along.
PRELOAD = (
    "switchyard.cloud.processes.warm_aws_sdk",
    "switchyard.cloud.processes.function",
    "pydantic",
    "aws_lambda_powertools",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.tracing",
    "aws_lambda_powertools.utilities.parser",
    "aws_xray_sdk.core",
)


@dataclass(frozen=True)
class Function:
    """A function's configuration, as `CreateFunction` takes it.

    Parameters
    ----------
    code : Path
        The folder with its code.
    timeout : int
        Seconds after which an invocation is ended.
    memory_size : int
        Megabytes; told to the function, not enforced.
    dead_letter_arn : str
        The queue or topic that takes the events that it could not be run on.
    """

    name: str
    handler: str
    code: Path
    role_arn: str
    runtime: str = "python3.12"
    timeout: int = 3
    memory_size: int = 128
    environment: dict[str, str] = field(default_factory=dict)
    description: str = ""
    layers: tuple[str, ...] = ()
    log_group: str = ""
    is_traced: bool = False
    dead_letter_arn: str = ""

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return arn("lambda", f"function:{self.name}")

    def describe(self) -> dict[str, Any]:
        """Answer GetFunctionConfiguration."""
        return {
            **({"DeadLetterConfig": {"TargetArn": self.dead_letter_arn}} if self.dead_letter_arn else {}),
            "FunctionName": self.name,
            "FunctionArn": self.arn,
            "Runtime": self.runtime,
            "Role": self.role_arn,
            "Handler": self.handler,
            "Description": self.description,
            "Timeout": self.timeout,
            "MemorySize": self.memory_size,
            "Version": "$LATEST",
            "PackageType": "Zip",
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Environment": {"Variables": self.environment},
            "Layers": [{"Arn": layer} for layer in self.layers],
            "TracingConfig": {"Mode": "Active" if self.is_traced else "PassThrough"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": self.log_group or f"/aws/lambda/{self.name}"},
        }


@dataclass(frozen=True)
class Result:
    """What an invocation gave back."""

    payload: bytes
    error: str | None
    log_tail: str


class Functions:
    """The functions of the cloud, and their workers.

    Parameters
    ----------
    identity : Identity
        Gives each worker the credentials of its function's role.
    log : Path
        Where the fork server's own complaints go.
    """

    def __init__(self, identity: Identity, log: Path) -> None:
        self.policies = FunctionPolicies()
        self._identity = identity
        # The X-Ray SDK decides at import whether it is in Lambda.
        self._host = ProcessHost(PRELOAD, log, {"LAMBDA_TASK_ROOT": "/var/task"})
        self._functions: dict[str, Function] = {}
        self._idle: dict[str, list[_Worker]] = {}
        self._all: set[_Worker] = set()
        self._crashes: dict[tuple[str, bytes], str] = {}
        self._lock = threading.Lock()
        self._closed = False

    def can_assume_role(self, function: Function) -> bool:
        """Return whether the function's role exists and trusts Lambda."""
        return self._identity.authorizer.trusts(function.role_arn, service_calls.LAMBDA, function.arn)

    def start(self) -> None:
        """Begin to warm up."""
        self._host.start()

    def register(self, function: Function) -> None:
        """Add a function, or put another in its place."""
        with self._lock:
            self._functions[function.name] = function
            stale = self._idle.pop(function.name, [])
        for worker in stale:
            worker.end()

    def prepare(self) -> None:
        """Start one worker for each function ahead of its first event, in the background."""
        threading.Thread(target=self._prepare, name="functions", daemon=True).start()

    def get(self, name_or_arn: str) -> Function | None:
        """Find a function by its name, its ARN, or either with a qualifier."""
        name = name_or_arn.partition(":function:")[2] or name_or_arn
        return self._functions.get(name.partition(":")[0])

    def list(self) -> list[Function]:
        """Return every function, by name."""
        return sorted(self._functions.values(), key=lambda function: function.name)

    def crash_next(self, name: str, payload: bytes, note: str) -> None:
        """Let the function's process exit in the middle of its next invocation with that event."""
        self._crashes[name, payload] = note

    def invoke(self, function: Function, payload: bytes, request_id: str | None = None) -> Result:
        """Run the function on one event, in a warm worker if one is idle; attempts at one event share an id."""
        crash_note = self._crashes.pop((function.name, payload), None)
        worker = self._take(function)
        began = time.monotonic()
        result = worker.invoke(payload, request_id or str(uuid.uuid4()), crash_note)
        _record(function, result, (time.monotonic() - began) * 1000)
        with self._lock:
            idle = self._idle.setdefault(function.name, [])
            is_wanted = len(idle) < MOST_IDLE and self._functions.get(function.name) is function
            if worker.is_alive() and is_wanted:
                idle.append(worker)
                return result
            self._all.discard(worker)
        worker.end()
        return result

    def close(self) -> None:
        """End every worker."""
        self._closed = True
        self._host.hang_up()
        for worker in list(self._all):
            worker.end()
        self._host.close()

    def _prepare(self) -> None:
        # What a resource policy lets others invoke, such as an API, comes last: a run waits for the rest.
        in_turn = sorted(self.list(), key=lambda function: self.policies.document(function.arn) is not None)
        for function in in_turn[:MOST_PREPARED]:
            with self._lock:
                if self._idle.get(function.name) or self._closed:
                    continue
            try:
                worker = _Worker(function, self._identity, self._host)
            except ProcessLookupError:
                return  # the cloud has been closed meanwhile
            with self._lock:
                self._all.add(worker)
                self._idle.setdefault(function.name, []).append(worker)

    def _take(self, function: Function) -> _Worker:
        with self._lock:
            idle = self._idle.get(function.name, [])
            while idle:
                worker = idle.pop()
                if worker.is_alive():
                    return worker
                self._all.discard(worker)
                worker.end()
        worker = _Worker(function, self._identity, self._host)
        with self._lock:
            self._all.add(worker)
        return worker


class _Worker:
    """One execution environment: a process that runs one invocation at a time."""

    def __init__(self, function: Function, identity: Identity, host: ProcessHost) -> None:
        self._function = function
        self._may = identity.authorizer.of(function.role_arn)
        self._api = RuntimeApi()
        stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}"
        self._log = LogStream(function.log_group or f"/aws/lambda/{function.name}", stream, self._may)
        self._process = host.spawn(
            "switchyard.cloud.processes.function:run",
            [function.handler],
            environment=_environment(function, identity, self._api.address, self._log),
            directory=function.code,
        )
        threading.Thread(target=pump, args=(self._process.output, self._log.write), daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()

    def is_alive(self) -> bool:
        """Return whether the process can take another invocation."""
        return self._process.exit_code is None and self._api.init_error is None

    def invoke(self, payload: bytes, request_id: str, crash_note: str | None = None) -> Result:
        """Run one invocation, at most for the function's time-out; with a note, the process is killed in it."""
        began = time.time()
        if self._function.is_traced:
            service_calls.trace_function(self._may)
        invocation = Invocation(request_id, payload, self._function.arn, began + self._function.timeout, trace_header())
        invocation.crash_note = crash_note
        self._api.submit(invocation)
        if crash_note is not None and self._api.taken.wait(self._function.timeout):
            self._process.kill()
        if not self.is_alive():
            self._report_exit()
        if not invocation.done.wait(self._function.timeout):
            seconds = f"{self._function.timeout:.2f}"
            message = f"RequestId: {request_id} Error: Task timed out after {seconds} seconds"
            invocation.finish(_error("Sandbox.Timedout", message), "Unhandled")
            self._process.kill()  # only now: the end of the process finishes an invocation too
        milliseconds = (time.time() - began) * 1000
        self._log.write(
            [
                f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
                f"Billed Duration: {math.ceil(milliseconds)} ms\tMemory Size: {self._function.memory_size} MB"
            ]
        )
        return Result(invocation.answer, invocation.error, "\n".join(self._log.tail))

    def end(self) -> None:
        """End the process."""
        self._process.send_signal(signal.SIGKILL)
        self._api.close()

    def _watch(self) -> None:
        self._process.wait()
        self._report_exit()

    def _report_exit(self) -> None:
        code = self._process.exit_code
        if code is not None and code < 0:
            status = f"signal: {str(signal.strsignal(-code)).lower()}"
        else:
            status = f"exit status {code}"
        message = f"RequestId: {self._api.request_id} Error: Runtime exited with error: {status}"
        if self._api.crash_note is not None:
            message += f" {self._api.crash_note}"
        self._api.finish(self._api.init_error or _error("Runtime.ExitError", message), "Unhandled")


def _environment(function: Function, identity: Identity, runtime_api: str, log: LogStream) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        **identity.environment(function.role_arn),
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_LOG_GROUP_NAME": log.group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log.stream,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_REGION": REGION,
        "LAMBDA_TASK_ROOT": str(function.code),
        "_HANDLER": function.handler,
        **function.environment,
    }


def _record(function: Function, result: Result, milliseconds: float) -> None:
    # Source: "Types of metrics for Lambda functions" (AWS Lambda Developer Guide).
    values = {
        "Invocations": (1.0, "Count"),
        "Errors": (1.0 if result.error else 0.0, "Count"),
        "Throttles": (0.0, "Count"),
        "Duration": (milliseconds, "Milliseconds"),
    }
    metrics.record_all("AWS/Lambda", {"FunctionName": function.name}, values)


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
