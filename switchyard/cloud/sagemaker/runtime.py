"""InvokeEndpoint: a request passed on to the variant that the weights choose.

Source: InvokeEndpoint (Amazon SageMaker Runtime API Reference).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from switchyard.cloud import metrics
from switchyard.cloud.account import ACCOUNT_ID
from switchyard.cloud.sagemaker.api import SageMaker, error_body
from switchyard.cloud.sagemaker.errors import ValidationError

LARGEST_BODY = 6 * 1024 * 1024
LONGEST_ORIGINAL_MESSAGE = 2048


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
    try:
        if len(body) > LARGEST_BODY:
            raise EndpointRequestError(
                f"Request body of {len(body)} bytes is larger than the {LARGEST_BODY} that an endpoint takes"
            )
        endpoint = service.endpoints.get(endpoint_name)
        # The case of names matters in this API alone.
        if endpoint is None or endpoint.name != endpoint_name or endpoint.status == "Deleting":
            raise EndpointRequestError(f"Endpoint {endpoint_name} of account {ACCOUNT_ID} not found.")
        try:
            variant = endpoint.choose(headers.get("x-amzn-sagemaker-target-variant"))
        except ValidationError as error:
            raise EndpointRequestError(error.message) from None
    except EndpointRequestError as error:
        return RuntimeAnswer(*error_body(error))
    passed = {"Content-Type": headers.get("content-type", "text/csv"), "Accept": headers.get("accept", "*/*")}
    if attributes := headers.get("x-amzn-sagemaker-custom-attributes"):
        passed["X-Amzn-SageMaker-Custom-Attributes"] = attributes
    asked = time.perf_counter()
    try:
        answer = await variant.forwarder.post("/invocations", body, passed)
        status, failure = answer.status, "" if answer.status < 300 else answer.body.decode("utf-8", "replace")
    except TimeoutError:
        status, failure = 504, "the model did not answer within 60 seconds"
    except OSError as error:
        status, failure = 503, str(error)
    finally:
        variant.leave()
    _record(variant, status, model_seconds=time.perf_counter() - asked, overhead_seconds=asked - began)
    if status >= 300:
        return _model_error(endpoint_name, variant, status, failure)
    return RuntimeAnswer(
        200,
        {"content-type": answer.content_type, "x-amzn-invoked-production-variant": variant.name},
        answer.body,
    )


def _record(variant: Any, status: int, *, model_seconds: float, overhead_seconds: float) -> None:
    # Source: "Amazon SageMaker AI metrics in Amazon CloudWatch", endpoint invocation metrics (Developer Guide).
    values = {
        "Invocations": (1.0, "None"),
        "InvocationsPerInstance": (1.0 / variant.count, "None"),
        "Invocation4XXErrors": (1.0 if 400 <= status < 500 else 0.0, "None"),
        "Invocation5XXErrors": (1.0 if status >= 500 else 0.0, "None"),
        "InvocationModelErrors": (1.0 if status >= 300 else 0.0, "None"),
        "ModelLatency": (round(model_seconds * 1e6), "Microseconds"),
        "OverheadLatency": (round(overhead_seconds * 1e6), "Microseconds"),
    }
    metrics.record_all("AWS/SageMaker", variant.dimensions, values)


def _model_error(endpoint_name: str, variant: Any, status: int, message: str) -> RuntimeAnswer:
    kind = "client" if status < 500 else "server"
    text = message[:LONGEST_ORIGINAL_MESSAGE]
    body = {
        "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if status < 500 else "INTERNAL_FAILURE_FROM_MODEL",
        "Message": f'Received {kind} error ({status}) from primary with message "{text}". See the log group '
        f"/aws/sagemaker/Endpoints/{endpoint_name} in account {ACCOUNT_ID} for more information.",
        "OriginalMessage": text,
        "OriginalStatusCode": status,
        "LogStreamArn": f"{variant.log.group}:log-stream:{variant.log.stream}",
    }
    return RuntimeAnswer(424, {"x-amzn-errortype": "ModelError"}, json.dumps(body).encode())
