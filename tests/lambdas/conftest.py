"""A made-up AWS for the functions: environment, credentials, moto, stubs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

EVENTS = Path(__file__).parent.parent / "events"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "ARTIFACT_BUCKET": "switchyard-artifacts",
    "PROJECT_NAME": "switchyard",
    "LOCK_TABLE": "switchyard-locks",
    "SAGEMAKER_EXECUTION_ROLE_ARN": "arn:aws:iam::123456789012:role/jobs",
    "NOTIFICATION_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:switchyard-notifications",
    "EXECUTION_URL": "https://console/#/executions/",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:switchyard-train-and-deploy",
    "POWERTOOLS_SERVICE_NAME": "switchyard",
    "POWERTOOLS_METRICS_NAMESPACE": "Switchyard",
}

with pytest.MonkeyPatch.context() as patch:
    # Powertools reads the environment when the functions' modules are imported, before any fixture.
    for variable, value in ENVIRONMENT.items():
        patch.setenv(variable, value)
    import shared.observability  # noqa: F401
    from shared.aws import client
    from shared.settings import read_settings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test reads the environment anew. Clients stay: a new one for SageMaker takes 0.1 s."""
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    for variable in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    read_settings.cache_clear()


@pytest.fixture
def event() -> Callable[[str], dict[str, Any]]:
    """Read an event from tests/events."""
    return lambda name: json.loads(EVENTS.joinpath(f"{name}.json").read_text())


@pytest.fixture
def context() -> Any:
    """Lambda's context."""
    return SimpleNamespace(
        function_name="function",
        memory_limit_in_mb=128,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
        aws_request_id="52fdfc07-2182-154f-163f-5f0f9a621d72",
    )


@pytest.fixture
def aws() -> Iterator[None]:
    """moto's AWS."""
    with mock_aws():
        yield


@pytest.fixture
def s3(aws: None) -> Any:
    """moto's S3 with the project's two buckets."""
    s3 = client("s3")
    for bucket in ("switchyard-artifacts", "switchyard-data"):
        s3.create_bucket(Bucket=bucket)
    return s3


@pytest.fixture
def publish(s3: Any, event: Callable[[str], dict[str, Any]]) -> Callable[..., None]:
    """Publish a recipe, with changes to some of its keys."""

    def put(name: str = "diabetes", **changes: Any) -> None:
        document = {**event("published_recipe"), "name": name, **changes}
        key = f"recipes/{name}/eeeeeeeeeeee.json"
        s3.put_object(Bucket="switchyard-artifacts", Key=key, Body=json.dumps(document).encode())
        pointer = json.dumps({"hash": "eeeeeeeeeeee", "key": key})
        s3.put_object(Bucket="switchyard-artifacts", Key=f"recipes/{name}/current.json", Body=pointer.encode())

    return put


@pytest.fixture
def locks(aws: None) -> Any:
    """moto's DynamoDB with the template's table of leases."""
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="switchyard-locks",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "endpoint", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "endpoint", "KeyType": "HASH"}],
    )
    return dynamodb


@pytest.fixture
def stub() -> Iterator[Callable[[str], Stubber]]:
    """Script what a service answers, call by call; botocore checks both sides against the service's model."""
    stubbers: list[Stubber] = []

    def start(service: str) -> Stubber:
        stubber = Stubber(client(service))
        stubber.activate()
        stubbers.append(stubber)
        return stubber

    yield start
    for stubber in stubbers:  # all of them: the clients are the other tests' as well
        stubber.deactivate()
    for stubber in stubbers:
        stubber.assert_no_pending_responses()


class Endpoints:
    """SageMaker as a script of endpoint states: moto's endpoints are in service at once."""

    def __init__(self, stubber: Stubber) -> None:
        self.stubber = stubber

    def describe(self, status: str | None, config: str = "", reason: str | None = None) -> None:
        if status is None:
            self.missing("describe_endpoint", 'Could not find endpoint "arn".')
            return
        description = {
            "EndpointName": "switchyard-diabetes",
            "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/switchyard-diabetes",
            "EndpointConfigName": config,
            "EndpointStatus": status,
            "CreationTime": "2026-07-01T12:00:00Z",
            "LastModifiedTime": "2026-07-01T12:00:00Z",
        }
        if reason:
            description["FailureReason"] = reason
        self.stubber.add_response("describe_endpoint", description, {"EndpointName": "switchyard-diabetes"})

    def missing(self, operation: str, message: str) -> None:
        self.refused(operation, message)

    def refused(self, operation: str, message: str) -> None:
        self.stubber.add_client_error(operation, "ValidationException", message, 400)


@pytest.fixture
def endpoints(stub: Callable[[str], Stubber]) -> Endpoints:
    return Endpoints(stub("sagemaker"))
