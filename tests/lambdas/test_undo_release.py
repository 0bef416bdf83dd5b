from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from release_events import (
    CANDIDATE,
    EARLIER,
    ENDPOINT,
    EXECUTION,
    PACKAGE,
    SHARED,
    STEM,
    description,
    package,
    release_state,
    releasing,
)
from shared.errors import EndpointNotReady, RollBackFailed
from undo_release import handler

Stub = Callable[[str], Any]
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{ENDPOINT}"
UNFIT = {"unfit": {"Error": "CandidateUnfit", "Cause": '{"errorMessage": "it was slow"}'}}
FAILED = {"error": {"Error": "ServiceFault", "Cause": '{"errorMessage": "throttled"}'}}


@pytest.fixture
def sagemaker(stub: Stub) -> Any:
    return stub("sagemaker")


@pytest.fixture
def lock_given_up(stub: Stub) -> None:
    stub("dynamodb").add_response(
        "delete_item",
        {},
        {
            "TableName": "switchyard-locks",
            "Key": {"endpoint": {"S": ENDPOINT}},
            "ConditionExpression": "holder = :holder",
            "ExpressionAttributeValues": {":holder": {"S": EXECUTION}},
        },
    )


def undo(context: Any, *, existed: bool = True, because: str = "UNFIT", **state: Any) -> dict[str, Any]:
    whole = {**release_state(existed=existed), **UNFIT, **state}
    return dict(handler({"execution": EXECUTION, "because": because, "state": whole}, context))


def deletes(sagemaker: Any, stub: Stub, *there: str) -> None:
    alarms, cloudwatch = [f"{STEM}-{kind}" for kind in ("latency", "5xx", "4xx")], stub("cloudwatch")
    if not there:
        cloudwatch.add_response("delete_alarms", {}, {"AlarmNames": alarms})
    else:  # some are gone: none is deleted with the others
        gone = ("delete_alarms", "ResourceNotFound", "does not exist", 404)
        cloudwatch.add_client_error(*gone, expected_params={"AlarmNames": alarms})
        cloudwatch.add_response("delete_alarms", {}, {"AlarmNames": alarms[:1]})
        for alarm in alarms[1:]:
            cloudwatch.add_client_error(*gone, expected_params={"AlarmNames": [alarm]})
    for operation, key, name in (
        ("delete_endpoint_config", "EndpointConfigName", SHARED),
        ("delete_endpoint_config", "EndpointConfigName", STEM),
        ("delete_model", "ModelName", STEM),
    ):
        if f"{operation}/{name}" in there or not there:
            sagemaker.add_response(operation, {}, {key: name})
        else:
            sagemaker.add_client_error(operation, "ValidationException", "Could not find it.", 400)


def notes(sagemaker: Any, **expected: Any) -> None:
    expected = {"ModelPackageArn": PACKAGE, "CustomerMetadataPropertiesToRemove": ["release_before"], **expected}
    sagemaker.add_response("update_model_package", {"ModelPackageArn": PACKAGE}, expected)


def rejects(sagemaker: Any) -> None:
    notes(
        sagemaker,
        CustomerMetadataProperties={
            "release": "rolled-back", "release_execution": EXECUTION, "release_reason": "it was slow"
        },
        ModelApprovalStatus="Rejected",
        ApprovalDescription="Taken back: it was slow",
    )  # fmt: skip


def test_the_weights_go_back_first_then_the_configuration_then_all_is_deleted(
    sagemaker: Any, stub: Stub, context: Any, lock_given_up: None
) -> None:
    serving = {"AllTraffic": 50.0, CANDIDATE.replace("-", "_"): 50.0}
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", description(**serving))
    sagemaker.add_response(
        "update_endpoint_weights_and_capacities",
        {"EndpointArn": ARN},
        {
            "EndpointName": ENDPOINT,
            "DesiredWeightsAndCapacities": [
                {"VariantName": "AllTraffic", "DesiredWeight": 100.0},
                {"VariantName": CANDIDATE, "DesiredWeight": 0.0},
            ],
        },
    )
    with pytest.raises(EndpointNotReady, match="gives its traffic back"):
        undo(context)
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", description("Updating", **serving))
    with pytest.raises(EndpointNotReady, match="is Updating"):
        undo(context)
    serving = {"AllTraffic": 100.0, CANDIDATE.replace("-", "_"): 0.0}
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", description(**serving))
    sagemaker.add_response(
        "update_endpoint", {"EndpointArn": ARN}, {"EndpointName": ENDPOINT, "EndpointConfigName": EARLIER}
    )
    with pytest.raises(EndpointNotReady, match=f"goes back to '{EARLIER}'"):
        undo(context)
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", description(config=EARLIER, AllTraffic=1.0))
    deletes(sagemaker, stub)
    rejects(sagemaker)
    assert undo(context) == {
        "reasons": ["it was slow"],
        "deleted": [f"endpoint-config/{SHARED}", f"endpoint-config/{STEM}", f"model/{STEM}"],
    }


def test_a_failed_release_can_be_asked_for_again(sagemaker: Any, stub: Stub, context: Any, lock_given_up: None) -> None:
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", description(config=EARLIER, AllTraffic=1.0))
    deletes(sagemaker, stub)
    notes(
        sagemaker,
        CustomerMetadataProperties={
            "release": "requested", "release_execution": EXECUTION, "release_reason": "throttled"
        },
    )  # fmt: skip
    assert undo(context, because="FAILED", **FAILED)["reasons"] == ["throttled"]


