"""A Lambda function that a state machine calls, again and again, until an endpoint serves."""

from __future__ import annotations

from typing import Any

import boto3

sagemaker = boto3.client("sagemaker")


class EndpointNotReadyError(Exception):
    """The endpoint is still on its way: call again."""


class EndpointFailedError(Exception):
    """The endpoint will not serve; the message says why."""


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Return the endpoint's name and status once it serves."""
    endpoint = sagemaker.describe_endpoint(EndpointName=event["EndpointName"])
    status = endpoint["EndpointStatus"]
    if status == "InService":
        return {"EndpointName": endpoint["EndpointName"], "Status": status}
    if status in {"Creating", "Updating", "SystemUpdating"}:
        raise EndpointNotReadyError(f"{endpoint['EndpointName']} is {status}")
    raise EndpointFailedError(f"{endpoint['EndpointName']} is {status}: {endpoint.get('FailureReason')}")
