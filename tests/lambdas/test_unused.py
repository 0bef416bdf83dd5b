"""What may go, whatever there is: the rules of housekeeping."""

from __future__ import annotations

import doctest
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import inventory, unused
from shared.unused import (
    Artifacts,
    Endpoint,
    EndpointConfig,
    House,
    Limits,
    Model,
    Owner,
    Package,
    Verdict,
    judge,
)

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = 86400
LIMITS = Limits(14 * DAY, 7 * DAY, 90 * DAY, 2, include_live=False)
OURS = Owner("diabetes", "diabetes-1")
BUCKET = "s3://artifacts/"


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def gone(house: House, *, ahead: bool = True, limits: Limits = LIMITS) -> dict[str, str]:
    return {verdict.name: verdict.why for verdict in judge(house, limits, ahead=ahead) if verdict.goes}


def kept(house: House, *, ahead: bool = True, limits: Limits = LIMITS) -> dict[str, str]:
    return {verdict.name: verdict.why for verdict in judge(house, limits, ahead=ahead) if not verdict.goes}


def endpoint(**changes: Any) -> Endpoint:
    usual = Endpoint("e", OURS, "InService", frozenset({"c"}), days_ago(30), 0)
    return usual._replace(**changes)


def package(version: int, **changes: Any) -> Package:
    data = frozenset({f"{BUCKET}runs/p{version}/model/model.tar.gz"})
    made = days_ago(100 - version)
    usual = Package(f"p{version}", "group", version, OURS, made, "Completed", "Rejected", None, None, data)
    return usual._replace(**changes)


def served_by(one: Endpoint) -> House:
    """The endpoint, its configuration and its model."""
    config = EndpointConfig("c", OURS, days_ago(30), frozenset({"m"}))
    model = Model("m", OURS, days_ago(30), frozenset({f"{BUCKET}runs/r/model/model.tar.gz"}), frozenset())
    left = Artifacts(f"{BUCKET}runs/r/", "runs/r/", days_ago(120), 1000, 2)
    return House(now=NOW, endpoints=[one], configs=[config], models=[model], artifacts=[left])


def test_an_idle_endpoint_goes_with_all_that_it_alone_used() -> None:
    assert gone(served_by(endpoint())) == {
        "e": "no request in 14 days",
        "c": "no endpoint uses it",
        "m": "no endpoint configuration and no job uses it",
        "runs/r/": "unchanged for 90 days, and nothing refers to it",
    }


def test_nothing_of_it_goes_while_the_endpoint_is_there() -> None:
    assert gone(served_by(endpoint()), ahead=False) == {"e": "no request in 14 days"}
    assert kept(served_by(endpoint()), ahead=False)["c"] == "used by e"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"requests": 3}, "3 requests in 14 days"),
        ({"requests": None}, "its requests are not counted by variant"),
        ({"changed": days_ago(13.9)}, "created or updated within 14 days"),
        ({"status": "Updating"}, "SageMaker is changing it: Updating"),
        ({"owner": Owner("diabetes", "now")}, "execution now is running"),
    ],
)
def test_an_endpoint_stays_with_all_that_it_uses(changes: dict[str, Any], why: str) -> None:
    house = served_by(endpoint(**changes))._replace(running={"now": ""})
    assert gone(house) == {}
    assert kept(house)["e"] == why


def test_a_live_endpoint_goes_only_when_that_is_asked_for() -> None:
    house = served_by(endpoint())._replace(live=frozenset({"e"}))
    assert gone(house) == {}
    assert set(gone(house, limits=LIMITS._replace(include_live=True))) == {"e", "c", "m", "runs/r/"}


def test_an_endpoint_of_somebody_else_has_no_verdict_and_keeps_what_is_ours() -> None:
    house = served_by(endpoint(owner=None))
    assert gone(house) == {}
    assert "e" not in kept(house)
    assert kept(house)["m"] == "used by c"


def test_nothing_of_a_recipe_goes_while_an_execution_of_it_runs() -> None:
    assert set(kept(served_by(endpoint())._replace(busy=frozenset({"diabetes"})))) == {"e", "c", "m", "runs/r/"}
    assert set(gone(served_by(endpoint())._replace(busy=frozenset({"housing"})))) == {"e", "c", "m", "runs/r/"}
    assert gone(served_by(endpoint())._replace(busy=None)) == {}


def test_a_model_that_a_transform_job_uses_stays() -> None:
    house = served_by(endpoint())._replace(predicting=frozenset({"m"}))
    assert set(gone(house)) == {"e", "c"}


