"""The recipe's section `release`: what it takes, and that the functions read the same as the command line."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from shared.release_settings import ReleaseSettings, with_overrides

from switchyard.errors import RecipeError, UsageError
from switchyard.recipes.loading import Recipe, apply_set, load_recipe
from switchyard.recipes.overrides import check_overrides
from switchyard.recipes.release import Release
from tests.sample_project import SampleProject, recipe_document

STRATEGIES = ["all-at-once", "canary", "blue-green", "blue-green-endpoints", "shadow", "guardrails"]


def mostly(usual: st.SearchStrategy, otherwise: st.SearchStrategy) -> st.SearchStrategy:
    """Wrong values are rare, so that whole sections are often right."""
    return st.integers(0, 19).flatmap(lambda number: usual if number else otherwise)


seconds = mostly(st.integers(0, 3600), st.integers(-1, 5000))
numbers = st.floats(allow_nan=False, allow_infinity=False)
ranges = st.fixed_dictionaries(
    {"body": mostly(st.text(min_size=1, max_size=3), st.just(""))}, optional={"minimum": numbers, "maximum": numbers}
)
sections = st.fixed_dictionaries(
    {},
    optional={
        "approval": mostly(st.sampled_from(["automatic", "manual"]), st.just("nobody")),
        "strategy": mostly(st.sampled_from(STRATEGIES), st.just("rolling")),
        "increment": st.none() | mostly(st.integers(1, 100), st.sampled_from([0, 101])),
        "steps": st.none()
        | mostly(
            st.sets(st.integers(1, 99), max_size=3).map(lambda shares: [*sorted(shares), 100]),
            st.lists(st.integers(0, 101), max_size=4),
        ),
        "bake_seconds": seconds,
        "minimum_requests": mostly(st.integers(0, 200), st.just(-1)),
        "patience_seconds": seconds,
        "grace_seconds": seconds,
        "limits": st.fixed_dictionaries(
            {}, optional={"latency_ms": mostly(st.floats(0.1, 900), numbers), "errors_4xx_percent": st.floats(0, 101)}
        ),
        "alarms": st.lists(mostly(st.sampled_from("abcdef"), st.sampled_from(["", " ", "x" * 256, "é"])), max_size=3),
        "samples": st.lists(ranges, max_size=2),
        "shadow": st.fixed_dictionaries(
            {},
            optional={
                "sampling_percent": st.integers(0, 101),
                "maximum_difference": mostly(st.floats(0, 2), st.just(-0.1)),
            },
        ),
    },
)


@pytest.fixture
def project(tmp_path):
    return SampleProject.make(tmp_path)


def recipe_with(**release: Any) -> Recipe:
    return Recipe.model_validate(recipe_document(release=release))


@given(sections)
def test_functions_take_what_the_command_line_takes(section):
    try:
        published = json.loads(json.dumps(Release.model_validate(section).model_dump(mode="json")))
    except ValidationError:
        published = None
    try:
        read = ReleaseSettings.model_validate(section)
    except ValidationError:
        read = None

    assert (published is None) == (read is None)
    if read is not None:
        assert ReleaseSettings.model_validate(published) == read
        assert read.model_dump() == published


@given(sections)
def test_the_shares_ascend_to_all_of_the_traffic(section):
    try:
        release = ReleaseSettings.model_validate(section)
    except ValidationError:
        return
    shares = release.shares()

    assert shares[-1] == 100
    assert all(0 < before < after for before, after in pairwise(shares))
    if release.steps is None:
        assert all(after - before <= (release.increment or 10) for before, after in pairwise([0, *shares]))


def test_without_the_section_the_run_itself_puts_its_model_into_service(project):
    assert load_recipe(project.recipes / "trees.yaml").release.in_graph
    assert Release(increment=5).in_graph
    assert not Release(approval="manual").in_graph
    assert not Release(strategy="canary").in_graph


@pytest.mark.parametrize(
    ("release", "message"),
    [
        ({"aproval": "manual"}, "release.aproval: unknown key; did you mean 'approval'?"),
        ({"approval": "never"}, "release.approval: should be 'automatic' or 'manual', not 'never'"),
        ({"strategy": "rolling"}, "release.strategy: should be 'all-at-once', 'canary', 'blue-green', "),
        ({"increment": 0}, "release.increment: should be greater than or equal to 1, not 0"),
        ({"increment": 2.5}, "release.increment: should be a valid integer, not 2.5"),
        ({"steps": []}, "release.steps: it is empty; give at least 1"),
        ({"steps": [10, 10, 100]}, "release.steps[1]: 10 does not come after 10; let each share be above the last"),
        ({"steps": [10, 60]}, "release.steps: the last share is 60, not 100; end with 100: all of the traffic"),
        ({"steps": [0, 100]}, "release.steps[0]: should be greater than or equal to 1, not 0"),
        (
            {"increment": 10, "steps": [100]},
            "release.increment: increment and steps both say how traffic goes up; keep one of them",
        ),
        (
            {"bake_seconds": 7200},
            "release.patience_seconds: 3600 is less than bake_seconds, which it includes; make it 7200 or more",
        ),
        ({"minimum_requests": -1}, "release.minimum_requests: should be greater than or equal to 0, not -1"),
        ({"limits": {"latency": 500}}, "release.limits.latency: unknown key; did you mean 'latency_ms'?"),
        ({"limits": {"latency_ms": 0}}, "release.limits.latency_ms: should be greater than 0, not 0"),
        ({"limits": {"errors_5xx_percent": 101}}, "release.limits.errors_5xx_percent: should be less than or equal to"),
        ({"alarms": ["a", "b", "a"]}, "release.alarms[2]: 'a' is there twice; keep one"),
        ({"alarms": [" "]}, "release.alarms[0]: ' ' does not match"),
        ({"alarms": [str(name) for name in range(11)]}, "release.alarms: it has 11 items; SageMaker takes 10"),
        ({"samples": [{"bdy": "1"}]}, "release.samples[0].bdy: unknown key; did you mean 'body'?"),
        (
            {"samples": [{"body": "1", "minimum": 3, "maximum": 2}]},
            "release.samples[0].minimum: 3 is more than maximum, 2; swap them",
        ),
        ({"samples": [{"body": "1"}] * 21}, "release.samples: there are 21; a release sends up to 20; take some out"),
        (
            {"samples": [{"body": "1", "maximum": float("nan")}]},
            "release.samples[0].maximum: should be a finite number",
        ),
        ({"shadow": {"sampling_percent": 0}}, "release.shadow.sampling_percent: should be greater than or equal to 1"),
        ({"strategy": "guardrails", "increment": 5}, "release.increment: SageMaker's guardrails take increments of 10"),
        (
            {"strategy": "guardrails", "steps": [10, 50, 100]},
            "release.steps: SageMaker's guardrails take one share of up to 50, then 100; or even ones; write for",
        ),
        (
            {"strategy": "guardrails", "bake_seconds": 3601, "patience_seconds": 3601},
            "release.bake_seconds: 3601 is more than SageMaker's guardrails wait, 3600; make it 3600 or less",
        ),
        (
            {"strategy": "guardrails", "bake_seconds": 3000},
            "release.bake_seconds: after each of 10 steps it makes 30000 seconds, and SageMaker's",
        ),
        (
            {"strategy": "guardrails", "alarms": [*"abcdefgh"]},
            "release.alarms: there are 8; SageMaker's guardrails take 7 beside those that a release makes; take some",
        ),
        ({"strategy": None, "approval": 1}, "release.strategy: should be"),
    ],
    ids=str,
)
def test_a_broken_rule_names_the_field_and_the_fix(project, release, message):
    with pytest.raises(RecipeError) as caught:
        load_recipe(project.write_recipe(release=release))
    lines = str(caught.value).splitlines()
    assert any(line.startswith(f"recipes/trees.yaml: {message}") for line in lines), lines


# One run's own


def test_a_run_may_change_its_release():
    made = apply_set(
        recipe_with(),
        [
            "release.approval=manual",
            "release.strategy=canary",
            "release.limits.latency_ms=250",
            "release.samples=[{body: '1,2', minimum: 0}]",
        ],
    )
    assert made == {
        "release": {
            "approval": "manual",
            "strategy": "canary",
            "limits": {"latency_ms": 250},
            "samples": [{"body": "1,2", "minimum": 0}],
        }
    }
    assert check_overrides(recipe_with(), made) == made


@pytest.mark.parametrize(
    ("own", "setting", "shares"),
    [
        ({"steps": [50, 100]}, "increment=40", [40, 80, 100]),
        ({"increment": 40}, "steps=[5, 100]", [5, 100]),
        ({"increment": 40}, "increment=null", [*range(10, 101, 10)]),
    ],
)
def test_a_run_gives_the_steps_in_either_way(own, setting, shares):
    recipe = recipe_with(**own)
    overrides = apply_set(recipe, [f"release.{setting}"])
    published = recipe.release.model_dump(mode="json")
    assert ReleaseSettings.model_validate(with_overrides(published, overrides["release"])).shares() == shares


@pytest.mark.parametrize(
    ("own", "setting", "message"),
    [
        ({}, "release.strategy=rolling", "should be 'all-at-once', "),
        ({}, "release.bake_seconds=7200", "release.patience_seconds: 3600 is less than bake_seconds"),
        ({}, "release.limits=1", "release.limits is a section; set release.limits.latency_ms or"),
        ({}, "release.limits.latency=1", "unknown key 'release.limits.latency'; did you mean "),
        ({}, "release.samples.body=1", "unknown key 'release.samples.body'"),
        ({"approval": "manual"}, "release.approval=automatic", "the recipe asks for manual approval; change it there"),
    ],
)
def test_what_a_run_may_not_change_is_refused_by_name(own, setting, message):
    with pytest.raises(UsageError) as caught:
        apply_set(recipe_with(**own), [setting])
    assert str(caught.value).startswith("--set ")
    assert message in str(caught.value)
