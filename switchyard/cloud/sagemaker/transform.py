"""Transform jobs: a model's servers fed with records from S3, their answers joined and written back.

Source: CreateTransformJob (Amazon SageMaker API Reference).
"""

from __future__ import annotations

import gzip
import http.client
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from switchyard.cloud.sagemaker.batch import FilterError, mini_batches
from switchyard.cloud.sagemaker.channels import Channel
from switchyard.cloud.sagemaker.container import Container
from switchyard.cloud.sagemaker.data_processing import processing_of
from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.jobs import Job, JobFailedError
from switchyard.cloud.sagemaker.s3 import S3Object, download_below, join_uri, upload_file
from switchyard.cloud.sagemaker.serving import ModelServer, ModelServerError, container_definitions

DEFAULT_PAYLOAD_MB = 6
LARGEST_PAYLOAD_MB = 100
MB = 1024 * 1024
REQUEST_SECONDS = 600
MAX_RETRIES = 3
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
        _check_payload(request)
        try:
            processing_of(request)
        except FilterError as error:
            raise ValidationError(f"Invalid DataProcessing: {error}") from None
        if any(definition.get("Mode") == "MultiModel" for definition in container_definitions(self._model)):
            raise ValidationError(f"Model {request['ModelName']} is a multi-model; batch transform takes none.")
        super().__init__(context, request)
        self._servers: list[ModelServer] = []
        self._connections = threading.local()

    def role_arn(self) -> str:
        """Return the model's role: a transform job has none of its own."""
        return str(self._model["ExecutionRoleArn"])

    def stop(self) -> None:
        """Ask the job to end, and its servers with it."""
        super().stop()
        self._stop_servers()

    def perform(self) -> None:
        """Serve the model, send every record through it, write the answers."""
        # It is read as a training job's channel is: a prefix, or a manifest.
        channel = Channel({"ChannelName": "input", "DataSource": self.request["TransformInput"]["DataSource"]}, "File")
        channel.find(self.client("s3"))
        self._servers = self._make_servers()
        self.check_not_stopped()
        senders = ThreadPoolExecutor(self._concurrency)
        try:
            processing = processing_of(self.request)
            for server in self._servers:
                server.start()
            if self.sabotage is not None:
                # Nothing is sent any more: another server may have got the port.
                self._stop_servers()
                raise ConnectionResetError("Connection reset by peer")
            for found in sorted(channel.objects, key=lambda found: found.path):
                self._transform(found, processing, senders)
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
            self._stop_servers()
            senders.shutdown(cancel_futures=True)

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

    @property
    def _concurrency(self) -> int:
        return self.request.get("MaxConcurrentTransforms") or 1

    def _make_servers(self) -> list[ModelServer]:
        """Return a server for each container; in an inference pipeline each has the answer of the one before."""
        given = {"SAGEMAKER_BATCH": "true", **self.request.get("Environment", {})}
        servers = []
        for definition in container_definitions(self._model):
            environment = {**definition.get("Environment", {}), **given}
            folder = Container(self.container.root / definition["ContainerHostname"])
            servers.append(
                ModelServer(self.context, {**definition, "Environment": environment}, self.role_arn(), folder, self.log)
            )
        return servers

    def _stop_servers(self) -> None:
        for server in self._servers:
            server.stop(grace=0)

    def _transform(self, found: S3Object, processing: Any, senders: ThreadPoolExecutor) -> None:
        """Send one object's mini-batches, as many at a time as the job may, and write their answers in order."""
        data = self.container.root / "data"
        download_below(self.client("s3"), found, data)
        source, target = data / found.path, self.container.root / "out" / f"{found.path}.out"
        target.parent.mkdir(parents=True, exist_ok=True)
        under_way: deque[tuple[list[bytes], Future[tuple[bytes, str]]]] = deque()

        def write_first(answers: IO[bytes]) -> None:
            records, sent = under_way.popleft()
            answers.write(processing.written(records, *sent.result()))

        with target.open("wb") as answers:
            for batch in self._batches(source):
                self.check_not_stopped()
                if len(under_way) > self._concurrency:  # one more is read while the others are answered
                    write_first(answers)
                under_way.append((batch, senders.submit(self._send, processing.request(batch))))
            while under_way:
                write_first(answers)
        output = join_uri(self.request["TransformOutput"]["S3OutputPath"], f"{found.path}.out")
        upload_file(self.client("s3"), target, output)
        source.unlink()
        target.unlink()

    def _batches(self, source: Path) -> Iterator[list[bytes]]:
        asked = self.request["TransformInput"]
        most_bytes = self.request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB) * MB  # 0: as large as it is
        single = self.request.get("BatchStrategy", "MultiRecord") == "SingleRecord"
        try:
            with gzip.open(source) if asked.get("CompressionType") == "Gzip" else source.open("rb") as file:
                if asked.get("SplitType", "None") == "Line":
                    lines = (_fitting(line, most_bytes) for line in file if line.strip())
                    yield from mini_batches(lines, most_bytes, single=single)
                elif whole := file.read():
                    yield [_fitting(whole, most_bytes)]
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise FilterError(f"'{source.name}' is not compressed with gzip: {error}") from None

    def _send(self, body: bytes) -> tuple[bytes, str]:
        """Send a request through all servers, again when it fails by the model's fault; return the answer."""
        client = self.request.get("ModelClientConfig", {})
        for left in range(client.get("InvocationsMaxRetries", MAX_RETRIES), -1, -1):
            self.check_not_stopped()
            try:
                status, answer, content_type = self._answer(body, client.get("InvocationsTimeoutInSeconds"))
            except TimeoutError:
                status, answer = 504, b"no answer in time"
            if status == 200:
                return answer, content_type
            if status < 500 or not left:
                break
        self.check_not_stopped()
        reason = answer.decode("utf-8", "replace")[:LONGEST_ANSWER]
        raise JobFailedError(f"AlgorithmError: the model answered {status} to a mini-batch: {reason}")

    def _answer(self, body: bytes, seconds: int | None) -> tuple[int, bytes, str]:
        content_type = self.request["TransformInput"].get("ContentType", "text/csv")
        accept = self.request["TransformOutput"].get("Accept")
        for server in self._servers:
            headers = {"Content-Type": content_type}
            if accept and server is self._servers[-1]:
                headers["Accept"] = accept
            connection = self._connection(server.port, seconds or REQUEST_SECONDS)
            try:
                connection.request("POST", "/invocations", body, headers)
                response = connection.getresponse()
                body, content_type = response.read(), response.headers.get("Content-Type", "text/csv")
            except BaseException:
                connection.close()  # it opens again with the next request
                raise
            if response.status != 200:
                return response.status, body, content_type
        return 200, body, content_type

    def _connection(self, port: int, seconds: float) -> http.client.HTTPConnection:
        """Return this thread's connection to a server."""
        kept: dict[str, Any] = self._connections.__dict__
        if str(port) not in kept:
            kept[str(port)] = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        connection: http.client.HTTPConnection = kept[str(port)]
        return connection


def _check_payload(request: dict[str, Any]) -> None:
    payload = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)
    at_a_time = request.get("MaxConcurrentTransforms") or 1
    if payload > LARGEST_PAYLOAD_MB:
        raise ValidationError(f"MaxPayloadInMB is {payload}; it cannot be greater than {LARGEST_PAYLOAD_MB}.")
    if payload * at_a_time > LARGEST_PAYLOAD_MB:
        raise ValidationError(
            f"MaxConcurrentTransforms * MaxPayloadInMB is {payload * at_a_time}; it cannot be greater than "
            f"{LARGEST_PAYLOAD_MB}."
        )


def _fitting(record: bytes, most_bytes: int) -> bytes:
    if most_bytes and len(record) > most_bytes:
        raise FilterError(
            f"Too much data for max payload size: a record has {len(record):,} bytes, and MaxPayloadInMB is "
            f"{most_bytes // MB}"
        )
    return record
