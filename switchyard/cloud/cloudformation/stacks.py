"""All stacks: those that are made, changed and deleted here, and the one that the cloud was started with.

Source: AWS CloudFormation API Reference.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from switchyard.cloud.cloudformation import documents, parameters
from switchyard.cloud.cloudformation.documents import Document
from switchyard.cloud.cloudformation.errors import AlreadyExistsError, ValidationError
from switchyard.cloud.cloudformation.operations import Operation, begin
from switchyard.cloud.cloudformation.records import GONE, Plan, Stack
from switchyard.cloud.cloudformation.resolving import World
from switchyard.cloud.cloudformation.types import Clients
from switchyard.cloud.cloudformation.watch import ALARMS, Watch
from switchyard.cloud.identity import Identity
from switchyard.cloud.intrinsics import TemplateError

LOG = logging.getLogger(__name__)
SERVICE = "cloudformation.amazonaws.com"
LONGEST_MONITORING_MINUTES = 180
MOST_TRIGGERS = 5
_UPDATABLE = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
}
Request = dict[str, Any]


class Stacks:
    """The stacks, and what is done to them.

    Parameters
    ----------
    identity : Identity
        Gives the clients that resources are made with.
    time_scale : float
        Seconds here for one second of a monitoring time.
    """

    def __init__(self, identity: Identity, time_scale: float) -> None:
        self._identity = identity
        self._time_scale = time_scale
        self._stacks: list[Stack] = []
        self._lock = threading.RLock()
        # Where relative paths of the loaded stack's templates begin.
        self._folder = Path()

    def adopt(self, stack: Stack, folder: Path) -> None:
        """Take in the stack that the cloud was started with; it can be looked at, and its changes previewed."""
        stack.is_loaded = True
        self._folder = folder
        self._stacks.insert(0, stack)

    def find(self, name: str, *, gone: bool = True) -> Stack:
        """Return a stack by its name or its id; one that is deleted is known by its id alone.

        Raises
        ------
        ValidationError
            There is none.
        """
        with self._lock:
            for stack in self._stacks:
                if (name == stack.id and (gone or stack.status != GONE)) or (
                    name == stack.name and stack.status != GONE
                ):
                    return stack
        raise ValidationError(f"Stack with id {name} does not exist")

    def all(self) -> list[Stack]:
        """Return all stacks, the newest first; those that are deleted, too."""
        with self._lock:
            return sorted(self._stacks, key=lambda stack: stack.created, reverse=True)

    # What requests ask for

    def document(self, request: Request, clients: Clients, stack: Stack | None) -> Document:
        """Return the template that a request gives, or names, or that the stack has."""
        sources = [each for each in ("TemplateBody", "TemplateURL", "UsePreviousTemplate") if request.get(each)]
        if len(sources) != 1:
            raise ValidationError("Either Template URL or Template Body must be specified.")
        if sources == ["UsePreviousTemplate"]:
            if stack is None or stack.status == "REVIEW_IN_PROGRESS":
                raise ValidationError("UsePreviousTemplate is for a stack that has a template already.")
            return stack.plan.document
        text = request.get("TemplateBody") or _fetch(clients, request["TemplateURL"])
        if "TemplateBody" in request and len(text.encode()) > documents.LARGEST_BODY:
            raise ValidationError(
                f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have "
                f"length less than or equal to {documents.LARGEST_BODY}; upload the template to S3 and give its URL"
            )
        given = {
            each["ParameterKey"]: each["ParameterValue"]
            for each in request.get("Parameters", [])
            if "ParameterValue" in each
        }
        is_loaded = stack is not None and stack.is_loaded
        folder = self._folder if is_loaded else None
        return documents.read(text, given, folder=folder, unknown_types=is_loaded)

    def plan(self, request: Request, access_key: str, stack: Stack | None, *, directly: bool) -> Plan:
        """Return what a request wants a stack to be.

        Parameters
        ----------
        stack : Stack or None
            The one that there is already.
        directly : bool
            Whether no change set comes first.
        """
        document = self.document(request, self.clients(access_key, None), stack)
        capabilities = request.get("Capabilities", [])
        document.check_capabilities(capabilities, directly=directly)
        earlier = stack.plan.values if stack is not None and stack.status != "REVIEW_IN_PROGRESS" else None
        declared = document.processed.get("Parameters", {})
        rollback = request.get("RollbackConfiguration")
        _check_rollback(rollback or {})
        if stack is not None:
            # Triggers that are not given stay; an empty list takes them away.
            triggers = stack.plan.rollback.get("RollbackTriggers")
            if rollback is None:
                rollback = stack.plan.rollback
            elif triggers:
                rollback = {"RollbackTriggers": triggers, **rollback}
        role_arn = request.get("RoleARN") or (stack.plan.role_arn if stack is not None else None)
        if role_arn and not self._identity.authorizer.trusts(role_arn, SERVICE):
            raise ValidationError(f"Role {role_arn} is invalid or cannot be assumed")
        tags = request.get("Tags")
        return Plan(
            document=document,
            values=parameters.texts(declared, request.get("Parameters", []), earlier),
            capabilities=capabilities,
            tags=tags if tags is not None else (stack.plan.tags if stack is not None else []),
            rollback=rollback or {},
            role_arn=role_arn,
            notification_arns=request.get("NotificationARNs", []),
        )

    def clients(self, access_key: str, role_arn: str | None) -> Clients:
        """Return what gives the clients of services in the name of a role, or of who asks."""
        if role_arn:
            return lambda service: self._identity.client(service, role_arn, assumed_by=SERVICE)
        return lambda service: self._identity.client_of(service, access_key)

    def world(self, clients: Clients, stack: Stack) -> World:
        """Return what the templates of a stack can name beyond themselves."""

        def parameter(name: str) -> str:
            try:
                value: str = clients("ssm").get_parameter(Name=name)["Parameter"]["Value"]
            except ClientError as error:
                said = error.response["Error"].get("Message") or "Parameter not found"
                raise ValidationError(f"Unable to fetch parameters [{name}] from parameter store: {said}") from None
            return value

        def export(name: str) -> str:
            for other in self.all():
                if other is not stack and other.status != GONE and name in other.exports:
                    return other.exports[name]
            raise TemplateError(f"No export named {name} found.")

        return World(parameter, export)

    # What is done to stacks

    def add(self, stack: Stack) -> None:
        """Take in a new stack."""
        if not re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", stack.name):
            raise ValidationError(
                f"1 validation error detected: Value '{stack.name}' at 'stackName' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
            )
        with self._lock:
            if any(each.name == stack.name and each.status != GONE for each in self._stacks):
                raise AlreadyExistsError(f"Stack [{stack.name}] already exists")
            self._stacks.append(stack)

    def forget(self, stack: Stack) -> None:
        """Let go of a stack that never had anything."""
        with self._lock:
            self._stacks.remove(stack)

    def start_create(self, stack: Stack, plan: Plan, access_key: str, on_failure: str) -> None:
        """Begin to make a stack."""
        operation = self._operation(stack, plan, access_key)
        begin(stack, "CREATE_IN_PROGRESS")
        stack.plan = plan
        self._run(stack, lambda: operation.create(on_failure))

    def start_update(self, stack: Stack, plan: Plan, access_key: str, *, keep_failed: bool) -> None:
        """Begin to change a stack."""
        with self._lock:
            check_updatable(stack)
            operation = self._operation(stack, plan, access_key)
            begin(stack, "UPDATE_IN_PROGRESS")
            for each in stack.change_sets.values():
                if each.execution_status == "AVAILABLE":
                    each.execution_status = "OBSOLETE"
        self._run(stack, lambda: operation.update(keep_failed=keep_failed))

    def start_delete(self, stack: Stack, access_key: str, role_arn: str | None, retained: list[str]) -> None:
        """Begin to delete a stack."""
        with self._lock:
            if stack.status in {GONE, "DELETE_IN_PROGRESS"}:
                return
            if stack.is_loaded:
                raise ValidationError(_loaded(stack, "deleted"))
            if stack.is_protected:
                raise ValidationError(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
            if stack.is_busy:
                raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be deleted.")
            if retained and stack.status != "DELETE_FAILED":
                raise ValidationError(
                    "Invalid operation on stack: RetainResources is for a stack that is in DELETE_FAILED state."
                )
            self._check_exports(stack, [])
            plan = stack.plan
            clients = self.clients(access_key, role_arn or plan.role_arn)
            watch = Watch(clients, {}, self._time_scale, threading.Event())
            operation = Operation(
                stack,
                plan,
                {},
                clients=clients,
                world=self.world(clients, stack),
                watch=watch,
                exported=lambda _: None,
            )
            begin(stack, "DELETE_IN_PROGRESS")
        self._run(stack, lambda: operation.delete(retained))

    def values(self, plan: Plan, world: World) -> dict[str, Any]:
        """Return what ``Ref`` gives of each parameter."""
        return parameters.resolved(plan.declared, plan.values, world.parameter)

    def _operation(self, stack: Stack, plan: Plan, access_key: str) -> Operation:
        clients = self.clients(access_key, plan.role_arn)
        world = self.world(clients, stack)
        return Operation(
            stack,
            plan,
            self.values(plan, world),
            clients=clients,
            world=world,
            watch=Watch(clients, plan.rollback, self._time_scale, stack.is_cancelled),
            exported=lambda outputs: self._check_exports(stack, outputs),
        )

    def _check_exports(self, stack: Stack, outputs: list[dict[str, Any]]) -> None:
        now_exported = {each["ExportName"]: each["OutputValue"] for each in outputs if each.get("ExportName")}
        others = [other for other in self.all() if other is not stack and other.status != GONE]
        for other in others:
            for name in now_exported:
                if name in other.exports:
                    raise TemplateError(f"Export with name {name} is already exported by stack {other.name}.")
        for name, value in stack.exports.items():
            users = [other.name for other in others if name in other.imports]
            if users and now_exported.get(name) != value:
                word = "updated" if outputs else "deleted"
                raise ValidationError(f"Export {name} cannot be {word} as it is in use by {', '.join(users)}")

    def _run(self, stack: Stack, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:
                LOG.exception("the operation on %s failed", stack.name)
                status = stack.status.partition("_IN_PROGRESS")[0].removesuffix("_COMPLETE_CLEANUP")
                stack.move(f"{status}_FAILED", f"{type(error).__name__}: {error}")

        threading.Thread(target=run, name=f"stack {stack.name}", daemon=True).start()


def check_updatable(stack: Stack) -> None:
    """Refuse to update a stack that is not in a state for it."""
    if stack.is_loaded:
        raise ValidationError(_loaded(stack, "updated"))
    if stack.status not in _UPDATABLE:
        raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")


def _loaded(stack: Stack, how: str) -> str:
    return (
        f"The stack {stack.name} cannot be {how}: it is the one that this local cloud was started with. End the cloud, "
        "and start it again with the template as it is now."
    )


def _check_rollback(rollback: dict[str, Any]) -> None:
    minutes = rollback.get("MonitoringTimeInMinutes", 0)
    if not 0 <= minutes <= LONGEST_MONITORING_MINUTES:
        raise ValidationError(
            f"1 validation error detected: Value '{minutes}' at 'rollbackConfiguration.monitoringTimeInMinutes' failed "
            f"to satisfy constraint: Member must be between 0 and {LONGEST_MONITORING_MINUTES}"
        )
    triggers = rollback.get("RollbackTriggers") or []
    if len(triggers) > MOST_TRIGGERS:
        raise ValidationError(f"There may be {MOST_TRIGGERS} rollback triggers at most; {len(triggers)} are given")
    for trigger in triggers:
        if trigger["Type"] not in ALARMS or ":alarm:" not in trigger["Arn"]:
            raise ValidationError(f"The rollback trigger {trigger['Arn']} of the type {trigger['Type']} is no alarm")


def _fetch(clients: Clients, url: str) -> str:
    """Read a template from S3, in the caller's name."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path.lstrip("/"))
    if parts.scheme == "s3":
        bucket, key = host, path
    elif match := re.fullmatch(r"(.+)\.s3[.-].*amazonaws\.com", host):
        bucket, key = match.group(1), path
    elif re.fullmatch(r"s3[.-].*amazonaws\.com|127\.0\.0\.1|localhost", host):
        bucket, _, key = path.partition("/")
    else:
        raise ValidationError("S3 error: Domain name specified in TemplateURL is not a valid S3 domain")
    try:
        with clients("s3").get_object(Bucket=bucket, Key=key)["Body"] as body:
            content: bytes = body.read(documents.LARGEST_OBJECT + 1)
    except ClientError as error:
        raise ValidationError(f"S3 error: {error.response['Error'].get('Message')}") from None
    if len(content) > documents.LARGEST_OBJECT:
        raise ValidationError(f"Template may not exceed {documents.LARGEST_OBJECT} bytes in size.")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValidationError("Template format error: the template is not UTF-8 text.") from None
