"""The model registry: the packages that runs have registered, and what people decide about them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from switchyard.aws.errors import error_code, error_message, is_denied
from switchyard.errors import PackageStatusError, SwitchyardError, UsageError
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from switchyard.aws.client import Cloud

APPROVED, REJECTED, PENDING = "Approved", "Rejected", "PendingManualApproval"
# What a package's metadata says under `release` when it serves, or has served.
RELEASED = frozenset({"deployed", "released"})
TAKEN_BACK = "rolled-back"
# UpdateModelPackage's documentation, "ApprovalDescription".
MAX_REASON = 1024
_ARN = re.compile(r"arn:[^:]+:sagemaker:[^:]*:\d{12}:model-package/(?P<group>[^/]+)/(?P<version>\d+)")
_VERSION = re.compile(r"(?P<group>[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62})/(?P<version>\d+)")
_RECIPE = re.compile(r"[a-z0-9](-?[a-z0-9]){0,31}")
_MISSING = ("ValidationException", "ResourceNotFound", "ResourceNotFoundException")
_MACHINE, _MACHINE_NAME = "TrainAndDeployStateMachineArn", "-train-and-deploy"
# DescribeEndpoint's documentation, "EndpointStatus": those in which requests are answered.
_SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})
# DescribeModelPackage at a time: AWS counts requests.
_AT_ONCE = 8


@dataclass(frozen=True)
class Package:
    """A version of a model package group.

    Parameters
    ----------
    approval
        `Approved`, `Rejected` or `PendingManualApproval`.
    reason
        What was said when that was decided.
    release
        How far it is on its way into service: `requested`, `releasing`, `released` ..., `deployed` by the run that
        trained it; empty when its metadata says nothing.
    metadata
        The package's own, `CustomerMetadataProperties`.
    """

    arn: str
    group: str
    version: int
    approval: str
    reason: str
    registered_at: datetime
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its short name, `group/version`."""
        return f"{self.group}/{self.version}"

    @property
    def release(self) -> str:
        """How far it is on its way into service; empty when nobody has said."""
        return self.metadata.get("release", "")

    @property
    def execution(self) -> str | None:
        """The run that registered it."""
        return self.metadata.get("execution")

    @property
    def metrics(self) -> dict[str, float]:
        """Measured on the test data, or else on the validation data."""
        return _numbers(self.metadata, "test_metric.") or _numbers(self.metadata, "metric.")

    def document(self) -> dict[str, Any]:
        """Give the JSON document of `--json`."""
        return {
            "name": self.name,
            "model_package_arn": self.arn,
            "recipe": self.metadata.get("recipe"),
            "approval": self.approval,
            "reason": self.reason or None,
            "release": self.release or None,
            "released_endpoint": self.metadata.get("released_endpoint"),
            "released_at": self.metadata.get("released_at"),
            "release_reason": self.metadata.get("release_reason"),
            "execution": self.execution,
            "metrics": self.metrics,
            "registered_at": self.registered_at.isoformat(),
        }


