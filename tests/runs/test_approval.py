"""A model that a release is to put into service: registered, serving nothing, with all that a release needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from switchyard.project import Project
from tests.runs.conftest import Site, add_recipe
from tests.runs.test_redrive import add_fault, clear_faults, redrive


def package_of(site: Site, output: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = site.client("sagemaker").describe_model_package(
        ModelPackageName=output["model_package_arn"]
    )
    return described


def kept_for_a_release(site: Site, package: dict[str, Any]) -> dict[str, Any]:
    bucket, _, key = package["CustomerMetadataProperties"]["handover"].removeprefix("s3://").partition("/")
    document: dict[str, Any] = json.load(site.client("s3").get_object(Bucket=bucket, Key=key)["Body"])
    return document


@pytest.fixture(autouse=True, scope="module")
def nobody_listens(site: Site) -> Iterator[None]:
    """What is approved stays registered: no release begins."""
    events = site.client("events")
    events.disable_rule(Name="switchyard-approval")
    yield
    events.enable_rule(Name="switchyard-approval")


@pytest.mark.parametrize(
    ("recipe", "release", "status", "approval"),
    [
        ("waits", {"approval": "manual"}, "PENDING_APPROVAL", "PendingManualApproval"),
        ("steps", {"strategy": "canary", "steps": [50, 100]}, "APPROVED", "Approved"),
    ],
)
def test_a_model_that_is_left_to_a_release_is_registered_and_serves_nothing(
    site: Site, project: Project, recipe: str, release: dict[str, Any], status: str, approval: str
) -> None:
    add_recipe(project, recipe, release=release)
    site.publish(project, recipe)
    before = site.made()
    execution = site.start(recipe, f"{recipe}-1", overrides={"release": {"bake_seconds": 60}})

    description = execution.wait()

    output = json.loads(description["output"])
    assert (description["status"], output["status"]) == ("SUCCEEDED", status)
    assert (output["endpoint_name"], output["model_name"]) == (None, None)
    assert output["test_metrics"]["rmse"] < 60
    assert site.made() == before
    assert not {"Look up endpoint", "Create endpoint config", "Smoke test"} & set(execution.states())
    package = package_of(site, output)
    metadata = package["CustomerMetadataProperties"]
    assert (package["ModelApprovalStatus"], metadata["release"], metadata["recipe"]) == (approval, "requested", recipe)
    kept = kept_for_a_release(site, package)
    assert (kept["recipe"], kept["execution"], kept["content_type"]) == (recipe, f"{recipe}-1", "text/csv")
    assert kept["release"]["bake_seconds"] == 60
    assert {key: kept["release"][key] for key in release} == release
    bucket, _, prefix = kept["test_data_uri"].removeprefix("s3://").partition("/")
    assert site.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] == 1


def test_the_champion_is_what_serves_and_not_what_waits_to(site: Site, project: Project) -> None:
    def outcome(number: int) -> dict[str, Any]:
        description = site.start("patient", f"patient-{number}").wait()
        assert description["status"] == "SUCCEEDED", description
        found: dict[str, Any] = json.loads(description["output"])
        return found

    gate = [{"metric": "rmse", "direction": "minimize", "threshold": 100, "margin": 1}]
    add_recipe(project, "patient", gate=gate, release={"strategy": "canary"})
    site.publish(project, "patient")
    first, second = outcome(1), outcome(2)  # approved both, and none of them serves: nobody is there to be beaten
    assert (first["status"], second["status"]) == ("APPROVED", "APPROVED")
    site.client("sagemaker").update_model_package(
        ModelPackageArn=first["model_package_arn"], CustomerMetadataProperties={"release": "released"}
    )

    third = outcome(3)

    assert third["status"] == "REJECTED"
    assert "is not better than the champion's" in third["reasons"][0]


def test_a_run_that_failed_on_its_way_to_the_registry_is_registered_once_by_a_redrive(
    site: Site, project: Project
) -> None:
    add_recipe(project, "held-up", release={"approval": "manual"})
    site.publish(project, "held-up")
    before = site.made()
    add_fault(site, "Register candidate", "crash", "held-up-1")
    execution = site.start("held-up", "held-up-1")
    assert execution.wait()["status"] == "FAILED"
    assert site.made() == before
    clear_faults(site)

    description = redrive(execution)

    output = json.loads(description["output"])
    assert output["status"] == "PENDING_APPROVAL"
    assert execution.states().count("Train model") == 1
    assert site.made() == before
    listed = site.client("sagemaker").list_model_packages(ModelPackageGroupName="switchyard-held-up")
    assert [each["ModelPackageArn"] for each in listed["ModelPackageSummaryList"]] == [output["model_package_arn"]]
