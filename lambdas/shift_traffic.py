"""Shift traffic: begin a step of the release, with the candidate's share of the traffic."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.aws import ClientError, is_refused
from shared.endpoints import describe_endpoint
from shared.errors import EndpointBusy
from shared.leases import renew
from shared.live_name import switch_name
from shared.observability import logger
from shared.release_alarms import figures
from shared.release_state import Before, Names, Plan, Step
from shared.tasks import TaskEvent, task
from shared.traffic import set_weights, weights_at

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Event(TaskEvent):
    """The payload: the endpoint, the plan, which step it is, and since when the release goes."""

    names: Names
    release: Plan
    before: Before
    step: Step
    started: datetime


# The step, at its beginning.
Result = Step


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer the state ``Shift traffic``."""
    return shift_traffic(Event.model_validate(event)).model_dump()


def shift_traffic(release: Event) -> Step:
    """Set the weights of a step, or the name that clients resolve; and count what the candidate has done before it.

    Raises
    ------
    EndpointBusy
        While the endpoint is being changed.
    EndpointTakenOver
        When somebody else has sent clients elsewhere.
    LeaseLost
        When it is not this release's any more.
    """
    names, before, step = release.names, release.before, release.step
    renew(names.lease, release.execution, release.release.look_seconds)
    share = release.release.shares[step.index]
    if before.switch is not None:
        switch_name(names, before.switch)
    elif before.exists:
        _shift(names, weights_at(before, names, share))
    logger.info("Shifts traffic", share=share)
    return Step(
        index=step.index,
        share=share,
        base=figures(names.endpoint, before.watched_variant, release.started),
        done=step.done,
    )


def _shift(names: Names, wanted: dict[str, float]) -> None:
    endpoint = describe_endpoint(names.endpoint)
    # A repeated call finds what an earlier one has done, or is about to.
    if endpoint is not None and endpoint.weights == wanted:
        return
    try:
        set_weights(names.endpoint, wanted)
    except ClientError as error:
        now = describe_endpoint(names.endpoint)
        if is_refused(error) and now is not None and now.in_transition:
            raise EndpointBusy(f"Endpoint {names.endpoint!r} is {now.status}.") from error
        raise
