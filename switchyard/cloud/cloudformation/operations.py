"""Makes, changes and deletes stacks, and takes back what does not succeed.

Source: "How CloudFormation works", "Stack failure options", "DeletionPolicy attribute", "UpdateReplacePolicy attribute"
(AWS CloudFormation User Guide and Template Reference).
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import string
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from switchyard.cloud.cloudformation.errors import CloudFormationError
from switchyard.cloud.cloudformation.records import GONE, Made, Plan, Stack, now
from switchyard.cloud.cloudformation.resolving import (
    World,
    active,
    outputs_of,
    properties_of,
    same,
    scope_of,
)
from switchyard.cloud.cloudformation.types import TYPES, Clients, is_gone
from switchyard.cloud.cloudformation.watch import StoppedError, Watch
from switchyard.cloud.intrinsics import Scope, TemplateError
from switchyard.cloud.stack import in_order

LOG = logging.getLogger(__name__)
_LETTERS = string.ascii_uppercase + string.digits
INITIATED = "Resource creation Initiated"
REPLACED = "Requested update requires the creation of a new physical resource; hence creating one."


class FailedError(Exception):
    """The operation cannot go on.

    Parameters
    ----------
    reason : str
        Why.
    logical_id : str
        The resource that failed; empty when none did.
    """

    def __init__(self, reason: str, logical_id: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.logical_id = logical_id


class Operation:
    """One operation on one stack.

    Parameters
    ----------
    plan : Plan
        What the stack should be.
    values : dict
        What ``Ref`` gives of each parameter.
    clients : callable
        Gives clients in the name of who asks for the operation.
    exported : callable
        Refuses outputs whose exports another stack has, or has need of.
    """

    def __init__(
        self,
        stack: Stack,
        plan: Plan,
        values: dict[str, Any],
        *,
        clients: Clients,
        world: World,
        watch: Watch,
        exported: Any,
    ) -> None:
        self._stack = stack
        self._plan = plan
        self._clients = clients
        self._watch = watch
        self._exported = exported
        self._imports: set[str] = set()

        def imported(name: str) -> str:
            value = world.export(name)
            self._imports.add(name)
            return value

        self._world = replace(world, export=imported)
        self._scope: Scope = scope_of(stack, plan, values, self._world)
        # What this operation has made, changed in place (with the properties that it now has), and what is to go.
        self._fresh: list[Made] = []
        self._touched: dict[str, dict[str, Any]] = {}
        self._stale: list[Made] = []

    def create(self, on_failure: str) -> None:
        """Make the stack.

        Parameters
        ----------
        on_failure : str
            ``ROLLBACK``, ``DELETE`` or ``DO_NOTHING``.
        """
        stack = self._stack
        try:
            self._apply_all()
        except FailedError as error:
            if on_failure == "DO_NOTHING":
                stack.move("CREATE_FAILED", error.reason)
                return
            self._take_back_creation(error, on_failure)
        else:
            stack.move("CREATE_COMPLETE")

    def update(self, *, keep_failed: bool) -> None:
        """Change the stack.

        Parameters
        ----------
        keep_failed : bool
            Whether a failed update is left as it is, rather than taken back.
        """
        stack, before = self._stack, dict(self._stack.resources)
        try:
            kept = self._apply_all()
        except FailedError as error:
            if keep_failed:
                stack.move("UPDATE_FAILED", error.reason)
                return
            self._take_back_update(error, before)
            return
        gone = [made for name, made in before.items() if name not in kept]
        # In the order of what needs what, as deletion goes backwards.
        stack.resources = {name: stack.resources[name] for name in kept}
        stack.plan = self._plan
        stack.move("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        for made in reversed(self._stale):
            self._clean_up(made, made.definition.get("UpdateReplacePolicy", "Delete"))
        for made in reversed(gone):
            self._clean_up(made, made.definition.get("DeletionPolicy", "Delete"))
        stack.move("UPDATE_COMPLETE")

    def delete(self, retained: list[str]) -> None:
        """Delete the stack and what it is made of.

        Parameters
        ----------
        retained : list of str
            Resources to leave where they are.
        """
        stack = self._stack
        failed = self._delete_all(retained=retained)
        if failed:
            names = ", ".join(failed)
            stack.move("DELETE_FAILED", f"The following resource(s) failed to delete: [{names}].")
            return
        stack.move(GONE)

    def _apply_all(self) -> list[str]:
        """Bring every resource to what the plan says; return the logical ids of those that the stack then has."""
        resources = self._plan.document.resources
        try:
            kept = active(self._plan, self._scope, in_order(self._plan.document.processed, "Template format error"))
            for name in kept:
                self._watch.check()
                self._apply(name, resources[name])
            outputs = outputs_of(self._plan, self._scope, self._world)
            self._exported(outputs)
            self._watch.monitor()
        except (TemplateError, ClientError, CloudFormationError) as error:
            raise FailedError(_reason(error)) from None
        except StoppedError as error:
            raise FailedError(str(error)) from None
        self._stack.outputs, self._stack.imports = outputs, self._imports
        return kept

    def _apply(self, name: str, definition: dict[str, Any]) -> None:
        made = self._stack.resources.get(name)
        kind = TYPES[definition["Type"]]
        verb = "CREATE" if made is None else "UPDATE"
        physical_id = made.physical_id if made is not None else ""
        with self._told(name, definition["Type"], physical_id, verb):
            properties = properties_of(definition, self._scope, self._world)
            if made is None:
                made = self._make(name, definition, properties, "CREATE")
            elif same(made.properties, properties):
                made = replace(made, definition=definition)
                self._stack.resources[name] = made
            elif any(not same(made.properties.get(each), properties.get(each)) for each in kind.fixed):
                made = self._replace(made, definition, properties)
            else:
                made = self._change(made, definition, properties)
            self._scope.add(name, made.physical_id, made.created.attribute)

    def _make(self, name: str, definition: dict[str, Any], properties: dict[str, Any], verb: str) -> Made:
        stack, kind = self._stack, TYPES[definition["Type"]]
        asked = _as_text(properties)
        reason = REPLACED if verb == "UPDATE" else ""
        stack.tell(name, definition["Type"], "", f"{verb}_IN_PROGRESS", reason=reason, properties=asked)
        given = str(properties.get(kind.name) or "") if kind.name else ""
        created = kind.create(self._clients, given or self._generated(name, definition["Type"]), properties)
        made = Made(name, definition["Type"], created, properties, definition)
        self._fresh.append(made)
        stack.resources[name] = made
        stack.tell(name, made.kind, made.physical_id, f"{verb}_IN_PROGRESS", reason=INITIATED, properties=asked)
        kind.settle(self._clients, created, properties, self._watch.check)
        stack.tell(name, made.kind, made.physical_id, f"{verb}_COMPLETE", properties=asked)
        return made

    def _replace(self, made: Made, definition: dict[str, Any], properties: dict[str, Any]) -> Made:
        kind = TYPES[made.kind]
        given = properties.get(kind.name) if kind.name else None
        if given and same(given, made.properties.get(kind.name)):
            raise TemplateError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
                f"{given} and update the stack again."
            )
        self._stale.append(made)
        return self._make(made.logical_id, definition, properties, "UPDATE")

    def _change(self, made: Made, definition: dict[str, Any], properties: dict[str, Any]) -> Made:
        stack, kind = self._stack, TYPES[made.kind]
        asked = _as_text(properties)
        stack.tell(made.logical_id, made.kind, made.physical_id, "UPDATE_IN_PROGRESS", properties=asked)
        self._touched[made.logical_id] = properties
        created = kind.update(self._clients, made.created, made.properties, properties)
        made = replace(made, created=created, properties=properties, definition=definition)
        stack.resources[made.logical_id] = made
        kind.settle(self._clients, created, properties, self._watch.check)
        stack.tell(made.logical_id, made.kind, made.physical_id, "UPDATE_COMPLETE", properties=asked)
        return made

    @contextlib.contextmanager
    def _told(self, name: str, kind: str, physical_id: str, verb: str) -> Iterator[None]:
        """Tell of a resource's failure, whatever it is that fails."""
        try:
            yield
        except StoppedError as error:
            self._stack.tell(
                name, kind, self._physical(name) or physical_id, f"{verb}_FAILED", reason="Resource update cancelled"
            )
            raise FailedError(str(error)) from None
        except Exception as error:
            if not isinstance(error, ClientError | TemplateError):
                LOG.exception("%s (%s) failed", name, kind)
            reason = _reason(error)
            self._stack.tell(name, kind, self._physical(name) or physical_id, f"{verb}_FAILED", reason=reason)
            raise FailedError(reason, name) from None

    def _physical(self, name: str) -> str:
        made = self._stack.resources.get(name)
        return made.physical_id if made is not None else ""

    def _take_back_creation(self, error: FailedError, on_failure: str) -> None:
        stack = self._stack
        reason = _why(error, "create", "Rollback requested by user.")
        if on_failure == "DELETE":
            stack.move("DELETE_IN_PROGRESS", reason)
        else:
            stack.move("ROLLBACK_IN_PROGRESS", reason)
        failed = self._delete_all(kept_by={"Retain"})
        stack.outputs = []
        names = ", ".join(failed)
        if failed:
            status = "DELETE_FAILED" if on_failure == "DELETE" else "ROLLBACK_FAILED"
            stack.move(status, f"The following resource(s) failed to delete: [{names}].")
            return
        stack.move(GONE if on_failure == "DELETE" else "ROLLBACK_COMPLETE")

    def _take_back_update(self, error: FailedError, before: dict[str, Made]) -> None:
        """Give every resource what it had, in the order in which they were made, then delete what is new."""
        stack = self._stack
        stack.is_cancelled.clear()
        stack.move("UPDATE_ROLLBACK_IN_PROGRESS", _why(error, "update", ""))
        failed = []
        for name, made in before.items():
            if name in self._touched and not self._change_back(made, self._touched[name]):
                failed.append(name)
        replaced = {made.logical_id for made in self._stale}
        for name in replaced:
            stack.tell(name, before[name].kind, before[name].physical_id, "UPDATE_COMPLETE")
        for made in before.values():
            if stack.states[made.logical_id].status.endswith("FAILED") and made.logical_id not in failed:
                stack.tell(made.logical_id, made.kind, made.physical_id, "UPDATE_COMPLETE")
        if failed:
            stack.resources = {**stack.resources, **before}
            names = ", ".join(failed)
            stack.move("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: [{names}].")
            return
        stack.resources = before
        stack.move("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        for made in reversed(self._fresh):
            policy = made.definition.get("DeletionPolicy", "Delete")
            self._clean_up(made, "Retain" if policy == "Retain" and made.logical_id not in replaced else "Delete")
        stack.move("UPDATE_ROLLBACK_COMPLETE")

    def _change_back(self, made: Made, after: dict[str, Any]) -> bool:
        stack, kind = self._stack, TYPES[made.kind]
        asked = _as_text(made.properties)
        stack.tell(made.logical_id, made.kind, made.physical_id, "UPDATE_IN_PROGRESS", properties=asked)
        try:
            kind.update(self._clients, made.created, after, made.properties)
            kind.settle(self._clients, made.created, made.properties, lambda: None)
        except Exception as error:
            LOG.warning("%s could not be changed back", made.logical_id, exc_info=True)
            stack.tell(made.logical_id, made.kind, made.physical_id, "UPDATE_FAILED", reason=_reason(error))
            return False
        stack.tell(made.logical_id, made.kind, made.physical_id, "UPDATE_COMPLETE", properties=asked)
        return True

    def _delete_all(self, *, retained: list[str] | None = None, kept_by: set[str] | None = None) -> list[str]:
        """Delete every resource, those that others need last; return those that could not be."""
        failed = []
        keeping = kept_by or {"Retain", "RetainExceptOnCreate"}
        for made in reversed(list(self._stack.resources.values())):
            policy = made.definition.get("DeletionPolicy", "Delete")
            keep = policy in keeping or made.logical_id in (retained or [])
            if not self._clean_up(made, "Retain" if keep else "Delete"):
                failed.append(made.logical_id)
            else:
                del self._stack.resources[made.logical_id]
        return failed

    def _clean_up(self, made: Made, policy: str) -> bool:
        """Delete a resource, if it is not to be kept; return whether nothing is left to do."""
        stack, name = self._stack, made.logical_id
        state = stack.states.get(name)
        if policy == "Retain":
            stack.tell(name, made.kind, made.physical_id, "DELETE_SKIPPED")
            gone = True
        else:
            stack.tell(name, made.kind, made.physical_id, "DELETE_IN_PROGRESS")
            gone = self._delete_one(made)
        # What takes its place goes on as it was.
        if state is not None and name in stack.resources and stack.resources[name] is not made:
            stack.states[name] = state
        return gone

    def _delete_one(self, made: Made) -> bool:
        try:
            TYPES[made.kind].delete(self._clients, made.created, made.properties)
        except Exception as error:
            if not (isinstance(error, ClientError) and is_gone(error)):
                LOG.warning("%s could not be deleted", made.logical_id, exc_info=True)
                self._stack.tell(made.logical_id, made.kind, made.physical_id, "DELETE_FAILED", reason=_reason(error))
                return False
        self._stack.tell(made.logical_id, made.kind, made.physical_id, "DELETE_COMPLETE")
        return True

    def _generated(self, logical_id: str, kind: str) -> str:
        """Return a name that nothing has had: what is replaced lives on beside what replaces it, for a while."""
        end = "".join(secrets.choice(_LETTERS) for _ in range(12))
        longest = TYPES[kind].longest - len(end) - 1
        name = f"{f'{self._stack.name}-{logical_id}'[:longest].rstrip('-')}-{end}"
        return name.lower() if TYPES[kind].is_lower else name


def begin(stack: Stack, status: str) -> None:
    """Let an operation on a stack begin."""
    stack.is_cancelled.clear()
    if status.startswith("UPDATE"):
        stack.updated = now()
    stack.move(status, "User Initiated")


def _why(error: FailedError, verb: str, more: str) -> str:
    if not error.logical_id:
        return error.reason
    return f"The following resource(s) failed to {verb}: [{error.logical_id}]. {more}".strip()


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        said, about = error.response["Error"], error.response["ResponseMetadata"]
        service = str(error.operation_name)
        return (
            f'Resource handler returned message: "{said.get("Message", said.get("Code"))}" '
            f"(Operation: {service}, Status Code: {about.get('HTTPStatusCode')}, Error Code: {said.get('Code')})"
        )
    if isinstance(error, KeyError):
        return f"the property {error} is missing"
    return str(error) if isinstance(error, TemplateError | CloudFormationError) else f"{type(error).__name__}: {error}"


def _as_text(properties: dict[str, Any]) -> str:
    return json.dumps(properties, default=str)
