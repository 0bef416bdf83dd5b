from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.validation import shaped, validate

ROLE = "arn:aws:iam::123456789012:role/r"
VALID: dict[str, Any] = {
    "TrainingJobName": "n",
    "RoleArn": ROLE,
    "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://b/k"},
    "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 1},
    "HyperParameters": {"a": "1"},
    "EnableManagedSpotTraining": False,
    "Tags": [{"Key": "k", "Value": "v"}],
}
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def problem(path: str, value: Any) -> str:
    """Put a value at a place of a valid request, and return what is said of it."""
    request = copy.deepcopy(VALID)
    *folders, last = path.split(".")
    place: Any = request
    for folder in folders:
        place = place[int(folder) if folder.isdigit() else folder]
    place[int(last) if last.isdigit() else last] = value
    with pytest.raises(ValidationError) as refused:
        validate("CreateTrainingJob", request)
    return refused.value.message


def test_a_valid_request_is_taken() -> None:
    validate("CreateTrainingJob", VALID)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "HyperParameters.a",
            7,
            "Value '7' at 'hyperParameters.a.member' failed to satisfy constraint: Member must be of type string",
        ),
        ("ResourceConfig.InstanceCount", True, "Member must be of type integer"),
        ("ResourceConfig.InstanceCount", 1.5, "Member must be of type integer"),
        ("EnableManagedSpotTraining", 0, "Member must be of type boolean"),
        ("Tags", {}, "Value '{}' at 'tags' failed to satisfy constraint: Member must be of type list"),
        ("Tags.0.Key", "", "at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than"),
        (
            "Tags.0.Value",
            None,
            "Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null",
        ),
        ("Tags.0.Colour", "red", "Unknown parameter 'tags.1.member.colour', must be one of: Key, Value"),
        ("OutputDataConfig", None, "Value null at 'outputDataConfig'"),
        ("AlgorithmSpecification", None, "Value null at 'algorithmSpecification'"),
        ("AlgorithmSpecification.TrainingImage", None, "Value null at 'algorithmSpecification.trainingImage'"),
        ("ResourceConfig", None, "Value null at 'resourceConfig'"),
        ("StoppingCondition.MaxRuntimeInSeconds", 0, "Member must have value greater than or equal to 1"),
        ("ResourceConfig.VolumeSizeInGB", "1", "Member must be of type integer"),
        (
            "AlgorithmSpecification.TrainingInputMode",
            "file",
            "Member must satisfy enum value set: [Pipe, File, FastFile]",
        ),
    ],
)
def test_a_wrong_member_is_named_in_sagemakers_words(path: str, value: Any, message: str) -> None:
    assert message in problem(path, value)


@pytest.mark.parametrize(
    ("operation", "request_", "place"),
    [
        ("CreateModel", {"ModelName": "m", "PrimaryContainer": {"Image": "i"}}, "executionRoleArn"),
        ("CreateModel", {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {}}, "primaryContainer.image"),
        ("CreateModel", {"ModelName": "m", "ExecutionRoleArn": ROLE, "Containers": [{}]}, "containers.1.member.image"),
        (
            "CreateEndpointConfig",
            {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v"}]},
            "productionVariants.1.member.modelName",
        ),
    ],
)
def test_what_nothing_here_could_run_without_is_asked_for(operation: str, request_: Any, place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate(operation, request_)
    assert refused.value.message == (
        f"1 validation error detected: Value null at '{place}' failed to satisfy constraint: Member must not be null"
    )


def test_a_member_that_is_null_counts_as_left_out() -> None:
    validate("CreateTrainingJob", {**VALID, "Tags": None, "HyperParameters": None})


@given(documents)
def test_any_document_is_taken_or_refused_with_a_reason(document: Any) -> None:
    for operation in ("CreateTrainingJob", "CreateEndpointConfig", "ListModels"):
        try:
            validate(operation, document)
        except ValidationError as error:
            assert "validation error" in error.message  # noqa: PT017 - which of the two it is, is not known


@given(st.sampled_from(sorted(VALID)), documents)
def test_any_value_in_any_member_is_taken_or_refused_with_a_reason(member: str, value: Any) -> None:
    try:
        validate("CreateTrainingJob", {**VALID, member: value})
    except ValidationError as error:
        assert (member[0].lower() + member[1:]) in error.message  # noqa: PT017


def test_an_answer_keeps_only_what_its_operation_answers() -> None:
    answer = {"ModelName": "m", "ModelArn": None, "Secret": 1, "CreationTime": 5}
    assert shaped("DescribeModel", answer) == {"ModelName": "m", "CreationTime": 5}
