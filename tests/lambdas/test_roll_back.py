from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from roll_back import handler
from shared.aws import client
from shared.errors import EndpointNotReady, RollBackFailed, ServiceFault

Read = Callable[[str], dict[str, Any]]
OWN = "switchyard-diabetes-20260701-120000"
CHAMPION = f"{OWN}-champion"
EARLIER = "switchyard-earlier"
ENDPOINT = "switchyard-diabetes"


@pytest.fixture
def failed(event: Read) -> Callable[..., dict[str, Any]]:
    """The state of a failed run, over an endpoint that was there before, or not."""

    def make(*, existed: bool | None) -> dict[str, Any]:
        payload = event("roll_back")
        if existed is None:
            del payload["state"]["current_endpoint"]
        elif not existed:
            payload["state"]["current_endpoint"] = {
                "exists": False,
                "status": None,
                "endpoint_config_name": None,
            }
        return payload

    return make


def delete_config_and_model(endpoints: Any) -> None:
    endpoints.stubber.add_response("delete_endpoint_config", {}, {"EndpointConfigName": OWN})
    endpoints.stubber.add_response("delete_model", {}, {"ModelName": OWN})
    endpoints.stubber.add_client_error(
        "delete_model",
        "ValidationException",
        'Could not find model "arn".',
        400,
        expected_params={"ModelName": CHAMPION},
    )


def find_no_config_and_model(endpoints: Any) -> None:
    endpoints.missing("delete_endpoint_config", 'Could not find endpoint configuration "arn".')
    endpoints.missing("delete_model", 'Could not find model "arn".')
    endpoints.missing("delete_model", 'Could not find model "arn".')


def test_a_run_without_names_made_nothing(context: Any, stub: Callable[[str], Any]) -> None:
    stub("sagemaker")
    assert handler({"execution": "e", "state": {"input": 1, "error": {}}}, context) == {
        "endpoint": None,
        "deleted": [],
    }


def test_a_run_that_has_not_trained_leaves_what_an_earlier_run_of_its_name_made(
    context: Any, failed: Callable[..., dict[str, Any]], stub: Callable[[str], Any]
) -> None:
    stub("sagemaker")
    payload = failed(existed=False)
    del payload["state"]["training_job"]
    assert handler(payload, context)["deleted"] == []


def test_names_in_a_runs_own_input_are_never_deleted(
    context: Any, failed: Callable[..., dict[str, Any]], stub: Callable[[str], Any]
) -> None:
    stub("sagemaker")
    payload = {**failed(existed=False), "execution": "another-run"}
    assert handler(payload, context)["deleted"] == []


def test_a_run_that_never_looked_at_the_endpoint_leaves_it(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe("InService", EARLIER)
    find_no_config_and_model(endpoints)
    assert handler(failed(existed=None), context) == {
        "endpoint": {"name": ENDPOINT, "status": "InService", "endpoint_config_name": EARLIER},
        "deleted": [],
    }


def test_its_own_endpoint_is_deleted_first(endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]) -> None:
    endpoints.describe("InService", OWN)
    endpoints.stubber.add_response("delete_endpoint", {}, {"EndpointName": ENDPOINT})
    endpoints.describe(None)
    delete_config_and_model(endpoints)
    assert handler(failed(existed=False), context) == {
        "endpoint": None,
        "deleted": [f"endpoint/{ENDPOINT}", f"endpoint-config/{OWN}", f"model/{OWN}"],
    }


