"""What there is of a project: asked of AWS, for the rules of `shared.unused` to judge."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from shared.aws import ClientError, error_code, is_missing, patient_client
from shared.errors import InvalidRun
from shared.parameters import endpoint_parameter
from shared.run_request import parse_run_request
from shared.s3 import S3Location, list_objects
from shared.settings import HousekeepingSettings
from shared.tags import EXECUTION as EXECUTION_TAG
from shared.tags import PROJECT as PROJECT_TAG
from shared.tags import RECIPE as RECIPE_TAG
from shared.unused import (
    KINDS,
    Artifacts,
    Endpoint,
    EndpointConfig,
    House,
    Kind,
    Limits,
    Model,
    Owner,
    Package,
)

# What has to be known to judge a kind of thing: itself, and what may use it.
NEEDED: dict[Kind, frozenset[Kind]] = {
    "endpoint": frozenset({"endpoint"}),
    "endpoint-config": frozenset({"endpoint", "endpoint-config"}),
    "model": frozenset({"endpoint-config", "model"}),
    "model-package": frozenset({"model", "model-package"}),
    "artifacts": frozenset({"model", "model-package", "artifacts"}),
}
RUNS = "runs/"
# Each look is a request, and AWS counts those.
_AT_ONCE = 8
_MOST_PARAMETERS = 10  # GetParameters' documentation, "Names"
# GetMetricData's documentation: CloudWatch keeps periods of a minute for 15 days, of an hour for 455 days.
_MINUTE, _HOUR = 60, 3600
_BY_THE_MINUTE = 3 * _HOUR
T = TypeVar("T")


def look(settings: HousekeepingSettings, limits: Limits, kind: Kind | None = None, names: Iterable[str] = ()) -> House:
    """Look at what there is.

    Parameters
    ----------
    settings
        The project, its bucket and its state machines.
    limits
        How far back to look for requests.
    kind
        Only what it takes to judge things of this kind; everything if left out.
    names
        With a kind: which things of it are to be judged.

    Raises
    ------
    ClientError
        When AWS refuses to say.
    """
    needed = frozenset(KINDS) if kind is None else NEEDED[kind]
    only = None if kind is None else frozenset(names)
    now = datetime.now(UTC)
    running, busy = _running(settings)

    def which(of: Kind) -> frozenset[str] | None:
        # Whatever may use a thing is looked at; of its own kind, only those that are to be judged.
        return only if of == kind else None

    endpoints = list(_endpoints(settings, limits, now, which("endpoint"))) if "endpoint" in needed else []
    recipes = sorted({endpoint.owner.recipe for endpoint in endpoints if endpoint.owner})
    return House(
        now=now,
        endpoints=endpoints,
        configs=list(_configs(settings, which("endpoint-config"))) if "endpoint-config" in needed else [],
        models=list(_models(settings, which("model"))) if "model" in needed else [],
        packages=list(_packages(settings)) if "model-package" in needed else [],
        artifacts=list(_artifacts(settings, which("artifacts"))) if "artifacts" in needed else [],
        live=frozenset(_live(settings, recipes)),
        predicting=frozenset(_predicting()) if "model" in needed else frozenset(),
        running=running,
        busy=busy,
    )


def has_changed(kind: Kind, since: datetime) -> bool:
    """Tell whether something new may use things of a kind: asked right before each is deleted, so it is one request."""
    sagemaker = patient_client("sagemaker")
    # A minute for clocks that differ: whatever is that new is looked at once more.
    since -= timedelta(seconds=_MINUTE)
    if kind == "endpoint-config":
        return bool(sagemaker.list_endpoints(LastModifiedTimeAfter=since, MaxResults=1)["Endpoints"])
    if kind == "model":
        return bool(sagemaker.list_endpoint_configs(CreationTimeAfter=since, MaxResults=1)["EndpointConfigs"])
    if kind in ("model-package", "artifacts"):
        return bool(sagemaker.list_models(CreationTimeAfter=since, MaxResults=1)["Models"])
    return True


# Who made it


def _owner(settings: HousekeepingSettings, name: str, arn: str) -> Owner | None:
    """Give who made a thing of SageMaker's; None unless its tags say that this project did."""
    if not name.startswith(f"{settings.project_name}-"):
        return None
    tags: dict[str, str] = {}
    with _unless_gone():
        for page in patient_client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=arn):
            tags |= {tag["Key"]: tag["Value"] for tag in page["Tags"]}
    if tags.get(PROJECT_TAG) != settings.project_name or not tags.get(EXECUTION_TAG) or not tags.get(RECIPE_TAG):
        return None
    return Owner(tags[RECIPE_TAG], tags[EXECUTION_TAG])


