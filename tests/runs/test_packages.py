"""`switchyard packages`, `approve`, `reject` and `release`: what they find, what they change, and what they refuse."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from switchyard.__main__ import main
from switchyard.aws.client import Cloud, connect, connect_local
from switchyard.aws.registry import ModelPackages, Package
from switchyard.aws.target import Target
from switchyard.errors import PackageStatusError, UsageError
from switchyard.launcher import RunningCloud
from tests.runs.conftest import Site

Call = Callable[..., tuple[int, str, str]]
RULE = "switchyard-approval"
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def here(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", site.url)
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="module", autouse=True)
def nothing_is_released(site: Site) -> Iterator[None]:
    """Approvals of packages that are made up here start no release."""
    events = site.client("events")
    rules = {rule["Name"] for rule in events.list_rules(NamePrefix=RULE)["Rules"]}
    for rule in rules:
        events.disable_rule(Name=rule)
    yield
    for rule in rules:
        events.enable_rule(Name=rule)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs one command: its exit code, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


@pytest.fixture(scope="module")
def registry(site: Site) -> ModelPackages:
    return ModelPackages(connect_local(RunningCloud(site.url, site.pid)))


@pytest.fixture
def recipe() -> str:
    return f"registered-{next(_numbers)}-{os.getpid()}"


def register(site: Site, recipe: str, approval: str = "PendingManualApproval", /, **metadata: str) -> str:
    """Register a package as a run does; return its ARN."""
    client, group = site.client("sagemaker"), f"switchyard-{recipe}"
    if not client.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]:
        client.create_model_package_group(ModelPackageGroupName=group)
    given = {"recipe": recipe, "execution": f"{recipe}-run", "release": "requested", "test_metric.rmse": "52.5"}
    arn: str = client.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus=approval,
        InferenceSpecification={
            "Containers": [{"Image": "image", "ModelDataUrl": "s3://bucket/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        CustomerMetadataProperties={key: value for key, value in {**given, **metadata}.items() if value},
    )["ModelPackageArn"]
    return arn


def described(site: Site, arn: str) -> tuple[str, str]:
    found = site.client("sagemaker").describe_model_package(ModelPackageName=arn)
    return found["ModelApprovalStatus"], found.get("ApprovalDescription", "")


def test_packages_are_listed_with_what_was_decided_the_newest_first(site: Site, call: Call, recipe: str) -> None:
    register(site, recipe, "Approved", release="released")
    register(site, recipe)

    code, out, err = call("packages", recipe)
    listed = call("packages", recipe, "--json")
    every = call("packages", "--json", "--limit", "100")

    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["package", "registered", "approval", "release", "metrics", "run"]
    assert [line.split()[0] for line in lines[1:]] == [f"switchyard-{recipe}/2", f"switchyard-{recipe}/1"]
    assert "PendingManualApproval" in lines[1]
    assert "released" in lines[2]
    assert "rmse 52.5" in lines[1]
    assert f"switchyard approve switchyard-{recipe}/2" in err
    documents = json.loads(listed[1])["packages"]
    assert [document["release"] for document in documents] == ["requested", "released"]
    assert documents[0]["metrics"] == {"rmse": 52.5}
    assert {document["name"] for document in documents} <= {
        document["name"] for document in json.loads(every[1])["packages"]
    }


def test_without_its_endpoint_nothing_serves_and_what_waits_is_not_asked_for(
    site: Site, registry: ModelPackages, call: Call, recipe: str
) -> None:
    register(site, recipe, "Approved", release="released", released_endpoint=f"{recipe}-endpoint")
    register(site, recipe)
    assert registry.serving(registry.all(recipe)) == set()
    waiting, released = call("packages", recipe)[1].splitlines()[1:]
    assert "requested" not in waiting
    assert "serves" not in released


def test_a_recipe_without_packages_is_answered_with_those_that_have_some(site: Site, call: Call, recipe: str) -> None:
    register(site, recipe)
    code, _, err = call("packages", f"{recipe}x")
    assert code == 2
    assert f"recipe '{recipe}x' has no model packages" in err
    assert repr(recipe) in err


@pytest.mark.parametrize("form", ["{arn}", "switchyard-{recipe}/1", "{recipe}/1", "{recipe}"])
def test_a_package_goes_by_each_of_its_names(site: Site, registry: ModelPackages, recipe: str, form: str) -> None:
    arn = register(site, recipe)
    found = registry.find(form.format(arn=arn, recipe=recipe))
    assert (found.arn, found.name, found.metadata["recipe"]) == (arn, f"switchyard-{recipe}/1", recipe)


def test_a_recipe_stands_for_its_newest_that_waits(site: Site, registry: ModelPackages, recipe: str) -> None:
    register(site, recipe, "Approved", release="rolled-back")
    register(site, recipe, "Approved")
    waiting = register(site, recipe)
    register(site, recipe, "Rejected")
    register(site, recipe, "Approved", release="released")
    assert registry.find(recipe).arn == waiting
    assert registry.find(recipe, waiting=False).name == f"switchyard-{recipe}/2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{recipe}/7", "there is no model package 'switchyard-{recipe}/7' in "),
        ("nobodys/1", "the group 'switchyard-nobodys' has none, or is not there"),
        ("nobodys", "recipe 'nobodys' has no model packages in "),
        ("arn:aws:sagemaker:us-east-1:123456789012:model-package/other-{recipe}/1", "is another project's: those of"),
        ("arn:aws:sagemaker:us-east-1:123456789012:model/switchyard-{recipe}", "is not the ARN of a version in a"),
        ("a b", "'a b' is no model package: give an ARN, group/version, or a recipe for its newest"),
        ("{recipe}", "no model package of recipe '{recipe}' waits for approval; the newest is switchyard-{recipe}/1: "),
    ],
)
def test_what_is_no_package_is_refused_by_name(
    site: Site, registry: ModelPackages, recipe: str, text: str, message: str
) -> None:
    register(site, recipe, "Approved", release="released")
    with pytest.raises(UsageError) as caught:
        registry.find(text.format(recipe=recipe))
    assert message.format(recipe=recipe) in str(caught.value)


def test_another_project_whose_name_begins_alike_is_another_project(
    site: Site, registry: ModelPackages, recipe: str
) -> None:
    # Of a project `switchyard-two`, in the very account.
    theirs = [
        register(site, f"two-{recipe}", recipe=recipe),
        register(site, f"two-{recipe}", recipe=f"two-{recipe}", project="switchyard-two"),
    ]
    for arn in theirs:
        with pytest.raises(UsageError, match="is another project's, whose name begins like 'switchyard'"):
            registry.find(arn)
    assert not set(theirs) & {package.arn for package in registry.all(limit=100)}


@pytest.mark.parametrize(
    ("caller", "reason", "kept"),
    [
        (
            "arn:aws:sts::123456789012:assumed-role/Reviewers/ada@example.com",
            "fine",
            "fine - Reviewers/ada@example.com",
        ),
        ("arn:aws:iam::123456789012:user/ada", None, "Approved by ada"),
        ("arn:aws:iam::123456789012:root", " ", "Approved by root"),
    ],
)
def test_on_aws_the_registry_says_who_has_decided(
    site: Site, recipe: str, monkeypatch: pytest.MonkeyPatch, caller: str, reason: str | None, kept: str
) -> None:
    cloud = connect(Target())
    assert cloud is not None
    monkeypatch.setattr(Cloud, "is_local", False)
    monkeypatch.setattr(cloud, "client", lambda service: Caller(caller) if service == "sts" else site.client(service))
    registry = ModelPackages(cloud)
    arn = register(site, recipe)
    registry.approve(registry.find(arn), reason)
    assert described(site, arn) == ("Approved", kept)


class Caller:
    """STS, as far as it says who calls."""

    def __init__(self, arn: str) -> None:
        self._arn = arn

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": self._arn}


def test_an_approval_is_kept_with_its_reason(site: Site, call: Call, recipe: str) -> None:
    arn = register(site, recipe)
    code, out, err = call("approve", recipe, "--reason", "As good as in March", "--no-follow", "--json")
    assert code == 0, err
    assert json.loads(out)["approval"] == "Approved"
    assert described(site, arn) == ("Approved", "As good as in March")


def test_an_approval_that_starts_nothing_says_how_to_go_on(
    site: Site, call: Call, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("switchyard.executions.releases._LOCAL_SECONDS", 0.0)
    register(site, recipe)
    code, _, err = call("approve", recipe)
    assert code == 0
    assert f"start it by hand: switchyard release switchyard-{recipe}/1" in err


def test_a_rejection_is_kept_with_its_reason(site: Site, call: Call, recipe: str) -> None:
    arn = register(site, recipe)
    code, _, err = call("reject", f"{recipe}/1", "--reason", "It is\nbiased")
    assert code == 0
    assert f"rejected switchyard-{recipe}/1" in err
    assert described(site, arn) == ("Rejected", "It is biased")


@pytest.mark.parametrize("words", [["--reason", " "], []])
def test_a_rejection_without_a_reason_changes_nothing(site: Site, call: Call, recipe: str, words: list[str]) -> None:
    arn = register(site, recipe)
    code, _, err = call("reject", recipe, *words)
    assert code == 2
    assert "--reason" in err
    assert described(site, arn) == ("PendingManualApproval", "")


Decide = Callable[[ModelPackages, Package], Any]


@pytest.mark.parametrize(
    ("approval", "metadata", "said_to_approval", "said_to_rejection"),
    [
        (
            "Approved",
            {"release": "released", "released_endpoint": "e", "released_at": "2026-11-21"},
            "is released already on e since 2026-11-21: it cannot be approved any more",
            "it cannot be rejected any more",
        ),
        ("Approved", {"release": "deployed"}, "is deployed already: it cannot be", "it cannot be rejected any more"),
        (
            "Approved",
            {"release": "releasing", "release_execution": "r-1"},
            "is being released; watch it: switchyard watch r-1, end it: switchyard stop r-1",
            "is being released",
        ),
        ("Approved", {}, "is approved already; release it: switchyard release switchyard-", None),
        ("Rejected", {"release": "requested"}, "was rejected: train a new one", "was rejected: there is nothing"),
        ("Rejected", {"release": "rolled-back"}, None, "was rejected: there is nothing"),
        ("PendingManualApproval", {"release": "released"}, "is released already: there is nothing to approve", None),
    ],
)
def test_what_is_decided_stays_decided(
    site: Site,
    registry: ModelPackages,
    recipe: str,
    approval: str,
    metadata: dict[str, str],
    said_to_approval: str | None,
    said_to_rejection: str | None,
) -> None:
    arn = register(site, recipe, approval, **metadata)
    package = registry.find(arn)
    decisions: list[tuple[Decide, str | None]] = [
        (lambda packages, one: packages.approve(one), said_to_approval),
        (lambda packages, one: packages.reject(one, "no"), said_to_rejection),
    ]
    for decide, said in decisions:
        if said is not None:
            with pytest.raises(PackageStatusError) as caught:
                decide(registry, package)
            assert said in str(caught.value)
    assert described(site, arn) == (approval, "")


@pytest.mark.parametrize("release", ["requested", "compared"])
def test_an_approval_that_nothing_has_released_can_be_taken_back(
    site: Site, registry: ModelPackages, recipe: str, release: str
) -> None:
    package = registry.find(register(site, recipe, "Approved", release=release))
    rejected = registry.reject(package, "Its answers are too far from what serves")
    assert (rejected.approval, rejected.reason) == ("Rejected", "Its answers are too far from what serves")


def test_what_a_release_has_taken_back_can_be_approved_again(site: Site, registry: ModelPackages, recipe: str) -> None:
    package = registry.find(register(site, recipe, "Rejected", release="rolled-back"))
    assert registry.approve(package, "There was too little traffic").approval == "Approved"


@pytest.mark.parametrize(
    ("approval", "metadata", "words", "code", "message"),
    [
        ("PendingManualApproval", {}, [], 2, "is PendingManualApproval: approve it first: switchyard approve "),
        ("Rejected", {}, [], 2, "is Rejected: only approved ones are released"),
        ("Rejected", {"release": "rolled-back"}, [], 2, "is Rejected: approve it first: switchyard approve "),
        ("Approved", {}, ["--strategy", "rolling"], 2, "--set release.strategy=rolling: should be 'all-at-once'"),
        ("Approved", {}, ["--set", "release.increment=0"], 2, "--set release.increment=0: should be greater than or"),
        ("Approved", {}, ["--set", "release.approval=manual"], 2, "release.approval is not for one run to change"),
        ("Approved", {}, ["--set", "data.seed=1"], 2, "data.seed is not for one run to change"),
        ("Approved", {}, ["--name", "a b"], 2, "cannot be an execution's name"),
    ],
)
def test_what_cannot_be_released_starts_nothing(
    site: Site,
    call: Call,
    recipe: str,
    approval: str,
    metadata: dict[str, str],
    words: list[str],
    code: int,
    message: str,
) -> None:
    register(site, recipe, approval, **metadata)
    found, _, err = call("release", f"{recipe}/1", "--no-follow", *words)
    assert found == code, err
    assert message in err
