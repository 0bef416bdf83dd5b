"""Training jobs: a script on each host, metrics from the log, the model to S3; again after a spot interruption.

Sources: CreateTrainingJob and DescribeTrainingJob (Amazon SageMaker API Reference); "Managed Spot Training in Amazon
SageMaker AI" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from switchyard.cloud.logs import LogStream
from switchyard.cloud.metrics import record
from switchyard.cloud.sagemaker import training_request
from switchyard.cloud.sagemaker.algorithms.built_in import with_metrics
from switchyard.cloud.sagemaker.artifacts import Artifacts
from switchyard.cloud.sagemaker.checkpoints import Checkpoints
from switchyard.cloud.sagemaker.container import HOST, OPT_ML, base_environment
from switchyard.cloud.sagemaker.context import Interruption, interruption_by
from switchyard.cloud.sagemaker.images import Runtime, runtime_for, version_note
from switchyard.cloud.sagemaker.jobs import Job, JobFailedError, JobStoppedError, Launch, last_words
from switchyard.cloud.sagemaker.requirements import Environment, InstallError, prepare
from switchyard.cloud.sagemaker.store import now
from switchyard.cloud.sagemaker.training_hosts import TrainingHosts
from switchyard.cloud.sagemaker.training_time import TrainingTime
from switchyard.cloud.sagemaker.volume import watched

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
STAGE_MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "The managed spot training instances were interrupted",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
}
_OVERTIME = {"MaxRuntimeExceeded", "MaxWaitTimeExceeded"}
KILLED = "AlgorithmError: , exit code: 137"
METRICS_NAMESPACE = "/aws/sagemaker/TrainingJobs"
# How long it takes until spot capacity is there again, before scaling.
CAPACITY_SECONDS = 60
DEFAULT_VOLUME_GIB = 30


class JobInterruptedError(Exception):
    """The spot instances were taken away; the message says why."""


class TrainingJob(Job):
    """One training job."""

    kind = "TrainingJob"
    log_group = "/aws/sagemaker/TrainingJobs"

    def __init__(self, context: Any, request: dict[str, Any], tuning_job_arn: str | None = None) -> None:
        request = with_metrics(request)
        training_request.check(request)
        super().__init__(context, request)
        self.tuning_job_arn = tuning_job_arn
        self.secondary_status = "Starting"
        self.transitions: list[dict[str, Any]] = []
        self.metrics: dict[str, dict[str, Any]] = {}
        self.model_uri: str | None = None
        self.training_started: Any = None
        self.on_stage("Starting")
        definitions = request["AlgorithmSpecification"].get("MetricDefinitions", [])
        self._patterns = [(definition["Name"], re.compile(definition["Regex"])) for definition in definitions]
        self._time = TrainingTime(request)
        self._interruptions: list[Interruption] = context.interruptions.pop(self.arn, [])
        self._publishes_metrics: bool | None = None

    def on_stage(self, stage: str, note: str = "") -> None:
        """Add a secondary status, with its time and message."""
        if stage == "Stopped" and self.secondary_status in _OVERTIME:
            return  # it says already how the job came to its end
        moment = now()
        if self.transitions:
            self.transitions[-1].setdefault("EndTime", moment)
        self.secondary_status = stage
        message = f"{STAGE_MESSAGES.get(stage, stage)} {note}".strip()
        self.transitions.append({"Status": stage, "StartTime": moment, "StatusMessage": message})

    def perform(self) -> None:
        """Download, train, upload; after a spot interruption, all of it again."""
        image = self.request["AlgorithmSpecification"]["TrainingImage"]
        runtime = runtime_for(image, self.may)
        if note := version_note(image, runtime):
            self.log.note(note)
        while True:
            hosts = TrainingHosts(self.request, runtime, self.container.root, self.client("s3"))
            try:
                self._attempt(hosts, runtime)
                break
            except JobInterruptedError as interruption:
                self._wait_for_capacity(str(interruption))
            except JobStoppedError:
                self._upload(hosts)  # what the script has saved so far is not lost
                raise
        self.on_stage("Uploading")
        self._upload(hosts)

    def describe(self) -> dict[str, Any]:
        """Answer DescribeTrainingJob."""
        is_timed = self.ended_at is not None and self.training_started is not None
        return {
            **training_request.described(self.request),
            "TrainingJobName": self.name,
            "TrainingJobArn": self.arn,
            "TuningJobArn": self.tuning_job_arn,
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.secondary_status,
            "SecondaryStatusTransitions": self.transitions,
            "FailureReason": self.failure_reason,
            "ModelArtifacts": {"S3ModelArtifacts": self.model_uri} if self.model_uri else None,
            "FinalMetricDataList": list(self.metrics.values()) or None,
            "CreationTime": self.created,
            "TrainingStartTime": self.training_started,
            "TrainingEndTime": self.ended_at,
            "LastModifiedTime": self.modified,
            "TrainingTimeInSeconds": self._time.trained() if is_timed else None,
            "BillableTimeInSeconds": self._time.billable() if is_timed else None,
        }

    def _attempt(self, hosts: TrainingHosts, runtime: Runtime) -> None:
        self.on_stage("Downloading")
        interruption = self._next_interruption()
        checkpoints = self._checkpoints(hosts, interruption)
        try:
            hosts.lay_out(lambda error: self.end_processes(JobFailedError(str(error))))
            if checkpoints is not None:
                checkpoints.restore()
            self.check_not_stopped()
            self.on_stage("Training")
            self.training_started = self.training_started or now()
            with self._time.attempt():
                environment = self._environment(hosts, runtime)
                launches = [self._launch(hosts, host, environment) for host in hosts.names]
                with (
                    _kept(checkpoints),
                    self._within_volume(hosts),
                    self._interrupted(interruption, checkpoints) as on_line,
                ):
                    seconds, overtime = self._time.left()
                    place, exit_code = self.run_hosts(
                        runtime, launches, max_seconds=seconds, on_line=on_line, overtime=overtime
                    )
        finally:
            hosts.close()
        if exit_code != 0:
            raise JobFailedError(self._failure(launches[place], exit_code))

    def _next_interruption(self) -> Interruption | None:
        """Return what takes away the spot instances in this attempt, if anything does."""
        if not self.request.get("EnableManagedSpotTraining"):
            return None
        if self._interruptions:
            return self._interruptions.pop(0)
        fault = self.context.faults.take_job(self.resource, interruption=True)
        return interruption_by(fault) if fault else None

    def _launch(self, hosts: TrainingHosts, host: str, environment: Environment | None) -> Launch:
        log = self.log if host == HOST else self.new_log(host)
        credentials = {
            **self.context.identity.environment(self.role_arn()),
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self.arn,
        }
        return hosts.launch(host, log, credentials, environment)

    def _environment(self, hosts: TrainingHosts, runtime: Runtime) -> Environment | None:
        """Return the libraries that the script asks for, beyond the image's."""
        if self.request["AlgorithmSpecification"].get("ContainerEntrypoint"):
            return None  # then the image's toolkit, which would install them, is not run
        container = hosts.container(HOST)
        code = container.folder("code")

        def pip(command: list[str], settings: dict[str, str]) -> int:
            seconds, overtime = self._time.left()
            launch = Launch(command, {**base_environment(code), **settings}, container, self.log)
            return self.run_hosts(runtime, [launch], max_seconds=seconds, overtime=overtime)[1]

        try:
            return prepare(code, self.context.cache / "environments", pip)
        except InstallError as error:
            said = [line for line in self.log.tail if line.startswith("ERROR")] or list(self.log.tail)[-3:]
            kind = "InstallModuleError" if error.is_package else "InstallRequirementsError"
            raise JobFailedError(
                f"AlgorithmError: {kind}:\nExitCode {error.exit_code}\n"
                f'ErrorMessage "{" ".join(said)}"\nCommand "{error.command}", exit code: 1'
            ) from None

    def _checkpoints(self, hosts: TrainingHosts, interruption: Interruption | None) -> Checkpoints | None:
        config = self.request.get("CheckpointConfig")
        if not config:
            return None
        path = config.get("LocalPath", f"{OPT_ML}/checkpoints").removeprefix(OPT_ML).strip("/")

        def on_saved() -> None:
            if interruption is not None and interruption.seconds is None:
                self.end_processes(JobInterruptedError(interruption.note))

        return Checkpoints(self.client("s3"), config["S3Uri"], hosts.folders(*path.split("/")), on_saved)

    @contextmanager
    def _interrupted(
        self, interruption: Interruption | None, checkpoints: Checkpoints | None
    ) -> Iterator[Callable[[str], None]]:
        """Let an interruption strike when it is due; yield what takes each line of the log."""
        if interruption is None or (interruption.seconds is None and checkpoints is not None):
            yield self._catch_metrics
            return
        why = JobInterruptedError(interruption.note)
        if interruption.seconds is None:

            def take(line: str) -> None:
                self._catch_metrics(line)
                self.end_processes(why)

            yield take
            return
        timer = threading.Timer(interruption.seconds, self.end_processes, [why])
        timer.start()
        try:
            yield self._catch_metrics
        finally:
            timer.cancel()

    def _within_volume(self, hosts: TrainingHosts) -> AbstractContextManager[None]:
        """Fail the job once a host has filled its volume."""
        return watched(
            [hosts.container(host).root for host in hosts.names],
            self.request["ResourceConfig"].get("VolumeSizeInGB", DEFAULT_VOLUME_GIB),
            lambda full: self.end_processes(JobFailedError(f"AlgorithmError: {full}, exit code: 1")),
        )

    def _wait_for_capacity(self, note: str) -> None:
        self.on_stage("Interrupted", note)
        self.container.remove()
        seconds, overtime = self._time.left()
        waited = CAPACITY_SECONDS * self.context.time_scale
        self._stop.wait(min(waited, seconds) if overtime == "MaxWaitTimeExceeded" else waited)
        self.check_not_stopped()
        seconds, overtime = self._time.left()
        if seconds <= 0:
            self.on_stage(overtime)
            raise JobStoppedError
        self.log = self.new_log(HOST)
        self.on_stage("Starting")

    def _taker(self, log: LogStream, on_line: Callable[[str], None]) -> Callable[[list[str]], None]:
        take = super()._taker(log, on_line)
        return lambda lines: take([_printable(line) for line in lines])

    def _catch_metrics(self, line: str) -> None:
        for name, pattern in self._patterns:
            for match in pattern.finditer(line):
                try:
                    value = float(match.group(1))
                except (ValueError, IndexError):
                    continue
                self.metrics[name] = {"MetricName": name, "Value": value, "Timestamp": now()}
                self._publish_metric(name, value)

    def _publish_metric(self, name: str, value: float) -> None:
        if self._publishes_metrics is None:
            self._publishes_metrics = bool(
                self.may("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": METRICS_NAMESPACE})
            )
        if self._publishes_metrics:
            record(METRICS_NAMESPACE, name, value, "None", {"TrainingJobName": self.name})

    def _failure(self, launch: Launch, exit_code: int) -> str:
        if self.sabotage is not None:
            return KILLED
        # The toolkit itself ends with 1, whatever the script ended with.
        written = launch.container.read_text("output", "failure")
        if written:
            return f"AlgorithmError: {written}, exit code: 1"
        program = launch.environment.get("SM_USER_ENTRY_POINT")
        if program is None:
            return f"AlgorithmError: {last_words(launch.log)}, exit code: {exit_code}"
        command = " ".join(["python3", program, *launch.command[2:]])
        return (
            f'AlgorithmError: ExecuteUserScriptError:\nExitCode {exit_code}\nErrorMessage "{last_words(launch.log)}"\n'
            f'Command "{command}", exit code: 1'
        )

    def _upload(self, hosts: TrainingHosts) -> None:
        output = self.request["OutputDataConfig"]
        artifacts = Artifacts(self.client("s3"), output, self.name, self.container.root / "artifacts")
        self.model_uri = artifacts.upload("model", hosts.folders("model"))
        artifacts.upload("output", hosts.folders("output", "data"))


@contextmanager
def _kept(checkpoints: Checkpoints | None) -> Iterator[None]:
    """Keep checkpoints while the context lasts."""
    if checkpoints is None:
        yield
        return
    checkpoints.start()
    try:
        yield
    finally:
        checkpoints.close()


def _printable(line: str) -> str:
    """Write control characters as SageMaker's log does, a tab as ``#011``; the regexes of metrics rely on it."""
    return _CONTROL.sub(lambda match: f"#{ord(match.group()):03o}", line)
