"""The life of a job, whatever its kind: started, watched, stopped, ended with a reason."""

from __future__ import annotations

import datetime
import logging
import queue
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from botocore import xform_name

from switchyard.cloud.account import arn
from switchyard.cloud.iam.service_calls import May
from switchyard.cloud.logs import LogStream, pump
from switchyard.cloud.processes import Process
from switchyard.cloud.sagemaker.container import HOST, Container, python_command
from switchyard.cloud.sagemaker.context import Context
from switchyard.cloud.sagemaker.images import Runtime, UnknownImageError
from switchyard.cloud.sagemaker.s3 import TransferError
from switchyard.cloud.sagemaker.store import now
from switchyard.cloud.sagemaker.tags import tags_of

LOG = logging.getLogger(__name__)
# SageMaker sends SIGTERM, and SIGKILL two minutes later.
STOP_GRACE_SECONDS = 120
LEAST_GRACE_SECONDS = 2.0
LONGEST_REASON = 1024
# A process that left its group, and has the job's output open, is not waited for.
OUTPUT_SECONDS = 5.0


class JobFailedError(Exception):
    """The job has failed; the message is its FailureReason."""


class JobStoppedError(Exception):
    """The job was asked to stop, and has."""


@dataclass(frozen=True)
class Launch:
    """What runs on one of a job's hosts, and where its output goes.

    Parameters
    ----------
    python : Path, optional
        An interpreter other than the runtime's, which no process has warm.
    """

    command: list[str]
    environment: Mapping[str, str]
    container: Container
    log: LogStream
    python: Path | None = None


