"""The functions of housekeeping: how they ask AWS, what they write down and what they tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import delete_unused
import find_unused
import pytest
import report_housekeeping
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from shared.aws import client, patient_client
from shared.errors import EndpointNotReady, InvalidHousekeeping

BUCKET = "switchyard-artifacts"
PLAN = "housekeeping/clean-20260701-120000/plan.json"
Read = Callable[[str], dict[str, Any]]
ROLE = "arn:aws:iam::123456789012:role/jobs"
OURS = {"switchyard:project": "switchyard", "switchyard:execution": "one", "switchyard:recipe": "diabetes"}
FORGIVING = {"idle_periods": 1, "idle_period_seconds": 60, "unused_seconds": 0, "artifact_seconds": 0}


@pytest.fixture(autouse=True)
def machine(aws: None, s3: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The machine whose executions make things, and the settings."""
    client("iam").create_role(RoleName="machine", AssumeRolePolicyDocument="{}")
    arn = client("stepfunctions").create_state_machine(
        name="switchyard-train-and-deploy",
        definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/machine",
    )["stateMachineArn"]
    settings = {
        "STATE_MACHINE_ARNS": arn,
        "IDLE_PERIODS": "14",
        "IDLE_PERIOD_HOURS": "24",
        "UNUSED_DAYS": "7",
        "ARTIFACT_DAYS": "90",
        "KEEP_PACKAGES": "10",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return arn


def tagged(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def add_model(name: str, tags: dict[str, str], data: str = "one") -> None:
    client("sagemaker").create_model(
        ModelName=name,
        PrimaryContainer={"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/runs/{data}/model/model.tar.gz"},
        ExecutionRoleArn=ROLE,
        Tags=tagged(tags),
    )


def add_config(name: str, tags: dict[str, str], model: str) -> None:
    variant = {"ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client("sagemaker").create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{"VariantName": "AllTraffic", **variant}], Tags=tagged(tags)
    )


def find(context: Any, **given: Any) -> dict[str, Any]:
    event = {"execution": "clean-20260701-120000", "state_name": "Find what may go", "input": given}
    return dict(find_unused.handler(event, context))


def planned(s3: Any) -> list[tuple[str, str]]:
    document = json.load(s3.get_object(Bucket=BUCKET, Key=PLAN)["Body"])
    return [(item["kind"], item["name"]) for item in document["items"]]


def test_a_plan_is_made_of_what_is_tagged_and_unused(context: Any, s3: Any) -> None:
    add_model("switchyard-unused", OURS)
    add_model("switchyard-untagged", {})
    add_model("switchyard-of-another", {**OURS, "switchyard:project": "switchyard-of"})
    add_model("switchyard-used", OURS)
    add_config("theirs", {}, "switchyard-used")
    add_config("switchyard-config", OURS, "switchyard-unused")
    found = find(context, **FORGIVING)
    assert planned(s3) == [("endpoint-config", "switchyard-config"), ("model", "switchyard-unused")]
    assert found == {
        "dry_run": True,
        "batches": [
            {"kind": "endpoint-config", "first": 0, "count": 1},
            {"kind": "model", "first": 1, "count": 1},
        ],
    }


def test_by_default_nothing_young_goes(context: Any, s3: Any) -> None:
    add_model("switchyard-unused", OURS)
    find(context)
    assert planned(s3) == []


@pytest.mark.parametrize(
    ("document", "others_go"),
    [
        ({"recipe": "diabetes"}, True),
        ({"model_package": "arn:aws:sagemaker:us-east-1:1:model-package/switchyard-diabetes/3"}, True),
        ({"executionArn": "arn", "input": '{"recipe": "diabetes"}'}, True),
        ({"nobody": "knows"}, False),
    ],
)
def test_a_running_execution_keeps_what_its_recipe_has(
    context: Any, s3: Any, machine: str, document: dict[str, Any], others_go: bool
) -> None:
    add_model("switchyard-ours", OURS)
    add_model("switchyard-other", {**OURS, "switchyard:recipe": "housing"})
    client("stepfunctions").start_execution(stateMachineArn=machine, name="run", input=json.dumps(document))
    find(context, **FORGIVING)
    assert planned(s3) == ([("model", "switchyard-other")] if others_go else [])


def test_no_more_goes_than_the_plan_that_somebody_saw(context: Any, s3: Any) -> None:
    add_model("switchyard-seen", OURS)
    find(context, **FORGIVING)
    add_model("switchyard-later", OURS)
    seen = {"execution": "later", "input": {"dry_run": False, "plan_of": "clean-20260701-120000"}}
    assert find_unused.handler(seen, context) == {
        "dry_run": False,
        "batches": [{"kind": "model", "first": 0, "count": 1}],
    }


def test_a_plan_has_a_limit_and_says_what_is_left_out(context: Any, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_unused, "MOST_ITEMS", 2)
    monkeypatch.setattr(find_unused, "AT_ONCE", 1)
    for number in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"runs/{number}/a", Body=b"12")
    found = find(context, **FORGIVING)
    assert found["batches"] == [
        {"kind": "artifacts", "first": 0, "count": 1},
        {"kind": "artifacts", "first": 1, "count": 1},
    ]
    assert json.load(s3.get_object(Bucket=BUCKET, Key=PLAN)["Body"])["left_out"] == 3


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "The input is no JSON object"),
        ({"dry_run": "no"}, "dry_run"),
        ({"keep": 3}, "keep is not known"),
        ({"keep_packages": 0}, "keep_packages"),
        ({"idle_periods": 456}, "456 periods of 1 day: CloudWatch remembers requests for 455 days"),
        ({"plan_of": "nobody"}, "There is no plan of an execution 'nobody'"),
    ],
)
def test_a_wrong_input_is_refused(context: Any, document: Any, said: str) -> None:
    with pytest.raises(InvalidHousekeeping, match=said):
        find_unused.handler({"execution": "e", "input": document}, context)


