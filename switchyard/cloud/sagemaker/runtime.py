"""InvokeEndpoint: a request passed on to the variant that the weights choose.

Source: InvokeEndpoint (Amazon SageMaker Runtime API Reference).
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass

from switchyard.cloud import metrics
from switchyard.cloud.account import ACCOUNT_ID
from switchyard.cloud.sagemaker.api import SageMaker, error_body
from switchyard.cloud.sagemaker.data_capture import DataCapture, Event
from switchyard.cloud.sagemaker.endpoints import Endpoint
from switchyard.cloud.sagemaker.errors import NotRunError, SageMakerError, ValidationError
from switchyard.cloud.sagemaker.hosting import Question, Reply
from switchyard.cloud.sagemaker.variants import Variant

LOG = logging.getLogger(__name__)
LARGEST_BODY = 6 * 1024 * 1024
LONGEST_ORIGINAL_MESSAGE = 2048
_HEADER = "x-amzn-sagemaker-"
CUSTOM_ATTRIBUTES = f"{_HEADER}custom-attributes"
# They ask for another component, a session or an explanation; here nothing would give any.
_copies: set[asyncio.Task[None]] = set()
_NOT_RUN = ("enable-explanations", "inference-component", "session-id")


class EndpointRequestError(ValidationError):
    """The runtime API's own name for a request that it refuses."""

    code = "ValidationError"


@dataclass(frozen=True)
class RuntimeAnswer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


async def invoke(service: SageMaker, endpoint_name: str, headers: dict[str, str], body: bytes) -> RuntimeAnswer:
    """Answer one InvokeEndpoint request.

    Parameters
    ----------
    headers : dict
        The request's headers, names in lower case.
    """
    began = time.perf_counter()
    passed = {"Content-Type": headers.get("content-type", "text/csv"), "Accept": headers.get("accept", "*/*")}
    if attributes := headers.get(CUSTOM_ATTRIBUTES):
        passed[CUSTOM_ATTRIBUTES] = attributes
    question = Question(
        body,
        passed,
        headers.get(f"{_HEADER}target-model"),
        headers.get(f"{_HEADER}target-container-hostname"),
        inference_id=headers.get(f"{_HEADER}inference-id"),
    )
    try:
        if len(body) > LARGEST_BODY:
            raise EndpointRequestError(
                f"Request body of {len(body)} bytes is larger than the {LARGEST_BODY} that an endpoint takes"
            )
        for member in _NOT_RUN:
            if headers.get(f"{_HEADER}{member}"):
                raise NotRunError(f"InvokeEndpoint with the header {_HEADER}{member}")
        endpoint = find(service, endpoint_name)
        if endpoint.async_config is not None:
            raise EndpointRequestError(
                f"Endpoint {endpoint_name} is for asynchronous inference: invoke it with InvokeEndpointAsync."
            )
        variant, reply = await ask(endpoint, question, headers.get(f"{_HEADER}target-variant"), began)
    except SageMakerError as error:
        return RuntimeAnswer(*error_body(error))
    if reply.status >= 300:
        return _model_error(endpoint_name, variant, reply)
    answered = {"content-type": reply.content_type, "x-amzn-invoked-production-variant": variant.name}
    if reply.custom_attributes:
        answered[CUSTOM_ATTRIBUTES] = reply.custom_attributes
    return RuntimeAnswer(200, answered, reply.body)


def find(service: SageMaker, endpoint_name: str) -> Endpoint:
    """Return an endpoint that is there; raises EndpointRequestError when it is not."""
    endpoint = service.endpoints.get(endpoint_name)
    # The case of names matters in this API alone.
    if endpoint is None or endpoint.name != endpoint_name or endpoint.status == "Deleting":
        raise EndpointRequestError(f"Endpoint {endpoint_name} of account {ACCOUNT_ID} not found.")
    return endpoint


