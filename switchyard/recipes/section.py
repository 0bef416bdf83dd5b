"""What every section of a recipe is, and how a rule of it says no."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Section(BaseModel):
    """A part of a recipe: known keys only, of the very types that they say."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def refuse(message: str, *, at: str = "", fix: str = "") -> NoReturn:
    """Fail validation with a message of our own; `at` goes on from the field being validated."""
    raise PydanticCustomError("rule", "{message}", {"message": message, "at": at, "fix": fix})


def repeated(names: Iterable[str]) -> list[tuple[int, str]]:
    """Give each name that came before already, with its place."""
    seen: set[str] = set()
    found = []
    for index, name in enumerate(names):
        if name in seen:
            found.append((index, name))
        seen.add(name)
    return found
