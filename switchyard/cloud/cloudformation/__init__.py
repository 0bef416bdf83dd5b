"""CloudFormation: stacks, change sets and rollback triggers, by API calls to the other services."""

from __future__ import annotations

from switchyard.cloud.cloudformation.api import answer
from switchyard.cloud.cloudformation.creators import creators
from switchyard.cloud.cloudformation.loaded import record_of
from switchyard.cloud.cloudformation.stacks import Stacks

__all__ = ["Stacks", "answer", "creators", "record_of"]
