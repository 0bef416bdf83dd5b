from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lock_endpoint
import pytest
import wait_for_candidate
from deploy_candidate import handler as deploy
from release_events import EARLIER, ENDPOINT, EXECUTION, STEM, description, event, release_state, releasing
from shared.errors import CandidateUnfit, EndpointNotReady, InvalidRelease
from shared.guardrails import deployment_config
from shared.release_settings import ReleaseSettings
from shared.release_state import Names, Plan
from undo_release import handler as undo

Stub = Callable[[str], Any]
ALARMS = [f"{STEM}-{kind}" for kind in ("latency", "5xx", "4xx")]


def plan(**changes: Any) -> tuple[Names, Plan]:
    state = release_state(strategy="guardrails", bake_seconds=300, **changes)
    return Names(**state["names"]), Plan(**state["release"])


@pytest.mark.parametrize(
    ("settings", "routing"),
    [
        ({"steps": [100]}, {"Type": "ALL_AT_ONCE"}),
        ({"steps": [5, 100]}, {"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 5}}),
        ({"increment": 30}, {"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 30}}),
        ({"steps": [25, 50, 75, 100]}, {"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25}}),
    ],
)
def test_the_steps_as_sagemaker_knows_them(settings: dict[str, Any], routing: dict[str, Any]) -> None:
    shares = ReleaseSettings(strategy="guardrails", **settings).shares()
    config = deployment_config(*plan(shares=shares, alarms=["orders-are-down"]))
    policy = config["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {**routing, "WaitIntervalInSeconds": 300}
    assert policy["MaximumExecutionTimeoutInSeconds"] == 300 * len(shares) + 3600
    named = [alarm["AlarmName"] for alarm in config["AutoRollbackConfiguration"]["Alarms"]]
    assert named == [*ALARMS, "orders-are-down"]


def test_the_alarms_tell_the_new_fleet_from_the_old_one(stub: Stub, context: Any) -> None:
    sagemaker, cloudwatch = stub("sagemaker"), stub("cloudwatch")
    dynamodb = stub("dynamodb")
    for _ in range(2):
        dynamodb.add_response("put_item", {})
    made: list[dict[str, Any]] = []
    sagemaker.client.meta.events.register("provide-client-params.sagemaker.*", lambda params, **_: made.append(params))
    cloudwatch.client.meta.events.register(
        "provide-client-params.cloudwatch.*", lambda params, **_: made.append(params)
    )
    arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"
    sagemaker.add_response("create_model", {"ModelArn": arn})
    for _ in ALARMS:
        cloudwatch.add_response("put_metric_alarm", {})
    before = {"EndpointConfigName": EARLIER, "EndpointConfigArn": arn, "CreationTime": "2026-07-01T00:00:00Z"}
    sagemaker.add_response(
        "describe_endpoint_config",
        {**before, "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "earlier"}]},
    )
    sagemaker.add_response("create_endpoint_config", {"EndpointConfigArn": arn})
    sagemaker.add_response("describe_endpoint", description(config=EARLIER, AllTraffic=1.0))
    sagemaker.add_response("update_endpoint", {"EndpointArn": arn})

    given = event(plan={"strategy": "guardrails", "shares": [20, 100], "bake_seconds": 60}, place="guarded")
    assert deploy(given, context) == {"endpoint_config": STEM}

    dimensions = next(each["Dimensions"] for each in made if each.get("AlarmName") == ALARMS[0])
    assert {each["Name"]: each["Value"] for each in dimensions} == {
        "EndpointName": ENDPOINT,
        "VariantName": "AllTraffic",
        "EndpointConfigName": STEM,
    }
    update = made[-1]
    assert update["EndpointConfigName"] == STEM
    assert update["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == "CANARY"


def test_what_sagemaker_takes_back_has_its_reason(stub: Stub, context: Any) -> None:
    stub("dynamodb").add_response("put_item", {})
    stub("sagemaker").add_response(
        "describe_endpoint", description(config=EARLIER, reason="the alarm 'slow' is in ALARM", AllTraffic=1.0)
    )
    given = event(plan={"strategy": "guardrails", "shares": [100]}, endpoint_config=STEM)
    with pytest.raises(CandidateUnfit, match="SageMaker took the candidate back: the alarm 'slow'"):
        wait_for_candidate.handler(given, context)


@pytest.mark.parametrize("pending", [STEM, "somebody-elses"])
def test_a_deployment_under_way_is_called_off_by_its_alarm(stub: Stub, context: Any, pending: str) -> None:
    found = description("Updating", EARLIER, AllTraffic=1.0)
    sagemaker = stub("sagemaker")
    releasing(sagemaker)
    sagemaker.add_response("describe_endpoint", {**found, "PendingDeploymentSummary": {"EndpointConfigName": pending}})
    cloudwatch = stub("cloudwatch")
    if pending == STEM:
        reason = "The release is being undone."
        cloudwatch.add_response(
            "set_alarm_state", {}, {"AlarmName": ALARMS[0], "StateValue": "ALARM", "StateReason": reason}
        )
    state = {**release_state(strategy="guardrails"), "error": {"Error": "ServiceFault", "Cause": "throttled"}}
    with pytest.raises(EndpointNotReady):
        undo({"execution": EXECUTION, "because": "FAILED", "state": state}, context)


def test_an_endpoint_with_several_variants_has_no_guardrails(stub: Stub, context: Any) -> None:
    dynamodb, sagemaker = stub("dynamodb"), stub("sagemaker")
    dynamodb.add_response("put_item", {})
    dynamodb.add_response("delete_item", {})
    stub("ssm").add_client_error("get_parameter", "ParameterNotFound")
    created = {"CreationTime": "2026-07-01T00:00:00Z"}
    sagemaker.add_response(
        "describe_model_package",
        {
            "ModelPackageName": "p", "ModelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/p",
            "ModelPackageStatus": "Completed", "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "ModelApprovalStatus": "Approved", **created,
        },
    )  # fmt: skip
    sagemaker.add_response("describe_endpoint", description(config=EARLIER, one=1.0, two=1.0))
    arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/e"
    variants = [{"VariantName": name, "ModelName": name} for name in ("one", "two")]
    sagemaker.add_response(
        "describe_endpoint_config",
        {"EndpointConfigName": EARLIER, "EndpointConfigArn": arn, "ProductionVariants": variants, **created},
    )
    with pytest.raises(InvalidRelease, match="has the production variants one, two"):
        lock_endpoint.handler(event(plan={"strategy": "guardrails"}), context)
