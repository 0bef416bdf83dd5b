"""The stack that the cloud was started with, as CloudFormation's API tells of it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from switchyard.cloud.cloudformation.documents import Document
from switchyard.cloud.cloudformation.records import Made, Plan, Stack
from switchyard.cloud.resource import Created
from switchyard.cloud.stack import Stack as Loaded

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


def record_of(loaded: Loaded, path: Path) -> Stack:
    """Return what is kept of a stack, for one that was made when the cloud began.

    Parameters
    ----------
    path : Path
        Its template.
    """
    document = Document(path.read_text(), loaded.template)
    plan = Plan(document, _texts(loaded.parameters), CAPABILITIES, [], {})
    stack = Stack(loaded.name, plan, stack_id=loaded.id)
    stack.created = loaded.created
    resources = document.resources
    for each in loaded.resources:
        created = Created(each.physical_id, each.attribute)
        made = Made(each.logical_id, each.type, created, each.properties, resources[each.logical_id])
        stack.resources[each.logical_id] = made
        stack.tell(each.logical_id, each.type, each.physical_id, "CREATE_COMPLETE")
    stack.outputs = list(loaded.outputs.values())
    stack.move("CREATE_COMPLETE")
    _at(stack, loaded.created)
    return stack


def _texts(parameters: dict[str, Any]) -> dict[str, str]:
    return {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in parameters.items()}


def _at(stack: Stack, moment: datetime.datetime) -> None:
    for event in stack.events:
        event["Timestamp"] = moment
    for state in stack.states.values():
        state.moment = moment
