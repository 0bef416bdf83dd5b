"""What operations that do run are asked for in vain: it is refused, with the member's name, rather than left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from switchyard.cloud.sagemaker.errors import NotRunError

# By operation, the places of such members; an asterisk stands for each entry of a list, and what follows an equals sign
# is the one value that is not run.
_NOT_RUN = {
    "CreateModel": ("PrimaryContainer.AdditionalModelDataSources", "Containers.*.AdditionalModelDataSources"),
    "CreateEndpointConfig": (
        "AsyncInferenceConfig.OutputConfig.NotificationConfig.IncludeInferenceResponseIn",
        "CrossRegionTrafficConfig",
        "ExplainerConfig",
        "ProductionVariants.*.ManagedInstanceScaling",
        "ShadowProductionVariants.*.ManagedInstanceScaling",
    ),
    "UpdateEndpointWeightsAndCapacities": ("DesiredWeightsAndCapacities.*.ServerlessUpdateConfig",),
    "CreateTrainingJob": ("DebugRuleConfigurations", "ServerlessJobConfig"),
    "CreateTransformJob": (
        "DataCaptureConfig",
        "TransformInput.DataSource.S3DataSource.S3DataType=AugmentedManifestFile",
        "TransformInput.DataSource.S3DataSource.S3DataType=Converse",
        "TransformInput.SplitType=RecordIO",
        "TransformInput.SplitType=TFRecord",
    ),
    "CreateHyperParameterTuningJob": (
        "Autotune",
        "HyperParameterTuningJobConfig.ParameterRanges.AutoParameters",
        "HyperParameterTuningJobConfig.Strategy=Hyperband",
        "HyperParameterTuningJobConfig.StrategyConfig",
        "HyperParameterTuningJobConfig.TrainingJobEarlyStoppingType=Auto",
        "HyperParameterTuningJobConfig.TuningJobCompletionCriteria.BestObjectiveNotImproving",
        "HyperParameterTuningJobConfig.TuningJobCompletionCriteria.ConvergenceDetected",
        "TrainingJobDefinition.AlgorithmSpecification.AlgorithmName",
        "TrainingJobDefinition.RetryStrategy",
        "TrainingJobDefinitions",
        "WarmStartConfig",
    ),
    "CreateProcessingJob": (
        "ProcessingInputs.*.AppManaged",
        "ProcessingInputs.*.DatasetDefinition",
        "ProcessingInputs.*.S3Input.S3CompressionType=Gzip",
        "ProcessingInputs.*.S3Input.S3InputMode=Pipe",
        "ProcessingOutputConfig.Outputs.*.AppManaged",
        "ProcessingOutputConfig.Outputs.*.FeatureStoreOutput",
    ),
}


def refuse_not_run(operation: str, request: dict[str, Any]) -> None:
    """Refuse what a request, which is valid by its shape, asks for and nothing here does.

    Raises
    ------
    NotRunError
        It asks for such a thing.
    """
    for place in _NOT_RUN.get(operation, ()):
        path, _, value = place.partition("=")
        for found in _at(request, path.split(".")):
            if found and (not value or found == value):
                raise NotRunError(f"{operation} with {path.replace('.*', '')}{f' {value}' if value else ''}")


def members_not_run(operation: str) -> list[str]:
    """Return the members of an operation's request that are refused, for the documentation."""
    return [place.replace(".*", "").replace("=", " ") for place in _NOT_RUN.get(operation, ())]


def _at(value: Any, names: list[str]) -> Iterator[Any]:
    if not names:
        yield value
    elif names[0] == "*":
        for item in value:
            yield from _at(item, names[1:])
    elif value.get(names[0]) is not None:
        yield from _at(value[names[0]], names[1:])
