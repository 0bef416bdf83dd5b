"""Targets: what is called for an event, by whom, and what its refusal means.

Source: "Event bus targets in Amazon EventBridge", "Using resource-based policies for Amazon EventBridge" (Amazon
EventBridge User Guide); "Managing targets in EventBridge Scheduler" (EventBridge Scheduler User Guide).
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError, UnknownServiceError

from switchyard.cloud.account import ACCOUNT_ID
from switchyard.cloud.iam.policy import Policy, Principal, evaluate
from switchyard.cloud.identity import Identity

_MISSING = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "StateMachineDoesNotExist",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "NotAuthorized", "UnauthorizedOperation"}


class TargetError(Exception):
    """When a target did not take an event.

    Parameters
    ----------
    code : str
        As dead letters name it, such as ``NO_PERMISSIONS``.
    may_pass : bool
        Whether the same call may work later.
    """

    def __init__(self, code: str, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.may_pass = may_pass


@dataclass(frozen=True)
class Caller:
    """The service that calls a target.

    Parameters
    ----------
    service : str
        Its principal, such as ``events.amazonaws.com``, which resources' own policies name.
    source_arn : str
        In whose name: a rule's, a bucket's ARN.
    role_arn : str or None
        The role that it calls as; None where the resource's own policy decides.
    """

    service: str
    source_arn: str
    role_arn: str | None = None


class Targets:
    """Calls targets.

    Parameters
    ----------
    identity : Identity
        Gives the clients.
    function_policy : callable
        Given a function's ARN, returns its resource policy, or None.
    """

    def __init__(self, identity: Identity, function_policy: Callable[[str], dict[str, Any] | None]) -> None:
        self._identity = identity
        self._function_policy = function_policy

    def send(self, target: Mapping[str, Any], text: str, caller: Caller, name: str) -> None:
        """Give a target its text.

        Parameters
        ----------
        target : mapping
            Its ARN, and what PutTargets or CreateSchedule took for it besides.
        name : str
            Stays the same when the same delivery is tried again; executions are named so.

        Raises
        ------
        TargetError
            It was not taken.
        """
        arn: str = target["Arn"]
        parts = arn.split(":", 5)
        if len(parts) < 6:
            raise TargetError("INVALID_PARAMETER", f"{arn} is no ARN")
        service, resource = parts[2], parts[5]
        if service == "scheduler" and resource.startswith("aws-sdk:"):
            self._call(lambda: self._universal(resource, text, caller))
        elif service in _SENDERS:
            self._call(lambda: _SENDERS[service](self, target, resource, text, caller, name))
        else:
            raise TargetError("INVALID_PARAMETER", f"The local cloud delivers nothing to {service}: {arn}")

    def to_queue(self, queue_arn: str, body: str, attributes: Mapping[str, str], caller: Caller) -> None:
        """Send a message with attributes, as dead letters have them.

        Raises
        ------
        TargetError
            The queue did not take it.
        """
        message = {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items() if value}
        self._call(lambda: self._send_message(queue_arn, caller, MessageBody=body, MessageAttributes=message))

    def _call(self, call: Callable[[], None]) -> None:
        try:
            call()
        except ClientError as error:
            raise _explained(error) from error
        except (ParamValidationError, UnknownServiceError, AttributeError) as error:
            raise TargetError("INVALID_PARAMETER", str(error)) from error
        except BotoCoreError as error:
            raise TargetError("CONNECTION_FAILURE", str(error), may_pass=True) from error

    def _client(self, service: str, caller: Caller) -> Any:
        return self._identity.client(service, caller.role_arn, assumed_by=caller.service)

    def _admit(self, policy: dict[str, Any] | str | None, action: str, arn: str, caller: Caller) -> None:
        """Ask the resource's own policy; where the caller has a role, that role's policies decide instead."""
        if caller.role_arn:
            return
        context = {"aws:SourceArn": caller.source_arn, "aws:SourceAccount": ACCOUNT_ID}
        principal = Principal(service=caller.service)
        if policy and evaluate([Policy(policy)], action, arn, context, principal=principal).allowed:
            return
        raise TargetError(
            "NO_PERMISSIONS",
            f"{caller.service} is not authorized to perform {action} on {arn} for {caller.source_arn}: "
            "the resource's policy does not allow it",
        )

    def _state_machine(self, target: Mapping[str, Any], _resource: str, text: str, caller: Caller, name: str) -> None:
        role_arn = target.get("RoleArn") or caller.role_arn
        if not role_arn:
            raise TargetError("INVALID_PARAMETER", f"The target {target['Arn']} has no RoleArn")
        try:
            self._identity.client("stepfunctions", role_arn, assumed_by=caller.service).start_execution(
                stateMachineArn=target["Arn"], name=name, input=text
            )
        except ClientError as error:
            # An earlier attempt started it, and its answer was lost.
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def _function(self, target: Mapping[str, Any], _resource: str, text: str, caller: Caller, _name: str) -> None:
        arn = target["Arn"]
        self._admit(self._function_policy(arn), "lambda:InvokeFunction", arn, caller)
        self._client("lambda", caller).invoke(FunctionName=arn, InvocationType="Event", Payload=text.encode())

    def _queue(self, target: Mapping[str, Any], _resource: str, text: str, caller: Caller, _name: str) -> None:
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        more = {"MessageGroupId": group} if group else {}
        self._send_message(target["Arn"], caller, MessageBody=text, **more)

    def _send_message(self, queue_arn: str, caller: Caller, **message: Any) -> None:
        queue = queue_arn.rpartition(":")[2]
        url = f"{self._identity.endpoint_url}/{ACCOUNT_ID}/{queue}"
        if not caller.role_arn:
            answer = self._identity.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
            self._admit(answer.get("Attributes", {}).get("Policy"), "sqs:SendMessage", queue_arn, caller)
        self._client("sqs", caller).send_message(QueueUrl=url, **message)

    def _topic(self, target: Mapping[str, Any], _resource: str, text: str, caller: Caller, _name: str) -> None:
        arn = target["Arn"]
        if not caller.role_arn:
            attributes = self._identity.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
            self._admit(attributes.get("Policy"), "sns:Publish", arn, caller)
        self._client("sns", caller).publish(TopicArn=arn, Message=text)

    def _log_group(self, target: Mapping[str, Any], resource: str, text: str, caller: Caller, name: str) -> None:
        arn = target["Arn"].removesuffix(":*")
        group = resource.removeprefix("log-group:").removesuffix(":*")
        logs = self._client("logs", caller)
        if not caller.role_arn:
            policies = self._identity.client("logs").describe_resource_policies()["resourcePolicies"]
            statements = [
                statement for policy in policies for statement in json.loads(policy["policyDocument"])["Statement"]
            ]
            document = {"Version": "2012-10-17", "Statement": statements} if statements else None
            self._admit(document, "logs:PutLogEvents", f"{arn}:log-stream:{name}", caller)
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=group, logStreamName=name)
        event = {"timestamp": int(time.time() * 1000), "message": text}
        logs.put_log_events(logGroupName=group, logStreamName=name, logEvents=[event])

    def _event_bus(self, target: Mapping[str, Any], _resource: str, text: str, caller: Caller, _name: str) -> None:
        settings = target.get("EventBridgeParameters") or {}
        entry = {
            "EventBusName": target["Arn"],
            "Source": settings.get("Source"),
            "DetailType": settings.get("DetailType"),
            "Detail": text,
        }
        answer = self._client("events", caller).put_events(Entries=[entry])["Entries"][0]
        if "ErrorCode" in answer:
            raise TargetError("INVALID_PARAMETER", f"{answer['ErrorCode']}: {answer['ErrorMessage']}")

    def _universal(self, resource: str, text: str, caller: Caller) -> None:
        _, service, action = resource.split(":", 2)
        client = self._client({"sfn": "stepfunctions", "eventbridge": "events"}.get(service, service), caller)
        getattr(client, xform_name(action))(**json.loads(text or "{}"))


def new_name(event_id: str, rule_arn: str, target_id: str) -> str:
    """Return the name of the execution that a rule's target starts for an event: always the same."""
    return f"{event_id}_{uuid.uuid5(uuid.NAMESPACE_URL, f'{rule_arn}/{target_id}')}"