async def ask(
    endpoint: Endpoint, question: Question, target_variant: str | None, began: float | None
) -> tuple[Variant, Reply]:
    """Put a question to the variant that is asked for, or that the weights choose; measure and capture it.

    A shadow variant may get a copy; nobody waits for it.

    Parameters
    ----------
    began : float or None
        When the request came; None for one of asynchronous inference, which has metrics of its own.

    Raises
    ------
    SageMakerError
        None can answer it.
    """
    try:
        variant, shadow, capture = endpoint.choose(target_variant)
        event = None
        if capture is not None:
            event = capture.sample(question.inference_id, question.headers.get(CUSTOM_ATTRIBUTES))
        if shadow is not None:
            copy = asyncio.get_running_loop().create_task(_ask_shadow(shadow, question, began, capture, event))
            _copies.add(copy)
            copy.add_done_callback(_copies.discard)
        reply = await _ask_variant(variant, question, began, capture, event)
    except ValidationError as error:
        raise EndpointRequestError(error.message) from None
    return variant, reply


async def _ask_shadow(
    shadow: Variant, question: Question, began: float | None, capture: DataCapture | None, event: Event | None
) -> None:
    try:
        await _ask_variant(shadow, question, began, capture, event)
    except Exception as error:
        LOG.info("the shadow variant %s: %s", shadow.name, error)


async def _ask_variant(
    variant: Variant, question: Question, began: float | None, capture: DataCapture | None, event: Event | None
) -> Reply:
    asked = time.perf_counter()
    try:
        reply = await variant.ask(question)
    finally:
        variant.leave()
    overhead = None if began is None else asked - began
    _record(variant, reply, model_seconds=time.perf_counter() - asked, overhead_seconds=overhead)
    if capture is not None and event is not None and reply.status < 300:
        content_type = question.headers.get("Content-Type", "")
        capture.take(variant.name, event, (question.body, content_type), (reply.body, reply.content_type))
    return reply


def model_error_message(endpoint_name: str, reply: Reply) -> str:
    """Return what is said of an answer of a model's that is an error."""
    kind = "client" if reply.status < 500 else "server"
    text = reply.body.decode("utf-8", "replace")[:LONGEST_ORIGINAL_MESSAGE]
    return (
        f'Received {kind} error ({reply.status}) from {reply.container} with message "{text}". See the log group '
        f"/aws/sagemaker/Endpoints/{endpoint_name} in account {ACCOUNT_ID} for more information."
    )


def _record(variant: Variant, reply: Reply, *, model_seconds: float, overhead_seconds: float | None) -> None:
    status = reply.status
    # A container's start is none of the model's time.
    setup_seconds = reply.metrics.get("ModelSetupTime", (0.0, ""))[0] / 1e6
    # Source: "Amazon SageMaker AI metrics in Amazon CloudWatch", endpoint invocation metrics (Developer Guide).
    values = {
        "Invocation4XXErrors": (1.0 if 400 <= status < 500 else 0.0, "None"),
        "Invocation5XXErrors": (1.0 if status >= 500 else 0.0, "None"),
        "ModelLatency": (round((model_seconds - setup_seconds) * 1e6), "Microseconds"),
        **reply.metrics,
    }
    if overhead_seconds is not None:
        values |= {
            "Invocations": (1.0, "None"),
            "InvocationsPerInstance": (1.0 / max(variant.count, 1), "None"),
            "InvocationModelErrors": (1.0 if status >= 300 else 0.0, "None"),
            "OverheadLatency": (round((overhead_seconds + setup_seconds) * 1e6), "Microseconds"),
        }
    for dimensions in (variant.dimensions, variant.config_dimensions):
        metrics.record_all("AWS/SageMaker", dimensions, values)


def _model_error(endpoint_name: str, variant: Variant, reply: Reply) -> RuntimeAnswer:
    body = {
        "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if reply.status < 500 else "INTERNAL_FAILURE_FROM_MODEL",
        "Message": model_error_message(endpoint_name, reply),
        "OriginalMessage": reply.body.decode("utf-8", "replace")[:LONGEST_ORIGINAL_MESSAGE],
        "OriginalStatusCode": reply.status,
        "LogStreamArn": f"{variant.log.group}:log-stream:{variant.log.stream}",
    }
    return RuntimeAnswer(424, {"x-amzn-errortype": "ModelError"}, json.dumps(body).encode())
