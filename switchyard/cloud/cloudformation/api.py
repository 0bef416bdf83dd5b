"""CloudFormation's API: each operation read, carried out, and answered in the shape of its model.

Source: AWS CloudFormation API Reference.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from switchyard.cloud.account import arn
from switchyard.cloud.cloudformation import documents, parameters, protocol
from switchyard.cloud.cloudformation.changes import changes, has_other_changes
from switchyard.cloud.cloudformation.errors import (
    AlreadyExistsError,
    ChangeSetNotFoundError,
    CloudFormationError,
    InvalidChangeSetStatusError,
    NotRunError,
    ValidationError,
)
from switchyard.cloud.cloudformation.records import GONE, ChangeSet, Plan, Stack, now
from switchyard.cloud.cloudformation.stacks import Stacks, check_updatable

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
NO_UPDATES = "No updates are to be performed."
# Members that would ask for what nothing here does.
_NOT_RUN = {
    "StackPolicyBody",
    "StackPolicyURL",
    "StackPolicyDuringUpdateBody",
    "StackPolicyDuringUpdateURL",
    "ResourceTypes",
    "ResourcesToImport",
    "ImportExistingResources",
    "IncludeNestedStacks",
    "TimeoutInMinutes",
    "DeploymentMode",
}
Request = dict[str, Any]
Handler = Callable[[Stacks, Request, str], Request]


def answer(stacks: Stacks, body: bytes, access_key: str, *, patience: float = 0) -> tuple[int, bytes]:
    """Answer one request of the query protocol.

    Parameters
    ----------
    access_key : str
        Of who asks.
    patience : float
        For how many seconds who asks for a stack would rather wait for its operation's end.

    Returns
    -------
    tuple
        The HTTP status and the XML body.
    """
    try:
        operation, request = protocol.read(body)
        if operation not in _OPERATIONS:
            raise NotRunError(operation)
        for member in sorted(_NOT_RUN & set(request)):
            if request[member]:
                raise NotRunError(f"{operation} with {member}")
        if patience and operation == "DescribeStacks" and request.get("StackName"):
            stacks.find(request["StackName"]).wait(patience)
        return 200, protocol.write(operation, _OPERATIONS[operation](stacks, request, access_key))
    except CloudFormationError as error:
        return error.status, protocol.write_error(error)


def _create_stack(stacks: Stacks, request: Request, access_key: str) -> Request:
    plan = stacks.plan(request, access_key, None, directly=True)
    if "OnFailure" in request and "DisableRollback" in request:
        raise ValidationError("You can specify either OnFailure or DisableRollback, but not both.")
    stack = Stack(request["StackName"], plan)
    stack.disables_rollback = request.get("DisableRollback", False)
    stack.is_protected = request.get("EnableTerminationProtection", False)
    _preview(stacks, stack, plan, access_key)
    stacks.add(stack)
    on_failure = request.get("OnFailure") or ("DO_NOTHING" if stack.disables_rollback else "ROLLBACK")
    stacks.start_create(stack, plan, access_key, on_failure)
    return {"StackId": stack.id}


def _update_stack(stacks: Stacks, request: Request, access_key: str) -> Request:
    stack = stacks.find(request["StackName"], gone=False)
    check_updatable(stack)
    plan = stacks.plan(request, access_key, stack, directly=True)
    if not _preview(stacks, stack, plan, access_key) and not _others(stacks, stack, plan, access_key):
        raise ValidationError(NO_UPDATES)
    stacks.start_update(stack, plan, access_key, keep_failed=request.get("DisableRollback", False))
    return {"StackId": stack.id}


def _cancel_update(stacks: Stacks, request: Request, _: str) -> Request:
    stack = stacks.find(request["StackName"])
    if stack.status != "UPDATE_IN_PROGRESS":
        raise ValidationError("CancelUpdateStack cannot be called from current stack status")
    stack.is_cancelled.set()
    return {}


def _delete_stack(stacks: Stacks, request: Request, access_key: str) -> Request:
    try:
        stack = stacks.find(request["StackName"])
    except ValidationError:
        return {}  # as AWS answers when there is none
    if stack.status == "REVIEW_IN_PROGRESS":
        stack.move(GONE)
        return {}
    stacks.start_delete(stack, access_key, request.get("RoleARN"), request.get("RetainResources", []))
    return {}


def _protect(stacks: Stacks, request: Request, _: str) -> Request:
    stack = stacks.find(request["StackName"], gone=False)
    stack.is_protected = request["EnableTerminationProtection"]
    return {"StackId": stack.id}


def _describe_stacks(stacks: Stacks, request: Request, _: str) -> Request:
    if name := request.get("StackName"):
        return {"Stacks": [stacks.find(name).describe()]}
    return {"Stacks": [stack.describe() for stack in stacks.all() if stack.status != GONE]}


def _list_stacks(stacks: Stacks, request: Request, _: str) -> Request:
    wanted = request.get("StackStatusFilter")
    found = [stack for stack in stacks.all() if not wanted or stack.status in wanted]
    return {"StackSummaries": [stack.summary() for stack in found]}


def _describe_events(stacks: Stacks, request: Request, _: str) -> Request:
    if not request.get("StackName"):
        raise ValidationError("1 validation error detected: StackName must be given")
    return {"StackEvents": list(reversed(stacks.find(request["StackName"]).events))}


def _describe_resource(stacks: Stacks, request: Request, _: str) -> Request:
    stack, name = stacks.find(request["StackName"]), request["LogicalResourceId"]
    if name not in stack.states:
        raise ValidationError(f"Resource {name} does not exist for stack {stack.name}")
    return {"StackResourceDetail": stack.describe_resource(name)}


def _describe_resources(stacks: Stacks, request: Request, _: str) -> Request:
    if name := request.get("StackName"):
        having = [stacks.find(name)]
    elif physical_id := request.get("PhysicalResourceId"):
        having = [
            stack for stack in stacks.all() if any(made.physical_id == physical_id for made in stack.resources.values())
        ]
        if not having:
            raise ValidationError(f"Stack for {physical_id} does not exist")
    else:
        raise ValidationError("Exactly one of StackName and PhysicalResourceId must be given.")
    logical_id = request.get("LogicalResourceId")
    found = [having[0].describe_resource(name) for name in having[0].states if logical_id in {None, name}]
    return {"StackResources": found}


def _list_resources(stacks: Stacks, request: Request, _: str) -> Request:
    stack = stacks.find(request["StackName"])
    return {"StackResourceSummaries": [stack.describe_resource(name) for name in stack.states]}


def _get_template(stacks: Stacks, request: Request, _: str) -> Request:
    if "ChangeSetName" in request:
        document = _change_set(stacks, request).plan.document
    else:
        document = stacks.find(request["StackName"]).plan.document
    if request.get("TemplateStage", "Original") == "Processed":
        body = json.dumps(document.processed) if document.transforms else document.text
    else:
        body = document.text
    stages = ["Original", "Processed"]
    return {"TemplateBody": body, "StagesAvailable": stages}


def _summary(stacks: Stacks, request: Request, access_key: str) -> Request:
    if name := request.get("StackName"):
        document = stacks.find(name).plan.document
    else:
        document = stacks.document(request, stacks.clients(access_key, None), None)
    declared = document.original.get("Parameters", {})
    return {**documents.summary(document), "Parameters": parameters.declarations(declared, constraints=True)}


def _validate(stacks: Stacks, request: Request, access_key: str) -> Request:
    document = stacks.document(request, stacks.clients(access_key, None), None)
    declared = parameters.declarations(document.original.get("Parameters", {}), constraints=False)
    return {**documents.summary(document), "Parameters": declared}


def _create_change_set(stacks: Stacks, request: Request, access_key: str) -> Request:
    kind, name = request.get("ChangeSetType", "UPDATE"), request["ChangeSetName"]
    if kind not in {"CREATE", "UPDATE"}:
        raise NotRunError(f"CreateChangeSet with the ChangeSetType {kind}")
    stack = _stack_to_change(stacks, request["StackName"], kind)
    if stack is not None and name in stack.change_sets:
        raise AlreadyExistsError(f"ChangeSet {name} already exists")
    plan = stacks.plan(request, access_key, stack, directly=False)
    is_new = stack is None
    stack = stack or Stack(request["StackName"], plan)
    changed = _preview(stacks, stack, plan, access_key)
    change_set = ChangeSet(
        name=name,
        id=arn("cloudformation", f"changeSet/{name}/{uuid.uuid4()}"),
        kind=kind,
        plan=plan,
        description=request.get("Description"),
        created=now(),
        changes=changed,
        on_failure=request.get("OnStackFailure"),
    )
    if not changed and (is_new or not _others(stacks, stack, plan, access_key)):
        change_set.status, change_set.execution_status, change_set.reason = "FAILED", "UNAVAILABLE", NO_CHANGES
    if is_new:
        stacks.add(stack)
        stack.move("REVIEW_IN_PROGRESS", "User Initiated")
    stack.change_sets[name] = change_set
    return {"Id": change_set.id, "StackId": stack.id}


def _stack_to_change(stacks: Stacks, name: str, kind: str) -> Stack | None:
    try:
        stack = stacks.find(name, gone=False)
    except ValidationError:
        if kind == "UPDATE":
            raise
        return None
    if kind == "CREATE" and stack.status != "REVIEW_IN_PROGRESS":
        raise ValidationError(f"Stack [{stack.name}] already exists and cannot be created again with the changeSet")
    if kind == "UPDATE" and stack.status == "REVIEW_IN_PROGRESS":
        raise ValidationError(f"Stack [{stack.name}] has nothing yet: give the ChangeSetType CREATE")
    if kind == "UPDATE" and not stack.is_loaded:
        check_updatable(stack)
    return stack


def _preview(stacks: Stacks, stack: Stack, plan: Plan, access_key: str) -> list[dict[str, Any]]:
    world = stacks.world(stacks.clients(access_key, plan.role_arn), stack)
    return changes(stack, plan, stacks.values(plan, world), world)


def _others(stacks: Stacks, stack: Stack, plan: Plan, access_key: str) -> bool:
    world = stacks.world(stacks.clients(access_key, plan.role_arn), stack)
    return has_other_changes(stack, plan, stacks.values(plan, world), world)


def _change_set(stacks: Stacks, request: Request) -> ChangeSet:
    return _stack_of_change_set(stacks, request)[1]


def _stack_of_change_set(stacks: Stacks, request: Request) -> tuple[Stack, ChangeSet]:
    """Return a change set by its name and its stack's, or by its id alone, with its stack."""
    wanted = request["ChangeSetName"]
    if "StackName" not in request and not wanted.startswith("arn:"):
        raise ValidationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
    for stack in [stacks.find(request["StackName"])] if "StackName" in request else stacks.all():
        for change_set in stack.change_sets.values():
            if wanted in {change_set.name, change_set.id}:
                return stack, change_set
    raise ChangeSetNotFoundError(f"ChangeSet [{wanted}] does not exist")


