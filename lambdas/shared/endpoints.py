"""What SageMaker says of an endpoint, and what its statuses mean for a run."""

from __future__ import annotations

from typing import NamedTuple

from shared.aws import ClientError, client, is_missing

# DescribeEndpoint's documentation, "EndpointStatus": the ones that SageMaker will leave by itself.
IN_TRANSITION = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


class ServingVariant(NamedTuple):
    """A production variant as it serves now; a serverless one has no instances."""

    name: str
    weight: float
    instances: int


class Endpoint(NamedTuple):
    """An endpoint as DescribeEndpoint gives it."""

    name: str
    status: str
    config: str
    failure_reason: str | None
    variants: tuple[ServingVariant, ...] = ()
    pending: str | None = None  # the configuration that it moves to
    arn: str = ""

    @property
    def in_transition(self) -> bool:
        """Whether SageMaker is still changing it."""
        return self.status in IN_TRANSITION

    @property
    def weights(self) -> dict[str, float]:
        """The weights of its variants, by their names."""
        return {variant.name: variant.weight for variant in self.variants}

    @property
    def why(self) -> str:
        """SageMaker's own reason for the last failure."""
        return self.failure_reason or "SageMaker gave no reason; see the endpoint's log group"


def describe_endpoint(name: str) -> Endpoint | None:
    """Give the endpoint, or None when there is none of that name."""
    try:
        found = client("sagemaker").describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    variants = tuple(
        ServingVariant(each["VariantName"], each.get("CurrentWeight", 1.0), each.get("CurrentInstanceCount", 0))
        for each in found.get("ProductionVariants", [])
    )
    pending = found.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
    return Endpoint(
        name,
        found["EndpointStatus"],
        found["EndpointConfigName"],
        found.get("FailureReason"),
        variants,
        pending,
        found["EndpointArn"],
    )