def test_its_own_failed_endpoint_is_deleted(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe("Failed", OWN)
    endpoints.stubber.add_response("delete_endpoint", {}, {"EndpointName": ENDPOINT})
    endpoints.describe("Deleting", OWN)
    with pytest.raises(EndpointNotReady, match="being deleted"):
        handler(failed(existed=False), context)
    # Called again while it goes, and once it is gone.
    endpoints.describe("Deleting", OWN)
    endpoints.describe("Deleting", OWN)
    with pytest.raises(EndpointNotReady, match="being deleted"):
        handler(failed(existed=False), context)
    endpoints.describe(None)
    delete_config_and_model(endpoints)
    assert handler(failed(existed=False), context)["deleted"] == [f"endpoint-config/{OWN}", f"model/{OWN}"]


def test_an_endpoint_that_is_still_created_is_deleted_later(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe("Creating", OWN)
    endpoints.refused("delete_endpoint", "Cannot delete an endpoint that is being created.")
    with pytest.raises(EndpointNotReady, match="is Creating; it is deleted after that"):
        handler(failed(existed=False), context)


def test_an_endpoint_that_vanishes_meanwhile_is_fine(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe("InService", OWN)
    endpoints.missing("delete_endpoint", 'Could not find endpoint "arn".')
    find_no_config_and_model(endpoints)
    assert handler(failed(existed=False), context)["endpoint"] is None


def test_somebody_elses_endpoint_is_left_alone(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe("InService", "switchyard-theirs")
    delete_config_and_model(endpoints)
    result = handler(failed(existed=False), context)
    assert result["endpoint"]["endpoint_config_name"] == "switchyard-theirs"
    assert result["deleted"] == [f"endpoint-config/{OWN}", f"model/{OWN}"]


def test_the_earlier_configuration_is_restored_and_confirmed_before_anything_goes(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe("InService", OWN)
    endpoints.stubber.add_response(
        "update_endpoint",
        {"EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/switchyard-diabetes"},
        {"EndpointName": ENDPOINT, "EndpointConfigName": EARLIER},
    )
    with pytest.raises(EndpointNotReady, match=f"goes back to '{EARLIER}'"):
        handler(failed(existed=True), context)
    endpoints.describe("Updating", OWN)
    with pytest.raises(EndpointNotReady, match="is Updating"):
        handler(failed(existed=True), context)
    endpoints.describe("InService", EARLIER)
    delete_config_and_model(endpoints)
    assert handler(failed(existed=True), context) == {
        "endpoint": {"name": ENDPOINT, "status": "InService", "endpoint_config_name": EARLIER},
        "deleted": [f"endpoint-config/{OWN}", f"model/{OWN}"],
    }
    # And once more, with nothing left to do.
    endpoints.describe("InService", EARLIER)
    find_no_config_and_model(endpoints)
    assert handler(failed(existed=True), context)["deleted"] == []


def test_a_way_back_that_sagemaker_takes_back_is_noticed(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe("InService", OWN, "the earlier model does not load any more.")
    with pytest.raises(RollBackFailed, match=f"returned to this run's '{OWN}': the earlier model .* Nothing was del"):
        handler(failed(existed=True), context)


def test_what_serves_the_earlier_configuration_must_serve(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe("Failed", EARLIER, "no capacity.")
    with pytest.raises(RollBackFailed, match=f"is Failed with '{EARLIER}': no capacity. Nothing was deleted"):
        handler(failed(existed=True), context)


def test_what_another_run_has_deployed_since_is_left(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe("InService", "switchyard-later")
    delete_config_and_model(endpoints)
    assert handler(failed(existed=True), context)["endpoint"]["endpoint_config_name"] == "switchyard-later"


def test_an_update_that_begins_in_between_is_waited_for(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe("InService", OWN)
    endpoints.refused("update_endpoint", "Cannot update in-progress endpoint.")
    endpoints.describe("Updating", OWN)
    with pytest.raises(EndpointNotReady, match="is Updating"):
        handler(failed(existed=True), context)


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        ("InService", "Could not find endpoint configuration"),
        ("Failed", "Cannot update endpoint in status Failed"),
    ],
)
def test_what_cannot_be_restored_is_kept_and_said(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]], status: str, refusal: str
) -> None:
    endpoints.describe(status, OWN)
    endpoints.refused("update_endpoint", refusal)
    endpoints.describe(status, OWN)
    with pytest.raises(RollBackFailed, match=rf"cannot go back .*{refusal}.*Nothing was deleted"):
        handler(failed(existed=True), context)


def test_an_endpoint_that_was_there_and_is_gone_is_not_made_again(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe(None)
    delete_config_and_model(endpoints)
    assert handler(failed(existed=True), context)["endpoint"] is None


def test_an_endpoint_on_the_runs_configuration_that_nobody_looked_up_is_left(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    endpoints.describe("InService", OWN)
    with pytest.raises(RollBackFailed, match="left as it is"):
        handler(failed(existed=None), context)


@pytest.mark.parametrize("operation", ["update_endpoint", "delete_endpoint", "delete_model"])
def test_throttling_can_be_retried(
    endpoints: Any, context: Any, failed: Callable[..., dict[str, Any]], operation: str
) -> None:
    endpoints.describe("InService", OWN if operation != "delete_model" else EARLIER)
    if operation == "delete_model":
        endpoints.stubber.add_response("delete_endpoint_config", {})
    endpoints.stubber.add_client_error(operation, "ThrottlingException", "Rate exceeded", 400)
    with pytest.raises(ServiceFault):
        handler(failed(existed=operation != "delete_endpoint"), context)


def test_against_motos_sagemaker_everything_goes_and_nothing_else(
    aws: None, context: Any, failed: Callable[..., dict[str, Any]]
) -> None:
    sagemaker = client("sagemaker")
    for name in (OWN, "switchyard-other"):
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn="arn:aws:iam::123456789012:role/FakeRole",
            PrimaryContainer={"Image": "image", "ModelDataUrl": "s3://b/model.tar.gz"},
        )
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": name,
                    "InitialInstanceCount": 1,
                    "InstanceType": "ml.t2.medium",
                }
            ],
        )
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=OWN)
    assert len(handler(failed(existed=False), context)["deleted"]) == 3
    assert handler(failed(existed=False), context) == {"endpoint": None, "deleted": []}
    assert [model["ModelName"] for model in sagemaker.list_models()["Models"]] == ["switchyard-other"]
    assert len(sagemaker.list_endpoint_configs()["EndpointConfigs"]) == 1
