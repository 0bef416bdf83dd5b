"""What a machine's role must allow for calls whose actions are not called as the calls are."""

from __future__ import annotations

from typing import Any

import pytest

from switchyard.checks.machine import check_permissions
from switchyard.checks.template import Template
from tests.sample_project import definition


def told(resource: str, actions: list[str], parameters: dict[str, Any] | None = None) -> list[str]:
    task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters or {}, "End": True}
    policy = {"PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}}
    template = Template({"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}}}})
    properties = {"Role": {"Fn::GetAtt": ["Role", "Arn"]}}
    found = check_permissions(definition(Go=task), "machine.asl.json", "Machine", properties, template)
    return [problem.message for problem in found]


@pytest.mark.parametrize(
    ("resource", "action"),
    [
        ("aws-sdk:dynamodb:transactWriteItems", "dynamodb:PutItem"),
        ("aws-sdk:dynamodb:executeStatement", "dynamodb:PartiQLSelect"),
        ("aws-sdk:sqs:sendMessageBatch", "sqs:SendMessage"),
        ("aws-sdk:sns:publishBatch", "sns:Publish"),
        ("aws-sdk:s3:listObjectVersions", "s3:ListBucketVersions"),
        ("aws-sdk:s3:getBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
        ("aws-sdk:bedrockruntime:converse", "bedrock:InvokeModel"),
        ("aws-sdk:emr:runJobFlow", "elasticmapreduce:RunJobFlow"),
    ],
)
def test_a_call_is_allowed_by_the_action_that_iam_asks_for(resource: str, action: str) -> None:
    assert told(resource, [action]) == []


@pytest.mark.parametrize(
    ("resource", "action"),
    [
        ("aws-sdk:sqs:sendMessageBatch", "sqs:SendMessage"),
        ("aws-sdk:s3:getObject", "s3:GetObject"),
        ("aws-sdk:s3:listObjectsV2", "s3:ListBucket"),
        ("aws-sdk:sts:assumeRole", "sts:AssumeRole"),
    ],
)
def test_a_call_that_is_not_allowed_is_told(resource: str, action: str) -> None:
    assert told(resource, ["logs:PutLogEvents"]) == [f"Role does not allow {action}"]


def test_a_role_that_is_assumed_is_not_passed() -> None:
    assert told("aws-sdk:sts:assumeRole", ["sts:AssumeRole"], {"RoleArn": "arn:aws:iam::1:role/r"}) == []
    given = {"Name": "s", "RoleArn": "arn:aws:iam::1:role/r"}
    assert told("aws-sdk:cloudwatchlogs:putDestination", ["logs:PutDestination"], given) == [
        "Role does not allow iam:PassRole"
    ]
