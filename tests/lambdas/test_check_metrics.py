from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from check_metrics import handler
from shared.aws import client

Read = Callable[[str], dict[str, Any]]


def approve(metrics: dict[str, float], decision: str = "Approved") -> str:
    sagemaker = client("sagemaker")
    sagemaker.create_model_package_group(
        ModelPackageGroupName="switchyard-diabetes", ModelPackageGroupDescription="models"
    )
    arn: str = sagemaker.create_model_package(
        ModelPackageGroupName="switchyard-diabetes",
        ModelApprovalStatus=decision,
        CustomerMetadataProperties={f"metric.{name}": str(value) for name, value in metrics.items()},
    )["ModelPackageArn"]
    return arn


def test_a_good_model_passes(aws: None, event: Read, context: Any) -> None:
    assert handler(event("check_metrics"), context) == {
        "passed": True,
        "metrics": {"rmse": 54.12, "r2": 0.47},
        "reasons": [],
        "champion": None,
        "compare_predictions": False,
    }


def test_a_model_above_the_limit_does_not(aws: None, event: Read, context: Any) -> None:
    payload = event("check_metrics")
    payload["metrics"][0]["Value"] = 71.2
    result = handler(payload, context)
    assert result["passed"] is False
    assert result["reasons"] == ["rmse 71.20 is above the limit 62.00"]


@pytest.mark.parametrize("metrics", [None, [], [{"MetricName": "r2", "Value": 1.0}]])
def test_a_missing_metric_fails_closed(aws: None, event: Read, context: Any, metrics: Any) -> None:
    result = handler({**event("check_metrics"), "metrics": metrics}, context)
    assert result["passed"] is False
    assert result["reasons"] == ["rmse is missing"]


@pytest.mark.parametrize("value", ["NaN", float("nan"), None, "Infinity"])
def test_a_metric_that_is_no_number_fails_closed_and_leaves_valid_json(
    aws: None, event: Read, context: Any, value: Any
) -> None:
    payload = event("check_metrics")
    payload["metrics"][0]["Value"] = value
    result = handler(payload, context)
    assert result["passed"] is False
    assert "not a number to compare" in result["reasons"][0]
    json.dumps(result, allow_nan=False)


def test_the_newest_approved_package_is_the_champion(aws: None, event: Read, context: Any) -> None:
    approve({"rmse": 50.0})
    newest = approve({"rmse": 54.5})
    approve({"rmse": 1.0}, "Rejected")
    assert handler(event("check_metrics"), context)["champion"] == {
        "model_package_arn": newest,
        "metrics": {"rmse": 54.5},
    }


def test_a_margin_that_predictions_can_show_is_left_to_them(aws: None, event: Read, context: Any) -> None:
    payload = event("check_metrics")
    payload["gate"][0]["margin"] = 1.0
    assert handler(payload, context)["compare_predictions"] is False  # there is no champion yet
    approve({"rmse": 54.5})
    result = handler(payload, context)
    assert (result["passed"], result["compare_predictions"]) == (True, True)


@pytest.mark.parametrize(("champion", "passed"), [(54.5, False), (56.0, True)])
def test_a_margin_on_a_metric_of_the_recipe_s_own_goes_by_the_registry(
    aws: None, event: Read, context: Any, champion: float, passed: bool
) -> None:
    approve({"pinball": champion})
    payload = event("check_metrics")
    payload["gate"] = [{"metric": "pinball", "direction": "minimize", "threshold": 62.0, "margin": 1.0}]
    payload["metrics"] = [{"MetricName": "pinball", "Value": 54.12}]
    result = handler(payload, context)
    assert (result["passed"], result["compare_predictions"]) == (passed, False)
    assert passed or result["reasons"] == ["pinball 54.12 is not better than the champion's 54.50 by at least 1"]


def test_a_group_that_does_not_exist_has_no_champion(stub: Callable[[str], Any], event: Read, context: Any) -> None:
    stub("ssm").add_client_error("get_parameter", "ParameterNotFound")
    stub("sagemaker").add_client_error(
        "list_model_packages", "ValidationException", "ModelPackageGroup arn does not exist.", 400
    )
    assert handler(event("check_metrics"), context)["champion"] is None


def test_metadata_that_is_no_number_is_no_metric(aws: None, event: Read, context: Any) -> None:
    client("sagemaker").create_model_package_group(
        ModelPackageGroupName="switchyard-diabetes", ModelPackageGroupDescription="models"
    )
    client("sagemaker").create_model_package(
        ModelPackageGroupName="switchyard-diabetes",
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={"metric.rmse": "good", "metric.r2": "nan", "metric.mae": "2", "x": "3"},
    )
    assert handler(event("check_metrics"), context)["champion"]["metrics"] == {"mae": 2.0}


def test_the_result_is_counted(aws: None, event: Read, context: Any, capsys: pytest.CaptureFixture[str]) -> None:
    handler(event("check_metrics"), context)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    emitted = {key: value for line in lines if "_aws" in line for key, value in line.items()}
    assert emitted["recipe"] == "diabetes"
    assert emitted["GatePassed"] == [1.0]
    assert emitted["validation_rmse"] == [54.12]
