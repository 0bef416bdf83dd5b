"""Processing jobs: a command with folders from and to S3.

Sources: CreateProcessingJob, "Build Your Own Processing Container" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from switchyard.cloud.account import REGION
from switchyard.cloud.sagemaker.channels import Channel
from switchyard.cloud.sagemaker.checkpoints import Checkpoints
from switchyard.cloud.sagemaker.cluster import Cluster
from switchyard.cloud.sagemaker.container import HOST, OPT_ML, Container, base_environment
from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.images import runtime_for
from switchyard.cloud.sagemaker.jobs import Job, JobFailedError, Launch, last_words
from switchyard.cloud.sagemaker.s3 import TransferError, upload_folder

DEFAULT_MAX_SECONDS = 24 * 3600
MOST_DOWNLOADS = 8


class ProcessingJob(Job):
    """One processing job."""

    kind = "ProcessingJob"
    log_group = "/aws/sagemaker/ProcessingJobs"

    def __init__(self, context: Any, request: dict[str, Any]) -> None:
        _check_names("ProcessingInputs", "InputName", request.get("ProcessingInputs") or [])
        outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
        _check_names("Outputs", "OutputName", outputs)
        super().__init__(context, request)
        self.exit_message: str | None = None

    def perform(self) -> None:
        """Download, run, upload."""
        application = self.request["AppSpecification"]
        runtime = runtime_for(application["ImageUri"], self.may)
        command = [*application.get("ContainerEntrypoint", []), *application.get("ContainerArguments", [])]
        if not command:
            raise JobFailedError("ClientError: AppSpecification has no ContainerEntrypoint, and no image is run here")
        launches = self._lay_out(command)
        self.check_not_stopped()
        stopping = self.request.get("StoppingCondition", {})
        s3 = self.client("s3")
        continuous = [
            Checkpoints(s3, output["S3Uri"], self._folders(output["LocalPath"]), lambda: None)
            for output in self._outputs()
            if output["S3UploadMode"] == "Continuous"
        ]
        for upload in continuous:
            upload.start()
        try:
            place, exit_code = self.run_hosts(
                runtime, launches, max_seconds=stopping.get("MaxRuntimeInSeconds", DEFAULT_MAX_SECONDS)
            )
        finally:
            for upload in continuous:
                upload.close()
        messages = [launch.container.read_text("output", "message") for launch in launches]
        self.exit_message = messages[place] or next(filter(None, messages), None)
        if exit_code != 0:
            said = self.exit_message or last_words(launches[place].log)
            shown = exit_code if exit_code > 0 else 128 - exit_code  # as a container reports the end by a signal
            raise JobFailedError(f"AlgorithmError: {said}, exit code: {shown}")
        self._upload(s3)

    def describe(self) -> dict[str, Any]:
        """Answer DescribeProcessingJob."""
        return {
            **{key: value for key, value in self.request.items() if key != "Tags"},
            "ProcessingJobArn": self.arn,
            "ProcessingJobStatus": self.status,
            "ExitMessage": self.exit_message,
            "FailureReason": self.failure_reason,
            "CreationTime": self.created,
            "ProcessingStartTime": self.started,
            "ProcessingEndTime": self.ended_at,
            "LastModifiedTime": self.modified,
        }

    def _lay_out(self, command: list[str]) -> list[Launch]:
        """Fill the folder of every host; return what runs on each."""
        inputs = [self._channel(entry) for entry in self.request.get("ProcessingInputs", [])]
        s3 = self.client("s3")
        for channel, _ in inputs:
            channel.find(s3)
        config = {key: value for key, value in self.request.items() if key != "Tags"}
        for host in self._hosts:
            container = self._container(host)
            resources = {"current_host": host, "hosts": self._hosts, "current_instance_type": self._instance_type}
            container.write_json(resources, "config", "resourceconfig.json")
            container.write_json(config, "config", "processingjobconfig.json")
            container.folder("output")
            for output in self._outputs():
                self._folder(container, output["LocalPath"]).mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(max_workers=MOST_DOWNLOADS) as pool:
            downloads = [
                pool.submit(channel.download, s3, self._folder(self._container(host), path), host, self._hosts)
                for host in self._hosts
                for channel, path in inputs
            ]
            for done in downloads:
                done.result()
        return [self._launch(host, command) for host in self._hosts]

    def _launch(self, host: str, command: list[str]) -> Launch:
        container = self._container(host)
        environment = {
            **base_environment(container.folder("code")),
            **self.context.identity.environment(self.role_arn()),
            "SAGEMAKER_BASE_DIR": str(container.folder()),
            "SAGEMAKER_REGION": REGION,
            "PROCESSING_JOB_NAME": self.name,
            "PROCESSING_JOB_ARN": self.arn,
            "SM_OUTPUT_DIR": str(container.folder("output")),
            **{key: container.local(value) for key, value in self.request.get("Environment", {}).items()},
        }
        log = self.log if host == HOST else self.new_log(host)
        return Launch([container.local(word) for word in command], environment, container, log)

    def _channel(self, entry: dict[str, Any]) -> tuple[Channel, str]:
        """Return an input as a channel, and where it belongs in the container."""
        source = entry.get("S3Input")
        if source is None:
            raise TransferError(
                f"ClientError: the input '{entry['InputName']}' is not an S3Input, "
                "the only kind of input that runs on the local cloud"
            )
        data = {"S3DataType": "S3Prefix", **source}
        channel = Channel({"ChannelName": entry["InputName"], "DataSource": {"S3DataSource": data}}, "File")
        return channel, data["LocalPath"]

    @property
    def _hosts(self) -> list[str]:
        return Cluster(self.request["ProcessingResources"]["ClusterConfig"]).hosts

    @property
    def _instance_type(self) -> str:
        return str(self.request["ProcessingResources"]["ClusterConfig"]["InstanceType"])

    def _container(self, host: str) -> Container:
        return Container(self.container.root / host)

    def _folders(self, local_path: str) -> list[Path]:
        return [self._folder(self._container(host), local_path) for host in self._hosts]

    def _outputs(self) -> list[dict[str, Any]]:
        outputs = self.request.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return [output["S3Output"] for output in outputs if "S3Output" in output]

    def _upload(self, s3: Any) -> None:
        with ThreadPoolExecutor(max_workers=MOST_DOWNLOADS) as pool:
            uploads = [
                pool.submit(upload_folder, s3, folder, output["S3Uri"])
                for output in self._outputs()
                if output["S3UploadMode"] == "EndOfJob"
                for folder in self._folders(output["LocalPath"])
            ]
            for done in uploads:
                done.result()

    def _folder(self, container: Container, local_path: str) -> Path:
        try:
            return container.local_path(local_path)
        except ValueError as error:
            raise TransferError(f"ClientError: LocalPath {error}; SageMaker mounts only below {OPT_ML}") from None


def _check_names(member: str, key: str, entries: list[dict[str, Any]]) -> None:
    names = [entry[key] for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"The {key} of each of {member} must be unique; there are two named {twice[0]}")
