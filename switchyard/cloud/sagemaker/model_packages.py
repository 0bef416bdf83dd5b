"""The model registry: model packages, their versions in groups, who approved them.

Sources: CreateModelPackage, CreateModelPackageGroup, UpdateModelPackage, ListModelPackages (Amazon SageMaker API
Reference); "Amazon EventBridge events: SageMaker Model Package State Change" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from switchyard.cloud.account import arn
from switchyard.cloud.sagemaker.errors import ConflictError, NotRunError, ValidationError
from switchyard.cloud.sagemaker.handlers import Handler
from switchyard.cloud.sagemaker.listing import Listing
from switchyard.cloud.sagemaker.store import Store, now
from switchyard.cloud.sagemaker.tags import tags_of

# What asks for work that nothing here does.
_NOT_RUN = ("ValidationSpecification", "SourceAlgorithmSpecification")
_CHANGED = (
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


class ModelPackageGroup:
    """A group of the versions of one model."""

    status = "Completed"

    def __init__(self, request: dict[str, Any]) -> None:
        self.name: str = request["ModelPackageGroupName"]
        self.arn = arn("sagemaker", f"model-package-group/{self.name.lower()}")
        self.tags = tags_of(request)
        self.created = self.modified = now()
        self.description: str | None = request.get("ModelPackageGroupDescription")
        self.policy: str | None = None
        self._versions = 0

    def next_version(self) -> int:
        """Return the number of the next version; none is given twice."""
        self._versions += 1
        return self._versions

    def describe(self) -> dict[str, Any]:
        """Answer DescribeModelPackageGroup."""
        return {
            "ModelPackageGroupName": self.name,
            "ModelPackageGroupArn": self.arn,
            "ModelPackageGroupDescription": self.description,
            "CreationTime": self.created,
            "CreatedBy": {},
            "ModelPackageGroupStatus": self.status,
        }

    def summary(self) -> dict[str, Any]:
        """Answer for one entry of ListModelPackageGroups."""
        return {key: value for key, value in self.describe().items() if key != "CreatedBy"}


class ModelPackage:
    """A model package: one version in a group, or one with a name of its own.

    Parameters
    ----------
    group : ModelPackageGroup or None
        The group that it is the next version of.
    """

    status = "Completed"
    label = "Model Package"  # as in the names of its events

    def __init__(self, request: dict[str, Any], group: ModelPackageGroup | None) -> None:
        self.group = group
        self.version = group.next_version() if group else None
        self.name: str = f"{group.name}/{self.version}" if group else request["ModelPackageName"]
        self.arn = arn("sagemaker", f"model-package/{self.name.lower()}")
        self.tags = tags_of(request)
        self.created = self.modified = now()
        left_out = {"Tags", "ClientToken", "ModelPackageGroupName", "ModelPackageName"}
        self.request = {key: value for key, value in request.items() if key not in left_out}
        self._updated: list[str] = []
        if group:
            self.request.setdefault("ModelApprovalStatus", "PendingManualApproval")

    def update(self, request: dict[str, Any]) -> None:
        """Change what UpdateModelPackage may change."""
        before = dict(self.request)
        self.request.update({key: request[key] for key in _CHANGED if request.get(key) is not None})
        properties = {
            **self.request.get("CustomerMetadataProperties", {}),
            **(request.get("CustomerMetadataProperties") or {}),
        }
        for key in request.get("CustomerMetadataPropertiesToRemove") or []:
            properties.pop(key, None)
        if properties or "CustomerMetadataProperties" in self.request:
            self.request["CustomerMetadataProperties"] = properties
        if added := request.get("AdditionalInferenceSpecificationsToAdd"):
            there = self.request.get("AdditionalInferenceSpecifications", [])
            self.request["AdditionalInferenceSpecifications"] = [*there, *added]
        self._updated = sorted(key for key, value in self.request.items() if before.get(key) != value)
        self.modified = now()

    def describe(self) -> dict[str, Any]:
        """Answer DescribeModelPackage."""
        return {
            **self.request,
            "ModelPackageName": None if self.group else self.name,
            "ModelPackageGroupName": self.group.name if self.group else None,
            "ModelPackageVersion": self.version,
            "ModelPackageArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified if self.modified > self.created else None,
            "ModelPackageStatus": self.status,
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }

    def summary(self) -> dict[str, Any]:
        """Answer for one entry of ListModelPackages."""
        described = self.describe()
        names = (
            "ModelPackageName ModelPackageGroupName ModelPackageVersion ModelPackageArn ModelPackageDescription "
            "CreationTime ModelPackageStatus ModelApprovalStatus"
        )
        return {key: described.get(key) for key in names.split()}

    def event(self) -> dict[str, Any]:
        """Return the detail of its state change event; of an update, it names the fields that have other values now."""
        described = {"CertifyForMarketplace": False, **self.describe()}
        detail = {key: value for key, value in described.items() if value is not None}
        return {**detail, "UpdatedModelPackageFields": self._updated} if self._updated else detail


class ModelRegistry:
    """The operations on model packages and their groups.

    Parameters
    ----------
    on_change : callable
        Called with a model package when its status, or who approves of it, has changed.
    """

    def __init__(self, on_change: Callable[[ModelPackage], None]) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._made_by: dict[str, ModelPackage] = {}
        self.groups: Store[ModelPackageGroup] = Store(
            lambda name: ValidationError(f"ModelPackageGroup {_arn('model-package-group', name)} does not exist."),
            lambda there: ValidationError(f"Model Package Group already exists: {there.arn}"),
        )
        self.packages: Store[ModelPackage] = Store(
            lambda name: ValidationError(f"ModelPackage {_arn('model-package', name)} does not exist."),
            lambda there: ConflictError(f"Model Package already exists: {there.arn}"),
        )
        packages = Listing("ModelPackageSummaryList", filters={"ModelApprovalStatus": _is_approved})
        groups = Listing("ModelPackageGroupSummaryList")
        self.operations: dict[str, Handler] = {
            "CreateModelPackageGroup": self._create_group,
            "DescribeModelPackageGroup": lambda request: self._group(request).describe(),
            "DeleteModelPackageGroup": self._delete_group,
            "ListModelPackageGroups": lambda request: groups.answer(self.groups, request),
            "PutModelPackageGroupPolicy": self._put_policy,
            "GetModelPackageGroupPolicy": lambda request: {"ResourcePolicy": self._policy(request)},
            "DeleteModelPackageGroupPolicy": self._delete_policy,
            "CreateModelPackage": self._create_package,
            "DescribeModelPackage": lambda request: self.describe(request["ModelPackageName"]),
            "BatchDescribeModelPackage": self._describe_packages,
            "UpdateModelPackage": self._update_package,
            "DeleteModelPackage": self._delete_package,
            "ListModelPackages": lambda request: packages.answer(self._listed(request), request),
        }

    def describe(self, name_or_arn: str) -> dict[str, Any]:
        """Return what DescribeModelPackage says; raises ValidationError when there is no such package."""
        return self.packages.find(name_or_arn).describe()

    def _group(self, request: dict[str, Any]) -> ModelPackageGroup:
        return self.groups.find(request["ModelPackageGroupName"])

    def _create_group(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("ManagedConfiguration"):
            raise NotRunError("CreateModelPackageGroup with ManagedConfiguration")
        group = ModelPackageGroup(request)
        self.groups.add(group)
        return {"ModelPackageGroupArn": group.arn}

    def _delete_group(self, request: dict[str, Any]) -> dict[str, Any]:
        group = self._group(request)
        with self._lock:
            left = sum(1 for package in self.packages if package.group is group)
            if left:
                raise ConflictError(
                    f"Model Package Group {group.arn} cannot be deleted: it still contains model packages ({left})."
                )
            self.groups.remove(group)
        return {}

    def _put_policy(self, request: dict[str, Any]) -> dict[str, Any]:
        group = self._group(request)
        group.policy = request["ResourcePolicy"]
        return {"ModelPackageGroupArn": group.arn}

    def _policy(self, request: dict[str, Any]) -> str:
        group = self._group(request)
        if group.policy is None:
            raise ValidationError(f"Cannot find resource policy for: {group.arn}")
        return group.policy

    def _delete_policy(self, request: dict[str, Any]) -> dict[str, Any]:
        self._policy(request)
        self._group(request).policy = None
        return {}

    def _create_package(self, request: dict[str, Any]) -> dict[str, Any]:
        for member in _NOT_RUN:
            if request.get(member):
                raise NotRunError(f"CreateModelPackage with {member}")
        name, group_name = request.get("ModelPackageName"), request.get("ModelPackageGroupName")
        if name and group_name:
            raise ValidationError(
                "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which "
                "one to use."
            )
        if not name and not group_name:
            raise ValidationError("Either ModelPackageName or ModelPackageGroupName must be provided.")
        token = request.get("ClientToken")
        with self._lock:
            made = self._made_by.get(token or "")
            if made is not None:
                return {"ModelPackageArn": made.arn}
            package = ModelPackage(request, self.groups.find(group_name) if group_name else None)
            self.packages.add(package)
            if token:
                self._made_by[token] = package
        self._on_change(package)
        return {"ModelPackageArn": package.arn}

    def _describe_packages(self, request: dict[str, Any]) -> dict[str, Any]:
        asked = request["ModelPackageArnList"]
        found = {each: package for each in asked if (package := self.packages.by_arn(each)) is not None}
        # A summary here has the inference specification too.
        return {
            "ModelPackageSummaries": {
                each: {**package.summary(), "InferenceSpecification": package.request.get("InferenceSpecification", {})}
                for each, package in found.items()
            },
            "BatchDescribeModelPackageErrorMap": {
                each: {"ErrorCode": "ValidationException", "ErrorResponse": f"ModelPackage {each} does not exist."}
                for each in asked
                if each not in found
            },
        }

    def _update_package(self, request: dict[str, Any]) -> dict[str, Any]:
        package = self.packages.find(request["ModelPackageArn"])
        if request.get("ModelApprovalStatus") and not package.group:
            raise ValidationError("ModelApprovalStatus can be set for versions in a model package group only.")
        package.update(request)
        self._on_change(package)
        return {"ModelPackageArn": package.arn}

    def _delete_package(self, request: dict[str, Any]) -> dict[str, Any]:
        package = self.packages.find(request["ModelPackageName"])
        with self._lock:
            self.packages.remove(package)
            self._made_by = {token: made for token, made in self._made_by.items() if made is not package}
        return {}

    def _listed(self, request: dict[str, Any]) -> list[ModelPackage]:
        """Return the packages of the group, or of the type, that a list is of."""
        if name := request.get("ModelPackageGroupName"):
            group = self.groups.find(name)
            return [package for package in self.packages if package.group is group]
        kind = request.get("ModelPackageType") or "Unversioned"
        return [package for package in self.packages if kind == "Both" or (kind == "Versioned") == bool(package.group)]


def _is_approved(package: ModelPackage, status: str) -> bool:
    return bool(package.request.get("ModelApprovalStatus") == status)


def _arn(kind: str, name_or_arn: str) -> str:
    return name_or_arn if name_or_arn.startswith("arn:") else arn("sagemaker", f"{kind}/{name_or_arn.lower()}")