def _describe_change_set(stacks: Stacks, request: Request, _: str) -> Request:
    stack, change_set = _stack_of_change_set(stacks, request)
    with_values = request.get("IncludePropertyValues", False)
    told = [_told(each, with_values=with_values) for each in change_set.changes]
    return {
        **_change_set_summary(stack, change_set),
        "Parameters": parameters.described(change_set.plan.declared, change_set.plan.values),
        "NotificationARNs": change_set.plan.notification_arns,
        "RollbackConfiguration": change_set.plan.rollback,
        "Capabilities": change_set.plan.capabilities,
        "Tags": change_set.plan.tags,
        "Changes": [{"Type": "Resource", "ResourceChange": each} for each in told],
        "OnStackFailure": change_set.on_failure,
    }


def _told(change: dict[str, Any], *, with_values: bool) -> dict[str, Any]:
    if with_values:
        return change
    hidden = {"BeforeContext", "AfterContext"}
    of_targets = {"Path", "BeforeValue", "AfterValue", "AttributeChangeType"}
    details = [
        {**each, "Target": {key: value for key, value in each["Target"].items() if key not in of_targets}}
        for each in change["Details"]
    ]
    return {**{key: value for key, value in change.items() if key not in hidden}, "Details": details}


def _change_set_summary(stack: Stack, change_set: ChangeSet) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "ChangeSetId": change_set.id,
        "ChangeSetName": change_set.name,
        "ExecutionStatus": change_set.execution_status,
        "Status": change_set.status,
        "StatusReason": change_set.reason,
        "CreationTime": change_set.created,
        "Description": change_set.description,
    }


