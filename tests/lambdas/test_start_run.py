from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from shared.aws import ClientError, client
from shared.errors import InvalidRun
from shared.run_request import Upload, parse_run_request
from start_run import LONGEST_NAME, execution_input, execution_name, handler

Read = Callable[[str], dict[str, Any]]
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:switchyard-train-and-deploy"
DEFINITION = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})


def upload_of(key: str, bucket: str = "data", **identity: str) -> Upload:
    detail = {"bucket": {"name": bucket}, "object": {"key": key, **identity}}
    return Upload.model_validate({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})


@pytest.fixture
def machine(aws: None) -> Any:
    states = client("stepfunctions")
    states.create_state_machine(
        name="switchyard-train-and-deploy", definition=DEFINITION, roleArn="arn:aws:iam::123456789012:role/machine"
    )
    return states


def started(machine: Any) -> list[str]:
    return [each["name"] for each in machine.list_executions(stateMachineArn=MACHINE)["executions"]]


def test_an_upload_starts_a_run_on_its_object(machine: Any, event: Read, context: Any) -> None:
    answer = handler(event("s3_object_created"), context)
    assert answer == {"execution": started(machine)[0], "started": True}
    assert re.fullmatch(r"diabetes-july-[0-9a-f]{12}", answer["execution"])
    arn = f"{MACHINE.replace('stateMachine', 'execution')}:{answer['execution']}"
    request = parse_run_request(json.loads(machine.describe_execution(executionArn=arn)["input"]))
    assert request.model_dump() == {
        "recipe": "diabetes",
        "data": "s3://switchyard-data/incoming/diabetes/2026/july.csv",
        "overrides": None,
        "etag": "b1946ac92492d2347c6235b4d2611184",
        "version_id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
    }


def test_another_delivery_of_the_same_event_is_the_same_run(event: Read) -> None:
    first, again = event("s3_object_created"), copy.deepcopy(event("s3_object_created"))
    again["id"] = "another"
    again["time"] = "2026-07-01T12:00:07Z"
    again["detail"]["object"]["sequencer"] = "00617F08299329D190"
    again["detail"]["request-id"] = "ANOTHER"
    uploads = [Upload.model_validate(each) for each in (first, again)]
    assert len({execution_name(upload) for upload in uploads}) == 1
    assert len({execution_input(upload) for upload in uploads}) == 1


def test_a_run_that_there_has_been_is_not_started_again(
    stub: Callable[[str], Stubber], event: Read, context: Any
) -> None:
    stub("stepfunctions").add_client_error("start_execution", "ExecutionAlreadyExists", "it exists", 400)
    assert handler(event("s3_object_created"), context)["started"] is False


def test_throttling_is_left_to_lambda_which_calls_again(
    stub: Callable[[str], Stubber], event: Read, context: Any
) -> None:
    stub("stepfunctions").add_client_error("start_execution", "ThrottlingException", "Rate exceeded", 400)
    with pytest.raises(ClientError, match="Rate exceeded"):
        handler(event("s3_object_created"), context)


def test_an_unknown_recipe_is_left_to_the_run(machine: Any, event: Read, context: Any) -> None:
    upload = event("s3_object_created")
    upload["detail"]["object"]["key"] = "incoming/nobody's recipe/data.csv"
    assert handler(upload, context)["started"] is True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda event: event.pop("detail"), "detail is missing"),
        (lambda event: event["detail"].pop("object"), "detail.object is missing"),
        (lambda event: event["detail"]["object"].pop("key"), "detail.object.key is missing"),
        (lambda event: event["detail"]["object"].update(key=5), "detail.object.key is 5"),
        (lambda event: event["detail"]["object"].update(key=""), "detail.object.key is ''"),
        (lambda event: event["detail"].update(bucket="b"), "detail.bucket"),
        (lambda event: event.update(source="mine"), "source is 'mine'"),
        (lambda event: event.update({"detail-type": "Object Deleted"}), "detail-type is 'Object Deleted'"),
        (lambda event: event["detail"]["object"].update(key="incoming/a.csv"), "starts no run"),
        (lambda event: event["detail"]["object"].update(key="incoming/diabetes/folder/"), "starts no run"),
        (lambda event: event["detail"]["object"].update(key="elsewhere/diabetes/a.csv"), "starts no run"),
    ],
)
def test_a_malformed_event_is_refused_by_name_and_starts_nothing(
    machine: Any, event: Read, context: Any, change: Callable[[Any], Any], said: str
) -> None:
    upload = event("s3_object_created")
    change(upload)
    with pytest.raises(InvalidRun, match=re.escape(said)):
        handler(upload, context)
    assert started(machine) == []


@pytest.mark.parametrize(
    ("key", "head"),
    [
        ("incoming/diabetes/july.csv", "diabetes-july-"),
        ("incoming/diabetes/2026/07/july 1+2.tar.gz", "diabetes-july-1-2-tar-"),
        ("incoming/diabetes/数据.csv", "diabetes-"),
        ("incoming/diabetes/.hidden", "diabetes-hidden-"),
        ("incoming/数据/数据", ""),
        ("incoming/" + "r" * 32 + "/" + "x" * 900, "r" * 29 + "-"),
    ],
)
def test_a_name_is_readable_and_one_that_step_functions_takes(key: str, head: str) -> None:
    name = execution_name(upload_of(key, etag="e"))
    assert re.fullmatch(re.escape(head) + "[0-9a-f]{12}", name)


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).map(lambda text: f"incoming/{text}/f")
IDENTITIES = st.tuples(
    KEYS.filter(lambda key: not key.startswith("incoming//")), st.sampled_from(["b", "c"]), st.text()
)


@given(st.lists(IDENTITIES, min_size=2, max_size=6, unique=True))
def test_each_version_of_each_object_has_a_name_of_its_own(identities: list[tuple[str, str, str]]) -> None:
    names = [
        execution_name(upload_of(key, bucket, **{"version-id": f"v{version}", "etag": "same"}))
        for key, bucket, version in identities
    ]
    assert len(set(names)) == len(identities)
    for name in names:
        assert re.fullmatch(r"[a-zA-Z0-9](-?[a-zA-Z0-9])*", name)
        assert len(name) <= LONGEST_NAME


def test_content_that_is_uploaded_again_without_versions_is_the_same_run() -> None:
    assert execution_name(upload_of("incoming/r/f", etag="e")) == execution_name(upload_of("incoming/r/f", etag="e"))
    assert execution_name(upload_of("incoming/r/f", etag="e")) != execution_name(upload_of("incoming/r/f", etag="f"))
