"""The life of a job, whatever its kind: started, watched, stopped, ended with a reason."""

from __future__ import annotations

import datetime
import logging
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
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
from switchyard.cloud.sagemaker.store import now, tags_of

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

    def __init__(self, context: Context, request: dict[str, Any]) -> None:
        self.context = context
        self.request = request
        self.name: str = request[f"{self.kind}Name"]
        self.arn = arn("sagemaker", f"{xform_name(self.kind, '-')}/{self.name}")
        self.tags = tags_of(request)
        self.created = self.modified = now()
        self.started: datetime.datetime | None = None
        self.ended_at: datetime.datetime | None = None
        self.status = "InProgress"
        self.failure_reason: str | None = None
        self.container = Container(context.home / "containers" / f"{xform_name(self.kind, '-')}-{self.name}")
        self.log = LogStream(self.log_group, f"{self.name}/{HOST}-{int(time.time())}", self.may, looks_first=True)
        self._ended = threading.Event()
        self._stop = threading.Event()
        self._process: Process | None = None
        self._lock = threading.Lock()
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
            process = self._process
        if process is not None:
            threading.Thread(target=process.terminate, args=(self.grace_seconds(),), daemon=True).start()

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
        target, arguments = python_command(command)
        directory = self.container.folder("code")
        with self._lock:
            self.check_not_stopped()
            process = self.context.runtimes.host(runtime).spawn(
                target, arguments, environment=environment, directory=directory
            )
            self._process = process
        reader = threading.Thread(
            target=pump, args=(process.output, lambda lines: self._take(lines, on_line)), daemon=True
        )
        reader.start()
        if self.sabotage is not None:
            process.kill()
        exit_code = process.wait(max_seconds)
        if exit_code is None:
            self.on_stage("MaxRuntimeExceeded")
            process.terminate(self.grace_seconds())
            reader.join(OUTPUT_SECONDS)
            raise JobStoppedError
        reader.join(OUTPUT_SECONDS)
        self.check_not_stopped()
        if self.sabotage is not None:
            exit_code = -signal.SIGKILL  # a process that was quicker than its end counts as killed too
        return exit_code if exit_code >= 0 else 128 - exit_code  # as a container reports the end by a signal

    def _take(self, lines: list[str], on_line: Callable[[str], None]) -> None:
        self.log.write(lines)
        for line in lines:
            on_line(line)

    def _run(self) -> None:
        self.started = now()
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
        self.may("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": f"/aws/sagemaker/{self.kind}s"})
        with self._lock:
            self.ended_at = now()
            self.on_stage(status)
            self._move(status)
            self._ended.set()  # last: who waits for it reads the status next

    def _move(self, status: str) -> None:
        self.status = status
        self.modified = now()
        self._on_change(self)


def last_words(job: Job) -> str:
    """Return the last line that a failed process printed, for its job's FailureReason."""
    return job.log.last_line().strip() or "the process printed nothing"
