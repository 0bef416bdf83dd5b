from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import create_model
from tests.cloud.local_cloud import IMAGE, LocalCloud, wait_until

CONTAINER = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz", "Environment": {"A": "1"}}


@pytest.fixture
def group(cloud: LocalCloud, name: str) -> str:
    """A model package group without packages; its name has capitals."""
    cloud.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=f"Group-{name}", ModelPackageGroupDescription="all of them"
    )
    return f"Group-{name}"


def register(cloud: LocalCloud, group: str, **changes: Any) -> str:
    """Register the next version, and return its ARN."""
    request: dict[str, Any] = {
        "ModelPackageGroupName": group,
        "InferenceSpecification": {
            "Containers": [CONTAINER],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        **changes,
    }
    arn: str = cloud.client("sagemaker").create_model_package(**request)["ModelPackageArn"]
    return arn


def versions(cloud: LocalCloud, **filters: Any) -> list[int]:
    """The version numbers on the first page of the list."""
    answer = cloud.client("sagemaker").list_model_packages(**filters)
    return [summary["ModelPackageVersion"] for summary in answer["ModelPackageSummaryList"]]


def test_versions_are_numbered_and_wait_for_approval(cloud: LocalCloud, group: str) -> None:
    client = cloud.client("sagemaker")
    first, second = register(cloud, group), register(cloud, group, ModelApprovalStatus="Approved")
    assert [arn.rpartition("model-package/")[2] for arn in (first, second)] == [
        f"{group.lower()}/1",
        f"{group.lower()}/2",
    ]
    package = client.describe_model_package(ModelPackageName=first)
    assert (package["ModelPackageGroupName"], package["ModelPackageVersion"]) == (group, 1)
    assert (package["ModelPackageStatus"], package["ModelApprovalStatus"]) == ("Completed", "PendingManualApproval")
    assert package["InferenceSpecification"]["Containers"] == [CONTAINER]
    assert "ModelPackageName" not in package  # which versions have none of
    assert versions(cloud, ModelPackageGroupName=group) == [2, 1]
    assert versions(cloud, ModelPackageGroupName=group, ModelApprovalStatus="Approved") == [2]
    assert versions(cloud, ModelPackageType="Versioned", NameContains=group, SortOrder="Ascending") == [1, 2]
    assert versions(cloud, NameContains=group) == []  # without a type, those with a name of their own


def test_a_version_s_number_is_not_given_again(cloud: LocalCloud, group: str) -> None:
    client = cloud.client("sagemaker")
    first = register(cloud, group)
    client.delete_model_package(ModelPackageName=first)
    assert register(cloud, group).endswith("/2")
    with pytest.raises(ClientError, match=rf"ModelPackage {first} does not exist\."):
        client.describe_model_package(ModelPackageName=first)


def test_the_same_request_makes_one_package(cloud: LocalCloud, group: str) -> None:
    arns = {register(cloud, group, ClientToken="the-same") for _ in range(2)}
    assert len(arns) == 1
    cloud.client("sagemaker").delete_model_package(ModelPackageName=arns.pop())
    assert register(cloud, group, ClientToken="the-same").endswith("/2")


def test_an_approval_is_kept_and_told_to_eventbridge(cloud: LocalCloud, group: str) -> None:
    client, name = cloud.client("sagemaker"), group.lower()
    queue = cloud.client("sqs").create_queue(QueueName=name[:80])["QueueUrl"]
    arn = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [group], "ModelApprovalStatus": ["Approved"]},
    }
    rule = f"arn:aws:events:us-east-1:123456789012:rule/{name[:60]}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    cloud.client("events").put_rule(Name=name[:60], EventPattern=json.dumps(pattern))
    cloud.client("events").put_targets(Rule=name[:60], Targets=[{"Id": "queue", "Arn": arn}])
    package = register(cloud, group, CustomerMetadataProperties={"run": "1", "team": "red"})
    client.update_model_package(
        ModelPackageArn=package,
        ModelApprovalStatus="Approved",
        ApprovalDescription="better",
        CustomerMetadataProperties={"run": "2"},
        CustomerMetadataPropertiesToRemove=["team"],
    )
    found = client.describe_model_package(ModelPackageName=package)
    assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == ("Approved", "better")
    assert found["CustomerMetadataProperties"] == {"run": "2"}
    assert found["LastModifiedTime"] > found["CreationTime"]

    def received() -> list[Any]:
        messages = cloud.client("sqs").receive_message(QueueUrl=queue).get("Messages", [])
        for message in messages:  # or it would come again
            cloud.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    (event,) = wait_until(received)
    assert event["resources"] == [package]
    assert event["detail"]["ModelPackageVersion"] == 1
    assert (event["detail"]["CertifyForMarketplace"], event["detail"]["ModelPackageStatus"]) == (False, "Completed")
    changed = ["ApprovalDescription", "CustomerMetadataProperties", "ModelApprovalStatus"]
    assert event["detail"]["UpdatedModelPackageFields"] == changed
    client.update_model_package(ModelPackageArn=package, CustomerMetadataProperties={"run": "3"})
    (event,) = wait_until(received)
    assert event["detail"]["UpdatedModelPackageFields"] == ["CustomerMetadataProperties"]
    cloud.client("events").remove_targets(Rule=name[:60], Ids=["queue"])
    cloud.client("events").delete_rule(Name=name[:60])