def test_of_a_group_the_newest_stay_and_whatever_serves_served_or_waits() -> None:
    versions = [
        package(1, approval="Approved"),  # older than the last two that served
        package(2, approval="Approved", release="released"),
        package(3, approval="Approved", release="deployed"),
        package(4, approval="PendingManualApproval"),
        package(5),
        package(6, approval="Approved", release="compared"),  # nobody was served by it, but it is the newest approved
        package(7, release="rolled-back"),
        package(8),
        package(9, owner=None),
        package(10),
    ]
    house = House(now=NOW, packages=versions)
    assert set(gone(house)) == {"p1", "p5", "p7", "p8"}
    assert kept(house) == {
        "p2": "it serves, or was one of the last to",
        "p3": "it serves, or was one of the last to",
        "p4": "somebody has yet to approve or reject it",
        "p6": "the newest that is approved",
        "p10": "one of the newest 2 of its group",
    }


def test_what_served_last_stays_whichever_was_made_first() -> None:
    def released(version: int, days: int) -> Package:
        when = days_ago(days).isoformat(timespec="seconds")
        return package(version, approval="Approved", release="released", released_at=when)

    # The first serves again, and the third served before it.
    versions = [released(1, 1), released(2, 8), released(3, 4), released(4, 6), package(5), package(6)]
    assert set(gone(House(now=NOW, packages=versions))) == {"p2"}
    assert kept(House(now=NOW, packages=versions))["p4"] == "the newest that is approved"


def test_a_package_that_a_model_is_made_of_stays() -> None:
    versions = [package(number) for number in range(1, 6)]
    by_data = Model("by-data", None, days_ago(1), versions[0].data, frozenset())
    by_name = Model("by-name", None, days_ago(1), frozenset(), frozenset({"p2"}))
    assert set(gone(House(now=NOW, packages=versions, models=[by_data, by_name]))) == {"p3"}


def test_artifacts_stay_for_what_refers_to_them() -> None:
    runs = [f"runs/{name}/" for name in ("p5", "p1", "now", "input", "new", "orphan", "p")]
    left = [Artifacts(f"{BUCKET}{run}", run, days_ago(1 if "new" in run else 200), 10, 1) for run in runs]
    house = House(
        now=NOW,
        packages=[package(number) for number in range(1, 6)],
        artifacts=left,
        running={"now": "", "other": f'{{"data": "{BUCKET}runs/input/splits/"}}'},
        busy=frozenset(),
    )
    # The package p1 goes, and its artifacts with it; runs/p/ is no beginning of runs/p5/.
    assert {"runs/p1/", "runs/orphan/", "runs/p/"} == {name for name in gone(house) if name.startswith("runs/")}
    assert "runs/p1/" not in gone(house, ahead=False)


def test_examples_in_docstrings_are_true() -> None:
    for module in (unused, inventory):
        results = doctest.testmod(module)
        assert results.attempted
        assert results.failed == 0


# Whatever there is

NAMES = st.sampled_from(["a", "b", "c", "d"])
OWNERS = st.none() | st.builds(Owner, st.sampled_from(["diabetes", "housing"]), st.sampled_from(["one", "two"]))
TIMES = st.floats(0, 200).map(days_ago)
SETS = st.frozensets(NAMES, max_size=3)
DATA = st.frozensets(NAMES.map(lambda run: f"{BUCKET}runs/{run}/model/model.tar.gz"), max_size=2)
STATUSES = st.sampled_from(["InService", "Failed", "Updating", "Deleting", "Creating"])


def several(kind: st.SearchStrategy[Any], key: str) -> st.SearchStrategy[list[Any]]:
    return st.lists(kind, max_size=5, unique_by=lambda one: getattr(one, key))


@dataclass
class Given:
    """A house and limits."""

    house: House
    limits: Limits


