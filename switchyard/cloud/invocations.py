"""Asynchronous invocations: taken at once, run later, tried again, and their records sent on.

Source: "Invoking a Lambda function asynchronously", "Capturing records of Lambda asynchronous invocations" (AWS Lambda
Developer Guide).
"""

from __future__ import annotations

import datetime
import json
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.cloud.account import ACCOUNT_ID
from switchyard.cloud.functions import Function, Functions, Result
from switchyard.cloud.identity import Identity
from switchyard.cloud.later import Later

LOG = logging.getLogger(__name__)
MOST_AT_ONCE = 32
# Seconds before the second and before the third attempt.
PAUSES = (60.0, 120.0)
LONGEST_AGE = 6 * 3600
LONGEST_ERROR = 1024


@dataclass(frozen=True)
class InvokeConfig:
    """What PutFunctionEventInvokeConfig sets.

    Parameters
    ----------
    retries : int
        How many more times, after the first, an invocation is tried that ended in the function's error.
    age : int
        Seconds after which an event is not tried again.
    on_success, on_failure : str
        ARNs of where the record goes; empty for nowhere.
    """

    retries: int = len(PAUSES)
    age: int = LONGEST_AGE
    on_success: str = ""
    on_failure: str = ""
    modified: float = field(default_factory=time.time)

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> InvokeConfig:
        """Read a request's, or an ``AWS::Lambda::EventInvokeConfig``'s."""
        destinations = properties.get("DestinationConfig") or {}
        retries = properties.get("MaximumRetryAttempts")
        age = properties.get("MaximumEventAgeInSeconds")
        return cls(
            len(PAUSES) if retries is None else int(retries),
            LONGEST_AGE if age is None else int(age),
            (destinations.get("OnSuccess") or {}).get("Destination") or "",
            (destinations.get("OnFailure") or {}).get("Destination") or "",
        )

    def describe(self, function_arn: str) -> dict[str, Any]:
        """Answer GetFunctionEventInvokeConfig."""
        return {
            "FunctionArn": f"{function_arn}:$LATEST",
            "LastModified": self.modified,
            "MaximumRetryAttempts": self.retries,
            "MaximumEventAgeInSeconds": self.age,
            "DestinationConfig": {
                "OnSuccess": {"Destination": self.on_success} if self.on_success else {},
                "OnFailure": {"Destination": self.on_failure} if self.on_failure else {},
            },
        }


@dataclass
class _Event:
    function: Function
    payload: bytes
    request_id: str
    began: float = field(default_factory=time.monotonic)
    skipped: float = 0.0  # seconds of pauses that the time scale has spared
    attempts: int = 0


