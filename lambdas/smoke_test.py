"""Smoke test: one real request to the live endpoint, with a row of the test data."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, TypedDict

from shared.aws import ClientError, client, error_code, error_message
from shared.errors import SmokeTestFailed
from shared.s3 import S3Location, list_objects, read_lines
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Event(TaskEvent):
    """The payload: the endpoint, data to ask it with, and the content types both ways."""

    endpoint: str
    data_uri: str
    content_type: str
    accept: str


class Result(TypedDict):
    """The endpoint's answer: a number, or the text when it is a label."""

    prediction: float | str
    latency_ms: float


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the state ``Smoke test``."""
    parsed = Event.model_validate(event)
    return smoke_test(parsed.endpoint, parsed.data_uri, parsed.content_type, parsed.accept)


def smoke_test(endpoint: str, data_uri: str, content_type: str, accept: str) -> Result:
    """Ask an endpoint for one prediction.

    Parameters
    ----------
    endpoint
        The endpoint's name.
    data_uri
        CSV without a header, the target in its first column: the S3 address of an object or a prefix.
    content_type, accept
        What is sent, what is asked for.

    Returns
    -------
    dict
        ``prediction`` (a number, or the text when it is a label) and ``latency_ms``.

    Raises
    ------
    SmokeTestFailed
        When the model answers with an error, with nothing, or with a number that is not finite.
    """
    features = first_row(S3Location.parse(data_uri)).partition(",")[2]
    start = time.perf_counter()
    try:
        response = client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, ContentType=content_type, Accept=accept, Body=features.encode()
        )
        answer = response["Body"].read().decode("utf-8", errors="replace")
    except ClientError as error:
        # The model's own error; throttling and the like are the service's, and can be retried.
        if error_code(error) != "ModelError":
            raise
        raise SmokeTestFailed(f"Endpoint {endpoint!r} refused a row of test data: {error_message(error)}") from error
    latency_ms = round((time.perf_counter() - start) * 1000, 1)
    return {"prediction": read_prediction(answer, endpoint), "latency_ms": latency_ms}


def first_row(location: S3Location) -> str:
    """Give the first row of an object, or of the first object under a prefix that has one.

    Raises
    ------
    SmokeTestFailed
        When there is no row.
    """
    for entry in list_objects(location):
        for line in read_lines(S3Location(location.bucket, entry["Key"])):
            if line.strip():
                return line
    raise SmokeTestFailed(f"There is no row of test data under {location.uri}.")


def read_prediction(answer: str, endpoint: str) -> float | str:
    """Read the first value out of an answer in CSV or JSON.

    Raises
    ------
    SmokeTestFailed
        When there is none, or a number that is not finite.
    """
    try:
        value = json.loads(answer)
    except ValueError:
        value = answer.strip().partition("\n")[0].partition(",")[0].strip()
    while isinstance(value, (list, dict)) and value:
        value = next(iter(value.values() if isinstance(value, dict) else value))
    try:
        number = float(value)
    except (TypeError, ValueError):
        if isinstance(value, str) and value:
            return value[:256]
        raise SmokeTestFailed(f"Endpoint {endpoint!r} answered no prediction: {answer[:200]!r}.") from None
    if not math.isfinite(number):
        raise SmokeTestFailed(f"Endpoint {endpoint!r} predicted {answer[:200]!r}, not a finite number.")
    return number
