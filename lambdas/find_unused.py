"""Find what may go: look at all that the project has, and plan what housekeeping may delete of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypedDict

from shared.housekeeping import Item, Plan, folder, limits_of, read_plan, read_request, write
from shared.inventory import look
from shared.observability import logger
from shared.settings import FindUnusedSettings, read_settings
from shared.tasks import TaskEvent, task
from shared.unused import judge

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from shared.housekeeping import HousekeepingRequest

# What one execution deletes, at most: its history holds 25,000 events, and a message can be read.
MOST_ITEMS = 1000
# Each endpoint by itself; of the rest as many as a function can delete well within its time.
AT_ONCE = 25


class Event(TaskEvent):
    """The payload: the execution's own input as it is."""

    input: Any


class Batch(TypedDict):
    """Items of the plan, of one kind."""

    kind: str
    first: int
    count: int


class Result(TypedDict):
    """The machine's state from here on."""

    dry_run: bool
    batches: list[Batch]


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the state ``Find what may go``."""
    parsed = Event.model_validate(event)
    return find_unused(read_request(parsed.input), parsed.execution, read_settings(FindUnusedSettings))


def find_unused(request: HousekeepingRequest, execution: str, settings: FindUnusedSettings) -> Result:
    """Plan what may go, and write the plan into the artifact bucket.

    Parameters
    ----------
    request
        The limits; and perhaps an earlier execution, whose plan somebody has seen: nothing that is not in it may go.
    execution
        The name of this one.
    settings
        The project, and the limits that are not asked for.

    Returns
    -------
    dict
        ``dry_run``, and the ``batches`` to delete, in that order.

    Raises
    ------
    InvalidHousekeeping
        When a limit makes no sense, or there is no such plan.
    """
    limits = limits_of(request, settings)
    seen = None if request.plan_of is None else read_plan(settings.artifact_bucket, request.plan_of)
    if seen is not None:
        limits = seen.the_limits()
    verdicts = judge(look(settings, limits), limits, ahead=True)
    found = [
        Item(kind=each.kind, name=each.name, why=each.why, since=each.since, bytes=each.size)
        for each in verdicts
        if each.goes
    ]
    if seen is not None:
        known = {(item.kind, item.name) for item in seen.items}
        found = [item for item in found if (item.kind, item.name) in known]
    plan = Plan(limits=limits._asdict(), items=found[:MOST_ITEMS], left_out=len(found[MOST_ITEMS:]))
    write(settings.artifact_bucket, f"{folder(execution)}plan.json", plan.model_dump(mode="json"))
    logger.info(
        "Made a plan",
        may_go=Counter(item.kind for item in found),
        stay=Counter(each.kind for each in verdicts if not each.goes),
    )
    return {"dry_run": request.dry_run, "batches": batches(plan)}


def batches(plan: Plan) -> list[Batch]:
    """Cut a plan into batches of one kind, in the plan's order."""
    cut: list[Batch] = []
    for place, item in enumerate(plan.items):
        most = 1 if item.kind == "endpoint" else AT_ONCE
        if cut and cut[-1]["kind"] == item.kind and cut[-1]["count"] < most:
            cut[-1]["count"] += 1
        else:
            cut.append({"kind": item.kind, "first": place, "count": 1})
    return cut
