"""InvokeEndpointAsync: a request that is queued, with its input and its output in S3.

Sources: InvokeEndpointAsync (Amazon SageMaker Runtime API Reference); AsyncInferenceConfig (Amazon SageMaker API
Reference); "Asynchronous inference", "Check prediction results" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import logging
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from switchyard.cloud import metrics
from switchyard.cloud.account import REGION
from switchyard.cloud.identity import Identity
from switchyard.cloud.sagemaker.api import SageMaker, error_body
from switchyard.cloud.sagemaker.backlog import NAMESPACE
from switchyard.cloud.sagemaker.endpoints import Endpoint
from switchyard.cloud.sagemaker.errors import NotRunError, SageMakerError
from switchyard.cloud.sagemaker.hosting import Question, Reply
from switchyard.cloud.sagemaker.runtime import (
    CUSTOM_ATTRIBUTES,
    EndpointRequestError,
    RuntimeAnswer,
    ask,
    find,
    model_error_message,
)
from switchyard.cloud.sagemaker.s3 import TransferError, join_uri, put_object, read_typed_object
from switchyard.cloud.sagemaker.store import now
from switchyard.cloud.sagemaker.variants import Variant

LOG = logging.getLogger(__name__)
_HEADER = "x-amzn-sagemaker-"
DEFAULT_TIMEOUT_SECONDS = 900
LONGEST_TIMEOUT_SECONDS = 3600
DEFAULT_TTL_SECONDS = 6 * 3600
LARGEST_INPUT = 1024 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """One queued request."""

    inference_id: str
    input_location: str
    output_location: str
    failure_location: str | None
    headers: dict[str, str]
    seconds: float
    ttl: float
    received: datetime.datetime
    arrived: float = field(default_factory=time.perf_counter)


class Measured:
    """What is measured of one request, by the metric's name: value and unit.

    Source: "Monitor asynchronous endpoint" (Amazon SageMaker Developer Guide).

    Attributes
    ----------
    variant : Variant or None
        Whose metrics they are, once it is known; before, the endpoint's first one's.
    """

    def __init__(self) -> None:
        self.variant: Variant | None = None
        self._values: dict[str, tuple[float, str]] = {}

    def count(self, name: str) -> None:
        """Count something that has happened."""
        self._values[name] = (1.0, "Count")

    def milliseconds(self, name: str, since: float) -> None:
        """Measure the time since a moment of `time.perf_counter`."""
        self._values[name] = (round((time.perf_counter() - since) * 1e3), "Milliseconds")

    def microseconds(self, name: str, since: float) -> None:
        """Measure the time since a moment of `time.perf_counter`, more finely."""
        self._values[name] = (round((time.perf_counter() - since) * 1e6), "Microseconds")

    def record(self, endpoint: Endpoint) -> None:
        """Leave all of it for CloudWatch."""
        variant = self.variant or next(iter(endpoint.variants()), None)
        if variant is not None:
            metrics.record_all(NAMESPACE, variant.dimensions, self._values)


class AsyncInvocations:
    """The queues of the endpoints.

    Parameters
    ----------
    service : SageMaker
        Whose endpoints they are.
    identity : Identity
        In whose name S3 is read and written and topics are told: the model's role.
    """

    def __init__(self, service: SageMaker, identity: Identity) -> None:
        self._service = service
        self._identity = identity
        self._tasks: set[asyncio.Task[None]] = set()

    async def invoke(self, endpoint_name: str, headers: dict[str, str]) -> RuntimeAnswer:
        """Answer one InvokeEndpointAsync request: it is put into the endpoint's queue.

        Parameters
        ----------
        headers : dict
            The request's headers, names in lower case.
        """
        try:
            endpoint = find(self._service, endpoint_name)
            request = _request(endpoint, headers)
        except SageMakerError as error:
            return RuntimeAnswer(*error_body(error))
        task = asyncio.get_running_loop().create_task(self._carry_out(endpoint, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        answered = {"content-type": "application/json", f"{_HEADER}outputlocation": request.output_location}
        if request.failure_location:
            answered[f"{_HEADER}failurelocation"] = request.failure_location
        return RuntimeAnswer(202, answered, json.dumps({"InferenceId": request.inference_id}).encode())

    async def _carry_out(self, endpoint: Endpoint, request: Request) -> None:
        measured = Measured()
        try:
            try:
                async with endpoint.backlog.turn(request.ttl):
                    measured.milliseconds("TimeInBacklog", request.arrived)
                    reply, failure = await self._ask(endpoint, request, measured)
                    await asyncio.to_thread(self._tell, endpoint, request, reply, failure, measured)
            except TimeoutError:
                failure = "the request waited in the queue for longer than RequestTTLSeconds"
                measured.count("ExpiredRequests")
                await asyncio.to_thread(self._tell, endpoint, request, None, failure, measured)
        except Exception:
            LOG.exception("asynchronous inference %s of %s", request.inference_id, endpoint.name)
        measured.milliseconds("TotalProcessingTime", request.arrived)
        measured.record(endpoint)

    async def _ask(self, endpoint: Endpoint, request: Request, measured: Measured) -> tuple[Reply | None, str]:
        """Return the model's answer, or why there is none."""
        began = time.perf_counter()
        try:
            try:
                s3 = await asyncio.to_thread(self._client, endpoint, "s3")
                body, content_type = await asyncio.to_thread(read_typed_object, s3, request.input_location)
            except (TransferError, ClientError):
                measured.count("RequestDownloadFailures")
                raise
            measured.microseconds("RequestDownloadLatency", began)
            request.headers.setdefault("Content-Type", content_type)
            if len(body) > LARGEST_INPUT:
                return None, f"the input has {len(body):,} bytes; an endpoint takes {LARGEST_INPUT:,}"
            question = Question(body, request.headers, seconds=request.seconds)
            measured.variant, reply = await ask(endpoint, question, None, None)
        except (SageMakerError, TransferError, ClientError) as error:
            return None, str(error)
        return reply, model_error_message(endpoint.name, reply) if reply.status >= 300 else ""

    def _client(self, endpoint: Endpoint, service: str) -> Any:
        return self._identity.client(service, endpoint.role_arn)

    def _tell(
        self, endpoint: Endpoint, request: Request, reply: Reply | None, failure: str, measured: Measured
    ) -> None:
        """Write the answer, or why there is none, to S3, and tell the topic."""
        s3 = self._client(endpoint, "s3")
        if not failure and reply is not None:
            began = time.perf_counter()
            try:
                put_object(s3, request.output_location, reply.body, reply.content_type)
                measured.microseconds("ResponseUploadLatency", began)
            except TransferError as error:
                failure = str(error)
                measured.count("ResponseUploadFailures")
        measured.count("InvocationFailures" if failure else "InvocationsProcessed")
        if failure and request.failure_location:
            with contextlib.suppress(TransferError):
                put_object(s3, request.failure_location, failure.encode(), "text/plain")
        output = (endpoint.async_config or {}).get("OutputConfig") or {}
        topic = (output.get("NotificationConfig") or {}).get("ErrorTopic" if failure else "SuccessTopic")
        if topic:
            message = json.dumps(_notice(endpoint.name, request, reply, failure))
            try:
                self._client(endpoint, "sns").publish(TopicArn=topic, Message=message)
            except ClientError as error:
                measured.count("NotificationFailures")
                LOG.warning("the topic %s was not told of %s: %s", topic, request.inference_id, error)


