"""Deploy candidate, Serve candidate alone, Deploy with guardrails, Deploy shadow: bring the candidate.

Beside what serves or in its place, at once or as SageMaker itself moves the traffic; or where it gets copies only.

Every call is safe to repeat: what is there already is not made again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

from shared.aws import ClientError, client, error_message, is_refused
from shared.endpoints import describe_endpoint
from shared.errors import EndpointBusy, EndpointFailed, EndpointTakenOver
from shared.guardrails import deployment_config
from shared.leases import renew
from shared.observability import logger
from shared.release_alarms import alarms
from shared.release_state import Before, Instances, Names, Plan
from shared.settings import DeployCandidateSettings, read_settings
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

# What an endpoint configuration says besides its variants.
_KEPT = ("DataCaptureConfig", "KmsKeyId", "VpcConfig", "EnableNetworkIsolation", "ExecutionRoleArn")


class Event(TaskEvent):
    """The payload: what is released and where, what serves besides it, and whether that stays."""

    recipe: str
    model_package_arn: str
    names: Names
    release: Plan
    instances: Instances
    before: Before
    place: Literal["beside", "alone", "guarded", "shadow"]


class Result(TypedDict):
    """What the endpoint is to serve now."""

    endpoint_config: str


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the states that bring the candidate to the endpoint."""
    return deploy_candidate(Event.model_validate(event))


def deploy_candidate(release: Event) -> Result:
    """Make the candidate's model, its alarms and an endpoint configuration, and let the endpoint have it.

    An endpoint that is not there yet has nothing that the candidate could be beside: it is alone from the first.

    Raises
    ------
    LeaseLost
        When the endpoint is not this release's any more.
    EndpointBusy
        While the endpoint is being changed.
    EndpointTakenOver
        When it serves what this release has not given it.
    EndpointFailed
        When it is gone.
    """
    names, before = release.names, release.before
    renew(names.lease, release.execution, release.release.look_seconds)
    beside = release.place in ("beside", "shadow") and before.exists
    config = names.shared_config if beside else names.final_config
    if release.place != "alone":
        _create_model(release)
        _create_alarms(release)
    if release.place == "shadow":
        _create_config(release, config, **_shadow(release))
    else:
        _create_config(release, config, ProductionVariants=_variants(release, beside=beside))
    # A release that was stopped meanwhile has been undone: this call, still on its way, must not bring it back.
    renew(names.lease, release.execution, release.release.look_seconds)
    guarded = release.place == "guarded"
    _bring(release, config, {"DeploymentConfig": deployment_config(names, release.release)} if guarded else {})
    return {"endpoint_config": config}


def _create_model(release: Event) -> None:
    _create(
        lambda: client("sagemaker").create_model(
            ModelName=release.names.model,
            PrimaryContainer={"ModelPackageName": release.model_package_arn},
            ExecutionRoleArn=read_settings(DeployCandidateSettings).role_arn,
            Tags=_tags(release),
        )
    )


def _create_alarms(release: Event) -> None:
    names, before, limits = release.names, release.before, release.release.limits
    if release.place == "guarded":
        # Both fleets have a variant of this name.
        made = alarms(names, limits, before.final_variant, names.final_config)
    else:
        made = alarms(names, limits, before.watched_variant)
    for alarm in made:
        client("cloudwatch").put_metric_alarm(**alarm, Tags=_tags(release))


def _variants(release: Event, *, beside: bool) -> list[dict[str, Any]]:
    before = release.before
    candidate = {
        "VariantName": release.names.candidate_variant if beside else before.final_variant,
        "ModelName": release.names.model,
        "InstanceType": release.instances.type,
        # It is to carry the whole traffic in the end: no fewer than carry it now.
        "InitialInstanceCount": max(release.instances.count, sum(variant.count for variant in before.variants)),
        "InitialVariantWeight": 0.0 if beside else 1.0,
    }
    if not beside:
        return [candidate]
    now = {variant.name: variant for variant in before.variants}
    return [
        *(
            {
                **definition,
                "InitialVariantWeight": now[definition["VariantName"]].weight,
                "InitialInstanceCount": now[definition["VariantName"]].count,
            }
            for definition in _config_before(before)["ProductionVariants"]
        ),
        candidate,
    ]


def _shadow(release: Event) -> dict[str, Any]:
    *serving, candidate = _variants(release, beside=True)
    plan = release.release.shadow
    if plan is None:
        raise ValueError("a shadow has a plan")
    for variant in serving:
        variant["InitialVariantWeight"] = 1.0
    # Its weight is the part of the requests that it gets a copy of.
    return {
        "ProductionVariants": serving,
        "ShadowProductionVariants": [{**candidate, "InitialVariantWeight": plan.sampling_percent / 100}],
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": plan.capture_uri,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        },
    }


def _create_config(release: Event, name: str, **what: Any) -> None:
    kept = {key: value for key, value in _config_before(release.before).items() if key in _KEPT}
    _create(
        lambda: client("sagemaker").create_endpoint_config(
            EndpointConfigName=name, Tags=_tags(release), **{**kept, **what}
        )
    )


def _config_before(before: Before) -> dict[str, Any]:
    if before.endpoint_config is None:
        return {}
    found: dict[str, Any] = client("sagemaker").describe_endpoint_config(EndpointConfigName=before.endpoint_config)
    return found


def _bring(release: Event, config: str, how: dict[str, Any]) -> None:
    names, before = release.names, release.before
    endpoint = describe_endpoint(names.endpoint)
    if endpoint is None:
        if before.exists:
            raise EndpointFailed(f"Endpoint {names.endpoint!r} is gone: somebody deleted it in mid-release.")
        client("sagemaker").create_endpoint(EndpointName=names.endpoint, EndpointConfigName=config, Tags=_tags(release))
        logger.info("Created the endpoint", endpoint_config=config)
        return
    if endpoint.config == config:
        return
    if endpoint.in_transition:
        raise EndpointBusy(f"Endpoint {names.endpoint!r} is {endpoint.status}.")
    if endpoint.config not in (before.endpoint_config, *names.configs):
        raise EndpointTakenOver(
            f"Endpoint {names.endpoint!r} serves {endpoint.config!r}, which this release has not given it: somebody "
            "else updated it."
        )
    try:
        client("sagemaker").update_endpoint(EndpointName=names.endpoint, EndpointConfigName=config, **how)
    except ClientError as error:
        now = describe_endpoint(names.endpoint)
        if is_refused(error) and now is not None and now.in_transition:
            raise EndpointBusy(f"Endpoint {names.endpoint!r} is {now.status}.") from error
        raise
    logger.info("Updates the endpoint", endpoint_config=config)


def _create(call: Callable[[], object]) -> None:
    try:
        call()
    except ClientError as error:
        # An earlier call made it.
        if not (is_refused(error) and "already exist" in error_message(error).lower()):
            raise


def _tags(release: Event) -> list[dict[str, str]]:
    # As train-and-deploy tags what it makes.
    tags = {
        "switchyard:project": read_settings(DeployCandidateSettings).project_name,
        "switchyard:execution": release.execution,
        "switchyard:recipe": release.recipe,
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]
