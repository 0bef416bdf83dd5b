"""Change sets: made, read, and thrown away."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from switchyard.aws.errors import error_code, error_message
from switchyard.errors import StackError, SwitchyardError, UsageError
from switchyard.stacks.templates import Template, parse_template, read_template, request_parameters
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from pathlib import Path

    from switchyard.aws.client import Cloud

_NOTHING = ("didn't contain changes", "No updates are to be performed")
_REFUSED = ("ValidationError", "AlreadyExistsException", "LimitExceededException")
_NOT_UPDATABLE = {
    "ROLLBACK_COMPLETE": "its creation failed, and there is nothing to update",
    "ROLLBACK_FAILED": "its creation failed, and could not be undone",
    "CREATE_FAILED": "its creation failed",
    "DELETE_FAILED": "its deletion failed",
    "UPDATE_ROLLBACK_FAILED": "an update failed, and could not be undone",
}
LONGEST_MONITORING_MINUTES = 180
MOST_ALARMS = 5


@dataclass(frozen=True)
class Wish:
    """What a stack is to become.

    Parameters
    ----------
    name
        The stack's name.
    template
        A file; None for the template that the stack has.
    parameters
        Values for the template's parameters; the others keep what they have, or take their defaults.
    capabilities
        What is acknowledged, such as `CAPABILITY_IAM`.
    alarms
        The names of the alarms that take the change back; None for those that the stack has.
    monitoring_minutes
        For how long they do after all has been changed; None with the stack's own alarms.
    """

    name: str
    template: Path | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    alarms: tuple[str, ...] | None = None
    monitoring_minutes: int | None = None


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed.

    Parameters
    ----------
    id
        Its ARN.
    stack_id
        Of its stack.
    is_new
        Whether the stack is still to be made.
    changes
        DescribeChangeSet's resource changes, with the values where CloudFormation tells them.
    """

    id: str
    stack_id: str
    is_new: bool
    changes: list[dict[str, Any]]

    def document(self) -> list[dict[str, Any]]:
        """Give the changes for `--json`."""
        return [
            {
                "action": action_of(change),
                "logical_id": change["LogicalResourceId"],
                "type": change["ResourceType"],
                "physical_id": change.get("PhysicalResourceId"),
                "properties": [
                    {"name": each.name, "before": each.before, "after": each.after, "cause": each.cause}
                    for each in properties_of(change)
                ],
            }
            for change in self.changes
        ]


@dataclass(frozen=True)
class PropertyChange:
    """One property of a resource, as it is changed.

    Parameters
    ----------
    before, after
        Its values; None when there is none, or CloudFormation does not tell it.
    cause
        What changes it: a parameter, another resource; "" for the template itself.
    replaces
        Whether it makes the resource another one: `Always`, `Conditionally` or `Never`.
    """

    name: str
    before: str | None
    after: str | None
    cause: str
    replaces: str


def make_change_set(cloud: Cloud, wish: Wish) -> ChangeSet:
    """Let CloudFormation find out what would change; nothing is left behind when it cannot.

    Raises
    ------
    UsageError
        When the template, a parameter or an alarm is wrong.
    StackError
        When the stack cannot be changed as it is, or nothing would change.
    """
    stack = find_stack(cloud, wish.name)
    is_new = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    if stack is not None and not is_new:
        check_updatable(stack)
    template = _template(cloud, wish, is_new=is_new)
    earlier = {each["ParameterKey"] for each in (stack or {}).get("Parameters", [])} if not is_new else set()
    request = {
        "StackName": wish.name,
        "ChangeSetName": f"switchyard-{uuid.uuid4().hex[:12]}",
        "ChangeSetType": "CREATE" if is_new else "UPDATE",
        "Parameters": request_parameters(template, wish.parameters, earlier),
        "Capabilities": list(wish.capabilities),
        **({"UsePreviousTemplate": True} if template.is_previous else {"TemplateBody": template.text}),
        **_rollback(cloud, wish),
    }
    client = cloud.client("cloudformation")
    try:
        made = client.create_change_set(**request)
    except ClientError as error:
        if (refusal := _refused(error, template)) is None:
            raise
        raise refusal from error
    change_set = ChangeSet(made["Id"], made["StackId"], is_new, [])
    try:
        changes = _described(cloud, change_set)
        _check_weights(changes)
    except (SwitchyardError, KeyboardInterrupt):
        discard(cloud, change_set)
        raise
    return ChangeSet(made["Id"], made["StackId"], is_new, changes)


