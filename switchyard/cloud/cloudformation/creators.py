"""Resources of the loaded stack that are made as those of other stacks are, by calls of their service."""

from __future__ import annotations

from typing import Any

from switchyard.cloud.cloudformation.types import TYPES, Clients
from switchyard.cloud.resource import Created, Creator, Creators, generated_name

_KINDS = (
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::ModelPackageGroup",
)


def creators(stack_name: str, clients: Clients) -> Creators:
    """Return the creators, by resource type; generated names begin with the stack's."""
    return {kind: _creator(stack_name, clients, kind) for kind in _KINDS}


def _creator(stack_name: str, clients: Clients, kind: str) -> Creator:
    made_by = TYPES[kind]

    def create(logical_id: str, properties: dict[str, Any]) -> Created:
        name = properties.get(made_by.name) or generated_name(stack_name, logical_id)[-made_by.longest :].lstrip("-")
        created = made_by.create(clients, name, properties)
        made_by.settle(clients, created, properties, lambda: None)
        return created

    return create
