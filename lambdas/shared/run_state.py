"""The state of a run: what ``Prepare run`` gives, and every later state of the machine reads."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class Lineage(TypedDict):
    """Hashes of what a run is made from."""

    recipe: str
    code: str
    data: str


class Names(TypedDict):
    """The names of everything that a run makes."""

    processing_job: str
    training_job: str
    model: str
    champion_model: str
    endpoint_config: str
    endpoint: str
    model_package_group: str


class Data(TypedDict):
    """The run's data in S3, and its splits."""

    uri: str
    is_split: bool
    train_uri: str
    validation_uri: str
    test_uri: str
    report_uri: str


class Processing(TypedDict):
    """The job that splits the data."""

    arguments: list[str]
    entrypoint: list[str]
    instance_type: str
    instance_count: int
    volume_gb: int
    max_runtime_seconds: int
    timeout_seconds: int


class MetricDefinition(TypedDict):
    """How SageMaker finds a metric in the training job's log."""

    Name: str
    Regex: str


class StoppingCondition(TypedDict):
    """The training job's limits; the second one with spot capacity only."""

    MaxRuntimeInSeconds: int
    MaxWaitTimeInSeconds: NotRequired[int]


class Training(TypedDict):
    """The training job."""

    hyperparameters: dict[str, str]
    metric_definitions: list[MetricDefinition]
    instance_type: str
    instance_count: int
    volume_gb: int
    stopping_condition: StoppingCondition
    timeout_seconds: int
    use_spot: bool
    output_uri: str


class Model(TypedDict):
    """The model's containers."""

    environment: dict[str, str]


class Transform(TypedDict):
    """The batch transform."""

    instance_type: str
    instance_count: int
    output_uri: str
    champion_output_uri: str
    content_type: str
    accept: str
    timeout_seconds: int


class Endpoint(TypedDict):
    """What the endpoint runs on."""

    instance_type: str
    instance_count: int


class GateRule(TypedDict):
    """One line of the recipe's gate."""

    metric: str
    direction: Literal["minimize", "maximize"]
    threshold: float | None
    margin: float | None


class Handover(TypedDict):
    """Whether a release puts the model into service, and what the registry and the run's output then say."""

    is_needed: bool
    decision: Literal["Approved", "PendingManualApproval"]
    status: Literal["DEPLOYED", "APPROVED", "PENDING_APPROVAL"]
    strategy: str
    document_uri: str | None


class RunState(TypedDict):
    """The machine's state after ``Prepare run``."""

    recipe: str
    execution: str
    lineage: Lineage
    names: Names
    image_uri: str
    code_prefix_uri: str
    data: Data
    processing: Processing
    training: Training
    model: Model
    transform: Transform
    endpoint: Endpoint
    gate: list[GateRule]
    handover: Handover
