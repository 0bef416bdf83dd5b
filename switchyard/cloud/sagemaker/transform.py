"""Transform jobs: a model's server fed with records from S3, its answers joined and written back.

Source: CreateTransformJob (Amazon SageMaker API Reference).
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

from switchyard.cloud.sagemaker.batch import (
    FilterError,
    csv_filter,
    format_row,
    mini_batches,
    parse_row,
    split_answer,
)
from switchyard.cloud.sagemaker.jobs import Job, JobFailedError
from switchyard.cloud.sagemaker.s3 import download_prefix, join_uri, upload_file
from switchyard.cloud.sagemaker.serving import ModelServer, ModelServerError, primary_container

DEFAULT_PAYLOAD_MB = 6
REQUEST_SECONDS = 600
LONGEST_ANSWER = 300


class TransformJob(Job):
    """One transform job.

    Parameters
    ----------
    model : callable
        Given a model's name, returns what DescribeModel says of it.
    """

    kind = "TransformJob"
    log_group = "/aws/sagemaker/TransformJobs"

    def __init__(self, context: Any, request: dict[str, Any], model: Callable[[str], dict[str, Any]]) -> None:
        self._model = model(request["ModelName"])
        super().__init__(context, request)
        self._server: ModelServer | None = None

    def role_arn(self) -> str:
        """Return the model's role: a transform job has none of its own."""
        return str(self._model["ExecutionRoleArn"])

    def stop(self) -> None:
        """Ask the job to end, and its server with it."""
        super().stop()
        if self._server is not None:
            self._server.stop(grace=0)

    def perform(self) -> None:
        """Serve the model, send every record through it, write the answers."""
        source = self.request["TransformInput"]
        if source.get("CompressionType", "None") != "None" or source.get("SplitType", "None") not in {
            "None",
            "Line",
        }:
            raise JobFailedError(
                "ClientError: the local cloud transforms uncompressed input with SplitType Line or None"
            )
        data = self.container.root / "data"
        download_prefix(self.client("s3"), source["DataSource"]["S3DataSource"]["S3Uri"], data)
        environment = {"SAGEMAKER_BATCH": "true", **self.request.get("Environment", {})}
        self._server = ModelServer(self.context, self._with(environment), self.container, self.log)
        self.check_not_stopped()
        try:
            self._server.start()
            if self.sabotage is not None:
                # Nothing is sent any more: another server may have got the port.
                self._server.stop(grace=0)
                raise ConnectionResetError("Connection reset by peer")
            for path in sorted(path for path in data.rglob("*") if path.is_file()):
                self._transform(path, path.relative_to(data).as_posix(), self._server.port)
        except ModelServerError as error:
            self.check_not_stopped()
            raise JobFailedError(
                f"AlgorithmError: the model's server did not pass the ping health check. Its last words: {error}"
            ) from None
        except FilterError as error:
            raise JobFailedError(f"ClientError: {error}") from None
        except (OSError, http.client.HTTPException) as error:
            self.check_not_stopped()
            raise JobFailedError(
                f"AlgorithmError: the model's server ended in the middle of the job: {self.log.last_line() or error}"
                f"{', exit code: 137' if self.sabotage else ''}"
            ) from None
        finally:
            self._server.stop(grace=0)

    def describe(self) -> dict[str, Any]:
        """Answer DescribeTransformJob."""
        return {
            **{key: value for key, value in self.request.items() if key != "Tags"},
            "TransformJobArn": self.arn,
            "TransformJobStatus": self.status,
            "FailureReason": self.failure_reason,
            "CreationTime": self.created,
            "TransformStartTime": self.started,
            "TransformEndTime": self.ended_at,
        }

    def _with(self, environment: dict[str, str]) -> dict[str, Any]:
        container = dict(primary_container(self._model))
        container["Environment"] = {**container.get("Environment", {}), **environment}
        return {**self._model, "PrimaryContainer": container}

    def _transform(self, source: Path, relative: str, port: int) -> None:
        output = self.request["TransformOutput"]
        target = self.container.root / "out" / f"{relative}.out"
        target.parent.mkdir(parents=True, exist_ok=True)
        processing = self.request.get("DataProcessing", {})
        joined = processing.get("JoinSource", "None") == "Input"
        into = csv_filter(processing.get("InputFilter"))
        out_of = csv_filter(processing.get("OutputFilter"))
        filtered = joined or "InputFilter" in processing or "OutputFilter" in processing
        by_line = self.request["TransformInput"].get("SplitType", "None") == "Line"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS)
        most_bytes = self.request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB) * 1024 * 1024
        single = self.request.get("BatchStrategy", "MultiRecord") == "SingleRecord"
        with source.open("rb") as records, target.open("wb") as answers:
            lines = (line for line in records if line.strip())
            batches = mini_batches(lines, most_bytes, single=single) if by_line else [[source.read_bytes()]]
            for batch in batches:
                self.check_not_stopped()
                if not filtered:
                    answer, _ = self._send(connection, b"".join(batch))
                    answers.write(answer)
                    if by_line and not answer.endswith(b"\n"):
                        answers.write(b"\n")
                    continue
                rows = [parse_row(record) for record in batch]
                answer, content_type = self._send(connection, b"".join(format_row(into(row)) for row in rows))
                predictions = split_answer(answer, content_type, len(rows))
                for row, prediction in zip(rows, predictions, strict=True):
                    answers.write(format_row(out_of([*row, *prediction] if joined else prediction)))
        connection.close()
        upload_file(self.client("s3"), target, join_uri(output["S3OutputPath"], f"{relative}.out"))

    def _send(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[bytes, str]:
        headers = {"Content-Type": self.request["TransformInput"].get("ContentType", "text/csv")}
        if accept := self.request["TransformOutput"].get("Accept"):
            headers["Accept"] = accept
        connection.request("POST", "/invocations", body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            self.check_not_stopped()
            reason = answer.decode("utf-8", "replace")[:LONGEST_ANSWER]
            raise JobFailedError(f"AlgorithmError: the model answered {response.status} to a mini-batch: {reason}")
        return answer, response.headers.get("Content-Type", "text/csv")
