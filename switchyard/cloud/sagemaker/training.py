"""Training jobs: a script on each host, channels from S3, metrics from the log, the model to S3.

Sources: CreateTrainingJob and DescribeTrainingJob (Amazon SageMaker API Reference); "How Amazon SageMaker AI Processes
Training Output" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from switchyard.cloud.account import REGION
from switchyard.cloud.logs import LogStream
from switchyard.cloud.sagemaker import training_request
from switchyard.cloud.sagemaker.algorithms.built_in import built_in, with_metrics
from switchyard.cloud.sagemaker.channels import Channel
from switchyard.cloud.sagemaker.cluster import LOOPBACK, Cluster, free_port
from switchyard.cloud.sagemaker.code import download_code, entry_command
from switchyard.cloud.sagemaker.container import Container, base_environment
from switchyard.cloud.sagemaker.images import Runtime, runtime_for
from switchyard.cloud.sagemaker.jobs import Job, JobFailedError, JobStoppedError, Launch, last_words
from switchyard.cloud.sagemaker.pipes import Pipe
from switchyard.cloud.sagemaker.s3 import join_uri, pack, upload_file, upload_folder
from switchyard.cloud.sagemaker.script_mode import ScriptMode, decoded
from switchyard.cloud.sagemaker.store import now

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
DEFAULT_MAX_SECONDS = 24 * 3600
STAGE_MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}
KILLED = "AlgorithmError: , exit code: 137"


class TrainingJob(Job):
    """One training job."""

    kind = "TrainingJob"
    log_group = "/aws/sagemaker/TrainingJobs"

    def __init__(self, context: Any, request: dict[str, Any]) -> None:
        request = with_metrics(request)
        training_request.check(request)
        super().__init__(context, request)
        self.secondary_status = "Starting"
        self.transitions: list[dict[str, Any]] = []
        self.metrics: dict[str, dict[str, Any]] = {}
        self.model_uri: str | None = None
        self.training_started: Any = None
        self.on_stage("Starting")
        algorithm = request["AlgorithmSpecification"]
        definitions = algorithm.get("MetricDefinitions", [])
        self._patterns = [(definition["Name"], re.compile(definition["Regex"])) for definition in definitions]
        self._cluster = Cluster(request["ResourceConfig"])
        self._channels = [
            Channel(channel, algorithm["TrainingInputMode"]) for channel in request.get("InputDataConfig", [])
        ]
        self._hyperparameters = decoded(request.get("HyperParameters", {}))
        self._pipes: list[Pipe] = []
        self._master_port = 0

    def on_stage(self, stage: str) -> None:
        """Add a secondary status, with its time and message."""
        if (self.secondary_status, stage) == ("MaxRuntimeExceeded", "Stopped"):
            return  # it says already how the job came to its end
        moment = now()
        if self.transitions:
            self.transitions[-1].setdefault("EndTime", moment)
        self.secondary_status = stage
        self.transitions.append(
            {"Status": stage, "StartTime": moment, "StatusMessage": STAGE_MESSAGES.get(stage, stage)}
        )

    def perform(self) -> None:
        """Download, train, upload."""
        runtime = runtime_for(self.request["AlgorithmSpecification"]["TrainingImage"], self.may)
        self.on_stage("Downloading")
        self._lay_out()
        self.check_not_stopped()
        self._master_port = free_port()
        launches = [self._launch(runtime, host) for host in self._cluster.hosts]
        self.on_stage("Training")
        self.training_started = now()
        try:
            place, exit_code = self.run_hosts(
                runtime,
                launches,
                max_seconds=self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_MAX_SECONDS),
                on_line=self._catch_metrics,
            )
        except JobStoppedError:
            self._upload()  # what the script has saved so far is not lost
            raise
        finally:
            for pipe in self._pipes:
                pipe.close()
        if exit_code != 0:
            raise JobFailedError(self._failure(launches[place], exit_code))
        self.on_stage("Uploading")
        self._upload()

    def describe(self) -> dict[str, Any]:
        """Answer DescribeTrainingJob."""
        seconds = (self.ended_at - self.training_started).total_seconds() if self._timed() else None
        return {
            **{key: value for key, value in self.request.items() if key != "Tags"},
            "TrainingJobName": self.name,
            "TrainingJobArn": self.arn,
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
            "TrainingTimeInSeconds": None if seconds is None else math.ceil(seconds),
            "BillableTimeInSeconds": None if seconds is None else math.ceil(seconds),
        }

    def _timed(self) -> bool:
        return self.ended_at is not None and self.training_started is not None

    def _container(self, host: str) -> Container:
        return Container(self.container.root / host)

    def _lay_out(self) -> None:
        s3 = self.client("s3")
        code = self._hyperparameters.get("sagemaker_submit_directory")
        with ThreadPoolExecutor(max_workers=8) as pool:
            for found in [pool.submit(channel.find, s3) for channel in self._channels]:
                found.result()
            downloads = []
            for host in self._cluster.hosts:
                container = self._container(host)
                for name in ("model", "output/data", "output/intermediate", "input/config", "input/data", "code"):
                    container.folder(*name.split("/"))
                self._write_configuration(container, host)
                for channel in self._channels:
                    downloads.append(pool.submit(self._bring, s3, channel, host))
            for download in downloads:
                download.result()
            # Last: it may lie in a channel.
            for host in self._cluster.hosts:
                download_code(s3, self._container(host), code)

    def _write_configuration(self, container: Container, host: str) -> None:
        container.write_json(self.request.get("HyperParameters", {}), "input", "config", "hyperparameters.json")
        container.write_json(self._cluster.resource_config(host), "input", "config", "resourceconfig.json")
        container.write_json(self._input_config(), "input", "config", "inputdataconfig.json")

    def _input_config(self) -> dict[str, Any]:
        return {channel.name: channel.config() for channel in self._channels}

    def _bring(self, s3: Any, channel: Channel, host: str) -> None:
        readers = self._cluster.in_groups(channel.groups)
        if host not in readers:
            return
        path = self._container(host).path("input", "data", channel.name)
        if not channel.is_pipe:
            path.mkdir(exist_ok=True)
            channel.download(s3, path, host, readers)
            return
        pipe = Pipe(
            path,
            lambda epoch: channel.stream(s3, epoch, host, readers),
            lambda error: self.end_processes(JobFailedError(str(error))),
        )
        self._pipes.append(pipe)

    def _launch(self, runtime: Runtime, host: str) -> Launch:
        container = self._container(host)
        given = {key: container.local(value) for key, value in self.request.get("Environment", {}).items()}
        program = given.get("SAGEMAKER_PROGRAM") or self._hyperparameters.get("sagemaker_program")
        environment = {
            **base_environment(container.folder("code")),
            **self.context.identity.environment(self.role_arn()),
            "SAGEMAKER_BASE_DIR": str(container.folder()),
            **({"SAGEMAKER_TRAINING_MODULE": runtime.training_module} if runtime.training_module else {}),
            "SAGEMAKER_REGION": str(self._hyperparameters.get("sagemaker_region", REGION)),
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self.arn,
        }
        log = self.log if host == self._cluster.hosts[0] else self.new_log(host)
        if program:
            script = self._script(runtime, host, str(program))
            command = entry_command(container.folder("code"), str(program), script.arguments())
            environment |= script.variables()
        elif algorithm := built_in(runtime):
            command = ["python3", str(algorithm.training_script)]
        else:
            raise JobFailedError(
                "ClientError: the hyperparameter sagemaker_program is missing: script mode needs to know "
                "which script of sagemaker_submit_directory to run"
            )
        # The hosts are processes of one machine: by these each finds the first one.
        environment |= {
            "SM_MASTER_ADDR": LOOPBACK,
            "SM_MASTER_PORT": str(self._master_port),
            "MASTER_ADDR": LOOPBACK,
            "MASTER_PORT": str(self._master_port),
        }
        return Launch(command, {**environment, **given}, container, log)

    def _script(self, runtime: Runtime, host: str, program: str) -> ScriptMode:
        container = self._container(host)
        return ScriptMode(
            hyperparameters=container.local_document(self._hyperparameters),
            resource_config=self._cluster.resource_config(host),
            input_config=self._input_config(),
            base=container.folder(),
            job_name=self.name,
            program=program,
            training_module=runtime.training_module,
        )

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

    def _upload(self) -> None:
        output = join_uri(self.request["OutputDataConfig"]["S3OutputPath"], self.name, "output")
        self.model_uri = self._upload_folder("model", join_uri(output, "model"), ("model",))
        self._upload_folder("output", join_uri(output, "output"), ("output", "data"))

    def _upload_folder(self, name: str, uri: str, folder: tuple[str, ...]) -> str | None:
        """Upload what all hosts have left in a folder; return where to, if there was anything."""
        made = self.container.root / "artifacts" / name
        for host in self._cluster.hosts:
            left = self._container(host).folder(*folder)
            if any(left.iterdir()):
                _gather(left, made)
        if not made.exists():
            return None
        s3 = self.client("s3")
        if self.request["OutputDataConfig"].get("CompressionType") == "NONE":
            upload_folder(s3, made, uri)
            return f"{uri}/"
        archive = made.with_name(f"{name}.tar.gz")
        pack(made, archive)
        upload_file(s3, archive, f"{uri}.tar.gz")
        return f"{uri}.tar.gz"


def _printable(line: str) -> str:
    """Write control characters as SageMaker's log does, a tab as ``#011``; the regexes of metrics rely on it."""
    return _CONTROL.sub(lambda match: f"#{ord(match.group()):03o}", line)


def _gather(left: Path, made: Path) -> None:
    """Move a host's files to those of the others; of files with one name, the last host's stays."""
    made.parent.mkdir(exist_ok=True)
    if not made.exists():
        left.rename(made)
        return
    shutil.copytree(left, made, symlinks=True, dirs_exist_ok=True)
