"""Kinds of hyperparameters: how each is read from its text, and which values it takes."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from switchyard.algorithms.xgboost.errors import UserError


class Range(Protocol):
    """The values that are allowed; ``str`` of it is what the message shows."""

    def __contains__(self, value: Any, /) -> bool: ...


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`.

    Parameters
    ----------
    low, high : float
        The ends; infinity for none.
    open_low, open_high : bool
        Whether that end itself is left out.
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: Any, /) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return bool(above and below)

    def __str__(self) -> str:
        left = "(-inf" if self.low == -math.inf else f"{'(' if self.open_low else '['}{self.low}"
        right = "+inf)" if self.high == math.inf else f"{self.high}{')' if self.open_high else ']'}"
        return f"{left}, {right}"


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter.

    Parameters
    ----------
    name : str
        Its name.
    parse : callable
        Reads its text; raises ValueError when it cannot.
    allowed : Range
        Its values, or those of its elements.
    elements : callable
        Gives what is held against `allowed`.
    """

    name: str
    parse: Callable[[str], Any]
    allowed: Range
    elements: Callable[[Any], Sequence[Any]] | None = None

    def read(self, text: str) -> Any:
        """Read the text.

        Raises
        ------
        UserError
            It is not of this kind.
        """
        try:
            return self.parse(text)
        except ValueError as error:
            raise UserError(f"Hyperparameter {self.name}: could not parse value (caused by ValueError)") from error

    def check(self, value: Any) -> None:
        """Hold a value against the range.

        Raises
        ------
        UserError
            It is outside.
        """
        if self.elements is None:
            if value not in self.allowed:
                raise UserError(f"Hyperparameter {self.name}: {value} is not in {self.allowed}")
        elif any(element not in self.allowed for element in self.elements(value)):
            raise UserError(f"Hyperparameter {self.name}: value {value} not in range {self.allowed}")


def integer(name: str, low: float = -math.inf, high: float = math.inf) -> Hyperparameter:
    """A whole number."""
    return Hyperparameter(name, int, Interval(low, high))


def real(
    name: str, low: float = -math.inf, high: float = math.inf, *, open_low: bool = False, open_high: bool = False
) -> Hyperparameter:
    """A number."""
    return Hyperparameter(name, float, Interval(low, high, open_low, open_high))


def choice(name: str, *values: str) -> Hyperparameter:
    """One of some words."""
    return Hyperparameter(name, str, list(values))


def words(name: str, allowed: Range) -> Hyperparameter:
    """Words with commas between them."""
    return Hyperparameter(name, lambda text: [word.strip() for word in text.split(",")], allowed, list)


def numbers(name: str, allowed: Range) -> Hyperparameter:
    """A tuple of numbers, such as ``(1, 0, -1)``."""
    return Hyperparameter(name, lambda text: tuple(_literal(text)), allowed, list)


def groups(name: str, allowed: Range) -> Hyperparameter:
    """Lists of numbers in a list, such as ``[[1, 2], [3, 4]]``."""

    def parse(text: str) -> list[list[Any]]:
        outer = list(_literal(text))
        if not all(isinstance(inner, list | tuple) for inner in outer):
            raise ValueError("not a list of lists")
        return [list(inner) for inner in outer]

    return Hyperparameter(name, parse, allowed, lambda value: [element for inner in value for element in inner])


def _literal(text: str) -> list[Any] | tuple[Any, ...]:
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(value, list | tuple):
        raise ValueError("not a list")
    return value
