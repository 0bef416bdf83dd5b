"""Prepare run: turn a run's input into everything the later states need, and refuse what cannot work."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.aws import ClientError, client, error_code
from shared.errors import InvalidRun
from shared.handover import HandoverDocument, write_handover
from shared.names import MAX_LENGTH, run_prefix, sagemaker_name
from shared.observability import logger, publish_metrics
from shared.recipes import load_recipe
from shared.run_request import (
    PublishedRecipe,
    RunRequest,
    UploadedRunRequest,
    apply_overrides,
    parse_run_request,
)
from shared.run_state import Data, Handover, Names, Processing, RunState, StoppingCondition, Training, Transform
from shared.s3 import S3Location, list_objects
from shared.settings import PrepareRunSettings, read_settings
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SPLITS = ("train", "validation", "test")
CHAMPION = "-champion"
# The state machine ends a job's name in "-<redrives>-<retries>", which leaves room for 999 of both.
MAX_NAME = MAX_LENGTH - len(CHAMPION) - len("-999-999")
# "ContainerArgument" in CreateProcessingJob's documentation, "HyperParameterValue" in CreateTrainingJob's.
MAX_ARGUMENT = 256
MAX_HYPERPARAMETER = 2500
# "S3Uri" in CreateProcessingJob's documentation.
MAX_URI = 1024
# Step Functions carries at most 256 KB from state to state, and the later states add to this.
MAX_STATE_BYTES = 100_000
# SageMaker counts a job's run time from when it has its instances; a state's time-out counts all.
INSTANCE_SEARCH_SECONDS = 1800
# 20 is logging.INFO; the SageMaker Python SDK's default.
CONTAINER_LOG_LEVEL = 20
_CONTAINER = "/opt/ml/processing"


class Event(TaskEvent):
    """The payload: the execution's own input as it is, and the execution's name."""

    input: Any


# What this function gives is the machine's state from here on.
Result = RunState


class DataSet(NamedTuple):
    """Data that was found in S3."""

    uri: str
    hash: str
    is_split: bool


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the state ``Prepare run``."""
    parsed = Event.model_validate(event)
    return prepare_run(parse_run_request(parsed.input), parsed.execution, read_settings(PrepareRunSettings))


def prepare_run(request: RunRequest, execution: str, settings: PrepareRunSettings) -> RunState:
    """Gather all that the later states of a run need.

    The same request and execution always give the same names.

    Parameters
    ----------
    request
        What to run.
    execution
        The execution's name.
    settings
        The bucket that holds recipes and outputs, the project's name, the region.

    Returns
    -------
    dict
        The state machine's state, well below Step Functions' 256 KB.

    Raises
    ------
    InvalidRun
        When the recipe is not published, an override does not fit it, or its data is not there.
    """
    recipe = load_recipe(request.recipe, settings.artifact_bucket)
    logger.append_keys(recipe=recipe.name)
    names = derive_names(recipe.name, execution, settings.project_name)
    if request.overrides is not None:
        recipe = apply_overrides(recipe, request.overrides)
    data_uri = recipe.data_uri if request.data is None else request.data
    if data_uri is None:
        raise InvalidRun(
            f"Recipe {recipe.name!r} has no data of its own: give the run its data, "
            '{"recipe": "' + recipe.name + '", "data": "s3://..."}.'
        )
    data_set = find_upload(request) if isinstance(request, UploadedRunRequest) else find_data(data_uri)
    run_uri = f"s3://{settings.artifact_bucket}/{run_prefix(execution)}"
    data = _data(data_set, run_uri)
    state: RunState = {
        "recipe": recipe.name,
        "execution": execution,
        "lineage": {"recipe": recipe.recipe_hash, "code": recipe.code_hash, "data": data_set.hash},
        "names": names,
        "image_uri": recipe.image_uri,
        "code_prefix_uri": recipe.code_prefix_uri,
        "data": data,
        "processing": _processing(recipe),
        "training": _training(recipe, run_uri, settings.region),
        "model": {"environment": _model_environment(recipe, settings.region)},
        "transform": _transform(recipe, run_uri),
        "endpoint": {
            "instance_type": recipe.instances.endpoint.type,
            "instance_count": recipe.instances.endpoint.count,
        },
        "gate": [
            {"metric": rule.metric, "direction": rule.direction, "threshold": rule.threshold, "margin": rule.margin}
            for rule in recipe.gate
        ],
        "handover": _handover(recipe, execution, data, settings.artifact_bucket),
    }
    size = len(json.dumps(state).encode())
    if size > MAX_STATE_BYTES:
        raise InvalidRun(
            f"Recipe {recipe.name!r} makes a state of {size:,} bytes, more than the {MAX_STATE_BYTES:,} that "
            "leave room for the rest of the run: shorten its hyperparameters, metrics or features."
        )
    publish_metrics(recipe.name, {"RunsStarted": 1})
    logger.info("Prepared the run", data=data_set.uri, is_split=data_set.is_split)
    return state