class Invocations:
    """The queue of asynchronous invocations.

    Parameters
    ----------
    time_scale : float
        Seconds here for one second of pause between attempts.
    """

    def __init__(self, functions: Functions, identity: Identity, time_scale: float) -> None:
        self._functions = functions
        self._identity = identity
        self._time_scale = time_scale
        self._later = Later("invocation", MOST_AT_ONCE)
        self._configs: dict[str, InvokeConfig] = {}

    def configure(self, function: Function, config: InvokeConfig | None) -> None:
        """Set, or with None remove, what is done with a function's asynchronous invocations."""
        if config is None:
            self._configs.pop(function.name, None)
        else:
            self._configs[function.name] = config

    def config(self, function: Function) -> InvokeConfig | None:
        """Return what was set."""
        return self._configs.get(function.name)

    def submit(self, function: Function, payload: bytes) -> str:
        """Take an event; return the request's id."""
        event = _Event(function, payload, str(uuid.uuid4()))
        self._later.submit(lambda: self._attempt(event))
        return event.request_id

    def close(self) -> None:
        """Run nothing more."""
        self._later.close()

    def _attempt(self, event: _Event) -> None:
        config = self._configs.get(event.function.name) or InvokeConfig()
        event.attempts += 1
        result = self._invoke(event)
        if not result.error:
            if config.on_success:
                self._send_record(config.on_success, event, result, "Success")
            return
        condition = "RetriesExhausted"
        if event.attempts <= config.retries:
            pause = PAUSES[min(event.attempts, len(PAUSES)) - 1]
            if time.monotonic() - event.began + event.skipped + pause <= config.age:
                event.skipped += pause * (1 - self._time_scale)
                self._later.submit(lambda: self._attempt(event), pause * self._time_scale)
                return
            condition = "EventAgeExceeded"
        LOG.warning("%s failed %s times, and its event was given up", event.function.arn, event.attempts)
        if event.function.dead_letter_arn:
            self._send_dead_letter(event, result)
        if config.on_failure:
            self._send_record(config.on_failure, event, result, condition)

    def _invoke(self, event: _Event) -> Result:
        try:
            return self._functions.invoke(event.function, event.payload, event.request_id)
        except Exception as error:  # no process to be had, for one: the event is not lost for that
            LOG.exception("%s could not be run", event.function.arn)
            document = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return Result(json.dumps(document).encode(), "Unhandled", "", 0.0)

    def _send_record(self, destination: str, event: _Event, result: Result, condition: str) -> None:
        function = event.function
        record = {
            "version": "1.0",
            "timestamp": _now(),
            "requestContext": {
                "requestId": event.request_id,
                "functionArn": f"{function.arn}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": event.attempts,
            },
            "requestPayload": _document(event.payload),
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
            "responsePayload": _document(result.payload),
        }
        if result.error:
            record["responseContext"]["functionError"] = result.error
        text = json.dumps(record, ensure_ascii=False)
        try:
            service = destination.split(":")[2]
            client = self._identity.client(service, function.role_arn)
            if service == "sqs":
                client.send_message(QueueUrl=self._queue_url(destination), MessageBody=text)
            elif service == "sns":
                client.publish(TopicArn=destination, Message=text)
            elif service == "lambda":
                client.invoke(FunctionName=destination, InvocationType="Event", Payload=text.encode())
            elif service == "events":
                outcome = "Success" if condition == "Success" else "Failure"
                entry = {
                    "Source": "lambda",
                    "DetailType": f"Lambda Function Invocation Result - {outcome}",
                    "Detail": text,
                    "Resources": [destination, f"{function.arn}:$LATEST"],
                    "EventBusName": destination,
                }
                client.put_events(Entries=[entry])
            else:
                LOG.error("%s: the local cloud sends no records to %s", function.arn, destination)
        except (ClientError, BotoCoreError) as error:
            LOG.error("A record of %s is lost: %s did not take it: %s", function.arn, destination, error)

    def _send_dead_letter(self, event: _Event, result: Result) -> None:
        function, arn = event.function, event.function.dead_letter_arn
        told = _document(result.payload)
        message = str(told.get("errorMessage", "")) if isinstance(told, dict) else str(told)
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": event.request_id},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": message[:LONGEST_ERROR] or "none"},
        }
        body = event.payload.decode("utf-8", "replace")
        try:
            if arn.split(":")[2] == "sns":
                self._identity.client("sns", function.role_arn).publish(
                    TopicArn=arn, Message=body, MessageAttributes=attributes
                )
            else:
                self._identity.client("sqs", function.role_arn).send_message(
                    QueueUrl=self._queue_url(arn), MessageBody=body, MessageAttributes=attributes
                )
        except (ClientError, BotoCoreError) as error:
            LOG.error("An event of %s is lost: %s did not take it: %s", function.arn, arn, error)

    def _queue_url(self, queue_arn: str) -> str:
        return f"{self._identity.endpoint_url}/{ACCOUNT_ID}/{queue_arn.rpartition(':')[2]}"


def _document(payload: bytes) -> Any:
    try:
        return json.loads(payload or b"null")
    except ValueError:
        return payload.decode("utf-8", "replace")


def _now() -> str:
    return datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
