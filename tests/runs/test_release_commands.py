"""Commands that start a release, and show it: `switchyard approve`, `switchyard run`, `switchyard release`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from switchyard.__main__ import main
from switchyard.project import Project
from tests.runs.conftest import Site, add_recipe
from tests.runs.releases import PATIENT, UNHURRIED

QUICK = {"bake_seconds": 0, "minimum_requests": 0}
Call = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def call(site: Site, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs one command in the project: its exit code, its JSON document, if any, and what it says beside that."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", site.url)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(project.root)

    def call(*arguments: str) -> tuple[int, dict[str, Any], str]:
        code = main([*arguments, "--json"])
        output = capsys.readouterr()
        return code, json.loads(output.out or "{}"), output.err

    return call


def metadata(site: Site, package_arn: str) -> dict[str, str]:
    found: dict[str, str] = site.client("sagemaker").describe_model_package(ModelPackageName=package_arn)[
        "CustomerMetadataProperties"
    ]
    return found


def test_an_approval_shows_the_release_that_it_starts(site: Site, project: Project, call: Call) -> None:
    add_recipe(project, "commanded", release={"approval": "manual", "limits": UNHURRIED, **QUICK})
    site.publish(project, "commanded")
    output = json.loads(site.start("commanded", "commanded-1").wait()["output"])

    code, document, err = call("approve", "commanded", "--reason", "fine")

    assert code == 0, err
    assert document["output"]["status"] == "RELEASED"
    assert document["output"]["model_package_arn"] == output["model_package_arn"]
    assert document["endpoint_name"] == "switchyard-commanded"
    # Asked with the row that the release tried the model with.
    assert isinstance(document["prediction"]["value"], float)
    assert "Prepare release: succeeded" in err
    assert float(site.invoke("commanded", PATIENT)) > 0
    assert metadata(site, output["model_package_arn"])["release"] == "released"
    (package,) = call("packages", "commanded")[1]["packages"]
    assert (package["approval"], package["release"], package["reason"]) == ("Approved", "released", "fine")
    assert package["serves"] is True


def test_a_run_that_nobody_has_to_approve_shows_its_release_too(site: Site, project: Project, call: Call) -> None:
    add_recipe(project, "stepwise", release={"strategy": "canary", "steps": [50, 100], "limits": UNHURRIED, **QUICK})

    code, document, err = call("run", "stepwise", "--name", "stepwise-1")

    assert code == 0, err
    assert (document["output"]["status"], document["endpoint_name"]) == ("APPROVED", None)
    assert document["release"]["output"]["status"] == "RELEASED"
    assert [step["share"] for step in document["release"]["output"]["steps"]] == [50, 100]
    assert float(site.invoke("stepwise", PATIENT)) > 0
    # The same run again: told once more, with the same release.
    again = call("run", "stepwise", "--name", "stepwise-1")[1]
    assert [each["execution_arn"] for each in (again, again["release"])] == [
        each["execution_arn"] for each in (document, document["release"])
    ]


@pytest.mark.parametrize(
    ("changes", "starts"),
    [
        ({}, True),
        ({"CustomerMetadataProperties": {"release": "requested", "project": "switchyard"}}, True),
        ({"CustomerMetadataProperties": {"release": "rolled-back"}}, True),  # somebody wants it tried again
        ({"CustomerMetadataProperties": {"release": "deployed"}}, False),  # its run serves it
        ({"CustomerMetadataProperties": {"project": "switchyard-two"}}, False),
        ({"ModelPackageGroupName": "other-trees"}, False),
        ({"ModelApprovalStatus": "Rejected"}, False),
        ({"UpdatedModelPackageFields": ["CustomerMetadataProperties"]}, False),  # what a release writes
        ({"UpdatedModelPackageFields": ["ApprovalDescription", "ModelApprovalStatus"]}, True),
    ],
    ids=str,
)
def test_an_approval_and_nothing_else_starts_a_release(site: Site, changes: dict[str, Any], starts: bool) -> None:
    events = site.client("events")
    detail = {
        "ModelPackageGroupName": "switchyard-trees",
        "ModelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/switchyard-trees/1",
        "ModelApprovalStatus": "Approved",
        "UpdatedModelPackageFields": ["ModelApprovalStatus"],
    }
    event = {
        "id": "1",
        "account": "123456789012",
        "region": "us-east-1",
        "resources": [],
        "time": "2026-11-21T12:00:00Z",
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "detail": {**detail, **changes},
    }
    pattern = events.describe_rule(Name="switchyard-approval")["EventPattern"]
    assert events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"] is starts


def test_a_release_by_hand_goes_as_it_is_told_to(site: Site, project: Project, call: Call) -> None:
    recipe = {"approval": "manual", "strategy": "canary", "bake_seconds": 600, "limits": UNHURRIED}
    add_recipe(project, "handmade", release=recipe)
    site.publish(project, "handmade")
    site.start("handmade", "handmade-1").wait()
    events = site.client("events")
    events.disable_rule(Name="switchyard-approval")
    call("approve", "handmade", "--no-follow")
    events.enable_rule(Name="switchyard-approval")
    settings = [f"--set=release.{key}={value}" for key, value in QUICK.items()]

    code, document, err = call("release", "handmade", "--strategy", "all-at-once", *settings, "--name", "by-hand")

    assert code == 0, err
    assert document["execution_arn"].endswith(":by-hand")
    assert (document["output"]["status"], document["output"]["strategy"]) == ("RELEASED", "all-at-once")

    code, _, err = call("release", "handmade/1", "--no-follow")
    assert code == 2
    assert "is released already on switchyard-handmade since 2" in err
    assert "and serves: there is nothing to release" in err
