"""The form of a run, and the overrides that it makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from switchyard.errors import UsageError
from switchyard.recipes.form import recipe_form
from switchyard.recipes.loading import Recipe, apply_set, find_recipe
from switchyard.recipes.overrides import check_overrides

ROOT = Path(__file__).resolve().parents[1]
NAMES = [path.stem for path in sorted(ROOT.joinpath("recipes").glob("*.yaml"))]


def leaves(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for name, part in schema["properties"].items():
        if "properties" in part:
            yield from leaves(part, (*path, name))
        else:
            yield (*path, name), part


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for step in reversed(path):
        value = {step: value}
    return value


@pytest.fixture
def recipe() -> Recipe:
    return find_recipe("diabetes", ROOT)


@pytest.mark.parametrize("name", NAMES)
def test_a_form_has_the_recipe_s_own_values_and_a_run_takes_each(name: str) -> None:
    recipe = find_recipe(name, ROOT)
    form = recipe_form(recipe)
    jsonschema.Draft202012Validator.check_schema(form)
    values = recipe.model_dump(mode="json")

    found = dict(leaves(form))

    assert {path[1] for path in found if path[0] == "hyperparameters"} == set(recipe.hyperparameters)
    for path, schema in found.items():
        own = values
        for step in path:
            own = own[step]
        assert schema.get("default") == own
        if own is not None:
            assert check_overrides(recipe, nested(path, own)) == nested(path, own)
            jsonschema.validate(nested(path, own), form)


def test_a_form_offers_what_set_offers(recipe: Recipe) -> None:
    with pytest.raises(UsageError) as caught:
        apply_set(recipe, ["nothing=1"])
    offered = {".".join(path) for path, _ in leaves(recipe_form(recipe))}

    assert all(key in str(caught.value) for key in offered)
    for key in offered:
        with pytest.raises(UsageError, match="there is no value"):
            apply_set(recipe, [f"{key}="])


def test_overrides_are_what_set_makes_of_the_same_values(recipe: Recipe) -> None:
    overrides = check_overrides(
        recipe,
        {"hyperparameters": {"alpha": 1e-05}, "instances": {"training": {"count": 2}, "endpoint": {}}, "limits": {}},
    )

    assert overrides == {"hyperparameters": {"alpha": 1e-05}, "instances": {"training": {"count": 2}}}
    assert overrides == apply_set(recipe, ["hyperparameters.alpha=0.00001", "instances.training.count=2"])


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"gate": []}, "gate is not for one run to change"),
        ({"hyperparameters": {"alfa": 1}}, "alpha"),
        ({"hyperparameters": {"alpha": "much"}}, "the value is a text; give a number"),
        ({"hyperparameters": {"alpha": {"deep": 1}}}, "a mapping"),
        ({"hyperparameters": 3}, "hyperparameters"),
        ({"instances": 3}, "is a section"),
        ({"instances": {"training": {"count": 0}}}, "greater than or equal to 1"),
        ({"instances": {"training": {"count": {"a": 1}}}}, "count"),
        ({"data": {"source": "/etc/passwd"}}, "data.source is not for one run to change"),
        ({"data": {"split": {"train": 0.9}}}, "the fractions sum to 1.2"),
        ({"limits": {"wait_seconds": 7200}}, "only a spot training waits"),
        ({"": 1}, "unknown key"),
    ],
    ids=str,
)
def test_overrides_that_no_setting_makes_are_refused(recipe: Recipe, overrides: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says.replace(".", r"\.")):
        check_overrides(recipe, overrides)
