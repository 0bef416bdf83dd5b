"""The model registry: which versions a recipe has, what was decided about them, and which one is the champion."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from switchyard.aws.errors import error_code
from switchyard.aws.registry import APPROVED, ModelPackages, came_into_service, serving_package
from switchyard.errors import SwitchyardError

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud

# As Register model describes its packages, by which they are found again.
_DESCRIPTION = "Execution "
_LOCAL_SECONDS, _AWS_SECONDS = 1.0, 30.0
_MISSING = ("ValidationException", "ResourceNotFound")


@dataclass(frozen=True)
class Package:
    """A model package.

    Parameters
    ----------
    execution
        The name of the run that registered it; empty when something else did.
    approval
        `Approved`, `Rejected` or `PendingManualApproval`.
    is_champion
        Whether it is the approved one that serves, or served last: what the functions hold a new model against.
    """

    arn: str
    version: int
    execution: str
    approval: str
    is_champion: bool = False


class Registry:
    """The model package groups of a cloud, each read no more often than it may have changed.

    Parameters
    ----------
    cloud
        Where it is.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._seconds = _LOCAL_SECONDS if cloud.is_local else _AWS_SECONDS
        self._read: dict[str, tuple[float, list[Package]]] = {}
        self._lock = threading.Lock()

    def packages(self, group: str) -> list[Package]:
        """Give a group's packages, the newest first; a group that does not exist has none."""
        with self._lock:
            read_at, packages = self._read.get(group, (0.0, []))
        if time.monotonic() - read_at < self._seconds and read_at:
            return packages
        packages = self._list(group)
        with self._lock:
            self._read[group] = (time.monotonic(), packages)
        return packages

    def _list(self, group: str) -> list[Package]:
        pages = self._cloud.client("sagemaker").get_paginator("list_model_packages")
        packages: list[Package] = []
        try:
            for page in pages.paginate(ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"):
                packages += [
                    Package(
                        arn=item["ModelPackageArn"],
                        version=int(item.get("ModelPackageVersion") or 0),
                        execution=_execution(item.get("ModelPackageDescription") or ""),
                        approval=item.get("ModelApprovalStatus") or "",
                    )
                    for item in page["ModelPackageSummaryList"]
                ]
        except ClientError as error:
            if error_code(error) not in _MISSING:
                raise
        champion = self._champion(group, [package for package in packages if package.approval == APPROVED])
        return [replace(package, is_champion=True) if package is champion else package for package in packages]

    def _champion(self, group: str, approved: list[Package]) -> Package | None:
        if not approved:
            return None
        try:
            noted = serving_package(self._cloud, ModelPackages(self._cloud).project, group)
        except SwitchyardError:  # a stack that is not this project's notes nothing
            noted = None
        found = next((package for package in approved if package.arn == noted), None)
        return found or next((package for package in approved if self._came_into_service(package.arn)), None)

    def _came_into_service(self, arn: str) -> bool:
        described = self._cloud.client("sagemaker").describe_model_package(ModelPackageName=arn)
        return came_into_service(described.get("CustomerMetadataProperties") or {})


def _execution(description: str) -> str:
    return description.removeprefix(_DESCRIPTION) if description.startswith(_DESCRIPTION) else ""
