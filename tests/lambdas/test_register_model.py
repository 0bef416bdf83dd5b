from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from register_model import handler
from shared.aws import client
from shared.parameters import read_parameter, write_parameter
from shared.registry import find_champion, metadata_sentence

EVENT = "provide-client-params.sagemaker.CreateModelPackage"
Read = Callable[[str], dict[str, Any]]
SERVES = "/switchyard/diabetes/model-package"


def packages() -> list[dict[str, Any]]:
    found = client("sagemaker").list_model_packages(ModelPackageGroupName="switchyard-diabetes")
    return [
        client("sagemaker").describe_model_package(ModelPackageName=package["ModelPackageArn"])
        for package in found["ModelPackageSummaryList"]
    ]


def test_the_first_model_makes_the_group_and_a_package(aws: None, event: Read, context: Any) -> None:
    arn = handler(event("register_model"), context)["model_package_arn"]
    (package,) = packages()
    assert package["ModelPackageArn"] == arn
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["ApprovalDescription"] == "Every rule of the gate holds"
    assert package["InferenceSpecification"] == {
        "Containers": [
            {
                "Image": event("register_model")["image_uri"],
                "ModelDataUrl": event("register_model")["model_uri"],
                "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
            }
        ],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
        "SupportedTransformInstanceTypes": ["ml.m5.large"],
        "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
    }
    assert package["CustomerMetadataProperties"] == {
        "execution": "diabetes-20260701-120000",
        "project": "switchyard",
        "recipe": "diabetes",
        "release": "deployed",
        "lineage.recipe": "aaaaaaaaaaaa",
        "lineage.code": "bbbbbbbbbbbb",
        "lineage.data": "d41d8cd98f00b204:3HL4kqtJlcpXroDTDmJ",
        "metric.rmse": "54.12",
        "metric.r2": "0.47",
        "test_metric.rmse": "55.5",
    }


def test_an_approved_model_is_the_next_champion(aws: None, event: Read, context: Any) -> None:
    arn = handler(event("register_model"), context)["model_package_arn"]
    assert find_champion("switchyard-diabetes", SERVES) == (arn, {"rmse": 54.12, "r2": 0.47})


@pytest.mark.parametrize(
    ("decision", "description"),
    [
        ("PendingManualApproval", "Every rule of the gate holds; it waits for somebody's approval"),
        ("Approved", "Every rule of the gate holds"),
    ],
)
def test_a_model_that_is_left_to_a_release_says_what_that_needs(
    aws: None, event: Read, context: Any, decision: str, description: str
) -> None:
    document = "s3://switchyard-artifacts/runs/diabetes-20260701-120000/release.json"
    left = {"release": "requested", "release_strategy": "blue-green", "handover_uri": document}
    handler({**event("register_model"), "decision": decision, **left}, context)
    (package,) = packages()
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == (decision, description)
    assert {key: package["CustomerMetadataProperties"][key] for key in ("recipe", *left) if key[-3:] != "uri"} == {
        "recipe": "diabetes",
        "release": "requested",
        "release_strategy": "blue-green",
    }
    assert package["CustomerMetadataProperties"]["handover"] == document


def test_the_champion_is_the_package_that_is_noted_to_serve(aws: None, event: Read, context: Any) -> None:
    def champion() -> str | None:
        found = find_champion("switchyard-diabetes", SERVES)
        return found and found.model_package_arn

    run = event("register_model")
    first, second = (handler({**run, "execution": name}, context)["model_package_arn"] for name in ("one", "two"))
    assert (champion(), read_parameter(SERVES)) == (second, second)
    handler({**run, "execution": "three", "release": "requested"}, context)
    assert champion() == second
    write_parameter(SERVES, first)  # it was released again
    assert champion() == first
    client("sagemaker").update_model_package(ModelPackageArn=first, ModelApprovalStatus="Rejected")
    assert champion() == second
    write_parameter(SERVES, f"{first}99")  # somebody deleted it
    assert champion() == second


def test_the_champion_is_the_newest_that_came_into_service(aws: None, event: Read, context: Any) -> None:
    def registered(number: int, release: str | None) -> str:
        payload = {**event("register_model"), "execution": f"run-{number}", "release": None}
        arn = handler(payload, context)["model_package_arn"]
        if release:
            client("sagemaker").update_model_package(
                ModelPackageArn=arn,
                ModelApprovalStatus="Approved",  # moto forgets it otherwise
                CustomerMetadataProperties={"release": release},
            )
        return str(arn)

    def champion() -> str | None:
        found = find_champion("switchyard-diabetes", SERVES)
        return found and found.model_package_arn

    for number, release in enumerate(("requested", "releasing", "rolled-back", "compared")):
        registered(number, release)
        assert champion() is None
    registered(4, None)  # rejected by the gate, and approved by somebody since
    assert champion() is None
    earlier = registered(5, None)
    # Registered before there were releases: by the very run that put it into service.
    client("sagemaker").update_model_package(
        ModelPackageArn=earlier, ModelApprovalStatus="Approved", CustomerMetadataProperties={"execution": "run-5"}
    )
    registered(6, "requested")
    assert champion() == earlier
    released = registered(7, "released")
    assert champion() == released
    client("sagemaker").update_model_package(ModelPackageArn=released, ModelApprovalStatus="Rejected")
    assert champion() == earlier


