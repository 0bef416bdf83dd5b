"""Answers with its event and with what it can see of its environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import boto3


def handler(event: Any, context: Any) -> dict[str, Any]:
    print("echo was given", event)
    answer = {
        "event": event,
        "environment": dict(os.environ),
        "process": os.getpid(),
        "directory": str(Path.cwd()),
        "request_id": context.aws_request_id,
        "function_arn": context.invoked_function_arn,
        "remaining_ms": context.get_remaining_time_in_millis(),
    }
    if isinstance(event, dict) and event.get("who_am_i"):
        answer["identity"] = boto3.client("sts").get_caller_identity()["Arn"]
    if isinstance(event, dict) and event.get("write_to"):
        boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=event["write_to"], Body=b"written")
    return answer
