"""Recipes: finding them, reading them, and overriding a part of one for a single run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from switchyard.errors import ImageError, RecipeError, UsageError
from switchyard.problem import Problem
from switchyard.recipes.errors import explain
from switchyard.recipes.images import check_image
from switchyard.recipes.model import Recipe
from switchyard.recipes.overrides import apply_set
from switchyard.suggest import suggest
from switchyard.yaml_text import YamlError, load_yaml

__all__ = ["Recipe", "apply_set", "find_recipe", "load_recipe"]

# SageMaker's ceiling for the name of an endpoint and of a model package group.
MAX_NAME_CHARACTERS = 63


def find_recipe(name: str, root: Path, *, project_name: str = "switchyard") -> Recipe:
    """Load the recipe of a name.

    Parameters
    ----------
    name
        The recipe's name: its file's name without `.yaml`.
    root
        The project's root.
    project_name
        What the names of endpoints begin with.

    Raises
    ------
    UsageError
        When there is no such recipe; the message offers the nearest names.
    RecipeError
        When its file breaks a rule.
    """
    path = root / "recipes" / f"{name}.yaml"
    names = [path.stem for path in root.joinpath("recipes").glob("*.yaml")]
    if name in names:
        return load_recipe(path, project_name=project_name)
    if not names:
        raise UsageError(f"no recipe {name!r}: {root / 'recipes'} has none; add recipes/<name>.yaml")
    raise UsageError(f"no recipe {name!r} in {root / 'recipes'}; {suggest(name, names)}")


def load_recipe(path: Path, *, project_name: str = "switchyard") -> Recipe:
    """Read a recipe's file and check it against every rule, those about other files too.

    Parameters
    ----------
    path
        `<root>/recipes/<name>.yaml`; `training_code/` is looked for in the same root.
    project_name
        What the names of endpoints begin with.

    Raises
    ------
    RecipeError
        When the file cannot be read or breaks a rule; the message has a line for each problem, with the
        file and the field's path.
    """
    file = f"{path.parent.name}/{path.name}"
    document = _read(path, file)
    try:
        recipe = Recipe.model_validate(document)
    except ValidationError as error:
        raise RecipeError(explain(error, file)) from None
    if problems := [
        *_name_problems(recipe, path, file, project_name),
        *_image_problems(recipe, file),
        *_source_problems(recipe, path, file),
        *_data_problems(recipe, path, file),
    ]:
        raise RecipeError(problems)
    return recipe


def _read(path: Path, file: str) -> dict[str, Any]:
    try:
        document = load_yaml(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecipeError([Problem(file, "", f"cannot be read: {reason}", f"looked for {path}")]) from error
    except UnicodeDecodeError as error:
        raise RecipeError([Problem(file, "", f"is not UTF-8 (byte {error.start})", "save it as UTF-8")]) from None
    except YamlError as error:
        raise RecipeError([Problem(file, "", f"is not valid YAML: {error}")]) from None
    if not isinstance(document, dict):
        found = "is empty" if document is None else f"holds a {type(document).__name__}, not a mapping"
        raise RecipeError([Problem(file, "", found, "begin with name: " + path.stem)])
    return document


def _name_problems(recipe: Recipe, path: Path, file: str, project_name: str) -> list[Problem]:
    problems = []
    if recipe.name != path.stem:
        fix = f"write name: {path.stem}, or rename the file to {recipe.name}.yaml"
        problems.append(Problem(file, "name", f"{recipe.name!r} is not the file's name", fix))
    endpoint = f"{project_name}-{recipe.name}"
    if len(endpoint) > MAX_NAME_CHARACTERS:
        message = f"the endpoint's name {endpoint!r} has {len(endpoint)} characters"
        fix = f"shorten the name: SageMaker takes {MAX_NAME_CHARACTERS}"
        problems.append(Problem(file, "name", message, fix))
    return problems


def _image_problems(recipe: Recipe, file: str) -> list[Problem]:
    try:
        check_image(recipe.image)
    except ImageError as error:
        return [Problem(file, "image", str(error))]
    return []


def _source_problems(recipe: Recipe, path: Path, file: str) -> list[Problem]:
    training_code = path.parent.parent / "training_code"
    folder = training_code / recipe.code_folder
    if not folder.is_dir():
        others = [other.name for other in training_code.glob("[!._]*") if other.is_dir()]
        message = f"there is no folder training_code/{recipe.code_folder}"
        fix = suggest(recipe.source, others) if recipe.source else "its prepare.py splits the data of such a recipe"
        return [Problem(file, "source", message, fix)]
    return [
        Problem(file, f"entry_points.{kind}", f"there is no file training_code/{recipe.code_folder}/{script}", "add it")
        for kind, script in recipe.scripts.items()
        if not (folder / script).is_file()
    ]


def _data_problems(recipe: Recipe, path: Path, file: str) -> list[Problem]:
    source = recipe.data.source
    if source is None or source.startswith("s3://") or (path.parent / source).exists():
        return []
    fix = f"put the file at {path.parent.name}/{source}, or take source out and give --data with each run"
    return [Problem(file, "data.source", f"there is no file {path.parent.name}/{source}", fix)]
