"""Training jobs: script mode in a warm process, channels from S3, metrics from the log, the model to S3.

Sources: CreateTrainingJob and DescribeTrainingJob (Amazon SageMaker API Reference); the environment that
sagemaker-training 5.1.4 sets.
"""

from __future__ import annotations

import json
import math
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from switchyard.cloud.account import REGION
from switchyard.cloud.sagemaker.container import (
    HOST,
    Container,
    base_environment,
    decoded_hyperparameters,
    script_arguments,
)
from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.images import runtime_for
from switchyard.cloud.sagemaker.jobs import Job, JobFailedError, JobStoppedError, last_words
from switchyard.cloud.sagemaker.s3 import (
    TransferError,
    download_object,
    download_prefix,
    join_uri,
    pack,
    unpack,
    upload_file,
)
from switchyard.cloud.sagemaker.store import now

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


class TrainingJob(Job):
    """One training job."""

    kind = "TrainingJob"
    log_group = "/aws/sagemaker/TrainingJobs"

    def __init__(self, context: Any, request: dict[str, Any]) -> None:
        super().__init__(context, request)
        self.secondary_status = "Starting"
        self.transitions: list[dict[str, Any]] = []
        self.metrics: dict[str, dict[str, Any]] = {}
        self.model_uri: str | None = None
        self.training_started: Any = None
        self.on_stage("Starting")
        definitions = request["AlgorithmSpecification"].get("MetricDefinitions", [])
        self._patterns = [(definition["Name"], _pattern(definition)) for definition in definitions]

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
        hyperparameters = decoded_hyperparameters(self.request.get("HyperParameters", {}))
        program = hyperparameters.get("sagemaker_program")
        if not program:
            raise JobFailedError(
                "ClientError: the hyperparameter sagemaker_program is missing: script mode needs to know "
                "which script of sagemaker_submit_directory to run"
            )
        self._lay_out(hyperparameters)
        self.check_not_stopped()
        code = self.container.folder("code")
        script = code / str(program)
        if not script.resolve().is_relative_to(code.resolve()) or not script.is_file():
            raise JobFailedError(f"ClientError: there is no '{program}' in sagemaker_submit_directory")
        self.on_stage("Training")
        self.training_started = now()
        own = {key: value for key, value in hyperparameters.items() if not key.startswith("sagemaker_")}
        arguments = script_arguments(own)
        try:
            exit_code = self.run_process(
                runtime,
                ["python3", str(script), *arguments],
                self._environment(hyperparameters, own, arguments),
                max_seconds=self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_MAX_SECONDS),
                on_line=self._catch_metrics,
            )
        except JobStoppedError:
            self._upload()  # what the script has saved so far is not lost
            raise
        if exit_code != 0:
            raise JobFailedError(self._failure(exit_code, str(program), arguments))
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

    def _lay_out(self, hyperparameters: dict[str, Any]) -> None:
        container = self.container
        for name in ("model", "output/data", "output/intermediate", "input/config", "code"):
            container.folder(*name.split("/"))
        channels = self.request.get("InputDataConfig", [])
        container.write_json(self.request.get("HyperParameters", {}), "input", "config", "hyperparameters.json")
        container.write_json(self._resource_config(), "input", "config", "resourceconfig.json")
        container.write_json(_input_config(channels), "input", "config", "inputdataconfig.json")
        s3 = self.client("s3")
        with ThreadPoolExecutor(max_workers=len(channels) + 1) as pool:
            downloads = [pool.submit(_download_channel, s3, container, channel) for channel in channels]
            downloads.append(
                pool.submit(download_code, s3, container, hyperparameters.get("sagemaker_submit_directory"))
            )
            for download in downloads:
                download.result()

    def _resource_config(self) -> dict[str, Any]:
        resources = self.request["ResourceConfig"]
        return {
            "current_host": HOST,
            "current_instance_type": resources.get("InstanceType"),
            "current_group_name": "homogeneousCluster",
            "hosts": [HOST],
            "network_interface_name": "lo",
            "instance_groups": [
                {
                    "instance_group_name": "homogeneousCluster",
                    "instance_type": resources.get("InstanceType"),
                    "hosts": [HOST],
                }
            ],
        }

    def _environment(
        self, hyperparameters: dict[str, Any], own: dict[str, Any], arguments: list[str]
    ) -> dict[str, str]:
        container = self.container
        code = container.folder("code")
        channels = {
            channel["ChannelName"]: str(container.folder("input", "data", channel["ChannelName"]))
            for channel in self.request.get("InputDataConfig", [])
        }
        program = str(hyperparameters["sagemaker_program"])
        module = program.removesuffix(".py")
        settings: dict[str, Any] = {
            "SM_HOSTS": [HOST],
            "SM_CURRENT_HOST": HOST,
            "SM_NETWORK_INTERFACE_NAME": "lo",
            "SM_CURRENT_INSTANCE_TYPE": self.request["ResourceConfig"].get("InstanceType"),
            "SM_NUM_CPUS": os.cpu_count(),
            "SM_NUM_GPUS": 0,
            "SM_NUM_NEURONS": 0,
            "SM_HPS": own,
            "SM_USER_ENTRY_POINT": program,
            "SM_USER_ARGS": arguments,
            "SM_FRAMEWORK_PARAMS": {key: value for key, value in hyperparameters.items() if key not in own},
            "SM_RESOURCE_CONFIG": self._resource_config(),
            "SM_INPUT_DATA_CONFIG": _input_config(self.request.get("InputDataConfig", [])),
            "SM_OUTPUT_DATA_DIR": container.folder("output", "data"),
            "SM_CHANNELS": sorted(channels),
            "SM_MODULE_NAME": module,
            "SM_MODULE_DIR": hyperparameters.get("sagemaker_submit_directory", ""),
            "SM_LOG_LEVEL": hyperparameters.get("sagemaker_container_log_level", 20),
            "SM_INPUT_DIR": container.folder("input"),
            "SM_INPUT_CONFIG_DIR": container.folder("input", "config"),
            "SM_OUTPUT_DIR": container.folder("output"),
            "SM_OUTPUT_INTERMEDIATE_DIR": container.folder("output", "intermediate"),
            "SM_MODEL_DIR": container.folder("model"),
            **{f"SM_CHANNEL_{name.upper()}": folder for name, folder in channels.items()},
            **{f"SM_HP_{name.upper()}": value for name, value in own.items()},
        }
        return {
            **base_environment(code),
            **self.context.identity.environment(self.role_arn()),
            "SAGEMAKER_BASE_DIR": str(container.folder()),
            "SAGEMAKER_REGION": REGION,
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self.arn,
            **{key: container.local(_as_text(value)) for key, value in settings.items() if value is not None},
            **{key: container.local(value) for key, value in self.request.get("Environment", {}).items()},
        }

    def _catch_metrics(self, line: str) -> None:
        for name, pattern in self._patterns:
            for match in pattern.finditer(line):
                try:
                    value = float(match.group(1))
                except (ValueError, IndexError):
                    continue
                self.metrics[name] = {"MetricName": name, "Value": value, "Timestamp": now()}

    def _failure(self, exit_code: int, program: str, arguments: list[str]) -> str:
        written = self.container.read_text("output", "failure")
        if written:
            return f"AlgorithmError: {written}, exit code: {exit_code}"
        command = " ".join(["python3", program, *arguments])
        return (
            f'AlgorithmError: ExecuteUserScriptError: ExitCode {exit_code} ErrorMessage "{last_words(self)}" '
            f'Command "{command}", exit code: {exit_code}'
        )

    def _upload(self) -> None:
        s3 = self.client("s3")
        output_uri = join_uri(self.request["OutputDataConfig"]["S3OutputPath"], self.name, "output")
        model = self.container.folder("model")
        if any(model.iterdir()):
            archive = self.container.root / "model.tar.gz"
            pack(model, archive)
            self.model_uri = join_uri(output_uri, "model.tar.gz")
            upload_file(s3, archive, self.model_uri)
        data = self.container.folder("output", "data")
        if any(data.iterdir()):
            archive = self.container.root / "output.tar.gz"
            pack(data, archive)
            upload_file(s3, archive, join_uri(output_uri, "output.tar.gz"))