def test_a_package_may_have_a_name_of_its_own(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    arn = register(cloud, "", ModelPackageGroupName=None, ModelPackageName=name)
    assert client.describe_model_package(ModelPackageName=name)["ModelPackageArn"] == arn
    (listed,) = client.list_model_packages(NameContains=name)["ModelPackageSummaryList"]
    assert listed["ModelPackageName"] == name
    with pytest.raises(ClientError, match="ModelApprovalStatus can be set for versions"):
        client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    with pytest.raises(ClientError, match="already exists") as taken:
        register(cloud, "", ModelPackageGroupName=None, ModelPackageName=name)
    assert taken.value.response["Error"]["Code"] == "ConflictException"
    with pytest.raises(ClientError, match="Both ModelPackageName and ModelPackageGroupName are provided"):
        register(cloud, "a-group", ModelPackageName=name)
    with pytest.raises(ClientError, match="Either ModelPackageName or ModelPackageGroupName"):
        client.create_model_package()


def test_what_a_package_asks_for_and_nothing_runs_is_refused(cloud: LocalCloud, name: str) -> None:
    source = {"SourceAlgorithms": [{"AlgorithmName": "mine"}]}
    with pytest.raises(ClientError, match="CreateModelPackage with SourceAlgorithmSpecification is not run"):
        cloud.client("sagemaker").create_model_package(ModelPackageName=name, SourceAlgorithmSpecification=source)


def test_groups_are_described_listed_and_deleted_when_empty(cloud: LocalCloud, group: str) -> None:
    client = cloud.client("sagemaker")
    found = client.describe_model_package_group(ModelPackageGroupName=group)
    assert (found["ModelPackageGroupDescription"], found["ModelPackageGroupStatus"]) == ("all of them", "Completed")
    (listed,) = client.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
    assert listed["ModelPackageGroupArn"] == found["ModelPackageGroupArn"]
    with pytest.raises(ClientError, match="Model Package Group already exists: arn:"):
        client.create_model_package_group(ModelPackageGroupName=group)
    package = register(cloud, group)
    with pytest.raises(ClientError, match="still contains model packages") as refused:
        client.delete_model_package_group(ModelPackageGroupName=group)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    client.delete_model_package(ModelPackageName=package)
    client.delete_model_package_group(ModelPackageGroupName=found["ModelPackageGroupArn"])
    with pytest.raises(ClientError, match=rf"ModelPackageGroup arn:.*/{group.lower()} does not exist\."):
        client.describe_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match=r"ModelPackageGroup arn:.* does not exist\."):
        register(cloud, group)


def test_several_packages_are_described_at_once(cloud: LocalCloud, group: str) -> None:
    arn = register(cloud, group)
    missing = arn.removesuffix("1") + "9"
    answer = cloud.client("sagemaker").batch_describe_model_package(ModelPackageArnList=[arn, missing])
    assert answer["ModelPackageSummaries"][arn]["InferenceSpecification"]["Containers"] == [CONTAINER]
    assert list(answer["BatchDescribeModelPackageErrorMap"]) == [missing]


def test_a_group_s_policy_is_kept(cloud: LocalCloud, group: str) -> None:
    client, policy = cloud.client("sagemaker"), '{"Version": "2012-10-17", "Statement": []}'
    with pytest.raises(ClientError, match="Cannot find resource policy for: arn:"):
        client.get_model_package_group_policy(ModelPackageGroupName=group)
    client.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=policy)
    assert client.get_model_package_group_policy(ModelPackageGroupName=group)["ResourcePolicy"] == policy
    client.delete_model_package_group_policy(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="Cannot find resource policy"):
        client.delete_model_package_group_policy(ModelPackageGroupName=group)


def test_a_model_is_made_of_a_package(cloud: LocalCloud, group: str, name: str) -> None:
    client = cloud.client("sagemaker")
    create_model(cloud, name, "pass")
    arn = register(cloud, group)
    client.create_model(
        ModelName=f"{name}-p", ExecutionRoleArn=cloud.role_arn, PrimaryContainer={"ModelPackageName": arn}
    )
    assert client.describe_model(ModelName=f"{name}-p")["PrimaryContainer"] == {"ModelPackageName": arn}
