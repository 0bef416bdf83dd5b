"""Take back, Undo release, Clear the way, Take shadow away: put back what served before.

From whatever state the release is in.

Every call is safe to repeat: the state machine calls again while SageMaker is busy, and each call looks anew at what
serves. The weights go back first, at once; what the release made is deleted last, when the endpoint is seen to serve
what it served before. The endpoint is touched only while it serves one of this release's own configurations.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from pydantic import BaseModel, Field
from shared.aws import ClientError, error_message, is_missing, is_refused
from shared.causes import readable_cause
from shared.endpoints import Endpoint, describe_endpoint
from shared.errors import EndpointNotReady, RollBackFailed
from shared.finishing import finish_release
from shared.guardrails import call_off
from shared.leases import give_up
from shared.live_name import switch_back
from shared.observability import logger
from shared.registry import (
    RELEASE_BEFORE,
    ReleaseStatus,
    describe_package,
    is_being_released,
    metadata_of,
    note_release,
    was_released,
)
from shared.release_state import Before, Names, Shadow
from shared.restoring import delete_endpoint, restore_config, wait_for_others
from shared.tasks import StateEvent, task
from shared.traffic import set_weights, weights_at
from shared.undoing import delete_alarms, delete_config, delete_model

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class TaskError(BaseModel):
    """What a Catch leaves in the state."""

    cause: str = Field(default="", validation_alias="Cause")


class Lock(BaseModel):
    """What ``Lock endpoint`` found, if the release came to hold it."""

    is_needed: bool
    before: Before


class Event(StateEvent):
    """The payload: the state, as far as the release came, and why it is undone."""

    because: Literal["UNFIT", "FAILED", "COMPARED"]
    model_package_arn: str | None = None
    names: Names | None = None
    lock: Lock | None = None
    unfit: TaskError | None = None
    error: TaskError | None = None
    recorded: dict[str, Any] | None = None  # what `Record release` left
    shadow: Shadow = Shadow()


class Result(TypedDict):
    """Why, and what this call deleted."""

    reasons: list[str]
    deleted: list[str]


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the states that undo a release."""
    return undo_release(Event.model_validate(event))


def undo_release(release: Event) -> Result:
    """Restore what served before a release, delete what it made, and note in the registry what came of it.

    A candidate that is unfit becomes Rejected, with the reason. One whose release failed for another reason stays as it
    is: the release can be redriven, or started again.

    Raises
    ------
    EndpointNotReady
        When SageMaker is still changing the endpoint; call again.
    RollBackFailed
        When SageMaker refuses to restore what served: the message says what to do. Nothing was deleted then.
    """
    caught = {"UNFIT": release.unfit, "FAILED": release.error, "COMPARED": None}[release.because]
    reason = readable_cause(caught.cause) if caught else ""
    result: Result = {"reasons": [reason] if reason else [], "deleted": []}
    names, lock = release.names, release.lock
    if names is None:
        return result
    if release.recorded is not None:
        logger.info("The release was over: what it has brought stays")
        return result
    arn = release.model_package_arn
    metadata = metadata_of(describe_package(arn)) if arn is not None else {}
    if arn is not None and was_released(metadata, release.execution):
        # It broke off after that mark: nothing that was promised to clients is taken back, and the rest is done here.
        if give_up(names.lease, release.execution):
            finish_release(names, arn)
        logger.info("The release was over: what was left to do is done")
        return result
    # Before it has the endpoint a release has made nothing.
    if lock is not None and lock.is_needed:
        result["deleted"] = _undo(
            names, lock.before, known=[error.cause for error in (release.unfit, release.error) if error]
        )
    # Another release of the same package may have had its way since.
    if arn is not None and is_being_released(metadata, release.execution):
        _note(arn, release, reason, metadata.get(RELEASE_BEFORE))
    give_up(names.lease, release.execution)
    logger.info("Undone", **result)
    return result


