"""The model registry: packages of a group, and which metrics they were registered with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.aws import ClientError, client, is_missing

METRIC_PREFIX = "metric."


class Champion(NamedTuple):
    """The newest approved model package of a group."""

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
    """Give the newest approved package of a group with the metrics it was registered with."""
    newest = next(list_packages(group, ModelApprovalStatus="Approved"), None)
    if newest is None:
        return None
    arn = newest["ModelPackageArn"]
    found = client("sagemaker").describe_model_package(ModelPackageName=arn)
    return Champion(arn, metrics_of(found.get("CustomerMetadataProperties", {})))


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
