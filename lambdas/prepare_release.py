"""Prepare release: turn a release's input into everything the later states need, and refuse what cannot work."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.aws import ClientError, client, error_code
from shared.errors import InvalidRelease, InvalidRun
from shared.handover import read_handover
from shared.live_name import live_endpoint
from shared.names import MAX_LENGTH, run_prefix, sagemaker_name
from shared.observability import logger
from shared.parameters import endpoint_parameter
from shared.recipes import load_recipe
from shared.registry import describe_package
from shared.release_request import ReleaseRequest, apply_release_overrides, parse_release_request
from shared.release_settings import ReleaseSettings
from shared.release_state import ContentTypes, Instances, Limits, Names, Plan, ReleaseState, Sample, ShadowPlan, Step
from shared.s3 import S3Location, list_objects, read_lines
from shared.settings import PrepareRunSettings, read_settings
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# CloudWatch looks at an alarm once a minute: looking at it more often shows nothing new.
LOOK_SECONDS = 60
# Step Functions keeps 25,000 events of an execution, and a look is fewer than twenty.
MOST_LOOKS = 1000
# Step Functions carries at most 256 KB from state to state.
MAX_STATE_BYTES = 100_000
# The longest row of test data that stands in for samples.
MAX_ROW = 20_000
SUPPORTED = ("all-at-once", "canary", "blue-green", "blue-green-endpoints", "guardrails", "shadow")
# Those whose traffic goes up in the recipe's own steps.
STEPWISE = ("canary", "guardrails")


class Event(TaskEvent):
    """The payload: the execution's own input as it is, and the execution's name."""

    input: Any


# What this function gives is the machine's state from here on.
Result = ReleaseState


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer the state ``Prepare release``."""
    parsed = Event.model_validate(event)
    request = parse_release_request(parsed.input)
    return prepare_release(request, parsed.execution, read_settings(PrepareRunSettings)).model_dump()


def prepare_release(request: ReleaseRequest, execution: str, settings: PrepareRunSettings) -> ReleaseState:
    """Gather all that the later states of a release need.

    The same request and execution always give the same names.

    Parameters
    ----------
    request
        What to release, and how.
    execution
        The execution's name.
    settings
        The bucket that holds recipes and runs, the project's name.

    Raises
    ------
    InvalidRelease
        When the package is not approved or is another recipe's, when the recipe is not published, or when the settings
        make no sense.
    """
    recipe_name = _recipe_of(request, settings.project_name)
    logger.append_keys(recipe=recipe_name)
    package = describe_package(request.model_package)
    if package is None:
        raise InvalidRelease(f"There is no model package {request.model_package!r}.")
    _check_package(package, request)
    given = _given(recipe_name, package.get("CustomerMetadataProperties", {}), settings.artifact_bucket)
    how = apply_release_overrides(given.release, request.release or {}, recipe_name)
    if how.strategy not in SUPPORTED:
        raise InvalidRelease(f"The strategy {how.strategy!r} is not there yet: use one of {', '.join(SUPPORTED)}.")
    _check_alarms(how.alarms)
    state = ReleaseState(
        recipe=recipe_name,
        execution=execution,
        model_package_arn=request.model_package,
        by_approval=request.reason == "approval",
        names=derive_names(recipe_name, execution, settings.project_name),
        release=plan(how, f"s3://{settings.artifact_bucket}/captures/{sagemaker_name(execution)}/"),
        instances=given.instances,
        content_types=given.content_types,
        samples=_samples(how, given.test_data_uri),
        step=Step(index=0),
    )
    size = len(json.dumps(state.model_dump()).encode())
    if size > MAX_STATE_BYTES:
        raise InvalidRelease(
            f"Recipe {recipe_name!r} makes a state of {size:,} bytes, more than the {MAX_STATE_BYTES:,} that leave "
            "room for the rest of the release: give fewer or shorter samples."
        )
    logger.info("Prepared the release", model_package=request.model_package, strategy=how.strategy)
    return state


def plan(how: ReleaseSettings, capture_uri: str = "") -> Plan:
    """Say how the release goes.

    The time is counted in looks: what a bake lasts is how many looks it has. A bake of 300 seconds has five.
    """
    shares = how.shares() if how.strategy in STEPWISE else [100]
    looks_to_bake = max(1, math.ceil(how.bake_seconds / LOOK_SECONDS))
    look_seconds = max(1, math.ceil(how.bake_seconds / looks_to_bake))
    longest = max(how.patience_seconds, how.bake_seconds) * len(shares)
    if longest / look_seconds > MOST_LOOKS:
        look_seconds = math.ceil(longest / MOST_LOOKS)
        looks_to_bake = max(1, math.ceil(how.bake_seconds / look_seconds))
    return Plan(
        strategy=how.strategy,
        shares=shares,
        look_seconds=look_seconds,
        looks_to_bake=looks_to_bake,
        looks_at_most=max(looks_to_bake, math.ceil(how.patience_seconds / look_seconds)),
        minimum_requests=how.minimum_requests,
        limits=Limits(**how.limits.model_dump()),
        alarms=how.alarms,
        bake_seconds=how.bake_seconds,
        grace_seconds=how.grace_seconds,
        shadow=ShadowPlan(capture_uri=capture_uri, **how.shadow.model_dump()) if how.strategy == "shadow" else None,
    )


