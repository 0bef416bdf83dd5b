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
from shared.parameters import read_parameter
from shared.registry import (
    RELEASE,
    RELEASE_BEFORE,
    RELEASED,
    ReleaseStatus,
    came_into_service,
    describe_package,
    is_being_released,
    metadata_of,
    note_release,
)
from shared.release_state import Before, Names, Plan, Variant
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# A variant that has none before it is called so, as in train-and-deploy: the template's alarms watch it.
USUAL_VARIANT = "AllTraffic"
_NOTHING = Before(exists=False, watched_variant=USUAL_VARIANT, final_variant=USUAL_VARIANT)
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
    """The payload: what is released and where, who began that, and how often the lease will be renewed."""

    model_package_arn: str
    by_approval: bool = True  # of an execution that began before this was said
    names: Names
    release: Plan


class Result(BaseModel):
    """Whether there is anything to release, which endpoint it works on, what serves before it, and if that stays."""

    is_needed: bool
    reason: str
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
        # Another release may have had its way while this one waited.
        package = describe_package(release.model_package_arn)
        metadata = metadata_of(package)
        if reason := _why_not(package, release):
            return _nothing(release, reason, names.endpoint, _NOTHING)
        endpoint, before = _look(names, release.release.strategy, release.execution)
        if _serves(release, before):
            return _nothing(release, _said(metadata), endpoint, before)
    except (EndpointFailed, InvalidRelease):
        give_up(names.lease, release.execution)
        raise
    note_release(
        release.model_package_arn,
        ReleaseStatus.RELEASING,
        release_execution=release.execution,
        release_reason="",
        **{RELEASE_BEFORE: _status_before(metadata, release)},
    )
    leaves = before.switch is not None and before.switch.old_endpoint is not None
    return Result(is_needed=True, reason="", endpoint=endpoint, before=before, leaves_endpoint=leaves)


def _nothing(release: Event, reason: str, endpoint: str, before: Before) -> Result:
    give_up(release.names.lease, release.execution)
    logger.info("There is nothing to release", reason=reason)
    return Result(is_needed=False, reason=reason, endpoint=endpoint, before=before, leaves_endpoint=False)


def _why_not(package: dict[str, Any] | None, release: Event) -> str:
    """Say why there is nothing to release, whatever serves."""
    if package is None:
        return f"The model package {release.model_package_arn!r} is gone."
    metadata = metadata_of(package)
    if release.by_approval and metadata.get(RELEASE) in RELEASED:  # an approval brings nothing back
        return _said(metadata)
    status = package.get("ModelApprovalStatus")
    return "" if status == "Approved" else f"It is {status} by now."


def _serves(release: Event, before: Before) -> bool:
    """Whether it is what serves; one that served earlier, or whose endpoint is gone, is brought back by hand."""
    return before.is_asked and read_parameter(release.names.package_parameter) == release.model_package_arn


def _said(metadata: dict[str, str]) -> str:
    by = metadata.get("release_execution") or metadata.get("execution")
    return f"It is {metadata.get(RELEASE, 'released')} already{f' by execution {by}' if by else ''}."


def _status_before(metadata: dict[str, str], release: Event) -> str:
    """Give what a package that has served was before; also when this is called again."""
    if is_being_released(metadata, release.execution):
        return metadata.get(RELEASE_BEFORE, "")
    return metadata.get(RELEASE, ReleaseStatus.DEPLOYED.value) if came_into_service(metadata) else ""


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
        return _NOTHING
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
