"""Record release: note in the registry what serves now, and put away what only the release needed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

from shared.errors import LeaseLost
from shared.finishing import finish_release
from shared.leases import give_up, renew
from shared.observability import logger
from shared.parameters import write_parameter
from shared.registry import RELEASE_BEFORE, ReleaseStatus, describe_package, metadata_of, note_release, was_released
from shared.release_state import Names, Plan
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Event(TaskEvent):
    """The payload: what was released, where."""

    model_package_arn: str
    names: Names
    release: Plan


class Result(TypedDict):
    """When it was released, in ISO 8601."""

    released_at: str


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the state ``Record release``."""
    return record_release(Event.model_validate(event))


def record_release(release: Event) -> Result:
    """Write down what serves, for clients and for the gate, and give the endpoint free.

    The package's mark ends the release: what comes after it is only finished by whoever is called again, or undoes.
    Safe to repeat; the lease goes last.

    Raises
    ------
    LeaseLost
        When the endpoint is not this release's any more.
    """
    names, arn = release.names, release.model_package_arn
    metadata = metadata_of(describe_package(arn))
    is_marked = was_released(metadata, release.execution)
    released_at = metadata["released_at"] if is_marked else datetime.now(tz=UTC).isoformat(timespec="seconds")
    try:
        renew(names.lease, release.execution, release.release.look_seconds)
    except LeaseLost:
        if is_marked:  # an earlier call has given it up, and has done all before that
            return {"released_at": released_at}
        raise
    if not is_marked:
        write_parameter(names.parameter, names.endpoint)
        note_release(
            arn,
            ReleaseStatus.RELEASED,
            release_execution=release.execution,
            release_reason="",
            released_at=released_at,
            released_endpoint=names.endpoint,
            **{RELEASE_BEFORE: ""},
        )
    finish_release(names, arn)
    give_up(names.lease, release.execution)
    logger.info("Released", endpoint=names.endpoint)
    return {"released_at": released_at}