def _explained(error: ClientError) -> TargetError:
    code = error.response["Error"].get("Code", "Unknown")
    message = f"{code}: {error.response['Error'].get('Message', '')}"
    status = error.response["ResponseMetadata"].get("HTTPStatusCode", 500)
    may_pass = False
    if error.operation_name == "AssumeRole":
        meaning = "FAILED_TO_ASSUME_ROLE"
    elif code in _DENIED or status == 403:
        meaning = "NO_PERMISSIONS"
    elif code in _MISSING or status == 404:
        meaning = "NO_RESOURCE"
    elif status == 429 or "Throttl" in code or code == "TooManyRequestsException":
        meaning, may_pass = "THROTTLING", True
    elif status >= 500:
        meaning, may_pass = "INTERNAL_ERROR", True
    elif "Json" in code or code in {"InvalidExecutionInput", "InvalidRequestContentException"}:
        meaning = "INVALID_JSON"
    else:
        meaning = "SDK_CLIENT_ERROR"
    return TargetError(meaning, message, may_pass=may_pass)


_SENDERS: dict[str, Callable[..., None]] = {
    "events": Targets._event_bus,
    "lambda": Targets._function,
    "logs": Targets._log_group,
    "sns": Targets._topic,
    "sqs": Targets._queue,
    "states": Targets._state_machine,
}
