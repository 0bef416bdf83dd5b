"""What a run is asked to do: the input document or an upload's event, and the published recipe."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import InvalidRun, SwitchyardError
from shared.gate import GateRule
from shared.release_settings import ReleaseSettings, with_overrides

Fraction = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]
# The ceilings of CreateProcessingJob's "MaxRuntimeInSeconds" and of CreateTrainingJob's.
ProcessingSeconds = Annotated[int, Field(ge=1, le=5 * 24 * 3600)]
Seconds = Annotated[int, Field(ge=1, le=28 * 24 * 3600)]

RECIPE_NAME = re.compile(r"[a-z0-9](-?[a-z0-9]){0,31}")
# A key that ends in a slash is a folder's marker.
_UPLOAD_KEY = re.compile(r"incoming/(?P<recipe>[^/]+)/(.*[^/])", re.DOTALL)


class Input(BaseModel):
    """A document that a user wrote."""

    # A misspelt key is an error, and "3600" is no number.
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class SplitOverrides(Input):
    """``overrides.data.split``."""

    train: Fraction | None = None
    validation: Fraction | None = None
    test: Fraction | None = None


class DataOverrides(Input):
    """``overrides.data``."""

    split: SplitOverrides | None = None
    seed: Seed | None = None


class InstanceOverrides(Input):
    """``overrides.instances.transform`` and ``.endpoint``."""

    type: InstanceType | None = None
    count: Annotated[int, Field(ge=1)] | None = None


class JobInstanceOverrides(InstanceOverrides):
    """``overrides.instances.processing`` and ``.training``."""

    volume_gb: Annotated[int, Field(ge=1)] | None = None


class InstancesOverrides(Input):
    """``overrides.instances``."""

    processing: JobInstanceOverrides | None = None
    training: JobInstanceOverrides | None = None
    transform: InstanceOverrides | None = None
    endpoint: InstanceOverrides | None = None


class LimitsOverrides(Input):
    """``overrides.limits``."""

    processing_seconds: ProcessingSeconds | None = None
    training_seconds: Seconds | None = None
    transform_seconds: Seconds | None = None
    spot: bool | None = None
    wait_seconds: Seconds | None = None


class Overrides(Input):
    """What one run does differently from its recipe."""

    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    instances: InstancesOverrides | None = None
    limits: LimitsOverrides | None = None
    data: DataOverrides | None = None
    # Read once it stands in the recipe's own section: its rules are about the whole.
    release: dict[str, Any] | None = None


class RunRequest(Input):
    """The input document of a run."""

    recipe: str
    data: str | None = None
    overrides: Overrides | None = None


class UploadedRunRequest(RunRequest):
    """What an upload asks for: a run on the very object that was uploaded, and no other that came to its place."""

    etag: str | None = None
    version_id: str | None = None


class Instance(BaseModel):
    """``instances.*`` of a recipe."""

    type: InstanceType
    count: Annotated[int, Field(ge=1)]
    volume_gb: Annotated[int, Field(ge=1)] = 10


class Instances(BaseModel):
    """``instances`` of a recipe."""

    processing: Instance
    training: Instance
    transform: Instance
    endpoint: Instance


class Limits(BaseModel):
    """``limits`` of a recipe."""

    processing_seconds: ProcessingSeconds
    training_seconds: Seconds
    transform_seconds: Seconds
    spot: bool = False
    wait_seconds: Seconds | None = None

    @model_validator(mode="after")
    def _wait_fits(self) -> Limits:
        if self.wait_seconds is None:
            return self
        if not self.spot:
            raise ValueError(f"wait_seconds {self.wait_seconds} needs spot: only a spot training waits")
        if self.wait_seconds < self.training_seconds:
            raise ValueError(
                f"wait_seconds {self.wait_seconds} is below training_seconds {self.training_seconds}, which it includes"
            )
        return self


class Split(BaseModel):
    """``data.split`` of a recipe."""

    train: Fraction
    validation: Fraction
    test: Fraction

    @model_validator(mode="after")
    def _is_whole(self) -> Split:
        whole = math.fsum((self.train, self.validation, self.test))
        if not math.isclose(whole, 1, abs_tol=1e-6):
            raise ValueError(f"the fractions add up to {whole:g}, they must add up to 1")
        return self


class Data(BaseModel):
    """``data`` of a recipe."""

    target: str
    features: list[str] | None = None
    split: Split
    seed: Seed


class EntryPoints(BaseModel):
    """``entry_points`` of a recipe."""

    prepare: str = "prepare.py"
    train: str = "train.py"
    inference: str = "inference.py"


class MetricDefinition(BaseModel):
    """One of the ``metrics`` of a recipe."""

    name: str
    regex: str


class ContentTypes(BaseModel):
    """``content_types`` of a recipe."""

    input: str = "text/csv"
    output: str = "text/csv"


class PublishedRecipe(BaseModel):
    """A recipe as `switchyard publish` wrote it; only what a run needs of it."""

    name: str
    image_uri: str
    code_uri: str
    code_prefix_uri: str
    data_uri: str | None
    code_hash: str
    recipe_hash: str
    # None: the image's own algorithm trains and serves, and the code is what splits the data.
    source: str | None = None
    entry_points: EntryPoints = EntryPoints()
    hyperparameters: dict[str, Any]
    data: Data
    instances: Instances
    limits: Limits
    metrics: list[MetricDefinition]
    gate: list[GateRule]
    content_types: ContentTypes = ContentTypes()
    release: ReleaseSettings = ReleaseSettings()


class Bucket(BaseModel):
    """``detail.bucket`` of an upload."""

    name: Annotated[str, Field(min_length=1)]


class UploadedObject(BaseModel):
    """``detail.object`` of an upload; an unversioned bucket's has no version."""

    key: Annotated[str, Field(min_length=1)]
    etag: str | None = None
    version_id: str | None = Field(default=None, alias="version-id")