def test_metadata_leaves_room_for_what_a_release_adds(aws: None, event: Read, context: Any) -> None:
    many = {f"m{number}": float(number) for number in range(60)}
    handler({**event("register_model"), "metrics": many}, context)
    (package,) = packages()
    metadata = package["CustomerMetadataProperties"]
    assert len(metadata) == 40
    assert {"execution", "recipe", "release", "lineage.data", "metric.m0"} <= set(metadata)


def test_the_same_execution_never_registers_twice(aws: None, event: Read, context: Any) -> None:
    first = handler(event("register_model"), context)
    other = handler({**event("register_model"), "execution": "diabetes-2"}, context)
    assert handler(event("register_model"), context) == first != other
    assert len(packages()) == 2


def test_what_somebody_decided_since_is_left_alone(aws: None, event: Read, context: Any) -> None:
    arn = handler(event("register_model"), context)["model_package_arn"]
    client("sagemaker").update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Rejected", ApprovalDescription="Biased, says Ada"
    )
    handler(event("register_model"), context)
    (package,) = packages()
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == (
        "Rejected",
        "Biased, says Ada",
    )


def test_a_rejection_is_kept_with_its_reasons(aws: None, event: Read, context: Any) -> None:
    reasons = ["rmse 71.20 is above the limit 62.00", "r2 is missing", "x" * 2000]
    handler({**event("register_model"), "decision": "Rejected", "reasons": reasons, "test_metrics": None}, context)
    (package,) = packages()
    assert package["ModelApprovalStatus"] == "Rejected"
    assert package["ApprovalDescription"].startswith("rmse 71.20 is above the limit 62.00; r2 is missing; xx")
    assert len(package["ApprovalDescription"]) == 1024
    assert find_champion("switchyard-diabetes", SERVES) is None


def test_metadata_fits_what_sagemaker_takes(aws: None, event: Read, context: Any) -> None:
    payload = {
        **event("register_model"),
        "execution": "run (1) 'x'",
        "lineage": {"data": "e" * 300, "code": ""},
    }
    handler(payload, context)
    (package,) = packages()
    assert package["CustomerMetadataProperties"]["execution"] == "run -1- -x-"
    assert package["CustomerMetadataProperties"]["lineage.data"] == "e" * 256
    assert "lineage.code" not in package["CustomerMetadataProperties"]
    assert package["ModelPackageDescription"] == "Execution run (1) 'x'"


def test_a_reason_can_be_read_in_the_metadata() -> None:
    said = "Not passed: 'rmse' differs. 22 answers compared, 0.14% apart on average (30 % at most); too few"
    assert metadata_sentence(said) == (
        "Not passed: rmse differs. 22 answers compared - 0.14 percent apart on average - 30 percent at most - too few"
    )
    assert len(metadata_sentence("%" * 300)) == 256


def test_instance_types_are_left_out_when_unknown(aws: None, event: Read, context: Any) -> None:
    payload = event("register_model")
    del payload["transform_instance_type"], payload["endpoint_instance_type"]
    handler(payload, context)
    assert "SupportedTransformInstanceTypes" not in packages()[0]["InferenceSpecification"]


def test_another_run_that_makes_the_group_first_is_no_error(
    stub: Callable[[str], Any], event: Read, context: Any
) -> None:
    sagemaker = stub("sagemaker")
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/switchyard-diabetes/1"
    stub("ssm").add_response("put_parameter", {}, {"Name": SERVES, "Value": arn, "Type": "String", "Overwrite": True})
    missing = ("ValidationException", "ModelPackageGroup does not exist.", 400)
    sagemaker.add_client_error("list_model_packages", *missing)
    sagemaker.add_client_error("create_model_package", *missing)
    sagemaker.add_client_error(
        "create_model_package_group", "ValidationException", "Model Package Group already exists: arn", 400
    )
    sagemaker.add_response("create_model_package", {"ModelPackageArn": arn})
    sagemaker.add_response(
        "describe_model_package",
        {
            "ModelPackageName": "switchyard-diabetes",
            "ModelPackageArn": arn,
            "CreationTime": "2026-07-01T12:00:00Z",
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "ApprovalDescription": "said already",
        },
    )
    assert handler(event("register_model"), context) == {"model_package_arn": arn}


def test_other_refusals_pass_through(stub: Callable[[str], Any], event: Read, context: Any) -> None:
    sagemaker = stub("sagemaker")
    sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": []})
    sagemaker.add_client_error("create_model_package", "ValidationException", "Invalid image URI", 400)
    with pytest.raises(sagemaker.client.exceptions.ClientError, match="Invalid image URI"):
        handler(event("register_model"), context)


def test_a_retry_sends_the_same_token(
    event: Read, context: Any, stub: Callable[[str], Any], request: pytest.FixtureRequest
) -> None:
    tokens = []
    sagemaker = stub("sagemaker")

    def note(params: dict[str, Any], **_: Any) -> None:
        tokens.append(params["ClientToken"])

    request.addfinalizer(lambda: sagemaker.client.meta.events.unregister(EVENT, note))
    sagemaker.client.meta.events.register(EVENT, note)
    for _ in range(2):
        sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": []})
        sagemaker.add_client_error("create_model_package", "InternalFailure", "oops", 500)
        with pytest.raises(Exception, match="oops"):
            handler(event("register_model"), context)
    assert len(tokens) == 2
    assert len(set(tokens)) == 1
