"""The model of a recipe: its fields, their defaults, and every rule that needs no other file."""

from __future__ import annotations

import json
import math
import re
import warnings
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from switchyard.recipes.algorithms import has_algorithm, hyperparameter_problem, metric_problem
from switchyard.recipes.release import Release
from switchyard.recipes.section import Section, refuse, repeated

if TYPE_CHECKING:
    from pydantic import ValidationInfo

# SageMaker's own ceilings, for a processing job and for the others.
MAX_PROCESSING_SECONDS = 5 * 24 * 3600
MAX_JOB_SECONDS = 28 * 24 * 3600
MAX_HYPERPARAMETERS = 95  # SageMaker takes 100; script mode needs five of its own.
MAX_HYPERPARAMETER_CHARACTERS = 2500
# What splits the data of a recipe without scripts: the script of this folder, which any table suits.
SPLITTER = "tabular_regression"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](-?[a-z0-9]){0,31}$")]
FolderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$")]
ScriptName = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_-]+/)*[A-Za-z0-9_-]+\.py$")]
ColumnName = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^,\r\n]+$")]
ContentType = Annotated[str, StringConstraints(pattern=r"^[a-z]+/[A-Za-z0-9.+-]+$")]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class EntryPoints(Section):
    """The scripts of the source folder that the jobs start."""

    prepare: ScriptName = "prepare.py"
    """Splits the data (SageMaker Processing)."""
    train: ScriptName = "train.py"
    """Trains the model (SageMaker Training, script mode)."""
    inference: ScriptName = "inference.py"
    """Loads and serves the model (batch transform and endpoint)."""


class Split(Section):
    """How much of the data goes where: fractions that sum to 1."""

    train: Fraction = 0.7
    """The share to train on."""
    validation: Fraction = 0.15
    """The share that the training's metrics and the gate are measured on."""
    test: Fraction = 0.15
    """The share that is held out for the batch transform."""

    @model_validator(mode="after")
    def _sum_is_one(self) -> Split:
        total = self.train + self.validation + self.test
        if not math.isclose(total, 1, abs_tol=1e-6):
            refuse(f"the fractions sum to {total:.6g}, not to 1", fix="change train, validation and test")
        return self


class Data(Section):
    """What to train on."""

    source: Annotated[str, StringConstraints(min_length=1)] | None = None
    """A file, or a folder of train/, validation/, test/, relative to recipes/; or an s3:// URI."""
    format: Literal["csv"] = "csv"
    """The data's format."""
    target: ColumnName
    """The column to predict."""
    features: Annotated[list[ColumnName], Field(min_length=1)] | None = None
    """The columns to use, in order. Absent: every column but the target."""
    split: Split = Split()
    """How the data is divided."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    """Seeds the shuffle before the split."""

    @field_validator("source")
    @classmethod
    def _source_is_relative_or_s3(cls, source: str | None) -> str | None:
        if source is None:
            return None
        if "://" in source:
            if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+", source):
                refuse(f"{source!r} is not an S3 URI", fix="write s3://<bucket>/<key>")
        elif source.startswith(("/", "\\", "~")):
            refuse(f"{source!r} is absolute", fix="give the path from the folder recipes/")
        return source

    @field_validator("features")
    @classmethod
    def _features_are_distinct(cls, features: list[str] | None, info: ValidationInfo) -> list[str] | None:
        for index, feature in repeated(features or []):
            refuse(f"{feature!r} is there twice", at=f"[{index}]", fix="keep one")
        target = info.data.get("target")
        if features and target in features:
            refuse(
                f"{target!r} is the target",
                at=f"[{features.index(target)}]",
                fix="a model cannot use it as a feature: take it out",
            )
        return features


class Instances(Section):
    """The machines that one step of the workflow gets."""

    type: Annotated[str, StringConstraints(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")] = "ml.m5.large"
    """SageMaker's instance type."""
    count: Annotated[int, Field(ge=1, le=100)] = 1
    """How many of them."""


class JobInstances(Instances):
    """The machines of a job that keeps its data on a volume."""

    volume_gb: Annotated[int, Field(ge=1, le=16384)] = 10
    """The volume's size in GB."""


class AllInstances(Section):
    """The machines of each step."""

    processing: JobInstances = JobInstances()
    """Split data."""
    training: JobInstances = JobInstances()
    """Train model."""
    transform: Instances = Instances()
    """Transform test data."""
    endpoint: Instances = Instances()
    """The endpoint."""