def _list_change_sets(stacks: Stacks, request: Request, _: str) -> Request:
    stack = stacks.find(request["StackName"])
    return {"Summaries": [_change_set_summary(stack, each) for each in stack.change_sets.values()]}


def _execute(stacks: Stacks, request: Request, access_key: str) -> Request:
    stack, change_set = _stack_of_change_set(stacks, request)
    if change_set.execution_status != "AVAILABLE":
        raise InvalidChangeSetStatusError(
            f"ChangeSet [{change_set.id}] cannot be executed in its current status of "
            f"[{change_set.status}, {change_set.execution_status}]"
        )
    keep_failed = request.get("DisableRollback", False) or change_set.on_failure == "DO_NOTHING"
    if change_set.kind == "CREATE":
        change_set.execution_status = "EXECUTE_COMPLETE"
        stack.disables_rollback = keep_failed
        on_failure = change_set.on_failure or "ROLLBACK"
        stacks.start_create(stack, change_set.plan, access_key, "DO_NOTHING" if keep_failed else on_failure)
    else:
        check_updatable(stack)
        change_set.execution_status = "EXECUTE_COMPLETE"
        stacks.start_update(stack, change_set.plan, access_key, keep_failed=keep_failed)
    stack.change_sets.clear()  # as AWS deletes them all
    return {}


