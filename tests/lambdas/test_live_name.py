"""Releases that send clients to an endpoint of their own: there and back, and the endpoint that is left behind."""

from __future__ import annotations

from typing import Any

import pytest
from release_events import ENDPOINT, EXECUTION, STARTED, release_state
from retire_endpoint import handler as retire
from shared.aws import client
from shared.endpoints import describe_endpoint
from shared.errors import EndpointNotReady, EndpointTakenOver
from shared.live_name import live_endpoint, look_at_earlier, own_endpoint, switch_back, switch_name
from shared.release_state import Names, Switch
from undo_release import handler as undo

PARAMETER = "/switchyard/diabetes/endpoint"
OWN = own_endpoint(ENDPOINT, EXECUTION)
NAMES = Names(**{**release_state()["names"], "endpoint": OWN})
TAGS = {"switchyard:project": "switchyard", "switchyard:execution": "long-ago", "switchyard:recipe": "diabetes"}
CONFIG, MODEL = "switchyard-earlier", "switchyard-long-ago"


@pytest.fixture
def earlier(aws: None) -> None:
    """The endpoint that serves, as a run of this project made it."""
    serve(ENDPOINT)


def serve(name: str, **tags: str) -> None:
    sagemaker, given = client("sagemaker"), [{"Key": key, "Value": value} for key, value in {**TAGS, **tags}.items()]
    container = {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1"}
    role = "arn:aws:iam::123456789012:role/jobs"
    sagemaker.create_model(ModelName=MODEL, PrimaryContainer=container, ExecutionRoleArn=role, Tags=given)
    variant = {
        "VariantName": "AllTraffic", "ModelName": MODEL, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 2,
        "InitialVariantWeight": 1.0,
    }  # fmt: skip
    sagemaker.create_endpoint_config(EndpointConfigName=CONFIG, ProductionVariants=[variant], Tags=given)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=CONFIG, Tags=given)


def write(value: str) -> None:
    client("ssm").put_parameter(Name=PARAMETER, Value=value, Type="String", Overwrite=True)


def test_what_serves_gives_the_candidate_its_size_and_is_to_stay(earlier: None) -> None:
    before = look_at_earlier(ENDPOINT, None, "AllTraffic")
    assert (before.exists, before.is_asked, before.endpoint_config) == (False, True, CONFIG)
    assert [variant.count for variant in before.variants] == [2]
    assert before.switch == Switch(parameter_value=None, old_endpoint=ENDPOINT)
    assert look_at_earlier("switchyard-nothing", "x", "v").is_asked is False


@pytest.mark.parametrize("value", [None, "switchyard-diabetes-b"])
def test_the_name_is_switched_and_goes_back_to_just_what_it_was(aws: None, value: str | None) -> None:
    if value:
        write(value)
    switch = Switch(parameter_value=value, old_endpoint=ENDPOINT)
    assert switch_back(NAMES, switch) is False
    for _ in range(2):  # safe to repeat
        switch_name(NAMES, switch)
        assert live_endpoint(PARAMETER) == OWN
    assert switch_back(NAMES, switch) is True
    assert live_endpoint(PARAMETER) == value
    assert switch_back(NAMES, switch) is False


def test_a_name_that_somebody_else_has_written_stays(aws: None) -> None:
    write("switchyard-theirs")
    switch = Switch(parameter_value=None, old_endpoint=ENDPOINT)
    with pytest.raises(EndpointTakenOver, match="names 'switchyard-theirs'"):
        switch_name(NAMES, switch)
    assert switch_back(NAMES, switch) is False
    assert live_endpoint(PARAMETER) == "switchyard-theirs"