class Limits(Section):
    """How long a job may take, and whether it may wait for spare capacity."""

    processing_seconds: Annotated[int, Field(ge=1, le=MAX_PROCESSING_SECONDS)] = 3600
    """The longest run time of the processing job."""
    training_seconds: Annotated[int, Field(ge=1, le=MAX_JOB_SECONDS)] = 3600
    """The longest run time of the training job."""
    transform_seconds: Annotated[int, Field(ge=1, le=MAX_JOB_SECONDS)] = 3600
    """The longest run time of the transform job."""
    spot: bool = False
    """Train on spot instances."""
    wait_seconds: Annotated[int, Field(ge=1, le=MAX_JOB_SECONDS)] | None = None
    """With spot: the longest time for waiting and training together."""

    @model_validator(mode="after")
    def _wait_fits(self) -> Limits:
        if self.wait_seconds is None:
            return self
        if not self.spot:
            refuse("only a spot training waits", at=".wait_seconds", fix="set spot: true or take it out")
        if self.wait_seconds < self.training_seconds:
            refuse(
                f"{self.wait_seconds} is less than training_seconds, which it includes",
                at=".wait_seconds",
                fix=f"make it {self.training_seconds} or more",
            )
        return self


class Metric(Section):
    """A metric that SageMaker reads from the training's log (MetricDefinitions)."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.:-]{0,254}$")]
    """The metric's name."""
    regex: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    """Finds the value: a regular expression with exactly one group."""

    @field_validator("regex")
    @classmethod
    def _regex_has_one_group(cls, regex: str) -> str:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", FutureWarning)
                groups = re.compile(regex).groups
        except (re.error, FutureWarning, OverflowError, RecursionError) as error:
            refuse(f"{regex!r} is not a regular expression: {error}", fix="correct it")
        if groups != 1:
            refuse(
                f"{regex!r} has {groups or 'no'} groups, not one",
                fix="put the number, and only it, in parentheses; (?:...) groups without capturing",
            )
        return regex


class Condition(Section):
    """One condition of the gate."""

    metric: str
    """One of the metrics."""
    direction: Literal["minimize", "maximize"]
    """Whether less is better or more."""
    threshold: float
    """The worst value that still passes."""
    margin: Annotated[float, Field(ge=0)] | None = None
    """How much better than the model in service (the champion) it must be. Absent: not compared."""


class ContentTypes(Section):
    """What the model takes and gives."""

    input: ContentType = "text/csv"
    """The content type of a request."""
    output: ContentType = "text/csv"
    """The content type of a prediction."""


