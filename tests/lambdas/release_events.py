"""The state of a release in the middle of a canary, as functions are given it."""

from __future__ import annotations

from typing import Any

PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/switchyard-diabetes/2"
ENDPOINT = "switchyard-diabetes"
EXECUTION = "release-1"
STEM = "switchyard-release-release-1"
SHARED = f"{STEM}-shared"
EARLIER = "switchyard-earlier"
CANDIDATE = "release-0123456789ab"
STARTED = "2026-07-01T12:30:00.000Z"


def release_state(*, existed: bool = True, **changes: Any) -> dict[str, Any]:
    """Return the state; `changes` go into the plan."""
    serving = [{"name": "AllTraffic", "weight": 1.0, "count": 2}] if existed else []
    return {
        "recipe": "diabetes",
        "execution": EXECUTION,
        "model_package_arn": PACKAGE,
        "by_approval": False,
        "names": {
            "endpoint": ENDPOINT,
            "parameter": "/switchyard/diabetes/endpoint",
            "model_package_group": ENDPOINT,
            "model": STEM,
            "shared_config": SHARED,
            "final_config": STEM,
            "candidate_variant": CANDIDATE,
            "latency_alarm": f"{STEM}-latency",
            "errors_5xx_alarm": f"{STEM}-5xx",
            "errors_4xx_alarm": f"{STEM}-4xx",
        },
        "release": {
            "strategy": "canary",
            "shares": [10, 50, 100],
            "look_seconds": 60,
            "looks_to_bake": 2,
            "looks_at_most": 4,
            "minimum_requests": 100,
            "limits": {"latency_ms": 500, "errors_5xx_percent": 1, "errors_4xx_percent": 5},
            "alarms": [],
            "grace_seconds": 3600,
            **changes,
        },
        "instances": {"type": "ml.t2.medium", "count": 1},
        "content_types": {"input": "text/csv", "output": "text/csv"},
        "samples": [{"body": "1,2"}],
        "step": {"index": 1, "share": 50, "looks": 1, "samples_sent": 1, "base": {"requests": 1000}, "done": []},
        "lock": {
            "is_needed": True,
            "before": {
                "exists": existed,
                "endpoint_config": EARLIER if existed else None,
                "variants": serving,
                "watched_variant": CANDIDATE if existed else "AllTraffic",
                "final_variant": "AllTraffic",
            },
        },
    }


def event(*, existed: bool = True, plan: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return what a state hands to its function: the parts of the state by their names, and more."""
    state = release_state(existed=existed, **(plan or {}))
    return {**state, "before": state["lock"]["before"], "started": STARTED, **more}


def description(status: str = "InService", config: str = SHARED, reason: str | None = None, **weights: float) -> Any:
    """Return what DescribeEndpoint says; `weights` by the variants' names, in which `_` stands for `-`."""
    found: dict[str, Any] = {
        "EndpointName": ENDPOINT,
        "EndpointArn": f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{ENDPOINT}",
        "EndpointConfigName": config,
        "EndpointStatus": status,
        "CreationTime": STARTED,
        "LastModifiedTime": STARTED,
    }
    if weights:
        found["ProductionVariants"] = [
            {"VariantName": name.replace("_", "-"), "CurrentWeight": weight, "CurrentInstanceCount": 2}
            for name, weight in weights.items()
        ]
    return {**found, "FailureReason": reason} if reason else found


def package(status: str = "Approved", **metadata: str) -> dict[str, Any]:
    """Return what DescribeModelPackage says."""
    return {
        "ModelPackageName": "g",
        "ModelPackageArn": PACKAGE,
        "CreationTime": "2026-07-01T12:00:00Z",
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": status,
        "CustomerMetadataProperties": metadata,
    }


def releasing(sagemaker: Any, **more: str) -> None:
    """Let DescribeModelPackage say that this very execution releases the package."""
    found = package(release="releasing", release_execution=EXECUTION, **more)
    sagemaker.add_response("describe_model_package", found, {"ModelPackageName": PACKAGE})