class ModelPackages:
    """The model packages of a stack: those in the groups `<project>-<recipe>`.

    Parameters
    ----------
    cloud
        Where they are.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._client = cloud.client("sagemaker")
        self._project: str | None = None

    @property
    def project(self) -> str:
        """The stack's `ProjectName`, which begins the name of each group.

        Raises
        ------
        SwitchyardError
            When the stack is none of this project's.
        """
        if self._project is None:
            machine = self._cloud.output(_MACHINE).rpartition(":")[2]
            if not machine.endswith(_MACHINE_NAME):
                raise SwitchyardError(f"the stack's machine {machine!r} is not <project>{_MACHINE_NAME}")
            self._project = machine.removesuffix(_MACHINE_NAME)
        return self._project

    def all(self, recipe: str | None = None, *, limit: int = 20) -> list[Package]:
        """List packages, the newest first.

        Parameters
        ----------
        recipe
            Of this one; by default of all recipes.
        limit
            How many, at most.

        Raises
        ------
        UsageError
            When the recipe has none.
        """
        groups = [self._group_of(recipe)] if recipe else list(self._groups())
        found: list[dict[str, Any]] = []
        for group in groups:
            found += self._summaries(group, limit)
        if recipe and not found:
            raise self._no_packages(recipe)
        newest = sorted(found, key=lambda summary: summary["CreationTime"], reverse=True)[:limit]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            packages = list(threads.map(lambda summary: self.describe(summary["ModelPackageArn"]), newest))
        return [package for package in packages if self._is_of_this_project(package)]

    def serving(self, packages: Iterable[Package]) -> set[str]:
        """Tell which of these packages serve now: of each group the one that is noted so, if its endpoint answers.

        Parameters
        ----------
        packages
            Packages, the newest first, as `all` lists them.

        Returns
        -------
        set of str
            Their ARNs.
        """
        groups: dict[str, list[Package]] = {}
        for package in packages:
            groups.setdefault(package.group, []).append(package)
        noted = {group: serving_package(self._cloud, self.project, group) for group in groups}
        found = (
            next((package for package in newest_first if _serves(package, noted[group])), None)
            for group, newest_first in groups.items()
        )
        return {package.arn for package in found if package is not None and self._is_in_service(package)}

    def check_releasable(self, package: Package) -> None:
        """See that a package can be released by hand: one that has served can be, as a way back to it.

        Raises
        ------
        PackageStatusError
            When it is not approved, or serves.
        """
        if package.approval != APPROVED:
            why = f" ({package.reason})" if package.reason else ""
            advice = f"approve it first: switchyard approve {package.name}"
            if package.approval == REJECTED and package.release != TAKEN_BACK:
                advice = "only approved ones are released"
            raise PackageStatusError(f"{package.name} is {package.approval}{why}: {advice}")
        noted = serving_package(self._cloud, self.project, package.group)
        if noted == package.arn and self._is_in_service(package):
            raise PackageStatusError(f"{package.name} {_served(package)}, and serves: there is nothing to release")

    def _is_in_service(self, package: Package) -> bool:
        endpoint = package.metadata.get("released_endpoint", package.group)
        try:
            status = self._client.describe_endpoint(EndpointName=endpoint)["EndpointStatus"]
        except ClientError as error:
            if error_code(error) not in _MISSING and not is_denied(error):
                raise
            return False
        return status in _SERVING

    def find(self, text: str, *, waiting: bool = True) -> Package:
        """Find a package by what a person calls it.

        Parameters
        ----------
        text
            Its ARN; `group/version` or `recipe/version`; or a recipe, for its newest that waits.
        waiting
            What a recipe's newest one is to wait for: an approval; or else, approved, a release.

        Raises
        ------
        UsageError
            When there is none, or it is another project's.
        """
        if text.startswith("arn:"):
            match = _ARN.fullmatch(text)
            if match is None:
                raise UsageError(
                    f"{text!r} is not the ARN of a version in a model package group: expected "
                    "arn:aws:sagemaker:<region>:<account>:model-package/<group>/<version>"
                )
            self._check_group(match["group"])
            return self._owned(self._described(text, match["group"]))
        if match := _VERSION.fullmatch(text):
            group = match["group"] if self._is_own(match["group"]) else self._group_of(match["group"])
            return self._owned(self._described(self._arn(group, int(match["version"])), group))
        if not _RECIPE.fullmatch(text):
            raise UsageError(f"{text!r} is no model package: give an ARN, group/version, or a recipe for its newest")
        return self._newest(text, waiting=waiting)

    def describe(self, arn: str) -> Package:
        """Describe a package by its ARN; a ClientError of boto3's says that there is none."""
        found = self._client.describe_model_package(ModelPackageName=arn)
        return Package(
            arn=found["ModelPackageArn"],
            group=found.get("ModelPackageGroupName") or "",
            version=int(found.get("ModelPackageVersion") or 0),
            approval=found.get("ModelApprovalStatus") or "",
            reason=found.get("ApprovalDescription") or "",
            registered_at=found["CreationTime"],
            metadata=found.get("CustomerMetadataProperties") or {},
        )

    def approve(self, package: Package, reason: str | None = None) -> Package:
        """Approve a package that waits for it: an event tells of it, and the event's rule starts the release.

        One that a release has taken back can be approved again: whoever knows why it was may want another try.

        Raises
        ------
        PackageStatusError
            When it does not wait: it is approved already, serves already, or was rejected.
        """
        if not (package.approval == REJECTED and package.release == TAKEN_BACK):
            self._check_waiting(package, "approved")
        if package.release in RELEASED:
            raise PackageStatusError(f"{package.name} {_served(package)}: there is nothing to approve")
        return self._decide(package, APPROVED, reason)

    def reject(self, package: Package, reason: str) -> Package:
        """Reject a package that waits for approval, or take back the approval of one that nothing has released.

        Raises
        ------
        PackageStatusError
            When it serves, has served, is being released or was rejected.
        UsageError
            When no reason is given.
        """
        if not reason.strip():
            raise UsageError("a rejection needs a reason: --reason TEXT; it is kept in the registry")
        if package.approval != APPROVED or package.release == "releasing" or came_into_service(package.metadata):
            self._check_waiting(package, "rejected")
        return self._decide(package, REJECTED, reason)

    def _decide(self, package: Package, approval: str, reason: str | None) -> Package:
        who = self._caller()
        by_whom = f" by {who}" if who else ""
        said = " ".join((reason or "").split())
        text = f"{said}{f' - {who}' if who else ''}" if said else f"{approval}{by_whom}"
        self._client.update_model_package(
            ModelPackageArn=package.arn, ModelApprovalStatus=approval, ApprovalDescription=text[:MAX_REASON]
        )
        return self.describe(package.arn)

    def _check_waiting(self, package: Package, wanted: str) -> None:
        if package.approval == PENDING:
            return
        why = f" ({package.reason})" if package.reason else ""
        if package.approval == REJECTED:
            advice = "train a new one" if wanted == "approved" else "there is nothing to do"
            raise PackageStatusError(f"{package.name} was rejected{why}: {advice}")
        if package.release in RELEASED:
            raise PackageStatusError(f"{package.name} {_served(package)}: it cannot be {wanted} any more")
        if package.release == "releasing":
            execution = package.metadata.get("release_execution", "EXECUTION")
            raise PackageStatusError(
                f"{package.name} is being released; watch it: switchyard watch {execution}, end it: switchyard stop "
                f"{execution}"
            )
        raise PackageStatusError(
            f"{package.name} is approved already{why}; release it: switchyard release {package.name}"
        )

    def _caller(self) -> str | None:
        """Name whoever calls, as AWS knows them; None where that says nothing: a local cloud has one caller."""
        if self._cloud.is_local:
            return None
        try:
            arn = str(self._cloud.client("sts").get_caller_identity()["Arn"])
        except ClientError as error:
            if not is_denied(error):
                raise
            return None
        return re.split(r"[:/]", arn, maxsplit=5)[-1].partition("/")[2] or arn.rpartition(":")[2]

    def _newest(self, recipe: str, *, waiting: bool) -> Package:
        group = self._group_of(recipe)
        wanted = PENDING if waiting else APPROVED
        summaries = self._summaries(group, 100)
        if not summaries:
            raise self._no_packages(recipe)
        for summary in summaries:
            if summary.get("ModelApprovalStatus") == wanted:
                package = self._owned(self.describe(summary["ModelPackageArn"]))
                if waiting or package.release not in {*RELEASED, "releasing"}:
                    return package
        newest = self.describe(summaries[0]["ModelPackageArn"])
        what = "waits for approval" if waiting else "is approved and still to be released"
        state = f", {newest.release}" if newest.release else ""
        raise UsageError(
            f"no model package of recipe {recipe!r} {what}; the newest is {newest.name}: {newest.approval}{state}; "
            f"see them all: switchyard packages {recipe}"
        )

    def _described(self, arn: str, group: str) -> Package:
        try:
            return self.describe(arn)
        except ClientError as error:
            if error_code(error) not in _MISSING:
                raise
            known = [f"{group}/{summary['ModelPackageVersion']}" for summary in self._summaries(group, 20)]
            name = arn.partition("model-package/")[2]
            advice = suggest(name, known) if known else f"the group {group!r} has none, or is not there"
            raise UsageError(f"there is no model package {name!r} in {self._cloud}; {advice}") from error

    def _summaries(self, group: str, limit: int) -> list[dict[str, Any]]:
        """List a group's packages, the newest first; a group that does not exist has none."""
        try:
            found: list[dict[str, Any]] = self._client.list_model_packages(
                ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", MaxResults=min(limit, 100)
            )["ModelPackageSummaryList"]
        except ClientError as error:
            if error_code(error) not in _MISSING or "exist" not in error_message(error).lower():
                raise
            return []
        return found

    def _groups(self) -> Iterator[str]:
        pages = self._client.get_paginator("list_model_package_groups")
        for page in pages.paginate(NameContains=f"{self.project}-"):
            names = (each["ModelPackageGroupName"] for each in page["ModelPackageGroupSummaryList"])
            yield from (name for name in names if self._is_own(name))

    def _group_of(self, recipe: str) -> str:
        return f"{self.project}-{recipe}"

    def _is_own(self, group: str) -> bool:
        return group.startswith(f"{self.project}-")

    def _check_group(self, group: str) -> None:
        if not self._is_own(group):
            raise UsageError(
                f"the model package group {group!r} is another project's: those of this stack begin with "
                f"'{self.project}-'; name the stack with --stack"
            )

    def _owned(self, package: Package) -> Package:
        """See that a package is this project's: the names of two projects can begin alike."""
        self._check_group(package.group)
        if not self._is_of_this_project(package):
            raise UsageError(
                f"{package.name} is another project's, whose name begins like {self.project!r}; name its stack with "
                "--stack"
            )
        return package

    def _is_of_this_project(self, package: Package) -> bool:
        """Whether its metadata, where it says something, fits its group."""
        recipe, project = package.metadata.get("recipe"), package.metadata.get("project", self.project)
        return project == self.project and recipe in (None, package.group.removeprefix(f"{project}-"))

    def _arn(self, group: str, version: int) -> str:
        """Write a package's ARN in the account and region of the stack's machine."""
        partition, _, region, account = self._cloud.output(_MACHINE).split(":")[1:5]
        return f"arn:{partition}:sagemaker:{region}:{account}:model-package/{group.lower()}/{version}"

    def _no_packages(self, recipe: str) -> UsageError:
        known = [group.removeprefix(f"{self.project}-") for group in self._groups()]
        advice = suggest(recipe, known) if known else f"train one: switchyard run {recipe}"
        return UsageError(f"recipe {recipe!r} has no model packages in {self._cloud}; {advice}")


