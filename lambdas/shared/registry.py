"""The model registry: packages of a group, and which metrics they were registered with."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.aws import ClientError, client, is_missing

METRIC_PREFIX = "metric."

# The metadata of a package that says whether it serves.
RELEASE = "release"


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
    """The newest model package of a group that serves, or has served last."""

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


def find_champion(group: str) -> Champion | None:
    """Give the newest approved package of a group that came into service, with the metrics it was registered with.

    One that is approved and not released yet has shown nothing, and is no champion; one without a word about its
    release was put into service by the run that registered it.
    """
    for package in list_packages(group, ModelApprovalStatus="Approved"):
        arn = package["ModelPackageArn"]
        found = client("sagemaker").describe_model_package(ModelPackageName=arn)
        metadata = found.get("CustomerMetadataProperties", {})
        if metadata.get(RELEASE, ReleaseStatus.DEPLOYED.value) in RELEASED:
            return Champion(arn, metrics_of(metadata))
    return None


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
