"""`--set KEY=VALUE`: what one run changes of its recipe.

The function PrepareRunFunction checks the same again, since a run can be started without this command line.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from switchyard.errors import UsageError
from switchyard.recipes.errors import explain, section_at
from switchyard.recipes.model import Recipe
from switchyard.recipes.release import Release
from switchyard.recipes.section import Section
from switchyard.suggest import suggest
from switchyard.yaml_text import YamlError, load_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# What a run may change, beside its hyperparameters. The rest says what the model is, or how good it must be:
# that is for the recipe alone.
SETTABLE = (("instances",), ("limits",), ("data", "seed"), ("data", "split"), ("release",))
_SHOWN_CHARACTERS = 200


def apply_set(recipe: Recipe, settings: Iterable[str]) -> dict[str, Any]:
    """Make the overrides of a run's input from `KEY=VALUE` settings.

    Parameters
    ----------
    recipe
        The recipe to override; the result must still be a valid one.
    settings
        `hyperparameters.*` (those that the recipe has), `instances.*`, `limits.*`, `data.seed`,
        `data.split.*` and `release.*`, each with a value in YAML. Of two settings of one key the later one holds.

    Returns
    -------
    dict
        Only what is set, nested as the recipe is; empty for no settings.

    Raises
    ------
    UsageError
        For an unknown key (with the nearest ones), a value that the field does not take, or values that do
        not fit together.

    Examples
    --------
    >>> apply_set(recipe, ["hyperparameters.alpha=0.5", "instances.training.count=2"])
    {'hyperparameters': {'alpha': 0.5}, 'instances': {'training': {'count': 2}}}
    """
    return _override(recipe, [_read_setting(recipe, setting) for setting in settings])


def check_overrides(recipe: Recipe, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """See that the overrides of a run's input are some that `apply_set` could have made.

    Parameters
    ----------
    recipe
        The recipe to override.
    overrides
        Nested as the recipe is.

    Returns
    -------
    dict
        The same, without empty sections.

    Raises
    ------
    UsageError
        As `apply_set` does.
    """
    return _override(recipe, [_check_setting(recipe, *leaf) for leaf in _flat(overrides)])


def apply_release_set(own: Release, settings: Iterable[str]) -> dict[str, Any]:
    """Make the settings of one release from `KEY=VALUE` settings.

    Parameters
    ----------
    own
        What the model is released with otherwise; the result must still be valid.
    settings
        `release.*`, all but the approval, which is the recipe's; each with a value in YAML.

    Returns
    -------
    dict
        Only what is set, nested as the section is.

    Raises
    ------
    UsageError
        As `apply_set` does.

    Examples
    --------
    >>> apply_release_set(Release(), ["release.bake_seconds=60", "release.limits.latency_ms=250"])
    {'bake_seconds': 60, 'limits': {'latency_ms': 250}}
    """
    keys = [key for key in _leaves(("release",)) if key != "release.approval"]
    overrides: dict[str, Any] = {"release": {}}
    given: dict[str, str] = {}
    for setting in settings:
        key, value = _split(setting)
        _put(overrides, _path_among(keys, key, setting), value)
        given[key] = setting
    base = {"release": own.model_dump()}
    try:
        _OneRelease.model_validate(_merged(_without_steps(base, overrides), overrides))
    except ValidationError as error:
        raise UsageError("\n".join(_messages(error, given))) from None
    made: dict[str, Any] = overrides["release"]
    return made


class _OneRelease(Section):
    release: Release


# A key's path, its value, and how messages name both.
_Setting = tuple[list[str], Any, str]


def _read_setting(recipe: Recipe, setting: str) -> _Setting:
    key, value = _split(setting)
    return _path_of(key, recipe, setting), value, setting


def _split(setting: str) -> tuple[str, Any]:
    key, equals, text = setting.partition("=")
    key = key.strip()
    if not equals:
        raise UsageError(f"--set {setting}: there is no '='; write --set {key or 'KEY'}=VALUE")
    return key, _value_of(text, setting)


def _check_setting(recipe: Recipe, key: str, value: Any) -> _Setting:
    setting = f"{key}={json.dumps(value)}"[:_SHOWN_CHARACTERS]
    return _path_of(key, recipe, setting), value, setting


def _flat(overrides: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each key with its value; a mapping that is no section is a value, which its own check refuses."""
    for name, value in overrides.items():
        if name == "hyperparameters" and isinstance(value, dict):
            yield from ((f"{name}.{own}", given) for own, given in value.items())
        else:
            yield from _flat_section((name,), value)