# SageMaker


def _endpoints(
    settings: HousekeepingSettings, limits: Limits, now: datetime, only: frozenset[str] | None
) -> Iterator[Endpoint]:
    def endpoint(listed: dict[str, Any]) -> Endpoint | None:
        name = listed["EndpointName"]
        found = patient_client("sagemaker").describe_endpoint(EndpointName=name)
        owner = _owner(settings, name, found["EndpointArn"])
        pending = found.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
        return Endpoint(
            name,
            owner,
            found["EndpointStatus"],
            frozenset(filter(None, (found["EndpointConfigName"], pending))),
            max(found["CreationTime"], found["LastModifiedTime"]),
            _requests(found, limits, now) if owner else None,
        )

    listed = _listed("list_endpoints", "Endpoints")
    return _each(endpoint, (each for each in listed if only is None or each["EndpointName"] in only))


def _requests(endpoint: dict[str, Any], limits: Limits, now: datetime) -> float | None:
    """Count the requests of the idle time, over all variants; None for an asynchronous endpoint.

    The variants are those of now: whoever changes them updates the endpoint, which stays for that reason then.
    CloudWatch counts by the minute, so the time begins with a whole one.
    """
    if endpoint.get("AsyncInferenceConfig"):
        return None
    period = _MINUTE if limits.idle_seconds <= _BY_THE_MINUTE else _HOUR
    start = (now.timestamp() - limits.idle_seconds) // period * period
    variants = [*endpoint.get("ProductionVariants", ()), *endpoint.get("ShadowProductionVariants", ())]
    queries = [
        {
            "Id": f"variant{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": "Invocations",
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": endpoint["EndpointName"]},
                        {"Name": "VariantName", "Value": variant["VariantName"]},
                    ],
                },
                "Period": period,
                "Stat": "Sum",
            },
        }
        for number, variant in enumerate(variants)
    ]
    if not queries:
        return 0
    pages = (
        patient_client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(start, UTC),
            EndTime=now + timedelta(seconds=_MINUTE),
        )
    )
    return float(sum(sum(result["Values"]) for page in pages for result in page["MetricDataResults"]))


def _configs(settings: HousekeepingSettings, only: frozenset[str] | None) -> Iterator[EndpointConfig]:
    def config(listed: dict[str, Any]) -> EndpointConfig:
        name = listed["EndpointConfigName"]
        found = patient_client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
        variants = [*found["ProductionVariants"], *found.get("ShadowProductionVariants", ())]
        owner = _owner(settings, name, found["EndpointConfigArn"])
        models = frozenset(variant["ModelName"] for variant in variants if variant.get("ModelName"))
        return EndpointConfig(name, owner, found["CreationTime"], models)

    listed = _listed("list_endpoint_configs", "EndpointConfigs")
    return _each(config, (each for each in listed if only is None or each["EndpointConfigName"] in only))


def _models(settings: HousekeepingSettings, only: frozenset[str] | None) -> Iterator[Model]:
    def model(listed: dict[str, Any]) -> Model:
        name = listed["ModelName"]
        found = patient_client("sagemaker").describe_model(ModelName=name)
        containers = [*found.get("Containers", ()), found.get("PrimaryContainer") or {}]
        return Model(
            name,
            _owner(settings, name, found["ModelArn"]),
            found["CreationTime"],
            frozenset(_data(containers)),
            frozenset(each["ModelPackageName"] for each in containers if each.get("ModelPackageName")),
        )

    listed = _listed("list_models", "Models")
    return _each(model, (each for each in listed if only is None or each["ModelName"] in only))