HOUSES = st.builds(
    Given,
    st.builds(
        House,
        now=st.just(NOW),
        endpoints=several(
            st.builds(Endpoint, NAMES, OWNERS, STATUSES, SETS, TIMES, st.none() | st.sampled_from([0.0, 0.0, 5.0])),
            "name",
        ),
        configs=several(st.builds(EndpointConfig, NAMES, OWNERS, TIMES, SETS), "name"),
        models=several(st.builds(Model, NAMES, OWNERS, TIMES, DATA, SETS), "name"),
        packages=several(
            st.builds(
                Package,
                NAMES,
                st.sampled_from(["g", "h"]),
                st.integers(1, 9),
                OWNERS,
                TIMES,
                st.sampled_from(["Completed", "InProgress"]),
                st.sampled_from(["Approved", "Rejected", "PendingManualApproval"]),
                st.sampled_from([None, "deployed", "released", "requested", "releasing", "compared"]),
                st.none() | TIMES.map(lambda time: time.isoformat(timespec="seconds")),
                DATA,
            ),
            "arn",
        ),
        artifacts=several(
            st.builds(
                lambda run, changed: Artifacts(f"{BUCKET}runs/{run}/", f"runs/{run}/", changed, 7, 1), NAMES, TIMES
            ),
            "prefix",
        ),
        live=SETS,
        predicting=SETS,
        running=st.dictionaries(st.sampled_from(["one", "three"]), st.just("{}"), max_size=1),
        busy=st.none() | st.frozensets(st.sampled_from(["diabetes", "housing"]), max_size=1),
    ),
    st.builds(
        Limits,
        st.integers(1, 200 * DAY),
        st.integers(0, 200 * DAY),
        st.integers(0, 200 * DAY),
        st.integers(1, 3),
        include_live=st.booleans(),
    ),
)


def without(house: House, names: set[tuple[str, str]]) -> House:
    return house._replace(
        endpoints=[each for each in house.endpoints if ("endpoint", each.name) not in names],
        configs=[each for each in house.configs if ("endpoint-config", each.name) not in names],
        models=[each for each in house.models if ("model", each.name) not in names],
        packages=[each for each in house.packages if ("model-package", each.arn) not in names],
        artifacts=[each for each in house.artifacts if ("artifacts", each.prefix) not in names],
    )


def going(verdicts: list[Verdict]) -> set[tuple[str, str]]:
    return {(verdict.kind, verdict.name) for verdict in verdicts if verdict.goes}


@given(HOUSES)
def test_nothing_goes_that_what_stays_refers_to(given_: Given) -> None:
    house, limits = given_.house, given_.limits
    left = without(house, going(judge(house, limits, ahead=True)))
    ours = {name: {one.name for one in getattr(house, name)} for name in ("configs", "models")}
    for each in left.endpoints:
        assert each.configs & ours["configs"] <= {config.name for config in left.configs}
    for config in left.configs:
        assert config.models & ours["models"] <= {model.name for model in left.models}
    known = {package.arn for package in house.packages}
    for model in left.models:
        assert model.packages & known <= {package.arn for package in left.packages}
    runs = {one.uri for one in left.artifacts}
    for one in house.artifacts:
        if any(uri.startswith(one.uri) for user in (*left.models, *left.packages) for uri in user.data):
            assert one.uri in runs


@given(HOUSES)
def test_what_somebody_else_made_or_uses_right_now_stays(given_: Given) -> None:
    house, limits = given_.house, given_.limits
    gone_ = going(judge(house, limits, ahead=True))
    left = without(house, gone_)
    assert [each for each in house.endpoints if each.owner is None or each.requests] == [
        each for each in left.endpoints if each.owner is None or each.requests
    ]
    for kind in ("configs", "models", "packages"):
        everything = getattr(house, kind)
        for each in everything:
            stays = each in getattr(left, kind)
            assert stays or each.owner is not None
            assert stays or (each.owner.execution not in house.running and each.owner.recipe not in (house.busy or ()))
    if house.busy is None:
        assert {kind for kind, _ in gone_} <= {"artifacts"}
    assert not {("model", name) for name in house.predicting} & gone_
    assert [each for each in left.packages if each.approval == "PendingManualApproval"] == [
        each for each in house.packages if each.approval == "PendingManualApproval"
    ]


@given(HOUSES)
def test_the_newest_packages_and_the_champion_stay(given_: Given) -> None:
    house, limits = given_.house, given_.limits
    left = without(house, going(judge(house, limits, ahead=True)))
    for group in {package.group for package in house.packages}:
        versions = sorted((p for p in house.packages if p.group == group), key=lambda p: p.version, reverse=True)
        assert set(versions[: limits.keep_packages]) <= set(left.packages)
        assert set([each for each in versions if each.approval == "Approved"][:1]) <= set(left.packages)


@given(HOUSES)
def test_what_may_go_one_thing_after_the_other_is_what_was_planned(given_: Given) -> None:
    house, limits = given_.house, given_.limits
    planned = going(judge(house, limits, ahead=True))
    assert going(judge(house, limits, ahead=False)) <= planned
    for kind in unused.KINDS:
        now = {one for one in going(judge(house, limits, ahead=False)) if one[0] == kind}
        assert now == {one for one in planned if one[0] == kind}
        house = without(house, now)
    assert going(judge(house, limits, ahead=True)) == set()
