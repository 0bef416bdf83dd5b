"""Which of a project's things may go: the rules alone, apart from how AWS is asked.

Each thing that the project made gets a verdict. What somebody else made gets none, and what it uses stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Literal, NamedTuple

from shared.names import run_prefix
from shared.registry import RELEASED, ReleaseStatus

Kind = Literal["endpoint", "endpoint-config", "model", "model-package", "artifacts"]
# In the order in which they can be deleted: each is used by those before it.
KINDS: tuple[Kind, ...] = ("endpoint", "endpoint-config", "model", "model-package", "artifacts")

# DescribeEndpoint's documentation, "EndpointStatus": those that SageMaker will not leave by itself.
SETTLED = frozenset({"InService", "OutOfService", "Failed", "UpdateRollbackFailed"})
# What the metadata `release` of a package says once the package has served; none was written before there were
# releases, and an approved package had served then.
SERVED = frozenset({None, *RELEASED})
IN_RELEASE = frozenset({ReleaseStatus.REQUESTED.value, ReleaseStatus.RELEASING.value})
# The package that serves, and the one that served before it: what one would go back to.
SERVED_LAST = 2


class Limits(NamedTuple):
    """From when on a thing may go."""

    idle_seconds: int
    unused_seconds: int
    artifact_seconds: int
    keep_packages: int
    include_live: bool


class Owner(NamedTuple):
    """Who made a thing: an execution of this project, for a recipe."""

    recipe: str
    execution: str


class Endpoint(NamedTuple):
    """An endpoint; `owner` is None when the project has not made it.

    `configs` are those that it serves with, or is about to. `changed` is when it was created or updated last.
    `requests` came within the idle time, over all variants; None when they cannot be counted.
    """

    name: str
    owner: Owner | None
    status: str
    configs: frozenset[str]
    changed: datetime
    requests: float | None


class EndpointConfig(NamedTuple):
    """An endpoint configuration, and the models of its variants."""

    name: str
    owner: Owner | None
    created: datetime
    models: frozenset[str]


class Model(NamedTuple):
    """A model, the S3 URIs of its containers' data, and the packages that it was made of."""

    name: str
    owner: Owner | None
    created: datetime
    data: frozenset[str]
    packages: frozenset[str]


class Package(NamedTuple):
    """A version in a model package group; `release` and `released_at` are what its metadata says of that."""

    arn: str
    group: str
    version: int
    owner: Owner | None
    created: datetime
    status: str
    approval: str
    release: str | None
    released_at: str | None
    data: frozenset[str]

    @property
    def in_service_since(self) -> str:
        """When it came into service, last: a run deploys what it registers, and a release says when."""
        return self.released_at or self.created.astimezone(UTC).isoformat(timespec="seconds")


class Artifacts(NamedTuple):
    """What a run has left in the artifact bucket, under its prefix."""

    uri: str
    prefix: str
    changed: datetime
    size: int
    objects: int


class House(NamedTuple):
    """What there is.

    Parameters
    ----------
    now
        When it was looked at.
    live
        The endpoints that a parameter names as those to send requests to.
    predicting
        The models that batch transform jobs predict with right now.
    running
        The executions that run, by name, each with its input as text.
    busy
        The recipes that those are for; None when that cannot be told of one of them.
    """

    now: datetime
    endpoints: Sequence[Endpoint] = ()
    configs: Sequence[EndpointConfig] = ()
    models: Sequence[Model] = ()
    packages: Sequence[Package] = ()
    artifacts: Sequence[Artifacts] = ()
    live: frozenset[str] = frozenset()
    predicting: frozenset[str] = frozenset()
    running: Mapping[str, str] = {}
    busy: frozenset[str] | None = frozenset()


class Verdict(NamedTuple):
    """Whether a thing goes, and why; `since` is when that began, or when the thing was made."""

    kind: Kind
    name: str
    goes: bool
    why: str
    since: datetime
    size: int = 0


def judge(house: House, limits: Limits, *, ahead: bool) -> list[Verdict]:
    """Judge each thing that the project made.

    Parameters
    ----------
    house
        What there is.
    limits
        From when on a thing may go.
    ahead
        Whether what goes counts as gone already, as in a plan. A configuration whose endpoint goes may go with it then;
        otherwise not before the endpoint has gone.

    Returns
    -------
    list of Verdict
        In the order in which things can be deleted.
    """
    endpoints = [_endpoint(each, house, limits) for each in house.endpoints if each.owner]
    gone = _names(endpoints) if ahead else set()
    users = _users((each.name, each.configs) for each in house.endpoints if each.name not in gone)
    configs = [_config(each, house, limits, users) for each in house.configs if each.owner]
    gone = _names(configs) if ahead else set()
    users = _users((each.name, each.models) for each in house.configs if each.name not in gone)
    models = [_model(each, house, limits, users) for each in house.models if each.owner]
    gone = _names(models) if ahead else set()
    left = [each for each in house.models if each.name not in gone]
    packages = list(_packages(house, limits, left))
    gone = _names(packages) if ahead else set()
    referred = {uri for model in left for uri in model.data}
    referred |= {uri for package in house.packages if package.arn not in gone for uri in package.data}
    folders = {folder for uri in referred for folder in _folders(uri)}
    artifacts = [_artifacts(each, house, limits, folders) for each in house.artifacts]
    return [*endpoints, *configs, *models, *packages, *artifacts]


def _names(verdicts: Sequence[Verdict]) -> set[str]:
    return {each.name for each in verdicts if each.goes}


def _users(uses: Iterator[tuple[str, frozenset[str]]]) -> dict[str, list[str]]:
    users = defaultdict(list)
    for user, used in uses:
        for name in used:
            users[name].append(user)
    return users


