"""What a request does: its actions and the resources they act on, told from the HTTP request alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from switchyard.cloud.iam.actions import accesses
from switchyard.cloud.iam.requests import Request

HERE = "us-east-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/job"


def request(service: str, method: str, target: str, body: bytes = b"", **headers: str) -> Request:
    path, _, query = target.partition("?")
    signed = f"AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, path, query, {"authorization": signed, "host": "127.0.0.1:4599", **named}, body)


def done(sent: Request) -> list[tuple[str, str | None]]:
    return [(access.action, access.resource) for access in accesses(sent)]


@pytest.mark.parametrize(
    ("method", "target", "headers", "expected"),
    [
        ("GET", "/", {}, [("s3:ListAllMyBuckets", "*")]),
        ("GET", "/b?list-type=2&prefix=a", {}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("HEAD", "/b", {}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("GET", "/b?versions", {}, [("s3:ListBucketVersions", "arn:aws:s3:::b")]),
        ("PUT", "/b", {}, [("s3:CreateBucket", "arn:aws:s3:::b")]),
        ("PUT", "/b?lifecycle", {}, [("s3:PutLifecycleConfiguration", "arn:aws:s3:::b")]),
        ("DELETE", "/b?policy", {}, [("s3:DeleteBucketPolicy", "arn:aws:s3:::b")]),
        ("DELETE", "/b?cors", {}, [("s3:PutBucketCORS", "arn:aws:s3:::b")]),
        ("GET", "/b/a%2Fb%20c", {}, [("s3:GetObject", "arn:aws:s3:::b/a/b c")]),
        ("HEAD", "/b/k", {}, [("s3:GetObject", "arn:aws:s3:::b/k")]),
        ("GET", "/b/k?versionId=7", {}, [("s3:GetObjectVersion", "arn:aws:s3:::b/k")]),
        ("GET", "/b/k?tagging", {}, [("s3:GetObjectTagging", "arn:aws:s3:::b/k")]),
        ("PUT", "/b/k", {}, [("s3:PutObject", "arn:aws:s3:::b/k")]),
        ("PUT", "/b/k?partNumber=1&uploadId=u", {}, [("s3:PutObject", "arn:aws:s3:::b/k")]),
        ("POST", "/b/k?uploads", {}, [("s3:PutObject", "arn:aws:s3:::b/k")]),
        (
            "PUT",
            "/b/k",
            {"x_amz_tagging": "a=b"},
            [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:PutObjectTagging", "arn:aws:s3:::b/k")],
        ),
        (
            "PUT",
            "/b/k",
            {"x_amz_copy_source": "/c/l%20m"},
            [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:GetObject", "arn:aws:s3:::c/l m")],
        ),
        ("DELETE", "/b/k", {}, [("s3:DeleteObject", "arn:aws:s3:::b/k")]),
        ("DELETE", "/b/k?uploadId=u", {}, [("s3:AbortMultipartUpload", "arn:aws:s3:::b/k")]),
        ("GET", "/k", {"host": "b.s3.localhost:4599"}, [("s3:GetObject", "arn:aws:s3:::b/k")]),
    ],
)
def test_s3(method: str, target: str, headers: dict[str, str], expected: Any) -> None:
    assert done(request("s3", method, target, **headers)) == expected


def test_several_deletes_in_one_request() -> None:
    body = b"<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key></Object></Delete>"
    assert done(request("s3", "POST", "/b?delete", body)) == [
        ("s3:DeleteObject", "arn:aws:s3:::b/a&b"),
        ("s3:DeleteObject", "arn:aws:s3:::b/c"),
    ]


def test_versions_are_deleted_by_an_action_of_their_own() -> None:
    body = (
        b'<?xml version="1.0"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<Object><VersionId>7</VersionId><Key >a</Key></Object><Object><Key>b</Key></Object></Delete>"
    )
    assert done(request("s3", "POST", "/b?delete", body)) == [
        ("s3:DeleteObjectVersion", "arn:aws:s3:::b/a"),
        ("s3:DeleteObject", "arn:aws:s3:::b/b"),
    ]
    assert done(request("s3", "POST", "/b?delete", b"<Delete")) == [("s3:DeleteObject", "arn:aws:s3:::b/*")]


def test_only_members_that_take_a_role_pass_it() -> None:
    document = {
        "TrainingJobName": "j",
        "RoleArn": ROLE,
        "Environment": {"SWITCHYARD_ROLE_ARN": ROLE.replace("job", "other")},
        "HyperParameters": {"role": ROLE.replace("job", "third")},
    }
    passed = [
        resource
        for action, resource in of_json("sagemaker", "SageMaker.CreateTrainingJob", document)
        if action == "iam:PassRole"
    ]
    assert passed == [ROLE]


def of_json(service: str, target: str, document: dict[str, Any]) -> list[tuple[str, str | None]]:
    return done(request(service, "POST", "/", json.dumps(document).encode(), x_amz_target=target))


def test_an_alarm_that_is_made_with_tags_is_tagged() -> None:
    alarm = f"arn:aws:cloudwatch:{HERE}:alarm:slow"
    document = {"AlarmName": "slow", "Tags": [{"Key": "a", "Value": "b"}]}
    found = of_json("monitoring", "GraniteServiceVersion20100801.PutMetricAlarm", document)
    assert found == [("cloudwatch:PutMetricAlarm", alarm), ("cloudwatch:TagResource", alarm)]


@pytest.mark.parametrize(
    ("operation", "document", "expected"),
    [
        (
            "CreateTrainingJob",
            {"TrainingJobName": "t", "RoleArn": ROLE, "Tags": [{"Key": "a", "Value": "b"}]},
            [
                ("sagemaker:CreateTrainingJob", f"arn:aws:sagemaker:{HERE}:training-job/t"),
                ("sagemaker:AddTags", f"arn:aws:sagemaker:{HERE}:training-job/t"),
                ("iam:PassRole", ROLE),
            ],
        ),
        (
            "UpdateEndpoint",
            {"EndpointName": "E", "EndpointConfigName": "C"},
            [
                ("sagemaker:UpdateEndpoint", f"arn:aws:sagemaker:{HERE}:endpoint/e"),
                ("sagemaker:UpdateEndpoint", f"arn:aws:sagemaker:{HERE}:endpoint-config/c"),
            ],
        ),
        ("DescribeModel", {"ModelName": "m"}, [("sagemaker:DescribeModel", f"arn:aws:sagemaker:{HERE}:model/m")]),
        ("ListModels", {}, [("sagemaker:ListModels", "*")]),
        ("ListTags", {"ResourceArn": ROLE}, [("sagemaker:ListTags", ROLE)]),
        (
            "CreateModelPackage",
            {"ModelPackageGroupName": "g"},
            [
                ("sagemaker:CreateModelPackage", f"arn:aws:sagemaker:{HERE}:model-package-group/g"),
                ("sagemaker:CreateModelPackage", f"arn:aws:sagemaker:{HERE}:model-package/g/*"),
            ],
        ),
    ],
)
def test_sagemaker(operation: str, document: dict[str, Any], expected: Any) -> None:
    assert of_json("sagemaker", f"SageMaker.{operation}", document) == expected


@pytest.mark.parametrize(
    ("service", "target", "document", "expected"),
    [
        ("states", "AWSStepFunctions.StartExecution", {"stateMachineArn": "arn:m"}, ("states:StartExecution", "arn:m")),
        ("states", "AWSStepFunctions.StopExecution", {"executionArn": "arn:e"}, ("states:StopExecution", "arn:e")),
        ("states", "AWSStepFunctions.SendTaskSuccess", {"taskToken": "t"}, ("states:SendTaskSuccess", "*")),
        (
            "dynamodb",
            "DynamoDB_20120810.GetItem",
            {"TableName": "t"},
            ("dynamodb:GetItem", f"arn:aws:dynamodb:{HERE}:table/t"),
        ),
        ("ssm", "AmazonSSM.GetParameter", {"Name": "/a/b"}, ("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/a/b")),
        ("sqs", "AmazonSQS.SendMessage", {"QueueUrl": "http://h/1/q"}, ("sqs:SendMessage", f"arn:aws:sqs:{HERE}:q")),
        ("events", "AWSEvents.PutRule", {"Name": "r"}, ("events:PutRule", f"arn:aws:events:{HERE}:rule/r")),
        (
            "events",
            "AWSEvents.PutEvents",
            {"Entries": [{}]},
            ("events:PutEvents", f"arn:aws:events:{HERE}:event-bus/default"),
        ),
        (
            "logs",
            "Logs_20140328.PutLogEvents",
            {"logGroupName": "g", "logStreamName": "s"},
            ("logs:PutLogEvents", f"arn:aws:logs:{HERE}:log-group:g:log-stream:s"),
        ),
        (
            "monitoring",
            "GraniteServiceVersion20100801.PutMetricData",
            {"Namespace": "n"},
            ("cloudwatch:PutMetricData", "*"),
        ),
        ("nobody-knows", "NobodyKnows.DoIt", {}, ("nobody-knows:DoIt", None)),
    ],
)
def test_services_of_the_json_protocol(service: str, target: str, document: dict[str, Any], expected: Any) -> None:
    assert of_json(service, target, document) == [expected]


@pytest.mark.parametrize(
    ("service", "body", "expected"),
    [
        ("sns", b"Action=Publish&TopicArn=arn%3At&Message=m", [("sns:Publish", "arn:t")]),
        ("iam", b"Action=GetRole&RoleName=r", [("iam:GetRole", "arn:aws:iam::123456789012:role/r")]),
        ("sts", b"Action=AssumeRole&RoleArn=arn%3Ar", [("sts:AssumeRole", "arn:r")]),
        ("sts", b"Action=GetCallerIdentity", []),
    ],
)
def test_services_of_the_query_protocol(service: str, body: bytes, expected: Any) -> None:
    assert done(request(service, "POST", "/", body)) == expected


@pytest.mark.parametrize(
    ("service", "method", "target", "expected"),
    [
        (
            "lambda",
            "POST",
            "/2015-03-31/functions/f/invocations",
            ("lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:function:f"),
        ),
        ("lambda", "GET", "/2015-03-31/functions/f", ("lambda:GetFunction", f"arn:aws:lambda:{HERE}:function:f")),
        (
            "scheduler",
            "GET",
            "/schedules/s?groupName=g",
            ("scheduler:GetSchedule", f"arn:aws:scheduler:{HERE}:schedule/g/s"),
        ),
        ("xray", "POST", "/TraceSegments", ("xray:PutTraceSegments", "*")),
        (
            "sagemaker",
            "POST",
            "/endpoints/E/invocations",
            ("sagemaker:InvokeEndpoint", f"arn:aws:sagemaker:{HERE}:endpoint/e"),
        ),
        ("apigateway", "GET", "/restapis/x", ("apigateway:GET", "arn:aws:apigateway:us-east-1::/restapis/x")),
    ],
)
def test_services_of_the_rest_protocol(service: str, method: str, target: str, expected: Any) -> None:
    assert done(request(service, method, target)) == [expected]


def test_a_signature_in_the_query_counts_as_one_in_the_header() -> None:
    sent = Request("GET", "/b/k", "X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fs3%2Faws4_request", {})
    assert sent.credential == ("AKIA", "s3")


def test_an_action_in_the_query_or_in_a_form_goes_before_one_in_a_header() -> None:
    header = {"x_amz_target": "STS.GetCallerIdentity"}
    form = {"content_type": "application/x-www-form-urlencoded", **header}
    body = f"Action=AssumeRole&Action=GetCallerIdentity&RoleArn={ROLE}".encode()
    assert done(request("sts", "POST", f"/?Action=AssumeRole&RoleArn={ROLE}", b"{}", **header)) == [
        ("sts:AssumeRole", ROLE)
    ]
    assert done(request("sts", "POST", "/", body, **form)) == [("sts:AssumeRole", ROLE)]
    assert done(request("sts", "POST", "/", b"{}", **form)) == []  # GetCallerIdentity


def test_a_trust_policy_may_ask_for_an_external_id() -> None:
    (access,) = accesses(request("sts", "POST", "/", f"Action=AssumeRole&RoleArn={ROLE}&ExternalId=me".encode()))
    assert access.context["sts:ExternalId"] == "me"
