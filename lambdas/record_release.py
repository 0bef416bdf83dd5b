"""Record release: note in the registry what serves now, and put away what only the release needed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

from shared.aws import client
from shared.leases import give_up, renew
from shared.observability import logger
from shared.registry import ReleaseStatus, note_release, supersede_newer, version_of
from shared.release_state import Names, Plan
from shared.tasks import TaskEvent, task
from shared.undoing import delete_alarms, delete_config

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
    """Write the live endpoint's name where clients look it up, mark the packages, give the endpoint free.

    Safe to repeat: the lease goes last.

    Raises
    ------
    LeaseLost
        When the endpoint is not this release's any more.
    """
    names = release.names
    renew(names.lease, release.execution, release.release.look_seconds)
    released_at = datetime.now(tz=UTC).isoformat(timespec="seconds")
    client("ssm").put_parameter(Name=names.parameter, Value=names.endpoint, Type="String", Overwrite=True)
    note_release(
        release.model_package_arn,
        ReleaseStatus.RELEASED,
        release_execution=release.execution,
        release_reason="",
        released_at=released_at,
        released_endpoint=names.endpoint,
    )
    delete_alarms(names.alarms)
    delete_config(names.shared_config)
    arn = release.model_package_arn
    why = f"Version {version_of(arn)} serves instead since {released_at}"
    superseded = supersede_newer(names.model_package_group, arn, why)
    give_up(names.lease, release.execution)
    logger.info("Released", endpoint=names.endpoint, superseded=superseded)
    return {"released_at": released_at}
