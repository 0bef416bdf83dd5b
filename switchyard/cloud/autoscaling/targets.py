"""Scalable targets: an endpoint variant, the bounds of its instances, and what has been done with them.

Sources: RegisterScalableTarget, ScalableTarget, ScalingActivity (Application Auto Scaling API Reference).
"""

from __future__ import annotations

import re
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID, PARTITION, arn
from switchyard.cloud.autoscaling.errors import AutoScalingError
from switchyard.cloud.autoscaling.policies import DIMENSION, NAMESPACE, Policy

_RESOURCE = re.compile(r"endpoint/([A-Za-z0-9-]+)/variant/([A-Za-z0-9-]+)")
ROLE = (
    f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
MOST_ACTIVITIES = 100


@dataclass
class Target:
    """A variant whose instances may be changed between two bounds."""

    resource_id: str
    least: int
    most: int
    suspended: dict[str, bool] = field(default_factory=dict)
    created: float = field(default_factory=time.time)
    policies: dict[str, Policy] = field(default_factory=dict)
    activities: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_ACTIVITIES))
    out_until: float = 0.0
    in_until: float = 0.0
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("application-autoscaling", f"scalable-target/{self.id}")

    @property
    def place(self) -> tuple[str, str]:
        """The endpoint's name and the variant's."""
        return split(self.resource_id)

    def bounded(self, wanted: int) -> int:
        """Return the nearest number of instances within the bounds."""
        return min(max(wanted, self.least), self.most)

    def may(self, *, is_out: bool, now: float) -> bool:
        """Return whether it may scale out, or in, now: neither suspended nor in a cooldown."""
        if self.suspended.get("DynamicScalingOutSuspended" if is_out else "DynamicScalingInSuspended"):
            return False
        return now >= (self.out_until if is_out else max(self.in_until, self.out_until))

    def scaled(self, policy: Policy, count: int, cause: str, *, is_out: bool, scale: float) -> None:
        """Remember that it has been scaled, and begin the cooldown."""
        now = time.time()
        until = time.monotonic() + policy.cooldown(is_out=is_out) * scale
        if is_out:
            self.out_until = until
        else:
            self.in_until = until
        self.activities.appendleft(
            {
                "ActivityId": str(uuid.uuid4()),
                **named(self.resource_id),
                "Description": f"Setting desired instance count to {count}.",
                "Cause": cause,
                "StartTime": now,
                "EndTime": now,
                "StatusCode": "Successful",
                "StatusMessage": f"Successfully set desired instance count to {count}.",
            }
        )

    def describe(self) -> dict[str, Any]:
        """Answer for one entry of DescribeScalableTargets."""
        suspended = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
        return {
            **named(self.resource_id),
            "MinCapacity": self.least,
            "MaxCapacity": self.most,
            "RoleARN": ROLE,
            "CreationTime": self.created,
            "SuspendedState": {name: bool(self.suspended.get(name)) for name in suspended},
            "ScalableTargetARN": self.arn,
        }


def named(resource_id: str) -> dict[str, str]:
    """Return the members that name a target everywhere."""
    return {"ServiceNamespace": NAMESPACE, "ResourceId": resource_id, "ScalableDimension": DIMENSION}


def split(resource_id: str) -> tuple[str, str]:
    """Return the endpoint's name and the variant's.

    Raises
    ------
    AutoScalingError
        It is no variant.
    """
    found = _RESOURCE.fullmatch(resource_id)
    if found is None:
        raise AutoScalingError(
            f"ResourceId is '{resource_id}'; the local cloud scales endpoint/<endpoint>/variant/<variant>."
        )
    return found.group(1), found.group(2)
