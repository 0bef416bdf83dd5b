"""The one seam to boto3: clients made on first use, and what their errors mean."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]
from botocore.config import Config  # type: ignore[import-untyped, unused-ignore]
from botocore.exceptions import (  # type: ignore[import-untyped, unused-ignore]
    BotoCoreError,
    ClientError,
    HTTPClientError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

__all__ = [
    "BotoCoreError",
    "ClientError",
    "client",
    "error_code",
    "error_message",
    "is_missing",
    "is_refused",
    "is_transient",
    "patient_client",
]

# The state machine retries a whole function as well, so a client gives up well before the function's own
# time-out, which would not say what it was waiting for.
_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
# What asks for a thousand things in a row is throttled, and slows down rather than begins again.
_PATIENT_CONFIG = Config(
    connect_timeout=5, read_timeout=20, retries={"mode": "adaptive", "total_max_attempts": 8}, max_pool_connections=10
)
# A model may take 60 s to answer (InvokeEndpoint's documentation).
_RUNTIME_CONFIG = Config(connect_timeout=5, read_timeout=65, retries={"total_max_attempts": 1})

# What botocore's standard retry mode counts as throttling (botocore/retries/standard.py), all of which
# come with statuses in the 400s.
_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "SlowDown",
        "RequestTimeout",
        "RequestTimeoutException",
        "PriorRequestNotComplete",
        "TransactionInProgressException",
    }
)


@cache
def client(service: str) -> Any:
    """Give the worker's client for an AWS service; boto3 has no types for it, hence Any."""
    return boto3.client(service, config=_RUNTIME_CONFIG if service == "sagemaker-runtime" else _CONFIG)


@cache
def patient_client(service: str) -> Any:
    """Give the worker's client for many requests in a row."""
    return boto3.client(service, config=_PATIENT_CONFIG)


def error_code(error: ClientError) -> str:
    """Give the AWS error code, such as ``ThrottlingException``, or the HTTP status of a HEAD request."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_message(error: ClientError) -> str:
    """Give the service's own words."""
    return str(error.response.get("Error", {}).get("Message", ""))


def is_transient(error: ClientError | BotoCoreError) -> bool:
    """Tell whether the same request may work later: throttling, a fault of the service or of the network."""
    if not isinstance(error, ClientError):
        return isinstance(error, (BotoConnectionError, HTTPClientError))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error_code(error) in _THROTTLED or status == 429 or status >= 500


def is_refused(error: ClientError) -> bool:
    """Tell whether SageMaker refused a request as wrong for the resource's present state."""
    return error_code(error) in {"ValidationException", "ValidationError"}


def is_missing(error: ClientError) -> bool:
    """Tell whether SageMaker says that the resource does not exist; mostly it has no error code for that."""
    message = error_message(error).lower()
    told = any(words in message for words in ("could not find", "does not exist", "not found"))
    return error_code(error) == "ResourceNotFound" or (is_refused(error) and told)