class Job(ABC):
    """One job; a subclass says what its kind does.

    Parameters
    ----------
    context : Context
        The cloud that it runs in.
    request : dict
        The Create call's request, already validated.
    """

    kind: ClassVar[str]  # as in the names of its operations: TrainingJob, ...
    log_group: ClassVar[str]
    has_instances: ClassVar[bool] = True  # whose use of processor and memory SageMaker measures

    def __init__(self, context: Context, request: dict[str, Any]) -> None:
        self.context = context
        self.request = request
        self.name: str = request[f"{self.kind}Name"]
        self.arn = arn("sagemaker", f"{xform_name(self.kind, '-')}/{self.name.lower()}")
        self.tags = tags_of(request)
        self.created = self.modified = now()
        self.started: datetime.datetime | None = None
        self.ended_at: datetime.datetime | None = None
        self.status = "InProgress"
        self.failure_reason: str | None = None
        self.container = Container(context.home / "containers" / f"{xform_name(self.kind, '-')}-{self.name}")
        self.log = self.new_log(HOST)
        self._ended = threading.Event()
        self._stop = threading.Event()
        self._processes: list[Process] = []
        self._why_ended: Exception | None = None
        self._lock = threading.Lock()
        if fault := context.faults.take_job(self.resource, interruption=False):
            context.harm(self.arn, fault)
        self.sabotage = context.sabotage.pop(self.arn, None)

    def start(self, on_change: Callable[[Job], None]) -> None:
        """Begin in the background; `on_change` is called at each change of status."""
        self._on_change = on_change
        threading.Thread(target=self._run, name=f"{self.kind} {self.name}", daemon=True).start()

    def wait(self, timeout: float | None = None) -> bool:
        """Return whether the job has ended, after waiting at most `timeout` seconds."""
        return self._ended.wait(timeout)

    def stop(self) -> None:
        """Ask the job to end; one that has ended stays as it is."""
        with self._lock:
            if self._ended.is_set() or self._stop.is_set():
                return
            self._stop.set()
            self._move("Stopping")
        self.end_processes(JobStoppedError())

    def end_processes(self, why: Exception) -> None:
        """Ask what runs to end, and after the grace period end it; `run_hosts` raises `why` once all have."""
        with self._lock:
            if not self._processes:
                return
            self._why_ended = self._why_ended or why
            for process in self._processes:
                threading.Thread(target=process.terminate, args=(self.grace_seconds(),), daemon=True).start()

    def new_log(self, host: str) -> LogStream:
        """Return the log stream of a host that starts now."""
        return LogStream(self.log_group, f"{self.name}/{host}-{int(time.time())}", self.may, looks_first=True)

    def grace_seconds(self) -> float:
        """Return how long a process may take to end after SIGTERM."""
        return max(STOP_GRACE_SECONDS * self.context.time_scale, LEAST_GRACE_SECONDS)

    @abstractmethod
    def perform(self) -> None:
        """Do the job's work.

        Raises
        ------
        JobFailedError, TransferError, UnknownImageError
            It failed; the message is the reason that users read.
        JobStoppedError
            It was stopped.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Answer the Describe call."""

    def summary(self) -> dict[str, Any]:
        """Answer for one entry of the List call."""
        return {
            f"{self.kind}Name": self.name,
            f"{self.kind}Arn": self.arn,
            f"{self.kind}Status": self.status,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            f"{self.kind.removesuffix('Job')}EndTime": self.ended_at,
            "FailureReason": self.failure_reason,
        }

    @property
    def resource(self) -> str:
        """The end of its ARN, such as ``training-job/demo``."""
        return self.arn.rpartition(":")[2]

    @property
    def label(self) -> str:
        """The kind of job in words, such as ``Training Job``."""
        return str(xform_name(self.kind, " ")).title()

    def event(self) -> dict[str, Any]:
        """Return the detail of the event that tells of this status."""
        return {key: value for key, value in self.describe().items() if value is not None}

    def on_stage(self, stage: str) -> None:  # noqa: B027 - most kinds have no stages
        """Note that the job has come to another stage, or to its end."""

    def client(self, service: str) -> Any:
        """Return an AWS client in the name of the job's role."""
        return self.context.identity.client(service, self.role_arn())

    @property
    def may(self) -> May:
        """Decides and records what SageMaker does in the name of the job's role."""
        return self.context.identity.authorizer.of(self.role_arn())

    def role_arn(self) -> str:
        """Return the role in whose name the job runs."""
        return str(self.request["RoleArn"])

    def check_not_stopped(self) -> None:
        """Leave when the job was asked to stop.

        Raises
        ------
        JobStoppedError
            It was.
        """
        if self._stop.is_set():
            raise JobStoppedError

    def run_process(
        self,
        runtime: Runtime,
        command: list[str],
        environment: Mapping[str, str],
        *,
        max_seconds: float,
        on_line: Callable[[str], None] = lambda _: None,
    ) -> int:
        """Run the container's process to its end, with its output in the job's log.

        Returns
        -------
        int
            Its exit code.

        Raises
        ------
        JobStoppedError
            It was ended by a stop, or because `max_seconds` had passed.
        """
        launch = Launch(command, environment, self.container, self.log)
        _, exit_code = self.run_hosts(runtime, [launch], max_seconds=max_seconds, on_line=on_line)
        return exit_code if exit_code >= 0 else 128 - exit_code  # as a container reports the end by a signal

    def run_hosts(
        self,
        runtime: Runtime,
        launches: Sequence[Launch],
        *,
        max_seconds: float,
        on_line: Callable[[str], None] = lambda _: None,
        overtime: str = "MaxRuntimeExceeded",
    ) -> tuple[int, int]:
        """Run a process on each host to the end of all; when one fails, the others are ended.

        Parameters
        ----------
        overtime : str
            The stage that the job comes to once `max_seconds` have passed.

        Returns
        -------
        tuple
            The place of the host that failed first, and its exit code (negative: the number of the signal that ended
            it); two zeros when none failed.

        Raises
        ------
        JobStoppedError
            They were ended by a stop, or because `max_seconds` had passed.
        Exception
            Whatever `end_processes` was given.
        """
        with self._lock:
            self.check_not_stopped()
            self._why_ended = None
            self._processes = [self._spawn(runtime, launch) for launch in launches]
        processes = self._processes
        readers = [
            threading.Thread(target=pump, args=(process.output, self._taker(launch.log, on_line)), daemon=True)
            for process, launch in zip(processes, launches, strict=True)
        ]
        for reader in readers:
            reader.start()
        if self.sabotage is not None:
            for process in processes:
                process.kill()
        failure = self._await(processes, max_seconds)
        if failure is None:
            self.on_stage(overtime)
            self.end_processes(JobStoppedError())
            self._await(processes)
        for reader in readers:
            reader.join(OUTPUT_SECONDS)
        with self._lock:
            self._processes = []
        self.check_not_stopped()
        if self._why_ended is not None:
            raise self._why_ended
        if self.sabotage is not None:
            return 0, -signal.SIGKILL  # a process that was quicker than its end counts as killed too
        return failure or (0, 0)

    def _spawn(self, runtime: Runtime, launch: Launch) -> Process:
        target, arguments = python_command(launch.command)
        if launch.python is not None:
            target, arguments = None, [str(launch.python), *launch.command[1:]]
        return self.context.runtimes.host(runtime).spawn(
            target,
            arguments,
            environment=launch.environment,
            directory=launch.container.folder("code"),
            mount=launch.container.mount,
        )

    def _await(self, processes: Sequence[Process], max_seconds: float | None = None) -> tuple[int, int] | None:
        """Wait for all to end, and end the others when one fails; return that one, or None after `max_seconds`."""
        ends: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        for place, process in enumerate(processes):
            threading.Thread(target=_tell_end, args=(ends, place, process), daemon=True).start()
        deadline = None if max_seconds is None else time.monotonic() + max_seconds
        failed = (0, 0)
        for _ in processes:
            try:
                ended = ends.get(timeout=None if deadline is None else max(deadline - time.monotonic(), 0))
            except queue.Empty:
                return None
            if ended[1] and not failed[1]:
                failed = ended
                for process in processes:
                    threading.Thread(target=process.terminate, args=(self.grace_seconds(),), daemon=True).start()
        return failed

    def _taker(self, log: LogStream, on_line: Callable[[str], None]) -> Callable[[list[str]], None]:
        def take(lines: list[str]) -> None:
            log.write(lines)
            for line in lines:
                on_line(line)

        return take

    def _run(self) -> None:
        self.started = now()
        self._on_change(self)
        try:
            if self.sabotage is not None and not self.sabotage.crash:
                raise JobFailedError("InternalServerError: We encountered an internal error. Please try again.")
            self.perform()
            self._end("Completed")
        except JobStoppedError:
            self._end("Stopped")
        except (JobFailedError, TransferError, UnknownImageError) as error:
            self._end("Failed", str(error))
        except Exception as error:
            LOG.exception("%s %s", self.kind, self.name)
            self._end("Failed", f"InternalServerError: {type(error).__name__}: {error}")

    def _end(self, status: str, reason: str | None = None) -> None:
        if reason is not None:
            if self.sabotage is not None:
                reason = f"{reason[: LONGEST_REASON - len(self.sabotage.note) - 1]} {self.sabotage.note}"
            self.failure_reason = reason if len(reason) <= LONGEST_REASON else reason[: LONGEST_REASON - 1] + "…"
        self.container.remove()
        if self.has_instances:
            self.may("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": f"/aws/sagemaker/{self.kind}s"})
        with self._lock:
            self.ended_at = now()
            self.on_stage(status)
            self._move(status)
            self._ended.set()  # last: who waits for it reads the status next

    def _move(self, status: str) -> None:
        self.modified = now()  # first: whoever sees the status reads since when
        self.status = status
        self._on_change(self)


def _tell_end(ends: queue.SimpleQueue[tuple[int, int]], place: int, process: Process) -> None:
    ends.put((place, process.wait() or 0))


def last_words(log: LogStream) -> str:
    """Return the last line that a failed process printed, for its job's FailureReason."""
    return log.last_line().strip() or "the process printed nothing"