def _packages(settings: HousekeepingSettings) -> Iterator[Package]:
    runs = f"s3://{settings.artifact_bucket}/{RUNS}"

    def package(listed: dict[str, Any]) -> Package:
        arn, group = listed["ModelPackageArn"], listed["ModelPackageGroupName"]
        found = patient_client("sagemaker").describe_model_package(ModelPackageName=arn)
        data = frozenset(_data(found.get("InferenceSpecification", {}).get("Containers", ())))
        metadata = found.get("CustomerMetadataProperties", {})
        # A version has no tags. What a run registers names the run, and its model lies in this project's bucket.
        is_ours = bool(metadata.get("execution")) and bool(data) and all(uri.startswith(runs) for uri in data)
        recipe = group.removeprefix(f"{settings.project_name}-")
        return Package(
            arn,
            group,
            found["ModelPackageVersion"],
            Owner(recipe, metadata["execution"]) if is_ours else None,
            found["CreationTime"],
            found["ModelPackageStatus"],
            found.get("ModelApprovalStatus", ""),
            metadata.get("release"),
            metadata.get("released_at"),
            data,
        )

    prefix = f"{settings.project_name}-"
    for group in _listed("list_model_package_groups", "ModelPackageGroupSummaryList", NameContains=prefix):
        name = group["ModelPackageGroupName"]
        if name.startswith(prefix):
            listed = _listed("list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=name)
            yield from _each(package, listed)


def _data(containers: Iterable[dict[str, Any]]) -> Iterator[str]:
    for container in containers:
        source = container.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri")
        yield from filter(None, (container.get("ModelDataUrl"), source))


def _predicting() -> Iterator[str]:
    def model(listed: dict[str, Any]) -> str:
        found = patient_client("sagemaker").describe_transform_job(TransformJobName=listed["TransformJobName"])
        return str(found["ModelName"])

    return _each(model, _listed("list_transform_jobs", "TransformJobSummaries", StatusEquals="InProgress"))


# The rest


def _artifacts(settings: HousekeepingSettings, only: frozenset[str] | None) -> Iterator[Artifacts]:
    """Yield what each run has left; the objects of a bucket are listed by their keys, those of a run together."""
    found: dict[str, Artifacts] = {}
    for prefix in (RUNS,) if only is None else sorted(only):
        for entry in list_objects(S3Location(settings.artifact_bucket, prefix)):
            run = entry["Key"].split("/")[1]
            name = f"{RUNS}{run}/"
            if entry["Key"] == f"{RUNS}{run}":
                continue  # an object that is no run's
            before = found.get(name, Artifacts("", name, entry["LastModified"], 0, 0))
            found[name] = Artifacts(
                f"s3://{settings.artifact_bucket}/{name}",
                name,
                max(before.changed, entry["LastModified"]),
                before.size + entry["Size"],
                before.objects + 1,
            )
    yield from found.values()


def _live(settings: HousekeepingSettings, recipes: list[str]) -> Iterator[str]:
    for first in range(0, len(recipes), _MOST_PARAMETERS):
        some = recipes[first : first + _MOST_PARAMETERS]
        names = [endpoint_parameter(settings.project_name, recipe) for recipe in some]
        for parameter in patient_client("ssm").get_parameters(Names=names)["Parameters"]:
            yield parameter["Value"]


def _running(settings: HousekeepingSettings) -> tuple[dict[str, str], frozenset[str] | None]:
    """Give the executions that run, with their inputs, and the recipes that they are for."""
    stepfunctions = patient_client("stepfunctions")
    running = {}
    for machine in settings.machines:
        pages = stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
        for page in pages:
            for listed in page["executions"]:
                found = stepfunctions.describe_execution(executionArn=listed["executionArn"])
                running[listed["name"]] = found.get("input", "")
    recipes = [recipe_of(text, settings.project_name) for text in running.values()]
    return running, None if None in recipes else frozenset(recipe for recipe in recipes if recipe)


def recipe_of(text: str, project: str) -> str | None:
    """Tell which recipe an execution is for, by its input; None when that does not say.

    Examples
    --------
    >>> recipe_of('{"recipe": "diabetes"}', "switchyard")
    'diabetes'
    >>> recipe_of('{"model_package": "arn:aws:sagemaker:eu-west-1:1:model-package/switchyard-housing/3"}', "switchyard")
    'housing'
    >>> recipe_of('{"executionArn": "...", "input": "{\\\\"recipe\\\\": \\\\"diabetes\\\\"}"}', "switchyard")
    'diabetes'
    """
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("recipe"), str):
        return str(document["recipe"])
    if "executionArn" in document:  # the event of an execution that died
        return recipe_of(str(document.get("input", "")), project)
    package = re.search(rf":model-package/{re.escape(project)}-(.+)/\d+$", str(document.get("model_package", "")))
    with contextlib.suppress(InvalidRun):
        return package[1] if package is not None else parse_run_request(document).recipe
    return None


def _listed(operation: str, key: str, **filters: Any) -> Iterator[dict[str, Any]]:
    for page in (
        patient_client("sagemaker").get_paginator(operation).paginate(PaginationConfig={"PageSize": 100}, **filters)
    ):
        yield from page[key]


def _each(describe: Callable[[dict[str, Any]], T | None], listed: Iterable[dict[str, Any]]) -> Iterator[T]:
    """Describe each thing that was listed, several at once; what has gone since is left out."""

    def described(one: dict[str, Any]) -> T | None:
        with _unless_gone():
            return describe(one)
        return None

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for found in threads.map(described, listed):
            if found is not None:
                yield found


@contextlib.contextmanager
def _unless_gone() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if not (is_missing(error) or error_code(error) == "ResourceNotFoundException"):
            raise