def _undo(names: Names, before: Before, known: list[str]) -> list[str]:
    if before.switch is not None and switch_back(names, before.switch):
        # The Retry's pause is for clients that have resolved the name a moment ago.
        raise EndpointNotReady(f"Clients are sent back; endpoint {names.endpoint!r} is deleted after that.")
    endpoint = describe_endpoint(names.endpoint)
    deleted: list[str] = []
    if endpoint is not None:
        if before.exists:
            _restore(endpoint, names, before, known)
        elif endpoint.config in names.configs:
            delete_endpoint(endpoint)
            deleted.append(f"endpoint/{endpoint.name}")
    delete_alarms(names.alarms)
    deleted += [f"endpoint-config/{config}" for config in names.configs if delete_config(config)]
    if delete_model(names.model):
        deleted.append(f"model/{names.model}")
    return deleted


def _restore(endpoint: Endpoint, names: Names, before: Before, known: list[str]) -> None:
    # While it changes, nobody can say which configuration will serve in the end.
    if endpoint.in_transition:
        call_off(endpoint, names)
        raise EndpointNotReady(f"Endpoint {endpoint.name!r} is {endpoint.status}; it is restored after that.")
    if endpoint.config not in names.configs:
        if endpoint.status != "InService":
            raise RollBackFailed(
                f"Endpoint {endpoint.name!r} is {endpoint.status} with {endpoint.config!r}: {endpoint.why} Nothing was "
                "deleted. Delete the endpoint and create it again with a configuration that works."
            )
        if endpoint.config != before.endpoint_config:
            logger.warning("The endpoint serves what somebody else gave it since", endpoint_config=endpoint.config)
        return
    if endpoint.config == names.shared_config:
        _restore_weights(endpoint, names, before)
    why = endpoint.failure_reason
    if why and endpoint.status == "InService" and not any(why in cause for cause in known):
        # The failure that led here is known; another one is that of the way back.
        raise RollBackFailed(
            f"Endpoint {endpoint.name!r} was to go back to {before.endpoint_config!r}, but SageMaker returned to this "
            f"release's {endpoint.config!r}: {why} Nothing was deleted. Update the endpoint to a configuration "
            "that works."
        )
    restore_config(endpoint, before.endpoint_config)


def _restore_weights(endpoint: Endpoint, names: Names, before: Before) -> None:
    if names.candidate_variant not in endpoint.weights:
        return  # a shadow has no share of the traffic
    wanted = weights_at(before, names, 0)
    if all(math.isclose(endpoint.weights.get(name, -1.0), weight, abs_tol=1e-3) for name, weight in wanted.items()):
        return
    if endpoint.status != "InService":
        return  # SageMaker changes no weights then; the configuration goes back as a whole
    try:
        set_weights(endpoint.name, wanted)
    except ClientError as error:
        if not is_refused(error):
            raise
        wait_for_others(endpoint.name, error)
        logger.warning("The weights could not be set back", why=error_message(error))
        return
    logger.info("The traffic goes back", weights=wanted)
    raise EndpointNotReady(f"Endpoint {endpoint.name!r} gives its traffic back to what served before.")


def _note(arn: str, release: Event, reason: str, before: str | None) -> None:
    # One that has served before has, whatever came of this.
    status, rejected_for = ReleaseStatus(before) if before else ReleaseStatus.REQUESTED, None
    if release.because == "UNFIT":
        status, rejected_for = ReleaseStatus.ROLLED_BACK, f"Taken back: {reason}"
    elif release.because == "COMPARED" and release.shadow.comparison is not None:
        reason = release.shadow.comparison.summary
        status = status if before else ReleaseStatus.COMPARED
    try:
        note_release(
            arn,
            status,
            rejected_for=rejected_for,
            release_execution=release.execution,
            release_reason=reason,
            **{RELEASE_BEFORE: ""},
        )
    except ClientError as error:
        if not is_missing(error):
            raise