# Requests, which moto's endpoints do not count


def put_requests(variant: str, minutes_ago: int) -> None:
    client("cloudwatch").put_metric_data(
        Namespace="AWS/SageMaker",
        MetricData=[
            {
                "MetricName": "Invocations",
                "Dimensions": [
                    {"Name": "EndpointName", "Value": "switchyard-e"},
                    {"Name": "VariantName", "Value": variant},
                ],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=minutes_ago),
                "Value": 1,
            }
        ],
    )


@pytest.mark.parametrize(
    ("variant", "minutes_ago", "goes"),
    [("Second", 30, False), ("First", 1, False), ("First", 90, True), ("Elsewhere", 1, True)],
)
def test_requests_of_every_variant_count(
    stub: Callable[..., Stubber], context: Any, s3: Any, variant: str, minutes_ago: int, goes: bool
) -> None:
    put_requests(variant, minutes_ago)
    assert plan_of_endpoint(stub, context, s3) == ([("endpoint", "switchyard-e")] if goes else [])


@pytest.mark.parametrize(("include_live", "goes"), [(False, False), (True, True)])
def test_the_live_endpoint_stays_unless_it_is_asked_for(
    stub: Callable[..., Stubber], context: Any, s3: Any, include_live: bool, goes: bool
) -> None:
    client("ssm").put_parameter(Name="/switchyard/diabetes/endpoint", Value="switchyard-e", Type="String")
    found = plan_of_endpoint(stub, context, s3, include_live=include_live)
    assert found == ([("endpoint", "switchyard-e")] if goes else [])


def test_an_endpoint_that_answers_later_is_not_judged(stub: Callable[..., Stubber], context: Any, s3: Any) -> None:
    answers_later = {"OutputConfig": {"S3OutputPath": "s3://bucket/key"}}
    assert plan_of_endpoint(stub, context, s3, described={"AsyncInferenceConfig": answers_later}) == []


def plan_of_endpoint(
    stub: Callable[..., Stubber],
    context: Any,
    s3: Any,
    *,
    include_live: bool = False,
    described: dict[str, Any] | None = None,
) -> list[tuple[str, str]]:
    """Plan where an old endpoint of two variants is all there is, by the hour."""
    old = datetime.now(UTC) - timedelta(days=30)
    arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/switchyard-e"
    listed = {
        "EndpointName": "switchyard-e",
        "EndpointArn": arn,
        "CreationTime": old,
        "LastModifiedTime": old,
        "EndpointStatus": "InService",
    }
    variants = [{"VariantName": "First"}, {"VariantName": "Second"}]
    sagemaker = Stubber(patient_client("sagemaker"))
    sagemaker.add_response("list_endpoints", {"Endpoints": [listed]})
    sagemaker.add_response(
        "describe_endpoint",
        {**listed, "EndpointConfigName": "c", "ProductionVariants": variants, **(described or {})},
    )
    sagemaker.add_response("list_tags", {"Tags": tagged(OURS)})
    for operation, member in (
        ("list_endpoint_configs", "EndpointConfigs"),
        ("list_models", "Models"),
        ("list_model_package_groups", "ModelPackageGroupSummaryList"),
        ("list_transform_jobs", "TransformJobSummaries"),
    ):
        sagemaker.add_response(operation, {member: []})
    with sagemaker:
        find(context, idle_periods=1, idle_period_seconds=3600, include_live=include_live)
        sagemaker.assert_no_pending_responses()
    return planned(s3)


