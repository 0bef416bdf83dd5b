from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.cloud.local_cloud import LocalCloud


def test_the_first_line_says_where_the_cloud_is_and_what_it_lacks(cloud: LocalCloud) -> None:
    assert cloud.state["stack_name"] == "trial"
    assert cloud.state["pid"] == cloud.process.pid
    assert cloud.state["endpoint_url"].startswith("http://127.0.0.1:")
    band = "GreaterThanUpperThreshold: anomaly detection is not evaluated by the local cloud"
    assert sorted(cloud.state["unsupported"]) == [
        "Dashboard (AWS::QuickSight::Dashboard)",
        f"OddAlarm (AWS::CloudWatch::Alarm: {band})",
    ]


def test_other_processes_find_the_cloud_by_its_state_file(cloud: LocalCloud) -> None:
    state = json.loads((cloud.home / "cloud.json").read_text())
    assert state == {key: value for key, value in cloud.state.items() if key != "unsupported"}


def test_the_stack_is_described_as_cloudformation_does(cloud: LocalCloud) -> None:
    (stack,) = cloud.client("cloudformation").describe_stacks(StackName="trial")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert {"ParameterKey": "Greeting", "ParameterValue": "Good day"} in stack["Parameters"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs["JobRoleArn"] == cloud.role_arn
    assert outputs["GreetMachineArn"] == "arn:aws:states:us-east-1:123456789012:stateMachine:greet"
    assert "LiveBucketName" not in outputs  # its condition does not hold


def test_a_resource_whose_condition_does_not_hold_is_not_made(cloud: LocalCloud) -> None:
    answer = cloud.client("cloudformation").describe_stack_resources(StackName="trial")
    made = {resource["LogicalResourceId"]: resource["ResourceType"] for resource in answer["StackResources"]}
    assert "LiveBucket" not in made
    assert made["DataBucket"] == "AWS::S3::Bucket"
    assert made["EchoFunction"] == "AWS::Lambda::Function"  # as SAM transforms it


def test_another_stack_is_unknown(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="does not exist"):
        cloud.client("cloudformation").describe_stacks(StackName="other")


def test_buckets_are_made_as_described(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    assert s3.get_bucket_versioning(Bucket=cloud.bucket)["Status"] == "Enabled"
    rules = s3.get_bucket_encryption(Bucket=cloud.bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3.get_public_access_block(Bucket=cloud.bucket)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]


def test_a_bucket_that_takes_only_tls_can_be_used_all_the_same(cloud: LocalCloud) -> None:
    uri = cloud.put("tls/a key with spaces & ünïcödé/+.txt", "content")
    assert cloud.get(uri) == b"content"
    assert cloud.keys("tls/") == ["a key with spaces & ünïcödé/+.txt"]


def test_a_topic_delivers_to_the_queue_that_subscribes(cloud: LocalCloud) -> None:
    cloud.client("sns").publish(TopicArn=cloud.output("TopicArn"), Message="hear, hear")
    received = cloud.client("sqs").receive_message(QueueUrl=cloud.output("QueueUrl"), WaitTimeSeconds=5)
    assert [json.loads(message["Body"])["Message"] for message in received["Messages"]] == ["hear, hear"]


def test_a_parameter_takes_what_the_intrinsic_functions_give(cloud: LocalCloud) -> None:
    assert cloud.client("ssm").get_parameter(Name="/trial/zone")["Parameter"]["Value"] == "b"


def test_the_clouds_own_routes_answer_in_json(cloud: LocalCloud) -> None:
    with urllib.request.urlopen(f"{cloud.url}/_switchyard/health") as answer:
        assert json.load(answer) == {"status": "ready", "pid": cloud.process.pid, "stack_name": "trial"}
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{cloud.url}/_switchyard/nothing")
    with refused.value as answer:
        assert answer.code == 404
        assert json.load(answer) == {"error": "there is nothing at /_switchyard/nothing"}
