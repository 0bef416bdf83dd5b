"""Turns pydantic's errors about a recipe into problems that a person can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

from switchyard.problem import Problem
from switchyard.recipes.model import Recipe
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

# What to write where a pattern is not matched, by the field's last name.
_EXAMPLES = {
    "name": "use letters and digits, for example diabetes",
    "source": "name a folder of training_code/, for example tabular_regression",
    "prepare": "name a .py file of the source folder",
    "train": "name a .py file of the source folder",
    "inference": "name a .py file of the source folder",
    "target": "name a column without commas",
    "features": "name columns without commas",
    "type": "write for example ml.m5.large",
    "input": "write for example text/csv",
    "output": "write for example text/csv",
}


def explain(error: ValidationError, file: str) -> list[Problem]:
    """Say each of a validation's errors with the field's path.

    Parameters
    ----------
    error
        What validating a `Recipe` raised.
    file
        The file that the document came from.
    """
    return [_explain_one(detail, file) for detail in error.errors(include_url=False)]


def section_at(path: Sequence[int | str]) -> type[BaseModel] | None:
    """Find the model of a recipe's section: `("instances", "training")` gives `JobInstances`.

    A list has none, its items do: `("gate", 0)` gives `Condition`.
    """
    section: type[BaseModel] | None = Recipe
    items: type[BaseModel] | None = None
    for step in path:
        if isinstance(step, int):
            section, items = items, None
            continue
        field = section.model_fields.get(step) if section else None
        found = _model_in(field.annotation) if field else None
        section, items = (None, found) if field and _is_list(field.annotation) else (found, None)
    return section


def _explain_one(detail: ErrorDetails, file: str) -> Problem:
    path, value, context = detail["loc"], detail["input"], detail.get("ctx", {})
    where = field_path(path)
    fix = ""
    match detail["type"]:
        case "rule":  # One of the model's own: see `section.refuse`.
            where = f"{where}{context['at']}".lstrip(".")
            message, fix = context["message"], context["fix"]
        case "missing":
            message, fix = "it is required", "add it"
        case "extra_forbidden":
            section = section_at(path[:-1])
            message, fix = "unknown key", suggest(str(path[-1]), section.model_fields if section else ())
        case "model_type":
            message, fix = f"{_shown(value)} is not a mapping", "write its keys below it, indented"
        case "too_short":
            message, fix = "it is empty", f"give at least {context['min_length']}"
        case "too_long":
            message = f"it has {context['actual_length']} items; SageMaker takes {context['max_length']}"
            fix = "take some out"
        case "string_pattern_mismatch":
            names = [step for step in path if isinstance(step, str)]
            message, fix = f"{_shown(value)} does not match {context['pattern']}", _EXAMPLES.get(names[-1], "")
        case _:
            reason = detail["msg"].removeprefix("Input ")
            message = f"{reason[0].lower()}{reason[1:]}, not {_shown(value)}"
    return Problem(file, where, message, fix)


def field_path(path: Sequence[int | str]) -> str:
    """Write a path as it reads in the file: `("gate", 0, "metric")` gives `gate[0].metric`."""
    text = ""
    for step in path:
        if step == "[key]":
            continue
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".")


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in `Model`, `list[Model]`, or `Annotated[...]` of either."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(_is_list(part) for part in get_args(annotation))


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
