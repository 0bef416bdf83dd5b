"""Callers do what their policies allow, and are refused the rest as AWS refuses it."""

from __future__ import annotations

import html
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.cloud.local_cloud import IMAGE, LocalCloud

HERE = Path(__file__).parent
ACCOUNT = "arn:aws:iam::123456789012"
Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud with this folder's template."""
    cloud = LocalCloud(tmp_path_factory.mktemp("home"), HERE / "template.yaml", "--stack", "strict")
    try:
        yield cloud
    finally:
        cloud.close()


def client_of(cloud: LocalCloud, service: str, keys: dict[str, str]) -> Any:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, parameter_validation=False)
    options = {"region_name": "us-east-1", "endpoint_url": cloud.url, "config": config}
    return boto3.client(
        service,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
        **options,
    )


def session(cloud: LocalCloud, **more: str) -> Client:
    answer = cloud.client("sts").assume_role(RoleArn=f"{ACCOUNT}:role/caller", RoleSessionName="trial", **more)
    return lambda service: client_of(cloud, service, answer["Credentials"])


@pytest.fixture(scope="module")
def caller(strict: LocalCloud) -> Client:
    """Makes clients that sign with the session of a role that may do little."""
    for key in ("own/a", "own/secret", "given/a", "never/a", "other/a"):
        if not key.startswith("never"):
            strict.client("s3").put_object(Bucket=strict.resource("Bucket"), Key=key, Body=b"x")
    return session(strict)


def refused(call: Callable[[], Any]) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def report(cloud: LocalCloud, name: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{cloud.url}/_switchyard/iam") as answer:
        return next(each for each in json.load(answer)["identities"] if each["name"] == name)


def read(client: Client, strict: LocalCloud, key: str) -> Callable[[], Any]:
    def get() -> bytes:
        content: bytes = client("s3").get_object(Bucket=strict.resource("Bucket"), Key=key)["Body"].read()
        return content

    return get


def test_what_a_statement_allows_is_done(strict: LocalCloud, caller: Client) -> None:
    assert read(caller, strict, "own/a")() == b"x"


def test_what_no_statement_allows_is_refused_with_action_resource_and_role(strict: LocalCloud, caller: Client) -> None:
    code, status, message = refused(read(caller, strict, "other/a"))
    assert (code, status) == ("AccessDenied", 403)
    assert message == (
        "User: arn:aws:sts::123456789012:assumed-role/caller/trial is not authorized to perform: s3:GetObject on "
        f"resource: arn:aws:s3:::{strict.resource('Bucket')}/other/a because no identity-based policy allows the "
        "s3:GetObject action"
    )


def test_a_deny_is_told_apart(strict: LocalCloud, caller: Client) -> None:
    assert refused(read(caller, strict, "own/secret"))[2].endswith("with an explicit deny in an identity-based policy")


def test_a_bucket_s_policy_denies_to_everybody_the_owner_too(strict: LocalCloud, caller: Client) -> None:
    assert refused(read(caller, strict, "never/a"))[2].endswith("with an explicit deny in a resource-based policy")
    assert refused(read(strict.client, strict, "never/a"))[2].endswith(
        "with an explicit deny in a resource-based policy"
    )


def test_a_bucket_s_policy_grants_what_the_role_s_own_do_not(strict: LocalCloud, caller: Client) -> None:
    assert read(caller, strict, "given/a")() == b"x"


def test_who_may_not_list_does_not_learn_what_is_missing(strict: LocalCloud, caller: Client) -> None:
    code, status, message = refused(read(caller, strict, "own/missing"))
    assert (code, status) == ("AccessDenied", 403)
    assert "s3:ListBucket" in message


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code", "status", "action"),
    [
        ("dynamodb", "get_item", {"TableName": "t", "Key": {}}, "AccessDeniedException", 400, "dynamodb:GetItem"),
        ("sagemaker", "list_models", {}, "AccessDeniedException", 400, "sagemaker:ListModels"),
        ("sqs", "list_queues", {}, "AccessDenied", 400, "sqs:ListQueues"),
        (
            "sns",
            "publish",
            {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": "m"},
            "AuthorizationError",
            403,
            "sns:Publish",
        ),
        ("iam", "list_roles", {}, "AccessDenied", 403, "iam:ListRoles"),
        ("lambda", "invoke", {"FunctionName": "silent"}, "AccessDeniedException", 403, "lambda:InvokeFunction"),
        (
            "sagemaker-runtime",
            "invoke_endpoint",
            {"EndpointName": "e", "Body": b""},
            "AccessDeniedException",
            403,
            "sagemaker:InvokeEndpoint",
        ),
        ("scheduler", "get_schedule", {"Name": "s"}, "AccessDeniedException", 403, "scheduler:GetSchedule"),
        (
            "cloudwatch",
            "put_metric_data",
            {"Namespace": "n", "MetricData": []},
            "AccessDeniedException",
            400,
            "cloudwatch:PutMetricData",
        ),
    ],
)
def test_each_protocol_refuses_in_its_own_form(
    caller: Client, service: str, operation: str, arguments: dict[str, Any], code: str, status: int, action: str
) -> None:
    given, answered, message = refused(lambda: getattr(caller(service), operation)(**arguments))
    assert (given, answered) == (code, status)
    assert f"is not authorized to perform: {action} on resource: " in message


def test_everybody_may_ask_who_they_are(caller: Client) -> None:
    assert caller("sts").get_caller_identity()["Arn"].endswith("assumed-role/caller/trial")


def test_a_policy_counts_from_the_moment_it_is_written(strict: LocalCloud, caller: Client) -> None:
    iam = strict.client("iam")
    statement = {"Effect": "Allow", "Action": "dynamodb:List*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    refused(caller("dynamodb").list_tables)
    iam.put_role_policy(RoleName="caller", PolicyName="More", PolicyDocument=document)
    try:
        assert caller("dynamodb").list_tables()["TableNames"]
    finally:
        iam.delete_role_policy(RoleName="caller", PolicyName="More")
    refused(caller("dynamodb").list_tables)


def test_a_session_may_do_no_more_than_its_own_policy_says(strict: LocalCloud, caller: Client) -> None:
    confined = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]})
    _, _, message = refused(read(session(strict, Policy=confined), strict, "own/a"))
    assert message.endswith("because no session policy allows the s3:GetObject action")


