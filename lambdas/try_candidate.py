"""Try candidate: ask the model that is being released, and hold its answers against what is expected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypedDict

from shared.answers import number_of, values_of
from shared.aws import ClientError, client, error_code, error_message, is_refused
from shared.errors import CandidateUnfit, EndpointFailed
from shared.leases import renew
from shared.release_state import ContentTypes, Names, Plan, Sample
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Event(TaskEvent):
    """The payload: whom to ask, what, and how; without a variant, whichever answers for the endpoint."""

    names: Names
    release: Plan
    content_types: ContentTypes
    samples: list[Sample]
    variant: str | None = None


class Result(TypedDict):
    """How many requests were sent."""

    sent: int


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the states that try the candidate."""
    return try_candidate(Event.model_validate(event))


def try_candidate(release: Event) -> Result:
    """Send each sample, to the candidate itself whatever its weight is.

    Raises
    ------
    CandidateUnfit
        When an answer is an error, no prediction, no finite number, or out of the sample's range.
    EndpointFailed
        When the endpoint, or the candidate's variant of it, is gone.
    LeaseLost
        When the endpoint is not this release's any more.
    """
    renew(release.names.lease, release.execution, release.release.look_seconds)
    for number, sample in enumerate(release.samples, 1):
        why = check_answer(_ask(release, sample, number), sample)
        if why:
            raise CandidateUnfit(f"Sample {number} of {len(release.samples)}: the candidate answered {why}.")
    return {"sent": len(release.samples)}


def check_answer(answer: str, sample: Sample) -> str | None:
    """Say what is wrong with an answer in JSON or CSV; None when nothing is.

    Each number in it must be finite and in the sample's range. A text is an answer too, a label, unless there is a
    range.

    Examples
    --------
    >>> check_answer("[1.5, NaN]", Sample(body="1"))
    'nan, which is not finite'
    >>> check_answer("200", Sample(body="1", maximum=100))
    '200, above the expected maximum 100'
    >>> check_answer("42", Sample(body="1", minimum=0, maximum=100))
    """
    count = 0
    for value in values_of(answer):
        count += 1
        number = number_of(value)
        if number is None:
            if sample.minimum is not None or sample.maximum is not None:
                return f"{str(value)[:80]!r}, which is no number"
        elif not math.isfinite(number):
            return f"{number}, which is not finite"
        elif sample.minimum is not None and number < sample.minimum:
            return f"{number:g}, below the expected minimum {sample.minimum:g}"
        elif sample.maximum is not None and number > sample.maximum:
            return f"{number:g}, above the expected maximum {sample.maximum:g}"
    return None if count else f"no prediction: {answer[:80]!r}"


def _ask(release: Event, sample: Sample, number: int) -> str:
    target = {"TargetVariant": release.variant} if release.variant else {}
    try:
        response = client("sagemaker-runtime").invoke_endpoint(
            EndpointName=release.names.endpoint,
            ContentType=release.content_types.input,
            Accept=release.content_types.output,
            Body=sample.body.encode(),
            **target,
        )
        return str(response["Body"].read().decode("utf-8", errors="replace"))
    except ClientError as error:
        # The model's own error; throttling and the like are the service's, and can be retried.
        if error_code(error) == "ModelError":
            raise CandidateUnfit(
                f"Sample {number} of {len(release.samples)}: the candidate refused it: {error_message(error)}"
            ) from error
        if is_refused(error):
            raise EndpointFailed(
                f"Endpoint {release.names.endpoint!r} does not take a request for the candidate: "
                f"{error_message(error)} Somebody deleted or updated it in mid-release."
            ) from error
        raise
