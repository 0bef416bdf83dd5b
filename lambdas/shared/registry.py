"""The model registry: packages of a group, and which metrics they were registered with."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.aws import ClientError, client, is_missing
from shared.parameters import read_parameter

METRIC_PREFIX = "metric."
# CreateModelPackage's documentation, "CustomerMetadataProperties" and "ApprovalDescription".
MAX_METADATA_VALUE = 256
MAX_DESCRIPTION = 1024
_NOT_METADATA = re.compile(r"[^\w\s.:/=+@-]")

_INSTEAD = {" %": " percent", "%": " percent", ",": " -", ";": " -", "'": "", '"': "", "`": "", "(": "- ", ")": ""}

# The metadata of a package that says whether it serves, and what that said before the release that goes on.
RELEASE, RELEASE_BEFORE = "release", "release_before"


class ReleaseStatus(enum.Enum):
    """What a package's metadata says under ``release``."""

    DEPLOYED = "deployed"  # by the run that trained it
    REQUESTED = "requested"
    RELEASING = "releasing"
    RELEASED = "released"
    ROLLED_BACK = "rolled-back"
    COMPARED = "compared"


# What serves, or served until another took its place.
RELEASED = frozenset({ReleaseStatus.DEPLOYED.value, ReleaseStatus.RELEASED.value})


class Champion(NamedTuple):
    """The model package of a group that serves, or has served last."""

    model_package_arn: str
    metrics: dict[str, float]


def list_packages(group: str, **filters: str) -> Iterator[dict[str, Any]]:
    """Yield the summaries of a group's packages, newest first; a group that does not exist has none."""
    pages = client("sagemaker").get_paginator("list_model_packages")
    try:
        for page in pages.paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", **filters
        ):
            yield from page["ModelPackageSummaryList"]
    except ClientError as error:
        if not is_missing(error):
            raise


def find_champion(group: str, parameter: str) -> Champion | None:
    """Give the approved package of a group that serves, or served last, with the metrics it was registered with.

    One that is approved and not released yet has shown nothing, and is no champion.

    Parameters
    ----------
    parameter
        The SSM parameter that says which package serves. Where it says nothing, or names one that is not approved any
        more, the newest counts that came into service.
    """
    serving = read_parameter(parameter)
    package = describe_package(serving) if serving else None
    if package is not None and package.get("ModelApprovalStatus") == "Approved":
        return Champion(package["ModelPackageArn"], metrics_of(metadata_of(package)))
    for listed in list_packages(group, ModelApprovalStatus="Approved"):
        arn = listed["ModelPackageArn"]
        metadata = metadata_of(describe_package(arn))
        if came_into_service(metadata):
            return Champion(arn, metrics_of(metadata))
    return None


def is_being_released(metadata: Mapping[str, str], execution: str) -> bool:
    """Tell by a package's metadata whether an execution has begun to release it, and is not done."""
    return metadata.get(RELEASE) == ReleaseStatus.RELEASING.value and _is_of(metadata, execution)


def was_released(metadata: Mapping[str, str], execution: str) -> bool:
    """Tell by a package's metadata whether an execution has released it: that mark is not taken back."""
    return metadata.get(RELEASE) == ReleaseStatus.RELEASED.value and _is_of(metadata, execution)


def _is_of(metadata: Mapping[str, str], execution: str) -> bool:
    return metadata.get("release_execution") == metadata_value(execution)


def came_into_service(metadata: Mapping[str, str]) -> bool:
    """Tell by a package's metadata whether it serves, or has served.

    Packages from before there were releases say nothing of one, nor of their recipe: what was approved served.
    """
    return metadata.get(RELEASE) in RELEASED if RELEASE in metadata else "recipe" not in metadata


def metadata_of(package: Mapping[str, Any] | None) -> dict[str, str]:
    """Give the metadata of what DescribeModelPackage says; nothing of a package that is gone."""
    metadata: dict[str, str] = (package or {}).get("CustomerMetadataProperties", {})
    return metadata


def metrics_of(metadata: Mapping[str, str]) -> dict[str, float]:
    """Read the metrics out of a package's metadata; what is no finite number is left out."""
    metrics = {}
    for key, text in metadata.items():
        if key.startswith(METRIC_PREFIX):
            try:
                value = float(text)
            except ValueError:
                continue
            if math.isfinite(value):
                metrics[key.removeprefix(METRIC_PREFIX)] = value
    return metrics


def metadata_value(text: str) -> str:
    """Give a text as a package's metadata takes it."""
    return _NOT_METADATA.sub("-", " ".join(text.split()))[:MAX_METADATA_VALUE]


def metadata_sentence(text: str) -> str:
    """Give a sentence as a package's metadata takes it, with what that refuses in other words or left out."""
    for refused, instead in _INSTEAD.items():
        text = text.replace(refused, instead)
    return metadata_value(text)


def describe_package(arn: str) -> dict[str, Any] | None:
    """Give what DescribeModelPackage says; None when there is no such package."""
    try:
        found: dict[str, Any] = client("sagemaker").describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    return found


def note_release(arn: str, status: ReleaseStatus, *, rejected_for: str | None = None, **facts: str) -> None:
    """Write into a package's metadata how its release goes.

    Parameters
    ----------
    rejected_for
        Why it is no candidate any more; it becomes Rejected then.
    facts
        More metadata: ``release_execution``, ``release_reason``, ``released_at``, ``released_endpoint``, and while it
        is being released ``release_before``, if it has served before; an empty text takes an entry away.
    """
    entries = {RELEASE: status.value, **facts}
    if "release_reason" in entries:
        entries["release_reason"] = metadata_sentence(entries["release_reason"])
    verdict: dict[str, Any] = {}
    if gone := [key for key, value in entries.items() if not value]:
        verdict["CustomerMetadataPropertiesToRemove"] = gone
    if rejected_for is not None:
        description = " ".join(rejected_for.split())[:MAX_DESCRIPTION]
        verdict |= {"ModelApprovalStatus": "Rejected", "ApprovalDescription": description}
    client("sagemaker").update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={key: metadata_value(value) for key, value in entries.items() if value},
        **verdict,
    )
