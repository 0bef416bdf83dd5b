"""Record release: what the registry says serves afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import record_release
from botocore.stub import ANY
from release_events import ENDPOINT, EXECUTION, PACKAGE, SHARED, event
from shared.leases import acquire, holder_of

Stub = Callable[[str], Any]
# Of the group, the newest first; PACKAGE is the second.
PACKAGES = [PACKAGE.replace("/2", f"/{version}") for version in (5, 4, 3, 2, 1)]


@pytest.fixture
def sagemaker(locks: Any, stub: Stub) -> Any:
    """What all of it needs: the lease, the endpoint's name, the package's mark, and nothing of the release left."""
    acquire(ENDPOINT, EXECUTION, 60)
    name = {"Name": "/switchyard/diabetes/endpoint", "Value": ENDPOINT, "Type": "String", "Overwrite": True}
    stub("ssm").add_response("put_parameter", {}, name)
    stub("cloudwatch").add_response("delete_alarms", {}, {"AlarmNames": ANY})
    sagemaker = stub("sagemaker")
    noted = {
        "release": "released", "release_execution": EXECUTION, "released_at": ANY, "released_endpoint": ENDPOINT
    }  # fmt: skip
    marks(sagemaker, PACKAGE, noted, CustomerMetadataPropertiesToRemove=["release_reason"])
    sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": SHARED})
    return sagemaker


def marks(sagemaker: Any, arn: str, metadata: dict[str, Any], **more: Any) -> None:
    sagemaker.add_response(
        "update_model_package",
        {"ModelPackageArn": arn},
        {"ModelPackageArn": arn, "CustomerMetadataProperties": metadata, **more},
    )


def lists(sagemaker: Any, *arns: str) -> None:
    """Let these be the approved ones of the group."""
    summaries = [
        {
            "ModelPackageName": "g",
            "ModelPackageArn": arn,
            "ModelPackageVersion": int(arn[-1]),
            "CreationTime": "2026-07-01T12:00:00Z",
            "ModelPackageStatus": "Completed",
        }
        for arn in arns
    ]
    wanted = {
        "ModelPackageGroupName": ENDPOINT, "ModelApprovalStatus": "Approved", "SortBy": ANY, "SortOrder": "Descending"
    }  # fmt: skip
    sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": summaries}, wanted)


def describes(sagemaker: Any, arn: str, release: str) -> None:
    answer = {
        "ModelPackageName": "g",
        "ModelPackageArn": arn,
        "CreationTime": "2026-07-01T12:00:00Z",
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "CustomerMetadataProperties": {"release": release},
    }
    sagemaker.add_response("describe_model_package", answer, {"ModelPackageName": arn})


def record(context: Any) -> str:
    released_at = record_release.handler(event(), context)["released_at"]
    assert holder_of(ENDPOINT) is None
    return str(released_at)


def test_a_new_model_leaves_what_served_before_as_it_is(sagemaker: Any, context: Any) -> None:
    lists(sagemaker, PACKAGE, *PACKAGES[4:])
    record(context)


def test_an_earlier_model_that_serves_again_supersedes_the_newer_ones_that_served(sagemaker: Any, context: Any) -> None:
    # In whatever order: those of one moment have none.
    lists(sagemaker, *PACKAGES[1:3], PACKAGES[0], *PACKAGES[3:])
    for arn, release in zip(PACKAGES[:3], ("deployed", "requested", "released"), strict=True):
        describes(sagemaker, arn, release)
    # The newest, which served, comes last: a release that fails half-way leaves it what it was.
    for arn in (PACKAGES[2], PACKAGES[0]):
        marks(sagemaker, arn, {"release": "superseded", "release_reason": ANY})
    record(context)


def test_it_says_what_serves_instead(sagemaker: Any, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, str, str]] = []
    monkeypatch.setattr(record_release, "supersede_newer", lambda *given: said.append(given))
    released_at = record(context)
    assert said == [(ENDPOINT, PACKAGE, f"Version 2 serves instead since {released_at}")]


def test_a_package_that_is_not_approved_any_more_supersedes_only_newer_ones(sagemaker: Any, context: Any) -> None:
    lists(sagemaker, PACKAGES[2], PACKAGES[4])
    describes(sagemaker, PACKAGES[2], "superseded")
    record(context)
