"""Asks a SageMaker endpoint for a prediction."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from switchyard.aws.errors import error_code, error_message
from switchyard.errors import SwitchyardError, UsageError
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud

# What all of SageMaker's framework containers can write.
ANSWERS = ("text/csv", "application/json")


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered.

    Parameters
    ----------
    endpoint
        Its name.
    variant
        The production variant that answered.
    content_type, body
        The answer.
    latency_ms
        How long it took, the way there and back included.
    """

    endpoint: str
    variant: str | None
    content_type: str
    body: str
    latency_ms: float

    def document(self) -> dict[str, Any]:
        """Give the JSON document of `--json`."""
        body: Any = self.body
        if self.content_type.startswith("application/json"):
            try:
                body = json.loads(self.body)
            except ValueError:
                body = self.body
        return {
            "endpoint": self.endpoint,
            "variant": self.variant,
            "content_type": self.content_type,
            "body": body,
            "latency_ms": self.latency_ms,
        }


def invoke_endpoint(cloud: Cloud, endpoint: str, body: bytes, content_type: str) -> Answer:
    """Send a request to an endpoint.

    Parameters
    ----------
    cloud
        Where it is.
    endpoint
        Its name.
    body, content_type
        What to send.

    Raises
    ------
    SwitchyardError
        When it does not answer with a prediction; the message has the model's own reason.
    UsageError
        When there is no such endpoint; the message offers the nearest names.
    """
    # Containers answer in JSON who does not say what is wanted; people want what they have sent.
    wanted = {"Accept": content_type} if content_type in ANSWERS else {}
    start = time.perf_counter()
    try:
        answer = cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, ContentType=content_type, Body=body, **wanted
        )
        text = answer["Body"].read().decode(errors="replace")
    except ClientError as error:
        if (reason := _reason(error, cloud, endpoint)) is not None:
            raise reason from error
        raise
    return Answer(
        endpoint=endpoint,
        variant=answer.get("InvokedProductionVariant"),
        content_type=answer.get("ContentType") or "",
        body=text,
        latency_ms=round((time.perf_counter() - start) * 1000, 1),
    )


def _reason(error: ClientError, cloud: Cloud, endpoint: str) -> SwitchyardError | None:
    if error_code(error) == "ModelError":
        status = error.response.get("OriginalStatusCode", "an error")
        reason = error.response.get("OriginalMessage") or error_message(error)
        return SwitchyardError(f"the model of {endpoint!r} answered {status}: {str(reason).strip()}")
    if error_code(error) == "ValidationError":
        try:
            listed = cloud.client("sagemaker").list_endpoints(MaxResults=100)["Endpoints"]
        except ClientError:
            return None
        names = [item["EndpointName"] for item in listed]
        if endpoint not in names:
            return UsageError(f"there is no endpoint {endpoint!r} in {cloud}; {suggest(endpoint, names)}")
    return None
