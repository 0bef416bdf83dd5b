"""Names, ARNs, and what is said of names that are wrong, taken or missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.validation import validate
from tests.cloud.jobs import (
    create_config,
    create_model,
    ended_processing,
    ended_training,
    start_processing,
    start_training,
    variant,
)
from tests.cloud.local_cloud import LocalCloud

PATTERN = "failed to satisfy constraint: Member must satisfy regular expression pattern: "
LENGTH = "failed to satisfy constraint: Member must have length less than or equal to 63"


def error(call: Callable[[], Any]) -> tuple[str, str]:
    """The code and the message with which a call is refused."""
    with pytest.raises(ClientError) as refused:
        call()
    found = refused.value.response["Error"]
    return found["Code"], found["Message"]


@pytest.mark.parametrize("wrong", ["-a", "a_b", "a b", "ü", "a/b", "a.b", "n" * 64, "a\n"])
def test_a_name_that_is_none_is_refused_in_sagemakers_words(cloud: LocalCloud, wrong: str) -> None:
    client = cloud.client("sagemaker")
    for call, field in (
        (lambda: start_training(cloud, "n", "pass", TrainingJobName=wrong), "trainingJobName"),
        (lambda: start_processing(cloud, "n", "pass", ProcessingJobName=wrong), "processingJobName"),
        (lambda: client.create_model(ModelName=wrong, ExecutionRoleArn=cloud.role_arn), "modelName"),
        (lambda: create_config(cloud, wrong, variant("m")), "endpointConfigName"),
        (lambda: client.create_endpoint(EndpointName=wrong, EndpointConfigName="c"), "endpointName"),
        (lambda: client.create_model_package_group(ModelPackageGroupName=wrong), "modelPackageGroupName"),
    ):
        code, message = error(call)
        assert code == "ValidationException"
        assert message.startswith(("1 validation error detected: ", "2 validation errors detected: "))
        assert f"Value '{wrong}' at '{field}' {LENGTH if len(wrong) > 63 else PATTERN}" in message


@given(st.text(alphabet="aZ0-", min_size=1, max_size=70))
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_a_name_is_letters_digits_and_hyphens_within_63(name: str) -> None:
    try:
        validate("DescribeTrainingJob", {"TrainingJobName": name})
        taken = True
    except ValidationError:
        taken = False
    assert taken == (len(name) <= 63 and not name.startswith("-") and not name.endswith("-"))


def test_arns_are_in_lower_case_and_names_are_not(cloud: LocalCloud, name: str) -> None:
    client, given_name = cloud.client("sagemaker"), f"Mixed-{name}"
    arn = start_training(cloud, given_name, "pass")
    assert arn == f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{given_name.lower()}"
    job = ended_training(cloud, given_name)
    assert (job["TrainingJobName"], job["TrainingJobArn"]) == (given_name, arn)
    assert create_model(cloud, given_name, "pass").endswith(f":model/{given_name.lower()}")
    create_config(cloud, given_name, variant(given_name))
    config = client.describe_endpoint_config(EndpointConfigName=given_name)
    assert config["EndpointConfigArn"].endswith(f":endpoint-config/{given_name.lower()}")


def test_a_name_that_is_taken_is_refused_whatever_its_case(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    start_training(cloud, name, "pass")
    start_processing(cloud, name, "pass")
    create_model(cloud, name, "pass")
    create_config(cloud, name, variant(name))
    prefix = "arn:aws:sagemaker:us-east-1:123456789012"
    for same in (name, name.upper()):
        assert error(lambda: start_training(cloud, same, "pass")) == (  # noqa: B023
            "ResourceInUse",
            "Training job names must be unique within an AWS account and region, and a training job with this name "
            f"already exists ({prefix}:training-job/{name})",
        )
        assert error(lambda: start_processing(cloud, same, "pass")) == (  # noqa: B023
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, and a job with this name already exists "
            f"({prefix}:processing-job/{name})",
        )
        assert error(lambda: create_model(cloud, same, "pass")) == (  # noqa: B023
            "ValidationException",
            f'Cannot create already existing model "{prefix}:model/{name}".',
        )
        assert error(lambda: create_config(cloud, same, variant(name))) == (  # noqa: B023
            "ValidationException",
            f'Cannot create already existing endpoint configuration "{prefix}:endpoint-config/{name}".',
        )
    assert client.describe_model(ModelName=name)["ModelName"] == name
    assert ended_training(cloud, name)["TrainingJobStatus"] == "Completed"


@pytest.mark.parametrize(
    ("operation", "argument", "message"),
    [
        ("describe_training_job", "TrainingJobName", "Requested resource not found."),
        ("stop_training_job", "TrainingJobName", "Requested resource not found."),
        ("delete_training_job", "TrainingJobName", "Requested resource not found."),
        ("describe_processing_job", "ProcessingJobName", "Could not find requested job with name: nobody-S"),
        ("delete_processing_job", "ProcessingJobName", "Could not find requested job with name: nobody-S"),
        ("describe_transform_job", "TransformJobName", "Could not find requested job with name: nobody-S"),
        ("stop_transform_job", "TransformJobName", "Could not find requested job with name: nobody-S"),
        ("describe_model", "ModelName", 'Could not find model "{}:model/nobody-s".'),
        ("delete_model", "ModelName", 'Could not find model "{}:model/nobody-s".'),
        (
            "describe_endpoint_config",
            "EndpointConfigName",
            'Could not find endpoint configuration "{}:endpoint-config/nobody-s".',
        ),
        (
            "delete_endpoint_config",
            "EndpointConfigName",
            'Could not find endpoint configuration "{}:endpoint-config/nobody-s".',
        ),
        ("describe_endpoint", "EndpointName", 'Could not find endpoint "{}:endpoint/nobody-s".'),
        ("delete_endpoint", "EndpointName", 'Could not find endpoint "{}:endpoint/nobody-s".'),
        ("describe_model_package", "ModelPackageName", "ModelPackage {}:model-package/nobody-s does not exist."),
        (
            "delete_model_package_group",
            "ModelPackageGroupName",
            "ModelPackageGroup {}:model-package-group/nobody-s does not exist.",
        ),
    ],
)
def test_what_is_missing_is_said_as_sagemaker_says_it(
    cloud: LocalCloud, operation: str, argument: str, message: str
) -> None:
    call = getattr(cloud.client("sagemaker"), operation)
    expected = message.format("arn:aws:sagemaker:us-east-1:123456789012")
    assert error(lambda: call(**{argument: "nobody-S"})) == ("ValidationException", expected)


def test_a_job_is_deleted_once_it_has_ended_and_its_name_is_free_again(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    start_training(cloud, name, "import threading; threading.Event().wait()")
    assert error(lambda: client.delete_training_job(TrainingJobName=name))[0] == "ResourceInUse"
    client.stop_training_job(TrainingJobName=name)
    ended_training(cloud, name)
    client.delete_training_job(TrainingJobName=name)
    assert "not found" in error(lambda: client.describe_training_job(TrainingJobName=name))[1]
    start_training(cloud, name, "pass")
    assert ended_training(cloud, name)["TrainingJobStatus"] == "Completed"
    start_processing(cloud, name, "pass")
    ended_processing(cloud, name)
    assert error(lambda: client.stop_processing_job(ProcessingJobName=name)) == (
        "ValidationException",
        "The request was rejected because the processing job is in status Completed.",
    )
    client.delete_processing_job(ProcessingJobName=name)
    assert client.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"] == []