def test_a_session_s_policy_confines_what_a_bucket_s_policy_grants_its_role(strict: LocalCloud) -> None:
    writes = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]})
    _, _, message = refused(read(session(strict, Policy=writes), strict, "given/a"))
    assert message.endswith("because no session policy allows the s3:GetObject action")
    all_but = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}
    anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    _, _, message = refused(
        read(session(strict, Policy=json.dumps({"Statement": [anything, all_but]})), strict, "given/a")
    )
    assert message.endswith("with an explicit deny in a session policy")


def test_a_boundary_confines_which_roles_are_assumed(strict: LocalCloud) -> None:
    iam = strict.client("iam")

    def document(**statement: Any) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})

    trust = document(Action="sts:AssumeRole", Principal={"AWS": f"{ACCOUNT}:root"})
    iam.create_role(RoleName="dan", AssumeRolePolicyDocument=trust)
    iam.put_role_policy(
        RoleName="dan", PolicyName="Assume", PolicyDocument=document(Action="sts:AssumeRole", Resource="*")
    )
    answer = strict.client("sts").assume_role(RoleArn=f"{ACCOUNT}:role/dan", RoleSessionName="trial")
    sts = client_of(strict, "sts", answer["Credentials"])
    wanted = {"RoleArn": f"{ACCOUNT}:role/caller", "RoleSessionName": "trial"}
    assert sts.assume_role(**wanted)["Credentials"]
    reads = iam.create_policy(PolicyName="reads", PolicyDocument=document(Action="s3:*", Resource="*"))
    iam.put_role_permissions_boundary(RoleName="dan", PermissionsBoundary=reads["Policy"]["Arn"])
    _, _, message = refused(lambda: sts.assume_role(**wanted))
    assert message.endswith("because no permissions boundary allows the sts:AssumeRole action")


def test_a_user_with_a_policy_of_aws_may_do_what_it_says(strict: LocalCloud) -> None:
    iam = strict.client("iam")
    iam.create_user(UserName="ann")
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess")
    keys = iam.create_access_key(UserName="ann")["AccessKey"]
    assert client_of(strict, "dynamodb", keys).list_tables()["TableNames"]
    _, _, message = refused(client_of(strict, "sqs", keys).list_queues)
    assert message.startswith(f"User: {ACCOUNT}:user/ann is not authorized to perform: sqs:ListQueues")


def test_a_role_is_passed_only_by_who_may(strict: LocalCloud) -> None:
    iam = strict.client("iam")
    iam.create_user(UserName="bob")
    statement = {"Effect": "Allow", "Action": "states:CreateStateMachine", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="bob", PolicyName="Create", PolicyDocument=document)
    keys = iam.create_access_key(UserName="bob")["AccessKey"]
    machine = {"name": "m", "definition": "{}", "roleArn": f"{ACCOUNT}:role/machine"}
    _, _, message = refused(lambda: client_of(strict, "stepfunctions", keys).create_state_machine(**machine))
    assert f"iam:PassRole on resource: {ACCOUNT}:role/machine" in message