def download_code(s3: Any, container: Container, uri: str | None) -> None:
    """Unpack a ``sourcedir.tar.gz`` into ``/opt/ml/code``.

    Raises
    ------
    TransferError
        It is not there, or no archive.
    """
    if not uri or not str(uri).startswith("s3://"):
        return
    archive = container.root / "sourcedir.tar.gz"
    download_object(s3, str(uri), archive)
    unpack(archive, container.folder("code"))
    archive.unlink()


def _pattern(definition: dict[str, str]) -> re.Pattern[str]:
    try:
        return re.compile(definition["Regex"])
    except re.error as error:
        metric, regex = definition["Name"], definition["Regex"]
        raise ValidationError(f"The Regex '{regex}' of the metric '{metric}' is not valid: {error}") from None


def _download_channel(s3: Any, container: Container, channel: dict[str, Any]) -> None:
    source = channel["DataSource"].get("S3DataSource")
    if source is None or source.get("S3DataType", "S3Prefix") != "S3Prefix":
        raise TransferError(
            f"ClientError: the channel '{channel['ChannelName']}' is not an S3 prefix, "
            "the only kind of channel that runs on the local cloud"
        )
    download_prefix(s3, source["S3Uri"], container.folder("input", "data", channel["ChannelName"]))


def _input_config(channels: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        channel["ChannelName"]: {
            "TrainingInputMode": channel.get("InputMode", "File"),
            "S3DistributionType": channel["DataSource"]
            .get("S3DataSource", {})
            .get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        }
        for channel in channels
    }


def _as_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