def discard(cloud: Cloud, change_set: ChangeSet) -> None:
    """Delete a change set; and the stack too, if it has nothing but that."""
    client = cloud.client("cloudformation")
    client.delete_change_set(ChangeSetName=change_set.id)
    if change_set.is_new:
        client.delete_stack(StackName=change_set.stack_id)


def find_stack(cloud: Cloud, name: str) -> dict[str, Any] | None:
    """Give what DescribeStacks says of a stack; None when there is none of that name."""
    try:
        stack: dict[str, Any] = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error_code(error) == "ValidationError" and "does not exist" in error_message(error):
            return None
        if error_code(error) == "ValidationError":
            raise UsageError(f"{name!r} cannot be a stack's name: {error_message(error)}") from error
        raise
    return stack


def check_updatable(stack: dict[str, Any]) -> None:
    """Refuse to change a stack that is not in a state for it.

    Raises
    ------
    StackError
        With what to do first.
    """
    name, status = stack["StackName"], stack["StackStatus"]
    if status.endswith("_IN_PROGRESS"):
        raise StackError(f"the stack {name} is in {status}: something is being done to it; try again after that")
    if status in _NOT_UPDATABLE:
        reason = f": {stack['StackStatusReason']}" if stack.get("StackStatusReason") else ""
        raise StackError(
            f"the stack {name} is in {status}: {_NOT_UPDATABLE[status]}{reason}\n"
            f"delete it, then apply again: switchyard stack delete {name}"
        )


def action_of(change: dict[str, Any]) -> str:
    """Say what is done to a resource: `add`, `modify`, `replace`, `replace?` (it depends) or `remove`."""
    if change["Action"] != "Modify":
        return str(change["Action"]).lower()
    return {"True": "replace", "Conditional": "replace?"}.get(change.get("Replacement", "False"), "modify")


def properties_of(change: dict[str, Any]) -> list[PropertyChange]:
    """Give the properties that change, each once, with all that changes them."""
    found: dict[str, PropertyChange] = {}
    for detail in change.get("Details", []):
        target = detail["Target"]
        name = target.get("Name") or target["Attribute"]
        cause = detail.get("CausingEntity") or ""
        known = found.get(name)
        causes = [each for each in (known.cause if known else "", cause) if each]
        found[name] = PropertyChange(
            name,
            target.get("BeforeValue"),
            target.get("AfterValue"),
            ", ".join(dict.fromkeys(causes)),
            target.get("RequiresRecreation", "Never"),
        )
    return list(found.values())


def _template(cloud: Cloud, wish: Wish, *, is_new: bool) -> Template:
    if wish.template is not None:
        return read_template(wish.template)
    if is_new:
        raise UsageError(f"there is no stack {wish.name!r} in {cloud} yet; give its template with --template FILE")
    answer = cloud.client("cloudformation").get_template(StackName=wish.name)
    body = answer["TemplateBody"]
    text = body if isinstance(body, str) else json.dumps(body)
    return parse_template(text, f"the template of {wish.name}", is_previous=True)