def derive_names(recipe: str, execution: str, project: str) -> Names:
    """Name everything a run makes: from the execution's name, so that a repeated start makes nothing new.

    The project's name comes first, since IAM policies can be bound to a prefix.

    Raises
    ------
    InvalidRun
        When the endpoint's name, which belongs to the recipe and not to the run, is too long.
    """
    endpoint = f"{project}-{recipe}"
    if len(endpoint) > MAX_LENGTH:
        raise InvalidRun(
            f"The endpoint's name {endpoint!r} has {len(endpoint)} characters, SageMaker's limit is "
            f"{MAX_LENGTH}: shorten the recipe's name or the stack's ProjectName."
        )
    name = sagemaker_name(f"{project}-{execution}", MAX_NAME)
    return {
        "processing_job": name,
        "training_job": name,
        "model": name,
        "champion_model": f"{name}{CHAMPION}",
        "endpoint_config": name,
        "endpoint": endpoint,
        "model_package_group": endpoint,
    }


def find_data(uri: str) -> DataSet:
    """Look at a run's data in S3: one object, or a prefix that may hold splits already.

    Returns
    -------
    DataSet
        Its hash is the object's ETag and version, or a hash over all keys and ETags under the prefix.

    Raises
    ------
    InvalidRun
        When the address is wrong, or nothing is there, or it is empty. Faults of S3 itself pass
        through as they are: they can be retried, bad input cannot.
    """
    location = _data_location(uri)
    with _faults_of_input(uri):
        return _find_object(location) or _find_prefix(location.as_folder())


def find_upload(request: UploadedRunRequest) -> DataSet:
    """Look at the one object that an upload brought.

    Raises
    ------
    InvalidRun
        When it is no longer there, or something else is in its place.
    """
    location = _data_location(str(request.data))
    with _faults_of_input(location.uri):
        found = _find_object(location)
    if found is None:
        raise InvalidRun(f"The upload {location.uri!r} does not exist any more: it was deleted before the run read it.")
    etag, _, version = found.hash.partition(":")
    if (request.version_id or version) != version or (request.etag or etag) != etag:
        raise InvalidRun(
            f"The upload {location.uri!r} was replaced before the run read it: the object of this run had the ETag "
            f"{request.etag} and the version {request.version_id}, now they are {etag} and {version or None}. "
            "What is there now has a run of its own."
        )
    return found


