from __future__ import annotations

import datetime
import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import (
    channel,
    create_config,
    create_model,
    ended_training,
    processing_input,
    start_processing,
    start_training,
    train,
    variant,
)
from tests.cloud.local_cloud import IMAGE, LocalCloud


def summaries(cloud: LocalCloud, **filters: Any) -> list[str]:
    """The names of the training jobs on one page of the list."""
    answer = cloud.client("sagemaker").list_training_jobs(**filters)
    return [summary["TrainingJobName"] for summary in answer["TrainingJobSummaries"]]


@pytest.fixture(scope="module")
def listed(cloud: LocalCloud) -> list[str]:
    """Five jobs in the order in which they were made: the third failed, the others completed."""
    names = [f"listed-{letter}" for letter in "caedb"]
    for number, name in enumerate(names):
        train(cloud, name, "raise SystemExit('no')" if number == 2 else "pass")
    return names


def test_lists_begin_with_what_was_made_last(cloud: LocalCloud, listed: list[str]) -> None:
    assert summaries(cloud, NameContains="listed-") == listed[::-1]
    assert summaries(cloud, NameContains="listed-", SortOrder="Ascending") == listed
    assert summaries(cloud, NameContains="LISTED-", SortBy="Name", SortOrder="Ascending") == sorted(listed)


def test_lists_are_filtered_by_status(cloud: LocalCloud, listed: list[str]) -> None:
    assert summaries(cloud, NameContains="listed-", StatusEquals="Failed") == [listed[2]]
    assert len(summaries(cloud, NameContains="listed-", StatusEquals="Completed")) == 4
    assert summaries(cloud, NameContains="listed-", StatusEquals="InProgress") == []


def test_lists_are_filtered_by_time(cloud: LocalCloud, listed: list[str]) -> None:
    now = datetime.datetime.now(tz=datetime.UTC)
    hour = datetime.timedelta(hours=1)
    assert summaries(cloud, NameContains="listed-", CreationTimeAfter=now) == []
    assert len(summaries(cloud, NameContains="listed-", CreationTimeAfter=now - hour, CreationTimeBefore=now)) == 5
    assert summaries(cloud, NameContains="listed-", LastModifiedTimeBefore=now - hour) == []


def test_lists_come_in_pages(cloud: LocalCloud, listed: list[str]) -> None:
    client = cloud.client("sagemaker")
    pages = list(client.get_paginator("list_training_jobs").paginate(NameContains="listed-", MaxResults=2))
    assert [len(page["TrainingJobSummaries"]) for page in pages] == [2, 2, 1]
    assert [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]] == listed[::-1]


def test_a_summary_says_how_a_job_ended(cloud: LocalCloud, listed: list[str]) -> None:
    (summary,) = cloud.client("sagemaker").list_training_jobs(NameContains=listed[2])["TrainingJobSummaries"]
    assert summary["TrainingJobStatus"] == "Failed"
    assert summary["TrainingJobArn"].endswith(f"training-job/{listed[2]}")
    assert summary["CreationTime"] <= summary["TrainingEndTime"]


def test_every_kind_of_thing_is_listed(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    create_model(cloud, name, "pass")
    create_config(cloud, name, variant(name))
    assert [model["ModelName"] for model in client.list_models(NameContains=name)["Models"]] == [name]
    configs = client.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    assert [config["EndpointConfigName"] for config in configs] == [name]
    assert client.list_endpoints(NameContains=name)["Endpoints"] == []
    assert client.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"] == []
    assert client.list_transform_jobs(NameContains=name)["TransformJobSummaries"] == []


def test_a_token_that_the_cloud_did_not_give_is_refused(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="Invalid NextToken"):
        cloud.client("sagemaker").list_training_jobs(NextToken="bm90IGEgbnVtYmVy")


def refused(cloud: LocalCloud, name: str, **changes: Any) -> str:
    """Start a training job that is refused, and return the reason."""
    with pytest.raises(ClientError) as error:
        start_training(cloud, name, "pass", **changes)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError):  # and nothing was begun
        cloud.client("sagemaker").describe_training_job(TrainingJobName=name[:63])
    message: str = error.value.response["Error"]["Message"]
    return message


def test_a_name_that_is_too_long_is_refused_by_its_field(cloud: LocalCloud) -> None:
    name = "n" * 64
    assert refused(cloud, name).startswith(
        f"2 validation errors detected: Value '{name}' at 'trainingJobName' failed to satisfy constraint: "
        "Member must have length less than or equal to 63"
    )


def test_every_wrong_field_is_named_at_once(cloud: LocalCloud, name: str) -> None:
    message = refused(
        cloud,
        name,
        RoleArn="nobody",
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "Telepathy"},
        ResourceConfig={"InstanceCount": -1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": "ten"},
        InputDataConfig=[channel("a channel", "s3://b/k")],
    )
    assert message.startswith("6 validation errors detected: ")
    for part in (
        "Value 'nobody' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20",
        "at 'roleArn' failed to satisfy constraint: Member must satisfy regular expression pattern",
        "Value 'Telepathy' at 'algorithmSpecification.trainingInputMode' failed to satisfy constraint: "
        "Member must satisfy enum value set: [Pipe, File, FastFile]",
        "Value '-1' at 'resourceConfig.instanceCount' failed to satisfy constraint: "
        "Member must have value greater than or equal to 0",
        "Value 'ten' at 'resourceConfig.volumeSizeInGB' failed to satisfy constraint: Member must be of type integer",
        "Value 'a channel' at 'inputDataConfig.1.member.channelName' failed to satisfy constraint",
    ):
        assert part in message


