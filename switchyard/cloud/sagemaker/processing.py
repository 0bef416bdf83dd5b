"""Processing jobs: a command with folders from and to S3.

Sources: CreateProcessingJob, "Build Your Own Processing Container" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from switchyard.cloud.account import REGION
from switchyard.cloud.sagemaker.container import HOST, OPT_ML, base_environment
from switchyard.cloud.sagemaker.images import runtime_for
from switchyard.cloud.sagemaker.jobs import Job, JobFailedError, last_words
from switchyard.cloud.sagemaker.s3 import TransferError, download_prefix, upload_folder

DEFAULT_MAX_SECONDS = 24 * 3600


class ProcessingJob(Job):
    """One processing job."""

    kind = "ProcessingJob"
    log_group = "/aws/sagemaker/ProcessingJobs"

    def __init__(self, context: Any, request: dict[str, Any]) -> None:
        super().__init__(context, request)
        self.exit_message: str | None = None

    def perform(self) -> None:
        """Download, run, upload."""
        application = self.request["AppSpecification"]
        runtime = runtime_for(application["ImageUri"], self.may)
        command = [*application.get("ContainerEntrypoint", []), *application.get("ContainerArguments", [])]
        if not command:
            raise JobFailedError("ClientError: AppSpecification has no ContainerEntrypoint, and no image is run here")
        self._lay_out()
        self.check_not_stopped()
        container = self.container
        stopping = self.request.get("StoppingCondition", {})
        exit_code = self.run_process(
            runtime,
            [container.local(word) for word in command],
            {
                **base_environment(container.folder("code")),
                **self.context.identity.environment(self.role_arn()),
                "SAGEMAKER_BASE_DIR": str(container.folder()),
                "SAGEMAKER_REGION": REGION,
                "PROCESSING_JOB_NAME": self.name,
                "PROCESSING_JOB_ARN": self.arn,
                "SM_OUTPUT_DIR": str(container.folder("output")),
                **{key: container.local(value) for key, value in self.request.get("Environment", {}).items()},
            },
            max_seconds=stopping.get("MaxRuntimeInSeconds", DEFAULT_MAX_SECONDS),
        )
        self.exit_message = container.read_text("output", "message") or None
        if exit_code != 0:
            raise JobFailedError(f"AlgorithmError: {self.exit_message or last_words(self.log)}, exit code: {exit_code}")
        self._upload()

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

    def _lay_out(self) -> None:
        cluster = self.request["ProcessingResources"]["ClusterConfig"]
        resources = {"current_host": HOST, "hosts": [HOST], "current_instance_type": cluster["InstanceType"]}
        self.container.write_json(resources, "config", "resourceconfig.json")
        self.container.write_json(
            {key: value for key, value in self.request.items() if key != "Tags"},
            "config",
            "processingjobconfig.json",
        )
        self.container.folder("output")
        inputs = self.request.get("ProcessingInputs", [])
        s3 = self.client("s3")
        with ThreadPoolExecutor(max_workers=max(len(inputs), 1)) as pool:
            for done in [pool.submit(self._download, s3, entry) for entry in inputs]:
                done.result()
        for output in self._outputs():
            self._folder(output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)

    def _download(self, s3: Any, entry: dict[str, Any]) -> None:
        source = entry.get("S3Input")
        if source is None:
            raise TransferError(
                f"ClientError: the input '{entry['InputName']}' is not an S3Input, "
                "the only kind of input that runs on the local cloud"
            )
        download_prefix(s3, source["S3Uri"], self._folder(source["LocalPath"]))

    def _outputs(self) -> list[dict[str, Any]]:
        outputs: list[dict[str, Any]] = self.request.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return [output for output in outputs if "S3Output" in output]

    def _upload(self) -> None:
        s3 = self.client("s3")
        with ThreadPoolExecutor(max_workers=max(len(self._outputs()), 1)) as pool:
            uploads = [
                pool.submit(
                    upload_folder,
                    s3,
                    self._folder(output["S3Output"]["LocalPath"]),
                    output["S3Output"]["S3Uri"],
                )
                for output in self._outputs()
            ]
            for done in uploads:
                done.result()

    def _folder(self, local_path: str) -> Path:
        try:
            return self.container.local_path(local_path)
        except ValueError as error:
            raise TransferError(f"ClientError: LocalPath {error}; SageMaker mounts only below {OPT_ML}") from None
