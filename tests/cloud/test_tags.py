from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import (
    create_config,
    create_model,
    ended_training,
    serve,
    start_processing,
    start_training,
    variant,
)
from tests.cloud.local_cloud import LocalCloud

TAGS = [{"Key": "team", "Value": "red"}, {"Key": "Kosten stelle/ü", "Value": ""}]


def test_tags_are_kept_changed_and_taken_away(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    arn = start_training(cloud, name, "pass", Tags=[{"Key": "team", "Value": "red"}])
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "cost", "Value": "7"}, {"Key": "team", "Value": "blue"}])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "team", "Value": "blue"},
        {"Key": "cost", "Value": "7"},
    ]
    client.delete_tags(ResourceArn=arn, TagKeys=["team", "never"])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "cost", "Value": "7"}]
    assert "Tags" not in ended_training(cloud, name)  # as on AWS, only ListTags tells them


@pytest.fixture(scope="module")
def one_of_each(cloud: LocalCloud) -> dict[str, str]:
    """The ARN of a resource of each kind, each made with tags where that is possible, by its kind in ARNs."""
    client, name = cloud.client("sagemaker"), "tagged"
    start_training(cloud, name, "pass", Tags=TAGS)
    start_processing(cloud, name, "pass", Tags=TAGS)
    serve(cloud, name, "def model_fn(folder): return 1")
    data = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": cloud.put("tagged/rows", "1")}}}
    client.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput=data,
        TransformOutput={"S3OutputPath": f"s3://{cloud.bucket}/tagged/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        Tags=TAGS,
    )
    client.create_model_package_group(ModelPackageGroupName=name, Tags=TAGS)
    package = client.create_model_package(ModelPackageGroupName=name)["ModelPackageArn"]
    client.create_experiment(ExperimentName=name, Tags=TAGS)
    client.create_trial(TrialName=name, ExperimentName=name, Tags=TAGS)
    client.create_trial_component(TrialComponentName=name, Tags=TAGS)
    client.create_model_card(ModelCardName=name, Content="{}", ModelCardStatus="Draft", Tags=TAGS)
    kinds = (
        "training-job processing-job transform-job model endpoint-config endpoint model-package-group experiment "
        "experiment-trial experiment-trial-component model-card"
    )
    prefix = package.partition("model-package/")[0]
    return {"model-package": package, **{kind: f"{prefix}{kind}/{name}" for kind in kinds.split()}}


def test_everything_can_be_tagged(cloud: LocalCloud, one_of_each: dict[str, str]) -> None:
    client = cloud.client("sagemaker")
    made_without = {"model", "endpoint-config", "endpoint", "model-package"}
    for kind, arn in one_of_each.items():
        assert client.list_tags(ResourceArn=arn)["Tags"] == ([] if kind in made_without else TAGS), kind
        client.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "blue"}, {"Key": "new", "Value": "1"}])
        tags = {tag["Key"]: tag["Value"] for tag in client.list_tags(ResourceArn=arn)["Tags"]}
        assert (tags["team"], tags["new"]) == ("blue", "1")
        client.delete_tags(ResourceArn=arn, TagKeys=["new"])
        assert "new" not in {tag["Key"] for tag in client.list_tags(ResourceArn=arn)["Tags"]}


@pytest.mark.parametrize("kind", ["training-job", "model", "endpoint", "model-package-group", "experiment", "app"])
def test_what_is_not_there_cannot_be_tagged(cloud: LocalCloud, kind: str) -> None:
    client, arn = cloud.client("sagemaker"), f"arn:aws:sagemaker:us-east-1:123456789012:{kind}/nobody-s"
    for call in (
        lambda: client.list_tags(ResourceArn=arn),
        lambda: client.add_tags(ResourceArn=arn, Tags=TAGS),
        lambda: client.delete_tags(ResourceArn=arn, TagKeys=["team"]),
    ):
        with pytest.raises(ClientError, match=r"not found|Could not find|does not exist"):
            call()


def tag(key: str, value: str = "v") -> dict[str, str]:
    return {"Key": key, "Value": value}


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ([tag("a"), tag("a")], "Duplicate tag keys found: 'a'"),
        ([tag("aws:mine")], "Tag keys starting with 'aws:' are reserved"),
        ([tag("AWS:mine")], "Tag keys starting with 'aws:' are reserved"),
        ([tag("k" * 129)], "Member must have length less than or equal to 128"),
        ([tag("k", "v" * 257)], "Member must have length less than or equal to 256"),
        ([tag("")], "Member must have length greater than or equal to 1"),
        ([tag("what?")], "Member must satisfy regular expression pattern"),
        ([tag("new\nline")], "Member must satisfy regular expression pattern"),
        ([tag(f"k{number}") for number in range(51)], "Member must have length less than or equal to 50"),
    ],
)
def test_tags_that_are_none_are_refused(
    cloud: LocalCloud, one_of_each: dict[str, str], name: str, tags: list[dict[str, Any]], words: str
) -> None:
    client = cloud.client("sagemaker")
    before = client.list_tags(ResourceArn=one_of_each["model"])["Tags"]
    with pytest.raises(ClientError, match=words):
        client.add_tags(ResourceArn=one_of_each["model"], Tags=tags)
    assert client.list_tags(ResourceArn=one_of_each["model"])["Tags"] == before
    with pytest.raises(ClientError, match=words):
        client.create_model_package_group(ModelPackageGroupName=name, Tags=tags)
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_model_package_group(ModelPackageGroupName=name)


def test_nothing_has_more_than_fifty_tags(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    create_model(cloud, name, "pass")
    create_config(cloud, name, variant(name))
    arn = client.describe_endpoint_config(EndpointConfigName=name)["EndpointConfigArn"]
    client.add_tags(ResourceArn=arn, Tags=[tag(f"k{number}") for number in range(50)])
    client.add_tags(ResourceArn=arn, Tags=[tag("k7", "other")])
    with pytest.raises(ClientError, match="at most 50 tags; this one would have 51"):
        client.add_tags(ResourceArn=arn, Tags=[tag("one more")])
    assert len(client.list_tags(ResourceArn=arn)["Tags"]) == 50