class UploadDetail(BaseModel):
    """``detail`` of an upload: what stays the same when S3 or EventBridge deliver the event again."""

    bucket: Bucket
    object: UploadedObject


class Upload(BaseModel):
    """S3's "Object Created" event, as EventBridge delivers it."""

    source: Literal["aws.s3"]
    detail_type: Literal["Object Created"] = Field(default="Object Created", alias="detail-type")
    detail: UploadDetail

    def recipe(self) -> str:
        """Give the recipe that the key names.

        Raises
        ------
        InvalidRun
            When the key is none of ``incoming/<recipe>/<file>``.
        """
        bucket, key = self.detail.bucket.name, self.detail.object.key
        match = _UPLOAD_KEY.fullmatch(key)
        if match is None:
            raise InvalidRun(
                f"Object {key!r} in bucket {bucket!r} starts no run: expected a key incoming/<recipe>/<file>."
            )
        return match["recipe"]


Model = TypeVar("Model", bound=BaseModel)


def parse_run_request(document: Any) -> RunRequest:
    """Read a run's input: a document with a recipe, or S3's "Object Created" event from EventBridge.

    Raises
    ------
    InvalidRun
        When it is neither, naming each key that is wrong.
    """
    if not isinstance(document, dict):
        raise InvalidRun(
            f"The input is a JSON {_json_type(document)}; expected an object such as "
            '{"recipe": "diabetes"}, or an S3 "Object Created" event from EventBridge.'
        )
    if "detail" in document or "detail-type" in document:
        return _from_upload(parse_upload(document, "The input, an EventBridge event,"))
    return parse(RunRequest, document, "The input")


def parse_upload(document: Any, what: str) -> Upload:
    """Read S3's "Object Created" event.

    Raises
    ------
    InvalidRun
        When it is none, naming each key that is wrong.
    """
    return parse(Upload, document, what)


def parse(model: type[Model], document: Any, what: str, error: type[SwitchyardError] = InvalidRun) -> Model:
    """Validate a document that a user wrote.

    Parameters
    ----------
    error
        What is raised when it is wrong.

    Raises
    ------
    InvalidRun
        Or `error`, naming each key that is wrong, and for an unknown key the ones that are known.
    """
    try:
        return model.model_validate(document)
    except ValidationError as invalid:
        problems = dict.fromkeys(_explain(problem, model) for problem in invalid.errors(include_url=False))
        raise error(f"{what} is not valid: {'; '.join(problems)}.") from None


def apply_overrides(recipe: PublishedRecipe, overrides: Overrides) -> PublishedRecipe:
    """Give the recipe as this one run wants it.

    Raises
    ------
    InvalidRun
        When a hyperparameter is none of the recipe's, or of another type, or the result makes no sense, or the recipe
        asks for a person's approval and this run would do without.
    """
    for name, value in overrides.hyperparameters.items():
        _check_hyperparameter(name, value, recipe)
    own = recipe.model_dump()
    merged = _merge(own, overrides.model_dump(exclude_unset=True, exclude={"release"}))
    merged["release"] = with_overrides(own["release"], overrides.release or {})
    if recipe.release.approval == "manual" and merged["release"]["approval"] != "manual":
        raise InvalidRun(
            f"overrides.release.approval: recipe {recipe.name!r} asks for manual approval; change it there."
        )
    return parse(PublishedRecipe, merged, f"Recipe {recipe.name!r} with the run's overrides")


def _from_upload(event: Upload) -> UploadedRunRequest:
    uploaded = event.detail.object
    return UploadedRunRequest(
        recipe=event.recipe(),
        data=f"s3://{event.detail.bucket.name}/{uploaded.key}",
        etag=uploaded.etag,
        version_id=uploaded.version_id,
    )


def _check_hyperparameter(name: str, value: Any, recipe: PublishedRecipe) -> None:
    where = f"overrides.hyperparameters.{name}"
    if name not in recipe.hyperparameters:
        known = ", ".join(sorted(recipe.hyperparameters)) or "none"
        raise InvalidRun(f"{where} is not known to recipe {recipe.name!r}. Known: {known}.")
    usual = recipe.hyperparameters[name]
    found, expected = _json_type(value), _json_type(usual)
    # A recipe's text may stand where a number does too (max_features: sqrt, or 0.5).
    if found != expected and (found, expected) != ("number", "string"):
        raise InvalidRun(
            f"{where} is {value!r}, of type {found}; expected type {expected}, as in the recipe ({usual!r})."
        )


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _explain(problem: Any, model: type[BaseModel]) -> str:
    location = [str(part) for part in problem["loc"]]
    path = ".".join(location)
    if problem["type"] == "extra_forbidden":
        parent = _model_at(model, location[:-1])
        known = ", ".join(sorted(parent.model_fields)) if parent else ""
        return f"{path} is not known (known: {known})"
    if problem["type"] == "missing":
        return f"{path} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    if not path or isinstance(problem["input"], dict) or problem["type"] == "value_error":
        return f"{path}: {message}" if path else message
    shown = repr(problem["input"])
    return f"{path} is {shown if len(shown) <= 80 else shown[:77] + '...'}: {message}"


def _model_at(model: type[BaseModel], path: list[str]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    for part in path:
        field = current.model_fields.get(part) if current else None
        current = _model_in(field.annotation) if field else None
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) is None:
        return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