@contextlib.contextmanager
def _faults_of_input(uri: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error_code(error) in {"NoSuchBucket", "PermanentRedirect", "301"}:
            raise InvalidRun(f"The data {uri!r} lies in a bucket that is not in this region.") from error
        if error_code(error) in {"403", "AccessDenied"}:
            raise InvalidRun(
                f"The data {uri!r} cannot be read: access denied. Copy it to the data bucket, or allow the "
                "roles of PrepareRunFunction and of the SageMaker jobs to read it."
            ) from error
        raise


def _data_location(uri: str) -> S3Location:
    try:
        location = S3Location.parse(uri)
    except ValueError as error:
        raise InvalidRun(f"The data {error}.") from None
    if not location.key.strip("/"):
        raise InvalidRun(
            f"The data {uri!r} is a whole bucket; name an object or a prefix in it: s3://bucket/key-or-prefix."
        )
    if len(uri.encode()) > MAX_URI - len("/validation/") or not uri.isprintable():
        raise InvalidRun(
            f"The data {uri[:80]!r} cannot be given to SageMaker: it takes addresses of up to {MAX_URI} "
            "bytes, without control characters."
        )
    return location


def _find_object(location: S3Location) -> DataSet | None:
    if location.key.endswith("/"):
        return None
    try:
        found = client("s3").head_object(Bucket=location.bucket, Key=location.key)
    except ClientError as error:
        # A HEAD response has no body, hence no code but the status.
        if error_code(error) in {"404", "NoSuchKey", "NotFound"}:
            return None
        raise
    if found["ContentLength"] == 0:
        raise InvalidRun(f"The data {location.uri!r} is empty: the object has 0 bytes.")
    _refuse_neighbours(location)
    etag, version = found["ETag"].strip('"'), found.get("VersionId")
    return DataSet(location.uri, f"{etag}:{version}" if version else etag, is_split=False)


def _refuse_neighbours(location: S3Location) -> None:
    # SageMaker takes an input as a prefix: data.csv would bring data.csv.old along, into every split.
    listed = client("s3").list_objects_v2(Bucket=location.bucket, Prefix=location.key, MaxKeys=2)
    others = [entry["Key"] for entry in listed.get("Contents", []) if entry["Key"] != location.key]
    if others:
        raise InvalidRun(
            f"The data {location.uri!r} is also the beginning of {others[0]!r}, which SageMaker would read as well. "
            "Rename one of them, or give the data a folder of its own."
        )


def _find_prefix(folder: S3Location) -> DataSet:
    entries = list(list_objects(folder))
    if not entries:
        raise InvalidRun(
            f"The data {folder.uri.rstrip('/')!r} does not exist: there is no such object, and none below "
            f"{folder.uri!r}."
        )
    if not any(entry["Size"] for entry in entries):
        raise InvalidRun(f"The data {folder.uri!r} is empty: all of its objects have 0 bytes.")
    filled = {entry["Key"].removeprefix(folder.key).split("/")[0] for entry in entries if entry["Size"]}
    folders = {
        name
        for name in SPLITS
        if name in filled and any(entry["Key"].startswith(f"{folder.key}{name}/") for entry in entries)
    }
    if folders and len(folders) < len(SPLITS):
        missing = " and ".join(f"{name}/" for name in SPLITS if name not in folders)
        raise InvalidRun(
            f"The data {folder.uri!r} is split in part: {missing} is missing or empty. Give all of train/, "
            "validation/ and test/, or one data set to split."
        )
    listing = sorted((entry["Key"], entry["ETag"].strip('"')) for entry in entries)
    digest = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
    return DataSet(folder.uri, digest, is_split=bool(folders))


def _data(data_set: DataSet, run_uri: str) -> Data:
    splits = data_set.uri if data_set.is_split else f"{run_uri}splits/"
    return {
        "uri": data_set.uri,
        "is_split": data_set.is_split,
        "train_uri": f"{splits}train/",
        "validation_uri": f"{splits}validation/",
        "test_uri": f"{splits}test/",
        "report_uri": f"{run_uri}report/",
    }


def _processing(recipe: PublishedRecipe) -> Processing:
    data, instance = recipe.data, recipe.instances.processing
    arguments = ["--input", f"{_CONTAINER}/input/data"]
    for name in (*SPLITS, "report"):
        arguments += [f"--{name}", f"{_CONTAINER}/output/{name}"]
    arguments += ["--target", data.target]
    if data.features:
        arguments += ["--features", ",".join(data.features)]
    for name in SPLITS:
        arguments += [f"--{name}-fraction", repr(getattr(data.split, name))]
    arguments += ["--seed", str(data.seed)]
    for flag, value in zip(arguments[::2], arguments[1::2], strict=True):
        if len(value) > MAX_ARGUMENT:
            raise InvalidRun(
                f"Recipe {recipe.name!r} makes {flag} {len(value)} characters long, SageMaker takes "
                f"{MAX_ARGUMENT} an argument: shorten the names, or leave out data.features "
                "to use all columns."
            )
    return {
        "arguments": arguments,
        "entrypoint": ["python3", f"{_CONTAINER}/input/code/{recipe.entry_points.prepare}"],
        "instance_type": instance.type,
        "instance_count": instance.count,
        "volume_gb": instance.volume_gb,
        "max_runtime_seconds": recipe.limits.processing_seconds,
        "timeout_seconds": recipe.limits.processing_seconds + INSTANCE_SEARCH_SECONDS,
    }


def _training(recipe: PublishedRecipe, run_uri: str, region: str) -> Training:
    limits, instance = recipe.limits, recipe.instances.training
    stopping: StoppingCondition = {"MaxRuntimeInSeconds": limits.training_seconds}
    longest = limits.training_seconds
    if limits.spot:  # SageMaker demands it with spot capacity, and refuses it without
        longest = stopping["MaxWaitTimeInSeconds"] = limits.wait_seconds or limits.training_seconds
    return {
        "hyperparameters": _hyperparameters(recipe, region),
        "metric_definitions": [{"Name": metric.name, "Regex": metric.regex} for metric in recipe.metrics],
        "instance_type": instance.type,
        "instance_count": instance.count,
        "volume_gb": instance.volume_gb,
        "stopping_condition": stopping,
        "timeout_seconds": max(longest, limits.training_seconds) + INSTANCE_SEARCH_SECONDS,
        "use_spot": limits.spot,
        "output_uri": f"{run_uri}model/",
    }


def _hyperparameters(recipe: PublishedRecipe, region: str) -> dict[str, str]:
    if recipe.source is None:
        # An algorithm takes its own alone, and reads them as they stand.
        settings, write = recipe.hyperparameters, _as_text
    else:
        settings = {
            **recipe.hyperparameters,
            "sagemaker_program": recipe.entry_points.train,
            "sagemaker_submit_directory": recipe.code_uri,
            "sagemaker_container_log_level": CONTAINER_LOG_LEVEL,
            "sagemaker_region": region,
        }
        write = _as_json
    encoded = {}
    for name, setting in settings.items():
        try:
            encoded[name] = value = write(setting)
        except ValueError:
            raise InvalidRun(f"Hyperparameter {name!r} is {setting!r}: expected finite numbers.") from None
        if len(value) > MAX_HYPERPARAMETER:
            raise InvalidRun(
                f"Hyperparameter {name!r} has {len(value)} characters, SageMaker's limit is {MAX_HYPERPARAMETER}."
            )
    return encoded


def _as_json(setting: Any) -> str:
    """Write a hyperparameter as script mode reads it (sagemaker-training, `mapping.decode`)."""
    return json.dumps(setting, allow_nan=False)


def _as_text(setting: Any) -> str:
    """Write a hyperparameter as an algorithm reads it: a text as it is, names with commas between them."""
    if isinstance(setting, str):
        return setting
    if isinstance(setting, list) and all(isinstance(item, str) for item in setting):
        return ",".join(setting)
    return _as_json(setting)


def _model_environment(recipe: PublishedRecipe, region: str) -> dict[str, str]:
    if recipe.source is None:
        return {}
    return {
        "SAGEMAKER_PROGRAM": recipe.entry_points.inference,
        "SAGEMAKER_SUBMIT_DIRECTORY": recipe.code_uri,
        "SAGEMAKER_CONTAINER_LOG_LEVEL": str(CONTAINER_LOG_LEVEL),
        "SAGEMAKER_REGION": region,
    }


def _handover(recipe: PublishedRecipe, execution: str, data: Data, bucket: str) -> Handover:
    if recipe.release.in_graph:
        return {
            "is_needed": False,
            "decision": "Approved",
            "status": "DEPLOYED",
            "strategy": recipe.release.strategy,
            "document_uri": None,
        }
    document = HandoverDocument(
        recipe=recipe.name,
        execution=execution,
        content_type=recipe.content_types.input,
        accept=recipe.content_types.output,
        instance_type=recipe.instances.endpoint.type,
        instance_count=recipe.instances.endpoint.count,
        test_data_uri=data["test_uri"],
        release=recipe.release,
    )
    waits = recipe.release.approval == "manual"
    return {
        "is_needed": True,
        "decision": "PendingManualApproval" if waits else "Approved",
        "status": "PENDING_APPROVAL" if waits else "APPROVED",
        "strategy": recipe.release.strategy,
        "document_uri": write_handover(document, bucket),
    }


def _transform(recipe: PublishedRecipe, run_uri: str) -> Transform:
    return {
        "instance_type": recipe.instances.transform.type,
        "instance_count": recipe.instances.transform.count,
        "output_uri": f"{run_uri}predictions/",
        "champion_output_uri": f"{run_uri}champion_predictions/",
        "content_type": recipe.content_types.input,
        "accept": recipe.content_types.output,
        # A transform job has no limit of its own; the state's is all there is.
        "timeout_seconds": recipe.limits.transform_seconds,
    }