# Deleting


def write_plan(s3: Any, *items: tuple[str, str]) -> None:
    limits = {
        "idle_seconds": 60,
        "unused_seconds": 0,
        "artifact_seconds": 0,
        "keep_packages": 1,
        "include_live": False,
    }
    described = [
        {"kind": kind, "name": name, "why": "unused", "since": "2026-07-01T12:00:00Z", "bytes": 3}
        for kind, name in items
    ]
    s3.put_object(Bucket=BUCKET, Key=PLAN, Body=json.dumps({"limits": limits, "items": described}))


def outcomes(s3: Any, first: int = 0) -> dict[str, str]:
    key = f"housekeeping/clean-20260701-120000/outcomes-{first}.json"
    document = json.load(s3.get_object(Bucket=BUCKET, Key=key)["Body"])
    return {name: f"{found['outcome']} {found['why']}".strip() for name, found in document.items()}


def test_each_is_looked_at_again(event: Read, context: Any, s3: Any) -> None:
    names = ("switchyard-a", "switchyard-b", "switchyard-c")
    for name in names[:2]:
        add_model(name, OURS)
    add_config("since", {}, "switchyard-b")
    write_plan(s3, *(("model", name) for name in names))
    assert delete_unused.handler({**event("delete_unused"), "count": 3}, context) == {"deleted": 1}
    assert outcomes(s3) == {"switchyard-a": "deleted", "switchyard-b": "kept used by since", "switchyard-c": "gone"}
    assert [each["ModelName"] for each in client("sagemaker").list_models()["Models"]] == ["switchyard-b"]


