"""The events that tell EventBridge of endpoints: of their status, and of each stage of a deployment.

Source: "Events that Amazon SageMaker AI sends to Amazon EventBridge" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any

STATUS, DEPLOYMENT = "Endpoint", "Endpoint Deployment"


@dataclass(frozen=True)
class EndpointEvent:
    """One event.

    Parameters
    ----------
    label : str
        What its detail type says it is of.
    arn : str
        The endpoint's.
    described : dict
        What DescribeEndpoint says at that moment.
    """

    label: str
    arn: str
    described: dict[str, Any]
    tags: dict[str, str]

    def event(self) -> dict[str, Any]:
        """Return the event's detail: status words and times are written in another way than by DescribeEndpoint."""
        status = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.described["EndpointStatus"]).upper()
        found: dict[str, Any] = _plain({**self.described, "EndpointStatus": status, "Tags": dict(self.tags)})
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return round(value.timestamp() * 1000)
    return value