def test_a_job_without_a_limit_may_run_for_a_day(cloud: LocalCloud, name: str) -> None:
    start_training(cloud, name, "pass", StoppingCondition={})
    assert ended_training(cloud, name)["TrainingJobStatus"] == "Completed"


def test_a_job_may_not_run_for_longer_than_28_days(cloud: LocalCloud, name: str) -> None:
    message = refused(cloud, name, StoppingCondition={"MaxRuntimeInSeconds": 28 * 86400 + 1})
    assert message.startswith("Invalid MaxRuntimeInSeconds. It must be less than or equal to 2419200 seconds")


def test_a_model_has_one_kind_of_containers_and_packages_that_are_there(cloud: LocalCloud, name: str) -> None:
    client, given = cloud.client("sagemaker"), {"ModelName": name, "ExecutionRoleArn": cloud.role_arn}
    with pytest.raises(ClientError, match="either a PrimaryContainer or Containers"):
        client.create_model(**given, PrimaryContainer={"Image": IMAGE}, Containers=[{"Image": IMAGE}])
    package = "arn:aws:sagemaker:us-east-1:123456789012:model-package/no-such-group/1"
    with pytest.raises(ClientError, match=f"{package} does not exist"):
        client.create_model(**given, PrimaryContainer={"ModelPackageName": package})
    assert not client.list_models(NameContains=name)["Models"]


def test_variants_have_names_of_their_own_and_instances(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    client.create_model(ModelName=name, ExecutionRoleArn=cloud.role_arn, PrimaryContainer={"Image": IMAGE})
    variant = {"VariantName": "a", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    for variants, message in (
        ([variant, variant], "two named a"),
        ([{"VariantName": "a", "ModelName": name}], "The variant a needs an InstanceType"),
    ):
        with pytest.raises(ClientError, match=message):
            client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)


def test_a_filter_that_is_none_is_refused_before_anything_is_served(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    client.create_model(ModelName=name, ExecutionRoleArn=cloud.role_arn, PrimaryContainer={"Image": IMAGE})
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{cloud.bucket}/{name}"}}
    with pytest.raises(ClientError, match="Invalid DataProcessing: "):
        client.create_transform_job(
            TransformJobName=name,
            ModelName=name,
            TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
            TransformOutput={"S3OutputPath": f"s3://{cloud.bucket}/{name}"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
            DataProcessing={"InputFilter": "1:3"},
        )


def test_the_inputs_of_a_processing_job_have_names_of_their_own(cloud: LocalCloud, name: str) -> None:
    again = processing_input("code", f"s3://{cloud.bucket}/{name}", "/opt/ml/processing/x")
    with pytest.raises(ClientError, match="InputName of each of ProcessingInputs must be unique"):
        start_processing(cloud, name, "pass", ProcessingInputs=[again])


def test_a_model_needs_a_container(cloud: LocalCloud, name: str) -> None:
    with pytest.raises(ClientError, match="A model needs a PrimaryContainer, or Containers"):
        cloud.client("sagemaker").create_model(ModelName=name, ExecutionRoleArn=cloud.role_arn)


def test_a_missing_field_is_named(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match=r"Value null at 'trainingJobName' failed .*: Member must not be null"):
        cloud.client("sagemaker").create_training_job(RoleArn=cloud.role_arn)


def post(cloud: LocalCloud, operation: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Send a request that no client would send."""
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    request = urllib.request.Request(cloud.url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "SerializationException"),
        (b"\xff", "SerializationException"),
        (b"[]", "ValidationException"),
        (b'"text"', "ValidationException"),
        (b"null", "ValidationException"),
        (b"{}", "ValidationException"),
        (b'{"TrainingJobName": NaN}', "ValidationException"),
        (b'{"TrainingJobName": {"a": []}}', "ValidationException"),
    ],
)
def test_a_body_that_is_no_request_is_refused(cloud: LocalCloud, body: bytes, kind: str) -> None:
    status, answer = post(cloud, "DescribeTrainingJob", body)
    assert (status, answer["__type"]) == (400, kind)
    assert answer["message"]


def test_a_field_that_does_not_exist_is_named(cloud: LocalCloud) -> None:
    body = {"TrainingJobName": "n", "StoppingCondition": {"MaxRuntime": 5}}
    _, answer = post(cloud, "CreateTrainingJob", json.dumps(body).encode())
    assert (
        "Unknown parameter 'stoppingCondition.maxRuntime', must be one of: MaxPendingTimeInSeconds" in answer["message"]
    )
    _, answer = post(cloud, "DescribeTrainingJob", b'{"TrainingJobName": "n", "Verbose": true}')
    assert answer["message"] == (
        "1 validation error detected: Unknown parameter 'verbose', must be one of: TrainingJobName"
    )


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:80"])
def test_requests_in_another_hosts_name_are_refused(cloud: LocalCloud, host: str) -> None:
    request = urllib.request.Request(f"{cloud.url}/_switchyard/health", headers={"Host": host})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    with error.value:
        assert error.value.code == 403


def test_each_answer_has_its_request_id(cloud: LocalCloud) -> None:
    sagemaker = cloud.client("sagemaker")
    with pytest.raises(ClientError, match="Could not find model") as refused:
        sagemaker.delete_model(ModelName="nobody-s")
    ids = {refused.value.response["ResponseMetadata"]["RequestId"]}
    ids |= {sagemaker.list_models()["ResponseMetadata"]["RequestId"] for _ in range(2)}
    assert len(ids) == 3
