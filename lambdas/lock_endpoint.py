"""Lock endpoint: take the endpoint for this release alone, and see what serves before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from shared.aws import client
from shared.endpoints import describe_endpoint
from shared.errors import EndpointBusy, EndpointFailed, InvalidRelease
from shared.leases import acquire, give_up
from shared.live_name import live_endpoint, look_at_earlier, own_endpoint
from shared.observability import logger
from shared.registry import (
    HAS_SERVED,
    RELEASE,
    RELEASED,
    ReleaseStatus,
    describe_package,
    find_champion,
    note_release,
)
from shared.release_state import Before, Names, Plan, Variant
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# A variant that has none before it is called so, as in train-and-deploy: the template's alarms watch it.
USUAL_VARIANT = "AllTraffic"
# The strategy that leaves the live endpoint as it is, and sends clients to another.
SWITCHING = "blue-green-endpoints"
# What rules out a second variant beside the one that serves (CreateEndpointConfig's documentation; "Serverless
# inference", "Shadow variants" in the Amazon SageMaker Developer Guide).
_ALONE = {
    "AsyncInferenceConfig": "is asynchronous",
    "ShadowProductionVariants": "has a shadow variant",
}
# Strategies whose candidate has the place, or follows the traffic, of the only variant (DeploymentConfig's and
# ShadowProductionVariants' documentation).
_TAKE_THE_PLACE = ("guardrails", "shadow")


class Event(TaskEvent):
    """The payload: what is released and where, if it had served before, and how often the lease will be renewed."""

    model_package_arn: str
    is_way_back: bool
    names: Names
    release: Plan


class Result(BaseModel):
    """Whether there is anything to release, which endpoint it works on, what serves before it, and if that stays.

    ``package_was`` is what the registry said of the package's release before this one.
    """

    is_needed: bool
    reason: str
    package_was: str
    endpoint: str
    before: Before
    leaves_endpoint: bool


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer the state ``Lock endpoint``."""
    return lock_endpoint(Event.model_validate(event)).model_dump()


def lock_endpoint(release: Event) -> Result:
    """Take the lease of the endpoint, look at what serves, and note that the package is being released.

    Raises
    ------
    EndpointLocked
        While another release holds it.
    EndpointBusy
        While somebody else is changing it.
    EndpointFailed
        When it can only be deleted.
    InvalidRelease
        When it cannot have a second variant, or no second endpoint like it.
    """
    names = release.names
    acquire(names.lease, release.execution, release.release.look_seconds)
    try:
        endpoint, before = _look(names, release.release.strategy, release.execution)
        # Another release may have had its way while this one waited.
        package = describe_package(release.model_package_arn)
        reason = _why_not(package, release, before)
    except (EndpointFailed, InvalidRelease):
        give_up(names.lease, release.execution)
        raise
    was = _metadata(package).get(RELEASE, "")
    if reason:
        give_up(names.lease, release.execution)
        logger.info("There is nothing to release", reason=reason)
        return Result(
            is_needed=False, reason=reason, package_was=was, endpoint=endpoint, before=before, leaves_endpoint=False
        )
    note_release(
        release.model_package_arn, ReleaseStatus.RELEASING, release_execution=release.execution, release_reason=""
    )
    leaves = before.switch is not None and before.switch.old_endpoint is not None
    return Result(is_needed=True, reason="", package_was=was, endpoint=endpoint, before=before, leaves_endpoint=leaves)


def _why_not(package: dict[str, Any] | None, release: Event, before: Before) -> str:
    if package is None:
        return f"The model package {release.model_package_arn!r} is gone."
    metadata = _metadata(package)
    was = metadata.get(RELEASE)
    serves = was in RELEASED and before.exists
    if was in HAS_SERVED and (not release.is_way_back or (serves and _is_champion(release))):
        by = metadata.get("release_execution") or metadata.get("execution")
        return f"It is {was} already{f' by execution {by}' if by else ''}."
    status = package.get("ModelApprovalStatus")
    return "" if status == "Approved" else f"It is {status} by now."


def _is_champion(release: Event) -> bool:
    champion = find_champion(release.names.model_package_group)
    return champion is not None and champion.model_package_arn == release.model_package_arn


def _metadata(package: dict[str, Any] | None) -> dict[str, str]:
    metadata: dict[str, str] = (package or {}).get("CustomerMetadataProperties", {})
    return metadata


def _look(names: Names, strategy: str, execution: str) -> tuple[str, Before]:
    # The releases that this one has waited for may have sent clients to another endpoint.
    live = live_endpoint(names.parameter)
    usual = names.model_package_group
    if strategy == SWITCHING:
        return own_endpoint(usual, execution), look_at_earlier(live or usual, live, USUAL_VARIANT)
    return live or usual, _look_at(live or usual, strategy, names.candidate_variant)


def _look_at(name: str, strategy: str, candidate_variant: str) -> Before:
    endpoint = describe_endpoint(name)
    if endpoint is None:
        return Before(exists=False, watched_variant=USUAL_VARIANT, final_variant=USUAL_VARIANT)
    if endpoint.in_transition:
        raise EndpointBusy(f"Endpoint {name!r} is {endpoint.status}; this release waits for its turn.")
    if endpoint.status != "InService":
        raise EndpointFailed(
            f"Endpoint {name!r} is {endpoint.status}: {endpoint.why}. SageMaker cannot update it: delete the endpoint, "
            "then start the release again."
        )
    config = client("sagemaker").describe_endpoint_config(EndpointConfigName=endpoint.config)
    why = next((text for key, text in _ALONE.items() if config.get(key)), None)
    if any(variant.get("ServerlessConfig") for variant in config["ProductionVariants"]):
        why = "is serverless"
    if why:
        raise InvalidRelease(
            f"Endpoint {name!r} {why}: SageMaker lets it have no second variant beside the one that serves."
        )
    variants = [Variant(name=each.name, weight=each.weight, count=each.instances) for each in endpoint.variants]
    if strategy in _TAKE_THE_PLACE and len(variants) > 1:
        raise InvalidRelease(
            f"Endpoint {name!r} has the production variants {', '.join(each.name for each in variants)}: the strategy "
            f"{strategy!r} is for one that has a single one. Use another strategy."
        )
    return Before(
        exists=True,
        endpoint_config=endpoint.config,
        variants=variants,
        watched_variant=candidate_variant,
        final_variant=variants[0].name if len(variants) == 1 else USUAL_VARIANT,
    )