def _endpoint(endpoint: Endpoint, house: House, limits: Limits) -> Verdict:
    idle_since = house.now - timedelta(seconds=limits.idle_seconds)
    kept = _of_running(endpoint.owner, house)
    if kept is None and endpoint.status not in SETTLED:
        kept = f"SageMaker is changing it: {endpoint.status}"
    if kept is None and endpoint.name in house.live and not limits.include_live:
        kept = "a parameter names it as the live endpoint"
    if kept is None and endpoint.requests is None:
        kept = "its requests are not counted by variant"
    if kept is None and endpoint.requests:
        requests = "1 request" if endpoint.requests == 1 else f"{endpoint.requests:.0f} requests"
        kept = f"{requests} in {duration(limits.idle_seconds)}"
    if kept is None and endpoint.changed > idle_since:
        kept = f"created or updated within {duration(limits.idle_seconds)}"
    why = kept or f"no request in {duration(limits.idle_seconds)}"
    return Verdict("endpoint", endpoint.name, kept is None, why, endpoint.changed if kept else idle_since)


def _config(config: EndpointConfig, house: House, limits: Limits, users: Mapping[str, list[str]]) -> Verdict:
    kept = _of_running(config.owner, house) or _used_by(users, config.name) or _too_new(config.created, house, limits)
    return Verdict("endpoint-config", config.name, kept is None, kept or "no endpoint uses it", config.created)


def _model(model: Model, house: House, limits: Limits, users: Mapping[str, list[str]]) -> Verdict:
    kept = _of_running(model.owner, house) or _used_by(users, model.name) or _too_new(model.created, house, limits)
    if kept is None and model.name in house.predicting:
        kept = "a batch transform job predicts with it"
    why = kept or "no endpoint configuration and no job uses it"
    return Verdict("model", model.name, kept is None, why, model.created)


def _packages(house: House, limits: Limits, models: Sequence[Model]) -> Iterator[Verdict]:
    used = {name for model in models for name in (*model.data, *model.packages)}
    groups = defaultdict(list)
    for package in house.packages:
        groups[package.group].append(package)
    for versions in groups.values():
        newest_first = sorted(versions, key=lambda package: package.version, reverse=True)
        approved = [each.arn for each in newest_first if each.approval == "Approved"]
        served = sorted(
            (each for each in newest_first if each.approval == "Approved" and each.release in SERVED),
            key=attrgetter("in_service_since"),
            reverse=True,
        )
        last = {each.arn for each in served[:SERVED_LAST]}
        for place, package in enumerate(newest_first):
            if package.owner is None:
                continue
            kept = _of_running(package.owner, house)
            if kept is None and place < limits.keep_packages:
                kept = f"one of the newest {limits.keep_packages} of its group"
            if kept is None and package.approval == "PendingManualApproval":
                kept = "somebody has yet to approve or reject it"
            if kept is None and package.release in IN_RELEASE:
                kept = f"its release is {package.release}"
            if kept is None and package.arn in approved[:1]:
                kept = "the newest that is approved"
            if kept is None and package.arn in last:
                kept = "it serves, or was one of the last to"
            if kept is None and used & {package.arn, *package.data}:
                kept = "a model is made of it"
            if kept is None and package.status not in {"Completed", "Failed"}:
                kept = f"SageMaker is changing it: {package.status}"
            why = kept or f"{package.approval}, and older than the newest {limits.keep_packages} of its group"
            yield Verdict("model-package", package.arn, kept is None, why, package.created)


def _folders(uri: str) -> Iterator[str]:
    """Yield a URI as a folder, and each folder above it that can be a run's."""
    parts = uri.rstrip("/").split("/")
    for count in range(5, len(parts) + 1):  # s3: and nothing, the bucket, runs, the run
        yield "/".join(parts[:count]) + "/"


def _artifacts(artifacts: Artifacts, house: House, limits: Limits, referred: set[str]) -> Verdict:
    kept = None
    if artifacts.changed > house.now - timedelta(seconds=limits.artifact_seconds):
        kept = f"changed within {duration(limits.artifact_seconds)}"
    elif artifacts.uri in referred:
        kept = "a model or a model package refers to it"
    elif any(run_prefix(name) == artifacts.prefix or artifacts.uri in text for name, text in house.running.items()):
        kept = "a running execution refers to it"
    why = kept or f"unchanged for {duration(limits.artifact_seconds)}, and nothing refers to it"
    return Verdict("artifacts", artifacts.prefix, kept is None, why, artifacts.changed, artifacts.size)


def _of_running(owner: Owner | None, house: House) -> str | None:
    """Tell of a running execution that may need the thing: the one that made it, or another of the same recipe.

    A run restores what served before it if it fails, and nothing but the run itself knows what that was.
    """
    if owner is None:
        return None
    if owner.execution in house.running:
        return f"execution {owner.execution} is running"
    if house.busy is None:
        return "an execution is running, and its input does not tell for which recipe"
    return f"an execution of recipe {owner.recipe} is running" if owner.recipe in house.busy else None


def _used_by(users: Mapping[str, list[str]], name: str) -> str | None:
    found = sorted(users.get(name, ()))
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"used by {found[0]}{more}" if found else None


def _too_new(created: datetime, house: House, limits: Limits) -> str | None:
    is_new = created > house.now - timedelta(seconds=limits.unused_seconds)
    return f"made within {duration(limits.unused_seconds)}" if is_new else None


def duration(seconds: int) -> str:
    """Write a duration in its largest whole unit.

    Examples
    --------
    >>> duration(1209600), duration(5400), duration(86400), duration(1)
    ('14 days', '90 minutes', '1 day', '1 second')
    """
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % length == 0 and (seconds or unit == "second"):
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError  # every whole number is some number of seconds
