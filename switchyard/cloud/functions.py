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
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from switchyard.cloud import metrics
from switchyard.cloud.account import REGION, arn
from switchyard.cloud.function_code import Package
from switchyard.cloud.function_policies import FunctionPolicies
from switchyard.cloud.iam import service_calls
from switchyard.cloud.identity import Identity
from switchyard.cloud.logs import LogStream, Pump
from switchyard.cloud.processes import ProcessHost
from switchyard.cloud.runtime_api import Invocation, RuntimeApi, trace_header

MOST_PREPARED = 24
LONGEST_START_SECONDS = 2.0  # that the next one waits for
# "Lambda execution environment lifecycle", Init phase (AWS Lambda Developer Guide).
LONGEST_INIT_SECONDS = 10.0
MOST_IDLE = 2  # of one function, once a burst of events is over
LARGEST_PAYLOAD = 6 * 1024 * 1024
LATEST = "$LATEST"
# Its libraries are here for every function, without a layer.
_POWERTOOLS_LAYER = ":layer:AWSLambdaPowertoolsPython"
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
    package : Package, optional
        The code as it was uploaded; a function of a template has only its folder.
    others : dict
        Members that nothing here acts on, as they were given.
    modified, revision : str
        When it was changed, and what tells this state of it from every other.
    version : str
        Its number, once it has been published.
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
    package: Package | None = None
    tags: dict[str, str] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    modified: str = ""
    revision: str = "local"
    version: str = LATEST

    @property
    def arn(self) -> str:
        """The function's ARN; that of a published version has its number."""
        return arn("lambda", f"function:{self.key}")

    @property
    def key(self) -> str:
        """The function's name; that of a published version has its number."""
        return self.name if self.version == LATEST else f"{self.name}:{self.version}"

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
            "Version": self.version,
            "RevisionId": self.revision,
            **({"LastModified": self.modified} if self.modified else {}),
            **({"CodeSha256": self.package.sha256, "CodeSize": self.package.size} if self.package else {}),
            **self.others,
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
    """What an invocation gave back, and how long it took; to start the function does not count."""

    payload: bytes
    error: str | None
    log_tail: str
    milliseconds: float


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
        self._versions: dict[str, list[Function]] = {}
        self._published: Counter[str] = Counter()
        self._idle: dict[str, list[_Worker]] = {}
        self._all: set[_Worker] = set()
        self._begun: set[str] = set()  # the keys of functions that have had a worker
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
        self._end_idle(function.name)

    def add(self, function: Function) -> bool:
        """Add a function if there is none of its name yet; return whether there was none."""
        with self._lock:
            return self._functions.setdefault(function.name, function) is function

    def publish(self, function: Function, description: str) -> Function:
        """Keep a function as it is now, under the next number; as it was published last, it is not published again."""
        with self._lock:
            versions = self._versions.setdefault(function.name, [])
            if versions and replace(versions[-1], version=LATEST, description=function.description) == function:
                return versions[-1]
            self._published[function.name] += 1
            number = str(self._published[function.name])
            versions.append(replace(function, version=number, description=description or function.description))
            return versions[-1]

    def versions(self, function: Function) -> list[Function]:
        """Return a function and what of it has been published, the oldest first."""
        with self._lock:
            return [self._functions.get(function.name, function), *self._versions.get(function.name, [])]

    def remove(self, function: Function) -> None:
        """Forget a published version; given the function itself, forget it with all of its versions."""
        with self._lock:
            versions = self._versions.get(function.name, [])
            if function.version == LATEST:
                gone = [function, *versions]
                self._functions.pop(function.name, None)
                self._versions.pop(function.name, None)
                self.policies.forget(function.arn)
            else:
                gone = [function]
                versions.remove(function)
        for each in gone:
            self._end_idle(each.key)

    def prepare(self, arns: Sequence[str]) -> None:
        """Start a worker for each function that has never had one, ahead of its first event, in the background."""
        with self._lock:
            new = [function for each in arns if (function := self.get(each)) and function.key not in self._begun]
            new = new[:MOST_PREPARED]
            self._begun.update(function.key for function in new)
        if new:
            threading.Thread(target=self._prepare, args=(new,), name="functions", daemon=True).start()

    def get(self, name_or_arn: str, qualifier: str = "") -> Function | None:
        """Find a function by its name, its ARN, or either with a qualifier.

        A function of a template has no versions: every qualifier leads to it.
        """
        name, _, inner = (name_or_arn.rpartition("function:")[2] or name_or_arn).partition(":")
        function, wanted = self._functions.get(name), qualifier or inner or LATEST
        if function is None or function.package is None or wanted == LATEST:
            return function
        return next((each for each in self._versions.get(name, []) if each.version == wanted), None)

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
        result = worker.invoke(payload, request_id or str(uuid.uuid4()), crash_note)
        _record(function, result)
        with self._lock:
            idle = self._idle.setdefault(function.key, [])
            is_wanted = len(idle) < MOST_IDLE and self.get(function.key) is function
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

    def _prepare(self, functions: Sequence[Function]) -> None:
        for function in functions:
            if self._closed:
                return
            try:
                worker = self._begin(function)
            except ProcessLookupError:
                return  # the cloud has been closed meanwhile
            with self._lock:
                self._idle.setdefault(function.key, []).append(worker)
            # One after the other: the first is wanted at once, and would wait for processors beside all of them.
            worker.wait_until_ready(LONGEST_START_SECONDS)

    def _end_idle(self, key: str) -> None:
        with self._lock:
            self._begun.discard(key)
            stale = self._idle.pop(key, [])
            self._all.difference_update(stale)
        for worker in stale:
            worker.end()

    def _take(self, function: Function) -> _Worker:
        with self._lock:
            idle = self._idle.get(function.key, [])
            while idle:
                worker = idle.pop()
                if worker.is_alive():
                    return worker
                self._all.discard(worker)
                worker.end()
        return self._begin(function)

    def _begin(self, function: Function) -> _Worker:
        with self._lock:
            self._begun.add(function.key)
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
        stream = f"{time.strftime('%Y/%m/%d')}/[{function.version}]{uuid.uuid4().hex}"
        self._log = LogStream(function.log_group or f"/aws/lambda/{function.name}", stream, self._may)
        if left_out := [layer for layer in function.layers if _POWERTOOLS_LAYER not in layer]:
            self._log.note(
                f"[local cloud] Layers are not loaded: {', '.join(left_out)}. The function finds its own code, and "
                "the libraries that are installed here."
            )
        self._process = host.spawn(
            "switchyard.cloud.processes.function:run",
            [function.handler],
            environment=_environment(function, identity, self._api.address, self._log),
            directory=function.code,
        )
        self._output = Pump(self._process.output, self._log.write)
        threading.Thread(target=self._watch, daemon=True).start()

    def wait_until_ready(self, seconds: float) -> None:
        """Wait until the function has been loaded, or could not be, but no longer than that."""
        self._api.is_ready.wait(seconds)

    def is_alive(self) -> bool:
        """Return whether the process can take another invocation."""
        return self._process.exit_code is None and self._api.init_error is None

    def invoke(self, payload: bytes, request_id: str, crash_note: str | None = None) -> Result:
        """Run one invocation, at most for the function's time-out; with a note, the process is killed in it."""
        if self._function.is_traced:
            service_calls.trace_function(self._may)
        invocation = Invocation(request_id, payload, self._function.arn, self._function.timeout, trace_header())
        invocation.crash_note = crash_note
        self._api.submit(invocation)
        if not self.is_alive():
            self._report_exit()
        # The time-out is the invocation's alone: to start the function takes its own time, and then as much again.
        is_taken = invocation.taken.wait(LONGEST_INIT_SECONDS) or invocation.taken.wait(self._function.timeout)
        if is_taken and crash_note is not None:
            self._process.kill()
        if not invocation.done.wait(max(invocation.deadline - time.time(), 0.0)):
            seconds = f"{self._function.timeout:.2f}"
            message = f"RequestId: {request_id} Error: Task timed out after {seconds} seconds"
            invocation.finish(_error("Sandbox.Timedout", message), "Unhandled")
            self._process.kill()  # only now: the end of the process finishes an invocation too
        milliseconds = (time.time() - invocation.began) * 1000
        self._output.drain()
        self._log.write(
            [
                f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
                f"Billed Duration: {math.ceil(milliseconds)} ms\tMemory Size: {self._function.memory_size} MB"
            ]
        )
        return Result(invocation.answer, invocation.error, "\n".join(self._log.tail), milliseconds)

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
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
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


def _record(function: Function, result: Result) -> None:
    # Source: "Types of metrics for Lambda functions" (AWS Lambda Developer Guide).
    values = {
        "Invocations": (1.0, "Count"),
        "Errors": (1.0 if result.error else 0.0, "Count"),
        "Throttles": (0.0, "Count"),
        "Duration": (result.milliseconds, "Milliseconds"),
    }
    metrics.record_all("AWS/Lambda", {"FunctionName": function.name}, values)


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
