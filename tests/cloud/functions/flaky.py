"""Fails the first times that it is called for an id, and counts its calls in a table."""

from __future__ import annotations

import os
from typing import Any

import boto3


class NotYetError(Exception):
    """It will be better next time."""


def handler(event: dict[str, Any], _context: Any) -> dict[str, int]:
    answer = boto3.client("dynamodb").update_item(
        TableName=os.environ["TABLE"],
        Key={"id": {"S": event["id"]}},
        UpdateExpression="ADD calls :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="UPDATED_NEW",
    )
    calls = int(answer["Attributes"]["calls"]["N"])
    if calls <= event["failures"]:
        raise NotYetError(f"call {calls}")
    return {"calls": calls}