def _rollback(cloud: Cloud, wish: Wish) -> dict[str, Any]:
    """Give the rollback triggers, by the alarms' names."""
    minutes = wish.monitoring_minutes
    if minutes is not None and not 0 <= minutes <= LONGEST_MONITORING_MINUTES:
        raise UsageError(f"--monitoring-minutes {minutes} must be from 0 to {LONGEST_MONITORING_MINUTES}")
    if wish.alarms is None and minutes is None:
        return {}
    names = list(dict.fromkeys(wish.alarms or ()))
    if len(names) > MOST_ALARMS:
        raise UsageError(f"CloudFormation takes {MOST_ALARMS} rollback alarms at most; {len(names)} are given")
    triggers = []
    if names:
        client = cloud.client("cloudwatch")
        kinds = ["MetricAlarm", "CompositeAlarm"]
        answer = client.describe_alarms(AlarmNames=names, AlarmTypes=kinds)
        known = {
            alarm["AlarmName"]: (alarm, f"AWS::CloudWatch::{kind}")
            for kind in ("Alarm", "CompositeAlarm")
            for alarm in answer.get("MetricAlarms" if kind == "Alarm" else "CompositeAlarms", [])
        }
        for name in names:
            if name not in known:
                every = [alarm["AlarmName"] for alarm in client.describe_alarms().get("MetricAlarms", [])]
                raise UsageError(f"there is no alarm {name!r} in {cloud}; {suggest(name, every)}")
            alarm, kind = known[name]
            if alarm.get("StateValue") == "ALARM":
                raise StackError(
                    f"the alarm {name} is in ALARM already, so the change would be taken back at once: "
                    f"{alarm.get('StateReason', '')}"
                )
            triggers.append({"Arn": alarm["AlarmArn"], "Type": kind})
    rollback: dict[str, Any] = {"MonitoringTimeInMinutes": minutes or 0}
    if wish.alarms is not None:
        rollback["RollbackTriggers"] = triggers
    return {"RollbackConfiguration": rollback}


def _described(cloud: Cloud, change_set: ChangeSet) -> list[dict[str, Any]]:
    client = cloud.client("cloudformation")
    asked = {"ChangeSetName": change_set.id, "IncludePropertyValues": True}
    while (answer := client.describe_change_set(**asked))["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
        time.sleep(0.1 if cloud.is_local else 2)
    if answer["Status"] == "FAILED":
        reason = answer.get("StatusReason", "")
        if any(words in reason for words in _NOTHING):
            raise StackError(f"nothing would change: the stack {answer['StackName']} is as the template says already")
        raise StackError(f"CloudFormation cannot carry that out: {reason}")
    changes = [change["ResourceChange"] for change in answer["Changes"]]
    while token := answer.get("NextToken"):
        answer = client.describe_change_set(**asked, NextToken=token)
        changes += [change["ResourceChange"] for change in answer["Changes"]]
    return changes


def _check_weights(changes: list[dict[str, Any]]) -> None:
    """Refuse variants whose weights nobody could share requests by."""
    for change in changes:
        if change["ResourceType"] != "AWS::SageMaker::EndpointConfig" or not change.get("AfterContext"):
            continue
        variants = json.loads(change["AfterContext"]).get("Properties", {}).get("ProductionVariants") or []
        weights = {
            str(each.get("VariantName")): _number(each.get("InitialVariantWeight", 1))
            for each in variants
            if isinstance(each, dict)
        }
        told = ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
        if any(weight < 0 for weight in weights.values()):
            raise UsageError(f"{change['LogicalResourceId']}: a variant's weight is negative: {told}")
        if weights and sum(weights.values()) == 0:
            raise UsageError(
                f"{change['LogicalResourceId']}: the variants' weights sum to 0 ({told}), and nobody would answer; "
                "give one of them a weight"
            )


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 1.0  # SageMaker will say what is wrong with it


def _refused(error: ClientError, template: Template) -> UsageError | None:
    """Say what CloudFormation does not like; None for what is not about the template."""
    code, message = error_code(error), error_message(error)
    if code == "InsufficientCapabilitiesException":
        wanted = " ".join(f"--capability {each}" for each in message.partition("[")[2].rstrip("]").split(", "))
        return UsageError(
            f"{template.place} makes IAM resources, which have to be acknowledged: look at them, then give {wanted}"
        )
    if code in _REFUSED:
        return UsageError(f"CloudFormation refuses {template.place}: {message}")
    return None
