"""The model registry: packages of a group, and which metrics they were registered with."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from shared.aws import ClientError, client, is_missing

METRIC_PREFIX = "metric."
# CreateModelPackage's documentation, "CustomerMetadataProperties" and "ApprovalDescription".
MAX_METADATA_VALUE = 256
MAX_DESCRIPTION = 1024
_NOT_METADATA = re.compile(r"[^\w\s.:/=+@-]")

_INSTEAD = {" %": " percent", "%": " percent", ",": " -", ";": " -", "'": "", '"': "", "`": "", "(": "- ", ")": ""}

# The metadata of a package that says whether it serves.
RELEASE = "release"


class ReleaseStatus(enum.Enum):
    """What a package's metadata says under ``release``."""

    DEPLOYED = "deployed"  # by the run that trained it
    REQUESTED = "requested"
    RELEASING = "releasing"
    RELEASED = "released"
    SUPERSEDED = "superseded"  # it served, until an earlier one was released again in its place
    ROLLED_BACK = "rolled-back"
    COMPARED = "compared"


# What serves, or served until a newer one took its place: the newest of them serves.
RELEASED = frozenset({ReleaseStatus.DEPLOYED.value, ReleaseStatus.RELEASED.value})
# What has been in service, whatever took its place.
HAS_SERVED = RELEASED | {ReleaseStatus.SUPERSEDED.value}


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
            # Versions made in the same moment have no order but their numbers.
            yield from sorted(page["ModelPackageSummaryList"], key=itemgetter("ModelPackageVersion"), reverse=True)
    except ClientError as error:
        if not is_missing(error):
            raise


def find_champion(group: str) -> Champion | None:
    """Give the newest approved package of a group that came into service, with the metrics it was registered with.

    One that is approved and not released yet has shown nothing, and is no champion; neither is one that an earlier one
    has superseded.
    """
    for package in list_packages(group, ModelApprovalStatus="Approved"):
        arn = package["ModelPackageArn"]
        metadata = _metadata(arn)
        if came_into_service(metadata):
            return Champion(arn, metrics_of(metadata))
    return None


def supersede_newer(group: str, arn: str, reason: str) -> list[str]:
    """Note of the packages that were released and are newer than one that serves now, that they do not any more.

    So the newest that came into service is always the one that serves; the newest is marked last, lest another takes
    its place when this comes to nothing half-way. Safe to repeat.

    Returns
    -------
    list of str
        Their ARNs.
    """
    listed = list_packages(group, ModelApprovalStatus="Approved")
    newer = [each["ModelPackageArn"] for each in listed if each["ModelPackageVersion"] > version_of(arn)]
    served = [each for each in newer if _metadata(each).get(RELEASE) in RELEASED]
    for each in reversed(served):
        note_release(each, ReleaseStatus.SUPERSEDED, release_reason=reason)
    return served


def version_of(arn: str) -> int:
    """Give the number that ends the ARN of a package in a group."""
    return int(arn.rpartition("/")[2])


def came_into_service(metadata: Mapping[str, str]) -> bool:
    """Tell by a package's metadata whether it serves, or has served until a newer one did.

    Packages from before there were releases say nothing of one, nor of their recipe: what was approved served.
    """
    return metadata.get(RELEASE) in RELEASED if RELEASE in metadata else "recipe" not in metadata


def _metadata(arn: str) -> dict[str, str]:
    found = client("sagemaker").describe_model_package(ModelPackageName=arn)
    metadata: dict[str, str] = found.get("CustomerMetadataProperties", {})
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
        More metadata: ``release_execution``, ``release_reason``, ``released_at``, ``released_endpoint``; an empty text
        takes an entry away.
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