def _delete_change_set(stacks: Stacks, request: Request, _: str) -> Request:
    try:
        stack, change_set = _stack_of_change_set(stacks, request)
    except ChangeSetNotFoundError:
        return {}
    del stack.change_sets[change_set.name]
    return {}


def _list_exports(stacks: Stacks, _: Request, __: str) -> Request:
    found = [
        {"ExportingStackId": stack.id, "Name": name, "Value": value}
        for stack in stacks.all()
        if stack.status != GONE
        for name, value in sorted(stack.exports.items())
    ]
    return {"Exports": found}


def _list_imports(stacks: Stacks, request: Request, _: str) -> Request:
    name = request["ExportName"]
    users = [stack.name for stack in stacks.all() if stack.status != GONE and name in stack.imports]
    if not users:
        raise ValidationError(f"Export '{name}' is not imported by any stack.")
    return {"Imports": users}


_OPERATIONS: dict[str, Handler] = {
    "CancelUpdateStack": _cancel_update,
    "CreateChangeSet": _create_change_set,
    "CreateStack": _create_stack,
    "DeleteChangeSet": _delete_change_set,
    "DeleteStack": _delete_stack,
    "DescribeChangeSet": _describe_change_set,
    "DescribeStackEvents": _describe_events,
    "DescribeStackResource": _describe_resource,
    "DescribeStackResources": _describe_resources,
    "DescribeStacks": _describe_stacks,
    "ExecuteChangeSet": _execute,
    "GetTemplate": _get_template,
    "GetTemplateSummary": _summary,
    "ListChangeSets": _list_change_sets,
    "ListExports": _list_exports,
    "ListImports": _list_imports,
    "ListStackResources": _list_resources,
    "ListStacks": _list_stacks,
    "UpdateStack": _update_stack,
    "UpdateTerminationProtection": _protect,
    "ValidateTemplate": _validate,
}