def _request(endpoint: Endpoint, headers: dict[str, str]) -> Request:
    if endpoint.async_config is None:
        raise EndpointRequestError(
            f"Endpoint {endpoint.name} has no AsyncInferenceConfig: invoke it with InvokeEndpoint."
        )
    if not endpoint.variants():
        raise EndpointRequestError(f"Endpoint {endpoint.name} is {endpoint.status}: it does not serve requests now.")
    location = headers.get(f"{_HEADER}inputlocation", "")
    if not location:
        raise NotRunError("InvokeEndpointAsync without InputLocation")
    if not re.fullmatch(r"s3://[^/]+/.+", location):
        raise EndpointRequestError(f"InputLocation '{location}' is not of the form s3://bucket/key.")
    for member in ("filename", "s3outputpathextension"):
        if headers.get(f"{_HEADER}{member}"):
            raise NotRunError(f"InvokeEndpointAsync with the header {_HEADER}{member}")
    passed = {"Accept": headers.get(f"{_HEADER}accept", "*/*")}
    if content_type := headers.get(f"{_HEADER}content-type"):  # without it, the input's own counts
        passed["Content-Type"] = content_type
    if attributes := headers.get(CUSTOM_ATTRIBUTES):
        passed[CUSTOM_ATTRIBUTES] = attributes
    output, name = endpoint.async_config["OutputConfig"], uuid.uuid4()
    failures = output.get("S3FailurePath")
    return Request(
        headers.get(f"{_HEADER}inference-id") or str(uuid.uuid4()),
        location,
        join_uri(output["S3OutputPath"], f"{name}.out"),
        join_uri(failures, f"{name}-error.out") if failures else None,
        passed,
        _seconds(headers, "invocationtimeoutseconds", DEFAULT_TIMEOUT_SECONDS, 1, LONGEST_TIMEOUT_SECONDS),
        _seconds(headers, "requestttlseconds", DEFAULT_TTL_SECONDS, 60, DEFAULT_TTL_SECONDS),
        now(),
    )


def _seconds(headers: dict[str, str], member: str, default: int, least: int, most: int) -> int:
    text = headers.get(f"{_HEADER}{member}", str(default))
    if not text.isdigit() or not least <= int(text) <= most:
        raise EndpointRequestError(f"{member} is '{text}'; it is a number of seconds from {least} to {most}.")
    return int(text)


def _notice(endpoint_name: str, request: Request, reply: Reply | None, failure: str) -> dict[str, Any]:
    asked = {
        "contentType": request.headers.get("Content-Type", ""),
        "endpointName": endpoint_name,
        "inputLocation": request.input_location,
    }
    notice = {
        "awsRegion": REGION,
        "eventTime": _written(now()),
        "receivedTime": _written(request.received),
        "invocationStatus": "Failed" if failure else "Completed",
        "requestParameters": asked,
        "inferenceId": request.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    if failure:
        notice["failureReason"] = failure
        if request.failure_location:
            notice["responseParameters"] = {"failureLocation": request.failure_location}
    elif reply is not None:
        answered = {"contentType": reply.content_type, "outputLocation": request.output_location}
        notice["responseParameters"] = answered
    return notice


def _written(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