def test_clients_go_back_a_pause_before_their_endpoint_is_deleted(earlier: None, context: Any, locks: Any) -> None:
    serving = release_state()
    before = look_at_earlier(ENDPOINT, None, "AllTraffic").model_dump()
    write(OWN)
    state = {
        **serving,
        "names": NAMES.model_dump(),
        "lock": {"is_needed": True, "before": before},
        "model_package_arn": None,
        "unfit": {"Cause": '{"errorMessage": "it was slow"}'},
    }
    client("sagemaker").create_endpoint_config(
        EndpointConfigName=NAMES.final_config,
        ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": MODEL, "InstanceType": "ml.t2.medium",
                             "InitialInstanceCount": 1}],
    )  # fmt: skip
    client("sagemaker").create_endpoint(EndpointName=OWN, EndpointConfigName=NAMES.final_config)
    event = {"execution": EXECUTION, "because": "UNFIT", "state": state}

    # A release that was over stays, however its execution ends.
    assert undo({**event, "state": {**state, "recorded": {"released_at": STARTED}}}, context)["deleted"] == []
    assert live_endpoint(PARAMETER) == OWN

    with pytest.raises(EndpointNotReady, match="Clients are sent back"):
        undo(event, context)
    assert live_endpoint(PARAMETER) is None
    assert describe_endpoint(OWN) is not None
    assert f"endpoint/{OWN}" in undo(event, context)["deleted"]
    assert describe_endpoint(OWN) is None
    assert describe_endpoint(ENDPOINT) is not None


def ask(context: Any, requests_before: int | None, *, config: str = CONFIG) -> dict[str, Any]:
    before = {
        "exists": False, "endpoint_config": config, "variants": [], "watched_variant": "AllTraffic",
        "final_variant": "AllTraffic", "switch": {"parameter_value": None, "old_endpoint": ENDPOINT},
    }  # fmt: skip
    event = {
        "execution": EXECUTION, "names": NAMES.model_dump(), "before": before, "started": "2026-07-01T12:30:00.000Z",
        "requests_before": requests_before,
    }  # fmt: skip
    return dict(retire(event, context))


def answer_requests(count: float) -> None:
    client("cloudwatch").put_metric_data(
        Namespace="AWS/SageMaker",
        MetricData=[
            {
                "MetricName": "Invocations",
                "Value": count,
                "Dimensions": [
                    {"Name": "EndpointName", "Value": ENDPOINT},
                    {"Name": "VariantName", "Value": "AllTraffic"},
                ],
            }
        ],
    )


def test_an_endpoint_that_nobody_asks_goes_with_what_it_served(earlier: None, context: Any) -> None:
    write(OWN)
    assert ask(context, None)["deleted"] == []
    gone = [f"endpoint/{ENDPOINT}", f"endpoint-config/{CONFIG}", f"model/{MODEL}"]
    assert ask(context, 0) == {"endpoint_name": ENDPOINT, "requests": 0, "deleted": gone, "why_kept": ""}
    assert ask(context, 0)["deleted"] == [f"endpoint/{ENDPOINT}"]  # safe to repeat
    assert client("sagemaker").list_models()["Models"] == []


def test_an_endpoint_that_clients_still_ask_stays_and_the_output_says_so(earlier: None, context: Any) -> None:
    write(OWN)
    answer_requests(3)
    assert ask(context, None)["requests"] == 3
    answer_requests(2)
    assert "clients still ask it: 2 requests in the last minute" in ask(context, 3)["why_kept"]
    assert describe_endpoint(ENDPOINT) is not None
    assert ask(context, 5)["deleted"] != []


def test_an_endpoint_that_serves_again_or_is_somebody_elses_stays(aws: None, context: Any) -> None:
    serve(ENDPOINT, **{"switchyard:project": "another"})
    write(ENDPOINT)
    assert "sends clients to it again" in ask(context, 0)["why_kept"]
    write(OWN)
    assert "do not say that this project made it" in ask(context, 0)["why_kept"]
    assert "somebody else updated it" in ask(context, 0, config="switchyard-other")["why_kept"]
    assert describe_endpoint(ENDPOINT) is not None