@pytest.mark.parametrize("before", ["released", "deployed"])
@pytest.mark.parametrize("locked", [True, False])  # what the lock found is lost when its function dies
def test_one_that_had_served_before_has_still(
    sagemaker: Any, stub: Stub, context: Any, lock_given_up: None, before: str, locked: bool
) -> None:
    releasing(sagemaker, release_before=before)
    if locked:
        sagemaker.add_response("describe_endpoint", description(config=EARLIER, AllTraffic=1.0))
        deletes(sagemaker, stub)
    notes(
        sagemaker,
        CustomerMetadataProperties={
            "release": before, "release_execution": EXECUTION, "release_reason": "throttled"
        },
    )  # fmt: skip
    undo(context, because="FAILED", **FAILED, **({} if locked else {"lock": None}))


@pytest.mark.parametrize(
    "found",
    [
        package(release="released", release_execution="another"),
        package(release="releasing", release_execution="another", release_before="released"),
        package("Rejected", release="rolled-back", release_execution="another"),
        None,
    ],
    ids=["released", "releasing", "taken back", "gone"],
)
def test_what_another_release_has_noted_since_stays(
    sagemaker: Any, stub: Stub, context: Any, lock_given_up: None, found: Any
) -> None:
    if found is None:
        sagemaker.add_client_error("describe_model_package", "ValidationException", "It does not exist.", 400)
    else:
        sagemaker.add_response("describe_model_package", found)
    sagemaker.add_response("describe_endpoint", description(config="switchyard-of-another", AllTraffic=1.0))
    deletes(sagemaker, stub)
    undo(context, because="FAILED", **FAILED)


def test_what_is_released_is_not_undone_but_finished(
    sagemaker: Any, stub: Stub, context: Any, lock_given_up: None
) -> None:
    # The answer of `Record release` was lost, or somebody stopped the execution in that moment.
    sagemaker.add_response("describe_model_package", package(release="released", release_execution=EXECUTION))
    serves = {"Name": "/switchyard/diabetes/model-package", "Value": PACKAGE, "Type": "String", "Overwrite": True}
    stub("ssm").add_response("put_parameter", {}, serves)
    stub("cloudwatch").add_response("delete_alarms", {})
    sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": SHARED})
    assert undo(context, because="FAILED", **FAILED)["deleted"] == []


def test_what_is_released_is_left_to_whoever_has_the_endpoint_by_now(sagemaker: Any, stub: Stub, context: Any) -> None:
    sagemaker.add_response("describe_model_package", package(release="released", release_execution=EXECUTION))
    stub("dynamodb").add_client_error("delete_item", "ConditionalCheckFailedException")
    assert undo(context, because="FAILED", **FAILED)["deleted"] == []


def test_its_own_endpoint_is_deleted(sagemaker: Any, stub: Stub, context: Any, lock_given_up: None) -> None:
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", description("Failed", STEM))
    sagemaker.add_response("delete_endpoint", {}, {"EndpointName": ENDPOINT})
    sagemaker.add_response("describe_endpoint", description("Deleting", STEM))
    with pytest.raises(EndpointNotReady, match="being deleted"):
        undo(context, existed=False)
    releasing(sagemaker)
    sagemaker.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint.", 400)
    deletes(sagemaker, stub, f"delete_model/{STEM}")
    rejects(sagemaker)
    assert undo(context, existed=False)["deleted"] == [f"model/{STEM}"]


def test_an_endpoint_that_somebody_else_updated_since_is_left(
    sagemaker: Any, stub: Stub, context: Any, lock_given_up: None
) -> None:
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", description(config="switchyard-later", AllTraffic=1.0))
    deletes(sagemaker, stub)
    rejects(sagemaker)
    assert undo(context)["deleted"]


def test_a_release_that_never_held_the_endpoint_made_nothing(sagemaker: Any, context: Any, lock_given_up: None) -> None:
    state = release_state()
    del state["lock"]
    sagemaker.add_response("describe_model_package", package(release="requested"))
    done = handler({"execution": EXECUTION, "because": "FAILED", "state": {**state, **FAILED}}, context)
    assert done == {"reasons": ["throttled"], "deleted": []}


def test_a_release_without_a_state_made_nothing(sagemaker: Any, stub: Stub, context: Any) -> None:
    stub("dynamodb")
    done = handler({"execution": EXECUTION, "because": "FAILED", "state": {"input": 1, **FAILED}}, context)
    assert done == {"reasons": ["throttled"], "deleted": []}


def test_a_way_back_that_sagemaker_takes_back_is_noticed(sagemaker: Any, context: Any) -> None:
    weights = {"AllTraffic": 100.0, CANDIDATE.replace("-", "_"): 0.0}
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", description(reason="the earlier model does not load.", **weights))
    with pytest.raises(RollBackFailed, match=f"returned to this release's '{SHARED}': the earlier model"):
        undo(context)


def test_the_failure_that_led_here_is_no_failure_of_the_way_back(sagemaker: Any, context: Any) -> None:
    weights = {"AllTraffic": 100.0, CANDIDATE.replace("-", "_"): 0.0}
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", description(reason="it was slow", **weights))
    sagemaker.add_response("update_endpoint", {"EndpointArn": ARN})
    with pytest.raises(EndpointNotReady, match="goes back"):
        undo(context)


def test_what_cannot_be_restored_is_said(sagemaker: Any, context: Any) -> None:
    weights = {"AllTraffic": 100.0, CANDIDATE.replace("-", "_"): 0.0}
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", description(**weights))
    sagemaker.add_client_error("update_endpoint", "ValidationException", "Could not find configuration.", 400)
    sagemaker.add_response("describe_endpoint", description(**weights))
    with pytest.raises(RollBackFailed, match=r"cannot go back .*Could not find configuration\. Nothing was deleted"):
        undo(context)
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", description("Failed", EARLIER, "no capacity."))
    with pytest.raises(RollBackFailed, match=f"is Failed with '{EARLIER}': no capacity. Nothing was deleted"):
        undo(context)