class Recipe(Section):
    """What to train, on which data, and how good it must be to go into service."""

    # For editors; `_metrics_are_distinct` says it of the document itself.
    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"source": ["metrics"]}})

    name: Name
    """The recipe's name, equal to its file's."""
    description: str = ""
    """What the model is for."""
    image: Annotated[str, StringConstraints(min_length=1)]
    """The container: framework:version (scikit-learn:1.4-2, xgboost:3.0-5), or the full URI of an image."""
    source: Annotated[FolderName | None, Field(validate_default=True)] = None
    """The folder of training_code/ that holds the scripts. Absent: the image's own algorithm trains and serves."""
    entry_points: EntryPoints = EntryPoints()
    """The scripts."""
    hyperparameters: dict[str, Any] = Field(default={}, validate_default=True)
    """The training script's arguments, or the algorithm's own."""
    data: Data
    """What to train on."""
    instances: AllInstances = AllInstances()
    """The machines."""
    limits: Limits = Limits()
    """The ceilings of time."""
    metrics: list[Metric] = Field(default=[], max_length=40, validate_default=True)
    """What SageMaker reads from the training's log. An algorithm has its own (validation:auc), and takes no others."""
    # An empty gate would ship any model.
    gate: Annotated[list[Condition], Field(min_length=1)]
    """What must hold for the model to go into service: all of it."""
    content_types: ContentTypes = ContentTypes()
    """What the model takes and gives."""
    release: Release = Release()
    """How a model that passed the gate goes into service."""

    @property
    def code_folder(self) -> str:
        """The folder of training_code/ whose scripts the jobs start."""
        return self.source or SPLITTER

    @property
    def scripts(self) -> dict[str, str]:
        """The scripts of that folder which it takes, by what they are for."""
        scripts: dict[str, str] = self.entry_points.model_dump()
        return scripts if self.source else {"prepare": scripts["prepare"]}

    @field_validator("image")
    @classmethod
    def _image_has_a_version(cls, image: str) -> str:
        if "/" not in image and not re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9._-]+", image):
            refuse(
                f"{image!r} is not framework:version",
                fix="write for example scikit-learn:1.4-2, or the full URI of an image",
            )
        return image

    @field_validator("source")
    @classmethod
    def _source_or_algorithm(cls, source: str | None, info: ValidationInfo) -> str | None:
        image = info.data.get("image", "")
        if source is None and image and not has_algorithm(image):
            refuse(
                f"it is required: the image {image} has no algorithm of its own",
                fix="name a folder of training_code/, or use an image with one, xgboost:3.0-5",
            )
        return source

    @field_validator("entry_points")
    @classmethod
    def _scripts_have_a_source(cls, entry_points: EntryPoints, info: ValidationInfo) -> EntryPoints:
        if "source" in info.data and info.data["source"] is None and entry_points != EntryPoints():
            refuse("there is no source for these scripts", fix="add source, or take them out")
        return entry_points

    @field_validator("hyperparameters")
    @classmethod
    def _hyperparameters_suit_the_algorithm(
        cls, hyperparameters: dict[str, Any], info: ValidationInfo
    ) -> dict[str, Any]:
        if _runs_algorithm(info) and (problem := hyperparameter_problem(hyperparameters)):
            refuse(problem, fix="correct it; docs/xgboost.md names them all")
        return hyperparameters

    @field_validator("hyperparameters")
    @classmethod
    def _hyperparameters_fit_sagemaker(cls, hyperparameters: dict[str, Any]) -> dict[str, Any]:
        if len(hyperparameters) > MAX_HYPERPARAMETERS:
            refuse(
                f"there are {len(hyperparameters)}; SageMaker takes {MAX_HYPERPARAMETERS}",
                fix="take some out",
            )
        for name, value in hyperparameters.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,255}", name):
                refuse(
                    f"{name!r} is not a name for a hyperparameter",
                    fix="use letters, digits, '_', '-' and '.'",
                )
            if name.startswith("sagemaker_"):
                refuse("names with sagemaker_ belong to script mode", at=f".{name}", fix="take it out")
            if value is None:
                refuse("it has no value", at=f".{name}", fix="give one or take it out")
            _refuse_unless_json(value, at=f".{name}")
        return hyperparameters

    @field_validator("metrics")
    @classmethod
    def _metrics_are_distinct(cls, metrics: list[Metric], info: ValidationInfo) -> list[Metric]:
        if metrics and _runs_algorithm(info):
            refuse("SageMaker takes no metrics for its own algorithms, which have theirs", fix="take them out")
        if not metrics and info.data.get("source") is not None:
            refuse("there is none", fix="give at least 1")
        for index, name in repeated(metric.name for metric in metrics):
            refuse(f"{name!r} is there twice", at=f"[{index}].name", fix="keep one")
        return metrics

    @field_validator("gate")
    @classmethod
    def _gate_has_metrics(cls, gate: list[Condition], info: ValidationInfo) -> list[Condition]:
        for index, name in repeated(condition.metric for condition in gate):
            refuse(f"{name!r} has two conditions", at=f"[{index}].metric", fix="keep one")
        if _runs_algorithm(info) and "hyperparameters" in info.data:
            for index, condition in enumerate(gate):
                if problem := metric_problem(condition.metric, info.data["hyperparameters"]):
                    refuse(problem, at=f"[{index}].metric")
        if "metrics" not in info.data or info.data.get("source") is None:
            return gate
        names = [metric.name for metric in info.data["metrics"]]
        for index, condition in enumerate(gate):
            if condition.metric not in names:
                refuse(
                    f"{condition.metric!r} is not one of the metrics {', '.join(names)}",
                    at=f"[{index}].metric",
                    fix="add it under metrics with its regex",
                )
        return gate


def _runs_algorithm(info: ValidationInfo) -> bool:
    return "source" in info.data and info.data["source"] is None


def _refuse_unless_json(value: object, *, at: str) -> None:
    """SageMaker takes strings; script mode writes and reads each of them as JSON."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        refuse(f"{_shortened(value)} is not JSON", at=at, fix="give a finite number, a text, true or a list")
    if len(text) > MAX_HYPERPARAMETER_CHARACTERS:
        refuse(
            f"it has {len(text)} characters; SageMaker takes {MAX_HYPERPARAMETER_CHARACTERS}",
            at=at,
            fix="put it in a file of the source folder",
        )


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
