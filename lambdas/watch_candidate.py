"""Watch candidate: one look at the candidate in a step, and what comes next."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.errors import CandidateUnfit
from shared.leases import renew
from shared.live_name import check_name
from shared.observability import logger
from shared.release_alarms import figures
from shared.release_state import Before, Figures, Names, Plan, Step, StepReport
from shared.release_watch import check_endpoint, exceeded, raised
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

LOOK, SHIFT, DONE = "LOOK", "SHIFT", "DONE"


class Event(TaskEvent):
    """The payload: the endpoint, the plan, the step, and how many samples were sent to the candidate just now."""

    names: Names
    release: Plan
    before: Before
    step: Step
    samples_sent: int
    started: datetime


# The step as it is now, its verdict included.
Result = Step


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer the state ``Watch candidate``."""
    return watch_candidate(Event.model_validate(event)).model_dump()


def watch_candidate(release: Event) -> Step:
    """Look at the alarms, and at what the candidate has done in this step.

    The step is over when it has baked and the candidate has answered its requests. The figures of the whole step are
    held against the limits as well: an alarm on a minute that is not over yet says nothing.

    Returns
    -------
    Step
        ``verdict`` is LOOK, SHIFT (``index`` is the next step then) or DONE.

    Raises
    ------
    CandidateUnfit
        When an alarm is raised, a limit is exceeded, or too few requests have come in all the step's time.
    EndpointFailed, EndpointTakenOver
        When the endpoint is gone, or serves what the release has not given it.
    LeaseLost
        When it is not this release's any more.
    """
    names, plan, step = release.names, release.release, release.step
    renew(names.lease, release.execution, plan.look_seconds)
    check_endpoint(names, release.before)
    if release.before.switch is not None:
        check_name(names, names.endpoint)
    step = step.model_copy(
        update={"looks": step.looks + 1, "samples_sent": step.samples_sent + release.samples_sent, "verdict": LOOK}
    )
    seen = figures(names.endpoint, release.before.watched_variant, release.started).since(step.base)
    where = f"With {step.share} % of the traffic"
    if reasons := [*raised(names, plan), *exceeded(seen, plan)]:
        raise CandidateUnfit(f"{where}: {'; '.join(reasons)}.")
    # CloudWatch may not have counted the samples yet.
    requests = max(seen.requests - step.samples_sent, 0)
    wanted = plan.minimum_requests if release.before.is_asked else 0
    logger.info("Looked at the candidate", share=step.share, look=step.looks, requests=requests)
    if step.looks >= plan.looks_to_bake and requests >= wanted:
        return _next(step, plan, seen, requests)
    if step.looks >= plan.looks_at_most:
        raise CandidateUnfit(
            f"{where}: the candidate has answered {requests} of the {wanted} requests that the step asks for, "
            f"and patience_seconds are over."
        )
    return step


def _next(step: Step, plan: Plan, seen: Figures, requests: int) -> Step:
    report = StepReport(
        share=step.share,
        looks=step.looks,
        requests=requests,
        errors_5xx=seen.errors_5xx,
        errors_4xx=seen.errors_4xx,
        latency_ms=seen.latency_ms,
    )
    done = [*step.done, report]
    if step.index + 1 < len(plan.shares):
        return step.model_copy(update={"index": step.index + 1, "verdict": SHIFT, "done": done})
    return step.model_copy(update={"verdict": DONE, "done": done})