def test_what_cannot_be_deleted_stops_nothing(
    event: Read, context: Any, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no, not you"}}, "DeleteModel")
    for name in ("switchyard-a", "switchyard-b"):
        add_model(name, OURS)
    write_plan(s3, ("model", "switchyard-a"), ("model", "switchyard-b"))
    real = client("sagemaker").delete_model

    def delete(ModelName: str) -> Any:  # noqa: N803
        if ModelName == "switchyard-a":
            raise refusal
        return real(ModelName=ModelName)

    monkeypatch.setattr(client("sagemaker"), "delete_model", delete)
    assert delete_unused.handler({**event("delete_unused"), "count": 2}, context) == {"deleted": 1}
    assert outcomes(s3) == {"switchyard-a": "failed no, not you", "switchyard-b": "deleted"}


def test_a_repeated_call_goes_on(event: Read, context: Any, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    for name in ("switchyard-a", "switchyard-b"):
        add_model(name, OURS)
    write_plan(s3, ("model", "switchyard-a"), ("model", "switchyard-b"))
    real = client("sagemaker").delete_model
    left = [None, ClientError(busy, "DeleteModel")]

    def delete(ModelName: str) -> Any:  # noqa: N803
        if left and (error := left.pop(0)):
            raise error
        return real(ModelName=ModelName)

    monkeypatch.setattr(client("sagemaker"), "delete_model", delete)
    with pytest.raises(Exception, match="Throttling"):
        delete_unused.handler({**event("delete_unused"), "count": 2}, context)
    assert outcomes(s3) == {"switchyard-a": "deleted"}
    assert delete_unused.handler({**event("delete_unused"), "count": 2}, context) == {"deleted": 2}
    assert outcomes(s3) == {"switchyard-a": "deleted", "switchyard-b": "deleted"}


def test_artifacts_go_with_all_their_objects_and_nothing_beside_them(
    event: Read, context: Any, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delete_unused, "MOST_KEYS", 3)
    keys = [f"runs/old/{number}" for number in range(7)]
    for key in (*keys, "runs/old-too/a", "recipes/old/current.json", "code/old/sourcedir.tar.gz"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    write_plan(s3, ("artifacts", "runs/old/"))
    assert delete_unused.handler({**event("delete_unused"), "kind": "artifacts"}, context) == {"deleted": 1}
    left = [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert {key for key in left if not key.startswith("housekeeping/")} == {
        "runs/old-too/a",
        "recipes/old/current.json",
        "code/old/sourcedir.tar.gz",
    }


def test_a_configuration_waits_for_its_endpoint_to_be_gone(
    event: Read, context: Any, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model("switchyard-m", OURS)
    add_config("switchyard-c", OURS, "switchyard-m")
    client("sagemaker").create_endpoint(
        EndpointName="switchyard-e", EndpointConfigName="switchyard-c", Tags=tagged(OURS)
    )
    describe = patient_client("sagemaker").describe_endpoint
    monkeypatch.setattr(
        patient_client("sagemaker"),
        "describe_endpoint",
        lambda **asked: {**describe(**asked), "EndpointStatus": "Deleting"},
    )
    write_plan(s3, ("endpoint-config", "switchyard-c"))
    with pytest.raises(EndpointNotReady, match="'switchyard-e' is being deleted"):
        delete_unused.handler({**event("delete_unused"), "kind": "endpoint-config"}, context)


# Telling


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What is published."""
    messages: list[dict[str, str]] = []

    def publish(**message: str) -> dict[str, str]:
        messages.append(message)
        return {"MessageId": "1"}

    monkeypatch.setattr(client("sns"), "publish", publish)
    return messages


def test_the_message_has_names_reasons_and_what_failed(
    event: Read, context: Any, s3: Any, sent: list[dict[str, str]]
) -> None:
    write_plan(s3, ("endpoint", "switchyard-e"), ("model", "switchyard-m"), ("artifacts", "runs/a/"))
    known = {"switchyard-e": {"outcome": "kept", "why": "5 requests in 1 day"}}
    s3.put_object(Bucket=BUCKET, Key=PLAN.replace("plan", "outcomes-0"), Body=json.dumps(known))
    known = {"runs/a/": {"outcome": "deleted", "why": ""}}
    s3.put_object(Bucket=BUCKET, Key=PLAN.replace("plan", "outcomes-2"), Body=json.dumps(known))
    batches = [
        {"first": 0, "count": 1, "error": None},
        {"first": 1, "count": 1, "error": {"Error": "States.Timeout", "Cause": "too slow"}},
        {"first": 2, "count": 1, "error": None},
    ]
    output = report_housekeeping.handler({**event("report_housekeeping"), "batches": batches}, context)
    assert output["deleted"] == {"artifacts": 1}
    assert (output["kept"], output["failed"], output["freed_bytes"], output["planned_bytes"]) == (1, 1, 3, 9)
    (message,) = sent
    assert message["Subject"] == "Switchyard: 1 thing deleted, 1 could not be deleted"
    for line in (
        "Deleted: artifacts of runs (1)\n  runs/a/: unused",
        "Kept after all: endpoints (1)\n  switchyard-e: 5 requests in 1 day",
        "Could not be deleted: models (1)\n  switchyard-m: States.Timeout: too slow",
        "3 bytes in S3",
    ):
        assert line in message["Message"]


def test_a_long_plan_is_cut_in_the_message_alone(
    event: Read, context: Any, s3: Any, sent: list[dict[str, str]]
) -> None:
    write_plan(s3, *(("model", f"switchyard-{number}") for number in range(25)))
    output = report_housekeeping.handler({**event("report_housekeeping"), "status": "PLANNED"}, context)
    (message,) = sent
    assert message["Subject"] == "Switchyard: 25 things may go"
    assert "switchyard-19: unused" in message["Message"]
    assert "... and 5 more" in message["Message"]
    key = output["report_uri"].removeprefix(f"s3://{BUCKET}/")
    assert len(json.load(s3.get_object(Bucket=BUCKET, Key=key)["Body"])["items"]) == 25


def test_nothing_to_tell_is_not_told(event: Read, context: Any, s3: Any, sent: list[dict[str, str]]) -> None:
    write_plan(s3)
    output = report_housekeeping.handler({**event("report_housekeeping"), "batches": []}, context)
    assert output["message_id"] is None
    assert sent == []


def test_a_failure_is_told_without_a_plan(event: Read, context: Any, sent: list[dict[str, str]]) -> None:
    error = {"Error": "InvalidHousekeeping", "Cause": '{"errorMessage": "keep is not known"}'}
    failed = {**event("report_housekeeping"), "status": "FAILED", "batches": [], "error": error}
    assert report_housekeeping.handler(failed, context)["report_uri"] is None
    (message,) = sent
    assert message["Subject"] == "Switchyard: housekeeping failed"
    assert "InvalidHousekeeping\nkeep is not known" in message["Message"]
