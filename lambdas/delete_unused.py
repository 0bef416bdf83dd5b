"""Delete what may go: a few things of a plan, each only if it may still go at that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from pydantic import Field
from shared.aws import ClientError, client, error_message, is_missing, is_transient
from shared.errors import EndpointNotReady
from shared.housekeeping import Item, Outcome, outcomes_key, read, read_plan, write
from shared.inventory import has_changed, look
from shared.observability import logger
from shared.s3 import S3Location, list_objects
from shared.settings import HousekeepingSettings, read_settings
from shared.tasks import TaskEvent, task
from shared.unused import House, Kind, Verdict, judge

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from shared.unused import Limits

MOST_KEYS = 1000  # DeleteObjects' documentation


class Event(TaskEvent):
    """The payload: which items of the execution's plan."""

    kind: Kind
    first: int = Field(ge=0)
    count: int = Field(ge=1)


class Result(TypedDict):
    """How many of them are gone."""

    deleted: int


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the state ``Delete batch``."""
    return delete_unused(Event.model_validate(event), read_settings(HousekeepingSettings))


def delete_unused(batch: Event, settings: HousekeepingSettings) -> Result:
    """Delete some things of one kind, and write down what became of each.

    What cannot be deleted is written down with the reason, and the others go on.

    Raises
    ------
    EndpointNotReady
        When an endpoint is on its way out that may still use these things; call again.
    """
    plan = read_plan(settings.artifact_bucket, batch.execution)
    items = plan.items[batch.first : batch.first + batch.count]
    key = outcomes_key(batch.execution, batch.first)
    # A repeated call goes on: what is known already was done by the first.
    outcomes: dict[str, Any] = read(settings.artifact_bucket, key) or {}
    todo = [item for item in items if item.name not in outcomes]
    try:
        _delete_all(batch.kind, todo, plan.the_limits(), settings, outcomes)
    finally:
        write(settings.artifact_bucket, key, outcomes)
    return {"deleted": sum(outcome["outcome"] == "deleted" for outcome in outcomes.values())}


def _delete_all(
    kind: Kind, items: list[Item], limits: Limits, settings: HousekeepingSettings, outcomes: dict[str, Any]
) -> None:
    names = [item.name for item in items]
    house: House | None = None
    verdicts: dict[str, Verdict] = {}
    for item in items:
        if house is None or has_changed(kind, house.now):
            house = look(settings, limits, kind, names)
            _wait_for_deletions(house)
            verdicts = {each.name: each for each in judge(house, limits, ahead=False) if each.kind == kind}
        outcome = _delete(item, verdicts.get(item.name), settings)
        outcomes[item.name] = outcome.model_dump()
        logger.info("Looked again", kind=kind, thing=item.name, **outcome.model_dump())


def _wait_for_deletions(house: House) -> None:
    leaving = [endpoint.name for endpoint in house.endpoints if endpoint.owner and endpoint.status == "Deleting"]
    if leaving:
        raise EndpointNotReady(f"Endpoint {leaving[0]!r} is being deleted; what it uses may go after that.")


def _delete(item: Item, verdict: Verdict | None, settings: HousekeepingSettings) -> Outcome:
    if verdict is None:
        return Outcome(outcome="gone")
    if not verdict.goes:
        return Outcome(outcome="kept", why=verdict.why)
    sagemaker = client("sagemaker")
    try:
        if item.kind == "endpoint":
            sagemaker.delete_endpoint(EndpointName=item.name)
        elif item.kind == "endpoint-config":
            sagemaker.delete_endpoint_config(EndpointConfigName=item.name)
        elif item.kind == "model":
            sagemaker.delete_model(ModelName=item.name)
        elif item.kind == "model-package":
            sagemaker.delete_model_package(ModelPackageName=item.name)
        else:
            return _delete_objects(S3Location(settings.artifact_bucket, item.name))
    except ClientError as error:
        if is_transient(error):
            raise
        if is_missing(error):
            return Outcome(outcome="gone")
        return Outcome(outcome="failed", why=error_message(error))
    return Outcome(outcome="deleted")


def _delete_objects(run: S3Location) -> Outcome:
    """Delete the objects of a run; the bucket has versions, so that they can be brought back for a while."""
    keys = [{"Key": entry["Key"]} for entry in list_objects(run)]
    for first in range(0, len(keys), MOST_KEYS):
        answer = client("s3").delete_objects(
            Bucket=run.bucket, Delete={"Objects": keys[first : first + MOST_KEYS], "Quiet": True}
        )
        for error in answer.get("Errors", ()):
            return Outcome(outcome="failed", why=f"{error['Key']}: {error['Message']}")
    return Outcome(outcome="deleted")