def _flat_section(path: tuple[str, ...], value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and section_at(path) is not None:
        for name, given in value.items():
            yield from _flat_section((*path, name), given)
    else:
        yield ".".join(path), value


def _override(recipe: Recipe, settings: Iterable[_Setting]) -> dict[str, Any]:
    overrides: dict[str, Any] = {}
    given: dict[str, str] = {}
    for path, value, setting in settings:
        if path[0] == "hyperparameters":
            _check_type(value, recipe.hyperparameters[path[1]], setting)
        _put(overrides, path, value)
        given[".".join(path)] = setting
    _check_approval(recipe, given, overrides)
    try:
        Recipe.model_validate(_merged(_without_steps(recipe.model_dump(), overrides), overrides))
    except ValidationError as error:
        raise UsageError("\n".join(_messages(error, given))) from None
    return overrides


def _without_steps(base: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the overrides change: one of `increment` and `steps` replaces the recipe's, whichever that was."""
    if not {"increment", "steps"} & set(overrides.get("release", {})):
        return base
    return {**base, "release": {**base["release"], "increment": None, "steps": None}}


def _check_approval(recipe: Recipe, given: Mapping[str, str], overrides: Mapping[str, Any]) -> None:
    """A run may ask for a person's approval, and not do without the one that the recipe asks for."""
    asked = overrides.get("release", {}).get("approval", recipe.release.approval)
    if recipe.release.approval == "manual" and asked != "manual":
        raise UsageError(f"--set {given['release.approval']}: the recipe asks for manual approval; change it there")


def _path_of(key: str, recipe: Recipe, setting: str) -> list[str]:
    keys = [f"hyperparameters.{name}" for name in recipe.hyperparameters]
    if key in keys:
        return key.split(".", 1)  # The names of hyperparameters may hold dots.
    return _path_among([*keys, *(leaf for path in SETTABLE for leaf in _leaves(path))], key, setting)


def _path_among(keys: list[str], key: str, setting: str) -> list[str]:
    if key in keys:
        return key.split(".")
    if inside := [other for other in keys if other.startswith(f"{key}.")]:
        raise UsageError(f"--set {setting}: {key} is a section; set {' or '.join(inside)}")
    *sections, name = key.split(".")
    section = section_at(sections)
    if section and name in section.model_fields:
        raise UsageError(f"--set {setting}: {key} is not for one run to change; change it in the recipe")
    raise UsageError(f"--set {setting}: unknown key {key!r}; {suggest(key, keys, limit=50)}")


def _leaves(path: Sequence[str]) -> list[str]:
    section = section_at(path)
    if section is None:
        return [".".join(path)]
    return [leaf for name in section.model_fields for leaf in _leaves((*path, name))]


def _value_of(text: str, setting: str) -> Any:
    if not text.strip():
        raise UsageError(f"--set {setting}: there is no value after '='; for an empty text write ''")
    try:
        return load_yaml(text)
    except YamlError as error:
        raise UsageError(f"--set {setting}: the value is not YAML: {error}; put a text in quotes") from None


def _check_type(value: Any, usual: Any, setting: str) -> None:
    """A hyperparameter has the recipe's type; but max_features may be a text, sqrt, or a number, 0.5."""
    found, expected = _kind(value), _kind(usual)
    if found != expected and (found, expected) != ("a number", "a text"):
        raise UsageError(f"--set {setting}: the value is {found}; give {expected}, as in the recipe ({usual!r})")


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "a mapping"


def _put(document: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        document = document.setdefault(step, {})
    document[path[-1]] = value


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _messages(error: ValidationError, given: dict[str, str]) -> Iterable[str]:
    """Begin each problem with the setting that it is about; a rule over several fields names the section."""
    for problem in explain(error, "--set"):
        advice = f"; {problem.fix}" if problem.fix else ""
        yield f"--set {given.get(problem.where, problem.where)}: {problem.message}{advice}"