def test_a_service_assumes_only_roles_that_trust_it(strict: LocalCloud) -> None:
    states, role = strict.client("stepfunctions"), f"{ACCOUNT}:role/stranger"
    machine = {"name": "m", "definition": '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'}
    code, _, message = refused(lambda: states.create_state_machine(**machine, roleArn=role))
    assert code == "AccessDeniedException"
    assert "Neither the global service principal states.amazonaws.com" in message
    job = {
        "TrainingJobName": "untrusted",
        "RoleArn": role,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://anywhere"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    code, _, message = refused(lambda: strict.client("sagemaker").create_training_job(**job))
    assert (code, message.partition(".")[0]) == ("ValidationException", f"Could not assume role {role}")


def test_a_machine_that_waits_for_jobs_needs_the_rules_by_which_it_hears_of_them(strict: LocalCloud) -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync", "End": True}
    definition = json.dumps({"StartAt": "A", "States": {"A": task}})
    role = f"{ACCOUNT}:role/machine"
    states = strict.client("stepfunctions")
    _, _, message = refused(lambda: states.create_state_machine(name="m", definition=definition, roleArn=role))
    assert message == f"'{role}' is not authorized to create managed-rule."


def test_a_task_that_is_refused_fails_with_the_service_s_own_error(strict: LocalCloud) -> None:
    states, name = strict.client("stepfunctions"), "refused"
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "silent"}}
    definition = json.dumps({"StartAt": "A", "States": {"A": {**task, "End": True}}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=f"{ACCOUNT}:role/machine")
    arn = states.start_execution(stateMachineArn=machine["stateMachineArn"], name=name)["executionArn"]
    with urllib.request.urlopen(f"{strict.url}/_switchyard/runs/{name}"):
        pass
    ended = states.describe_execution(executionArn=arn)
    assert (ended["status"], ended["error"]) == ("FAILED", "Lambda.AWSLambdaException")
    assert "assumed-role/machine/switchyard is not authorized to perform: lambda:InvokeFunction" in ended["cause"]


def test_a_function_that_may_not_write_logs_works_and_its_lines_are_lost(strict: LocalCloud) -> None:
    answer = strict.client("lambda").invoke(FunctionName="silent")
    assert json.load(answer["Payload"]) == "answered"
    assert strict.log("/aws/lambda/silent") == []
    assert {call["action"] for call in report(strict, "silent")["denied"]} == {"logs:CreateLogGroup"}


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_allows_what_its_signer_may(strict: LocalCloud, version: str) -> None:
    keys = strict.client("sts").assume_role(RoleArn=f"{ACCOUNT}:role/caller", RoleSessionName="trial")["Credentials"]
    s3 = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=strict.url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        config=Config(signature_version=version, s3={"addressing_style": "path"}),
    )

    def url(key: str) -> str:
        presigned: str = s3.generate_presigned_url("get_object", {"Bucket": strict.resource("Bucket"), "Key": key})
        return presigned

    with urllib.request.urlopen(url("own/a")) as answer:
        assert answer.read() == b"x"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url("other/a"))
    with caught.value as answer:
        assert answer.code == 403
        assert "s3:GetObject" in answer.read().decode()


@pytest.mark.parametrize("scope", ["execute-api", "s3"])
@pytest.mark.parametrize(
    ("path", "target", "service"),
    [
        ("/{bucket}/own/a", "SageMaker.ListModels", "sagemaker"),
        ("/2015-03-31/functions/silent/invocations", "", "lambda"),
        ("/endpoints/e/invocations", "", "sagemaker"),
    ],
)
def test_what_is_signed_for_one_service_no_other_one_answers(
    strict: LocalCloud, scope: str, path: str, target: str, service: str
) -> None:
    answer = strict.client("sts").assume_role(RoleArn=f"{ACCOUNT}:role/caller", RoleSessionName="trial")
    keys = boto3.Session(*(answer["Credentials"][name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")))
    headers = {"X-Amz-Target": target} if target else {}
    url = strict.url + path.format(bucket=strict.resource("Bucket"))
    sent = AWSRequest("POST", url, data=b"{}", headers=headers)
    SigV4Auth(keys.get_credentials(), scope, "us-east-1").add_auth(sent)
    request = urllib.request.Request(url, sent.body, dict(sent.headers), method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as refusal:
        assert f"Credential should be scoped to correct service: '{service}'." in html.unescape(refusal.read().decode())


def test_a_session_gets_no_other_session(caller: Client) -> None:
    code, status, message = refused(caller("sts").get_session_token)
    assert (code, status, message) == ("AccessDenied", 403, "Cannot call GetSessionToken with session credentials")
    refused(lambda: caller("sts").get_federation_token(Name="ann"))


def test_a_user_gets_no_keys_that_are_the_owner_s(strict: LocalCloud) -> None:
    iam = strict.client("iam")
    iam.create_user(UserName="eve")
    keys = iam.create_access_key(UserName="eve")["AccessKey"]
    assert refused(client_of(strict, "sts", keys).get_session_token)[:2] == ("AccessDenied", 403)


def test_the_report_tells_calls_refusals_and_what_was_never_needed(strict: LocalCloud, caller: Client) -> None:
    read(caller, strict, "own/a")()
    refused(read(caller, strict, "other/a"))
    told = report(strict, "caller")
    bucket = f"arn:aws:s3:::{strict.resource('Bucket')}"
    calls = {(call["action"], call["resource"], call["statement"]) for call in told["calls"]}
    assert ("s3:GetObject", f"{bucket}/own/a", "Own/Read") in calls
    assert f"{bucket}/other/a" in {call["resource"] for call in told["denied"]}
    assert {"statement": "Own/Unused", "actions": ["s3:DeleteObject"], "whole": True} in told["unused"]
