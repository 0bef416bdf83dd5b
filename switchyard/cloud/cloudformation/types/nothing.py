"""What a template may have and nothing comes of.

Source: AWS::CloudFormation::WaitConditionHandle (AWS CloudFormation Template Reference); the metadata of the AWS CDK.
"""

from __future__ import annotations

from switchyard.cloud.cloudformation.types.base import Clients, Properties, ResourceType
from switchyard.cloud.resource import Created, no_attributes


class Nothing(ResourceType):
    """A resource that is only a name."""

    properties = frozenset({"Analytics"})

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Take note of it."""
        return Created(name, no_attributes(name))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Leave it as it is."""
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Forget it."""