def derive_names(recipe: str, execution: str, project: str) -> Names:
    """Name everything a release makes: from the execution's name, so that a repeated start makes nothing new.

    Its variant has a name that no other release has: CloudWatch tells variants apart by their names alone.
    """
    usual = f"{project}-{recipe}"
    parameter = endpoint_parameter(project, recipe)
    stem = sagemaker_name(f"{project}-release-{execution}", MAX_LENGTH - len("-shared"))
    return Names(
        endpoint=live_endpoint(parameter) or usual,
        parameter=parameter,
        model_package_group=usual,
        model=stem,
        shared_config=f"{stem}-shared",
        final_config=stem,
        candidate_variant=f"release-{hashlib.sha256(execution.encode()).hexdigest()[:12]}",
        latency_alarm=f"{stem}-latency",
        errors_5xx_alarm=f"{stem}-5xx",
        errors_4xx_alarm=f"{stem}-4xx",
    )


def _recipe_of(request: ReleaseRequest, project: str) -> str:
    group = request.group
    recipe = group.removeprefix(f"{project}-")
    if recipe == group:
        raise InvalidRelease(
            f"The model package {request.model_package!r} is none of this project's: its group {group!r} does not "
            f"begin with {project + '-'!r}."
        )
    if request.recipe not in (None, recipe):
        raise InvalidRelease(
            f"The model package {request.model_package!r} is one of recipe {recipe!r}, not of {request.recipe!r}."
        )
    return recipe


def _check_package(package: dict[str, Any], request: ReleaseRequest) -> None:
    status = package.get("ModelApprovalStatus")
    if status != "Approved":
        why = package.get("ApprovalDescription")
        raise InvalidRelease(
            f"The model package {request.model_package!r} is {status}{f' ({why})' if why else ''}: only approved ones "
            "are released. Approve it first."
        )


class _Given(NamedTuple):
    """What the run that trained the model handed over; of a model that no such run made, what its recipe says now."""

    release: ReleaseSettings
    instances: Instances
    content_types: ContentTypes
    test_data_uri: str | None


def _given(recipe_name: str, metadata: dict[str, str], bucket: str) -> _Given:
    if uri := metadata.get("handover"):
        try:
            handed = read_handover(uri)
        except (ValueError, ClientError) as error:
            if isinstance(error, ClientError) and error_code(error) not in {"NoSuchKey", "NoSuchBucket"}:
                raise
            raise InvalidRelease(f"What the model's run handed over, {uri!r}, cannot be read: {error}.") from None
        return _Given(
            handed.release,
            Instances(type=handed.instance_type, count=handed.instance_count),
            ContentTypes(input=handed.content_type, output=handed.accept),
            handed.test_data_uri,
        )
    try:
        recipe = load_recipe(recipe_name, bucket)
    except InvalidRun as error:
        raise InvalidRelease(str(error)) from None
    trained_by = metadata.get("execution")
    return _Given(
        recipe.release,
        Instances(type=recipe.instances.endpoint.type, count=recipe.instances.endpoint.count),
        ContentTypes(input=recipe.content_types.input, output=recipe.content_types.output),
        S3Location(bucket, f"{run_prefix(trained_by)}splits/test/").uri if trained_by else None,
    )


def _check_alarms(names: list[str]) -> None:
    if not names:
        return
    found = client("cloudwatch").describe_alarms(
        AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100
    )
    states = {
        alarm["AlarmName"]: alarm["StateValue"]
        for alarm in (*found.get("MetricAlarms", []), *found.get("CompositeAlarms", []))
    }
    missing = [name for name in names if name not in states]
    if missing:
        raise InvalidRelease(f"release.alarms names {', '.join(map(repr, missing))}, which does not exist.")
    raised = [name for name in names if states[name] == "ALARM"]
    if raised:
        raise InvalidRelease(
            f"The alarm {', '.join(map(repr, raised))} of release.alarms is in ALARM already: it would take the "
            "release back at once."
        )


def _samples(how: ReleaseSettings, test_data_uri: str | None) -> list[Sample]:
    """Give the recipe's samples, or else a row of the data that the model was tested with."""
    if how.samples or not test_data_uri:
        return [Sample(**sample.model_dump()) for sample in how.samples]
    location = S3Location.parse(test_data_uri)
    for entry in list_objects(location):
        for line in read_lines(S3Location(location.bucket, entry["Key"])):
            features = line.partition(",")[2]
            return [Sample(body=features)] if 0 < len(features) <= MAX_ROW else []
    return []
