"""What is kept of a stack: its resources, its events, its change sets."""

from __future__ import annotations

import datetime
import threading
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID, PARTITION, REGION, arn
from switchyard.cloud.cloudformation import parameters
from switchyard.cloud.cloudformation.documents import Document
from switchyard.cloud.resource import Created

# A stack that is known by its id alone.
GONE = "DELETE_COMPLETE"


def now() -> datetime.datetime:
    """Return the time."""
    return datetime.datetime.now(tz=datetime.UTC)


@dataclass(frozen=True)
class Made:
    """A resource of a stack, as it is now.

    Parameters
    ----------
    created : Created
        Its physical id and its attributes.
    properties : dict
        Resolved, as it was made or last changed.
    definition : dict
        What the template says of it.
    """

    logical_id: str
    kind: str
    created: Created
    properties: dict[str, Any]
    definition: dict[str, Any]

    @property
    def physical_id(self) -> str:
        """What ``Ref`` gives."""
        return self.created.physical_id


@dataclass
class State:
    """The last that is known of a resource by its logical id."""

    physical_id: str
    kind: str
    status: str
    reason: str
    moment: datetime.datetime


@dataclass
class ChangeSet:
    """A change set.

    Parameters
    ----------
    plan : Plan
        What its execution would make of the stack.
    changes : list of dict
        As DescribeChangeSet tells them, with the values.
    """

    name: str
    id: str
    kind: str
    plan: Plan
    description: str | None
    created: datetime.datetime
    changes: list[dict[str, Any]]
    on_failure: str | None = None
    status: str = "CREATE_COMPLETE"
    execution_status: str = "AVAILABLE"
    reason: str | None = None


@dataclass(frozen=True)
class Plan:
    """What a stack should be.

    Parameters
    ----------
    values : dict
        The parameters' texts.
    role_arn : str or None
        In whose name its resources are made; None for the caller.
    rollback : dict
        The RollbackConfiguration.
    """

    document: Document
    values: dict[str, str]
    capabilities: list[str]
    tags: list[dict[str, str]]
    rollback: dict[str, Any]
    role_arn: str | None = None
    notification_arns: list[str] = field(default_factory=list)

    @property
    def declared(self) -> dict[str, Any]:
        """The template's parameters, as they are declared."""
        found: dict[str, Any] = self.document.processed.get("Parameters", {})
        return found


class Stack:
    """A stack, and all that has happened to it.

    Attributes
    ----------
    plan : Plan
        What it is, or while it is changed, what it was.
    resources : dict
        What it is made of, by logical id.
    events : list of dict
        The oldest first.
    is_loaded : bool
        Whether it is the one that the cloud was started with.
    """

    def __init__(self, name: str, plan: Plan, *, stack_id: str = "") -> None:
        self.name = name
        self.id = stack_id or arn("cloudformation", f"stack/{name}/{uuid.uuid4()}")
        self.plan = plan
        self.created = now()
        self.updated: datetime.datetime | None = None
        self.deleted: datetime.datetime | None = None
        self.status = "REVIEW_IN_PROGRESS"
        self.reason: str | None = None
        self.resources: dict[str, Made] = {}
        self.states: dict[str, State] = {}
        self.outputs: list[dict[str, Any]] = []
        self.imports: set[str] = set()
        self.events: list[dict[str, Any]] = []
        self.change_sets: dict[str, ChangeSet] = {}
        self.disables_rollback = False
        self.is_protected = False
        self.is_loaded = False
        self.is_cancelled = threading.Event()
        self._changed = threading.Condition()

    @property
    def is_busy(self) -> bool:
        """Whether something is being done to it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    @property
    def exports(self) -> dict[str, str]:
        """What other stacks can import."""
        return {each["ExportName"]: each["OutputValue"] for each in self.outputs if each.get("ExportName")}

    def pseudo_parameters(self) -> dict[str, Any]:
        """Return what is known in each of its templates."""
        return {
            "AWS::AccountId": ACCOUNT_ID,
            "AWS::Region": REGION,
            "AWS::Partition": PARTITION,
            "AWS::StackName": self.name,
            "AWS::StackId": self.id,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NotificationARNs": self.plan.notification_arns,
        }

    def move(self, status: str, reason: str | None = None) -> None:
        """Give it another status."""
        self._add_event(self.name, self.id, "AWS::CloudFormation::Stack", status, reason=reason or "")
        with self._changed:
            self.status, self.reason = status, reason
            if status == GONE:
                self.deleted = now()
            self._changed.notify_all()

    def tell(
        self,
        logical_id: str,
        kind: str,
        physical_id: str,
        status: str,
        *,
        reason: str = "",
        properties: str | None = None,
    ) -> None:
        """Take note of what happens to a resource."""
        self.states[logical_id] = State(physical_id, kind, status, reason, now())
        self._add_event(logical_id, physical_id, kind, status, reason=reason, properties=properties)

    def wait(self, seconds: float) -> None:
        """Wait until nothing is being done to it, for so long at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_busy, seconds)

    def describe(self) -> dict[str, Any]:
        """Return what DescribeStacks says of it."""
        return {
            "StackId": self.id,
            "StackName": self.name,
            "ChangeSetId": next(
                (each.id for each in self.change_sets.values() if self.status.startswith("REVIEW")), None
            ),
            "Description": self.plan.document.description,
            "Parameters": parameters.described(self.plan.declared, self.plan.values),
            "CreationTime": self.created,
            "DeletionTime": self.deleted,
            "LastUpdatedTime": self.updated,
            "RollbackConfiguration": self.plan.rollback,
            "StackStatus": self.status,
            "StackStatusReason": self.reason,
            "DisableRollback": self.disables_rollback,
            "NotificationARNs": self.plan.notification_arns,
            "Capabilities": self.plan.capabilities or None,
            "Outputs": self.outputs,
            "RoleARN": self.plan.role_arn,
            "Tags": self.plan.tags,
            "EnableTerminationProtection": self.is_protected,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        }

    def summary(self) -> dict[str, Any]:
        """Return what ListStacks says of it."""
        return {
            "StackId": self.id,
            "StackName": self.name,
            "TemplateDescription": self.plan.document.description,
            "CreationTime": self.created,
            "LastUpdatedTime": self.updated,
            "DeletionTime": self.deleted,
            "StackStatus": self.status,
            "StackStatusReason": self.reason,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        }

    def describe_resource(self, logical_id: str) -> dict[str, Any]:
        """Return what is said of one of its resources."""
        state = self.states[logical_id]
        return {
            "StackName": self.name,
            "StackId": self.id,
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": state.physical_id or None,
            "ResourceType": state.kind,
            "Timestamp": state.moment,
            "LastUpdatedTimestamp": state.moment,
            "ResourceStatus": state.status,
            "ResourceStatusReason": state.reason or None,
            "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
        }

    def planned(self, plan: Plan) -> Plan:
        """Return a plan with the rollback triggers that the stack has, where it does not say any."""
        return plan if plan.rollback else replace(plan, rollback=self.plan.rollback)

    def _add_event(
        self,
        logical_id: str,
        physical_id: str,
        kind: str,
        status: str,
        *,
        reason: str,
        properties: str | None = None,
    ) -> None:
        self.events.append(
            {
                "StackId": self.id,
                "EventId": str(uuid.uuid4()),
                "StackName": self.name,
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": physical_id or None,
                "ResourceType": kind,
                "Timestamp": now(),
                "ResourceStatus": status,
                "ResourceStatusReason": reason or None,
                "ResourceProperties": properties,
            }
        )