def serving_package(cloud: Cloud, project: str, group: str) -> str | None:
    """Give the ARN of the package of a group that is noted to serve; None where nothing is noted, or may be read."""
    recipe = group.removeprefix(f"{project}-")
    try:
        parameter = cloud.client("ssm").get_parameter(Name=f"/{project}/{recipe}/model-package")
    except ClientError as error:
        if error_code(error) != "ParameterNotFound" and not is_denied(error):
            raise
        return None
    return str(parameter["Parameter"]["Value"])


def _serves(package: Package, noted: str | None) -> bool:
    """Whether it is the package that is noted; where none is, the newest that came into service comes first."""
    if noted is not None:
        return package.arn == noted
    return package.approval == APPROVED and came_into_service(package.metadata)


def came_into_service(metadata: Mapping[str, str]) -> bool:
    """Tell by a package's metadata whether it serves, or has served.

    Packages from before there were releases say nothing of one, nor of their recipe: what was approved served.
    """
    return metadata["release"] in RELEASED if "release" in metadata else "recipe" not in metadata


def _served(package: Package) -> str:
    when = package.metadata.get("released_at")
    where = package.metadata.get("released_endpoint")
    return f"is {package.release} already" + (f" on {where}" if where else "") + (f" since {when}" if when else "")


def _numbers(metadata: dict[str, str], prefix: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, text in _with_prefix(metadata, prefix):
        try:
            found[key] = float(text)
        except ValueError:
            continue
    return found


def _with_prefix(metadata: dict[str, str], prefix: str) -> Iterable[tuple[str, str]]:
    return ((key.removeprefix(prefix), text) for key, text in metadata.items() if key.startswith(prefix))
