"""Compare shadow: one look at a candidate that gets copies of the requests, and in the end at what it answered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.comparison import captured, compare
from shared.leases import renew
from shared.observability import logger
from shared.release_alarms import figures
from shared.release_state import Before, Comparison, Figures, Names, Plan, Shadow, ShadowPlan
from shared.release_watch import check_endpoint, exceeded, raised
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

LOOK, DONE = "LOOK", "DONE"


class Event(TaskEvent):
    """The payload: the endpoint, the plan, how far the comparison is, and since when the release goes."""

    names: Names
    release: Plan
    before: Before
    shadow: Shadow
    started: datetime


# How far it is now; its comparison once there is one.
Result = Shadow


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer the state ``Compare shadow``."""
    return compare_shadow(Event.model_validate(event)).model_dump()


def compare_shadow(release: Event) -> Shadow:
    """Look at the shadow's alarms and requests; compare once it has baked, or has shown that it is no good.

    What is captured comes to S3 minutes later: until enough answers are there, it goes on looking, as long as the plan
    has patience.

    Raises
    ------
    EndpointFailed, EndpointTakenOver
        When the endpoint is gone, or serves what the release has not given it.
    LeaseLost
        When it is not this release's any more.
    """
    names, plan, before = release.names, release.release, release.before
    renew(names.lease, release.execution, plan.look_seconds)
    check_endpoint(names, before)
    looks = release.shadow.looks + 1
    seen = figures(names.endpoint, names.candidate_variant, release.started)
    reasons = [*raised(names, plan), *exceeded(seen, plan)]
    logger.info("Looked at the shadow", look=looks, requests=seen.requests)
    wanted = max(plan.minimum_requests, 1)
    is_last = bool(reasons) or looks >= plan.looks_at_most
    if not is_last and (looks < plan.looks_to_bake or seen.requests < wanted):
        return Shadow(looks=looks, verdict=LOOK)
    how = plan.shadow or ShadowPlan(capture_uri="")
    comparison = compare(
        captured(how.capture_uri, names.endpoint, before.final_variant),
        captured(how.capture_uri, names.endpoint, names.candidate_variant),
        how.maximum_difference,
    )
    if not is_last and comparison.answers < wanted:
        return Shadow(looks=looks, verdict=LOOK)
    return Shadow(looks=looks, verdict=DONE, comparison=_judge(comparison, how, seen, wanted, reasons))


def _judge(comparison: Comparison, how: ShadowPlan, seen: Figures, wanted: int, reasons: list[str]) -> Comparison:
    mean = comparison.mean_difference
    if mean is not None and mean > how.maximum_difference:
        reasons.append(f"its answers differ by {mean:.2%} on average, more than {how.maximum_difference:.2%}")
    if comparison.no_numbers:
        reasons.append(f"{comparison.no_numbers} of its {comparison.answers} answers are no finite numbers")
    if not reasons and comparison.answers < wanted:
        reasons.append(
            f"{comparison.answers} answers of both were there to compare, of the {wanted} that the release asks for, "
            "and patience_seconds are over"
        )
    return comparison.model_copy(
        update={
            "passed": not reasons,
            "reasons": reasons,
            "requests": seen.requests,
            "errors_5xx": seen.errors_5xx,
            "errors_4xx": seen.errors_4xx,
            "latency_ms": seen.latency_ms,
        }
    )
