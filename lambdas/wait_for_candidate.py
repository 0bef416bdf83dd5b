"""Wait for candidate, Wait for shift, Wait for endpoint: one look at it; the machine's Retry is the waiting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypedDict

from shared.endpoints import describe_endpoint
from shared.errors import CandidateUnfit, EndpointFailed, EndpointNotReady, EndpointTakenOver
from shared.leases import renew
from shared.release_state import Before, Names, Plan
from shared.tasks import TaskEvent, task
from shared.traffic import weights_at

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Event(TaskEvent):
    """The payload: the endpoint, what it is to serve, and the candidate's share of it where that is to be seen."""

    names: Names
    release: Plan
    before: Before
    endpoint_config: str
    share: int | None = None


class Result(TypedDict):
    """What the endpoint serves."""

    endpoint_config: str
    weights: dict[str, float]


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the states that wait for the endpoint."""
    return wait_for_candidate(Event.model_validate(event))


def wait_for_candidate(release: Event) -> Result:
    """Confirm that the endpoint serves what the release has given it.

    Raises
    ------
    EndpointNotReady
        While SageMaker is still at it.
    CandidateUnfit
        When SageMaker gave the candidate up, with its reason.
    EndpointFailed
        When the endpoint is gone.
    EndpointTakenOver
        When it serves something else.
    LeaseLost
        When it is not this release's any more.
    """
    names, before = release.names, release.before
    renew(names.lease, release.execution, release.release.look_seconds)
    endpoint = describe_endpoint(names.endpoint)
    if endpoint is None:
        raise EndpointFailed(f"Endpoint {names.endpoint!r} is gone: somebody deleted it in mid-release.")
    if endpoint.in_transition:
        raise EndpointNotReady(f"Endpoint {names.endpoint!r} is {endpoint.status}.")
    if endpoint.status != "InService":
        if before.exists:
            raise EndpointFailed(f"Endpoint {names.endpoint!r} is {endpoint.status}: {endpoint.why}")
        raise CandidateUnfit(f"The candidate did not come up: {endpoint.why}")
    if endpoint.config != release.endpoint_config:
        if endpoint.config in (before.endpoint_config, *names.configs) and endpoint.failure_reason:
            guarded = release.release.strategy == "guardrails"
            what = "SageMaker took the candidate back" if guarded else "The candidate did not come up"
            raise CandidateUnfit(f"{what}: {endpoint.failure_reason}")
        raise EndpointTakenOver(
            f"Endpoint {names.endpoint!r} serves {endpoint.config!r} instead of {release.endpoint_config!r}: somebody "
            "else updated it in mid-release."
        )
    if release.share is not None and before.exists:
        check_weights(endpoint.weights, weights_at(before, names, release.share), names.endpoint)
    return {"endpoint_config": endpoint.config, "weights": endpoint.weights}


def check_weights(found: dict[str, float], wanted: dict[str, float], endpoint: str) -> None:
    """Confirm that the weights are those that the release has set.

    Raises
    ------
    EndpointTakenOver
        When they are others.
    """
    if found.keys() != wanted.keys() or not all(
        math.isclose(found[name], weight, rel_tol=1e-3, abs_tol=1e-3) for name, weight in wanted.items()
    ):
        raise EndpointTakenOver(
            f"The weights of endpoint {endpoint!r} are {found}, and the release had set {wanted}: somebody else "
            "changed them."
        )
