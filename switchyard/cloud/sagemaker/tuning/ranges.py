"""The ranges of hyperparameters, each as a line from 0 to 1.

Sources: ParameterRanges (Amazon SageMaker API Reference); "Hyperparameter Tuning: Set Limits and Scaling" (Amazon
SageMaker Developer Guide).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.sagemaker.errors import ValidationError

# From here on, Auto takes the logarithm of what it searches: as many values between 1 and 10 as between 10 and 100.
WIDE = 1000


@dataclass(frozen=True)
class Numeric:
    """A range of numbers.

    Parameters
    ----------
    scaling : str
        Linear, Logarithmic or ReverseLogarithmic.
    is_integer : bool
        Whether only whole numbers are in it.
    """

    name: str
    least: float
    most: float
    scaling: str
    is_integer: bool

    def value(self, place: float) -> str:
        """Return the value at a place between 0 and 1, as a hyperparameter has it."""
        # Of whole numbers, each of those at the ends is to come as often as any other.
        least, most = (self.least - 0.5, self.most + 0.5) if self.is_integer else (self.least, self.most)
        if self.scaling == "Logarithmic":
            least = max(least, self.least / 2)
            number = math.exp(_between(math.log(least), math.log(most), place))
        elif self.scaling == "ReverseLogarithmic":
            number = 1 - math.exp(_between(math.log(1 - least), math.log(1 - most), place))
        else:
            number = _between(least, most, place)
        number = min(max(number, self.least), self.most)
        return str(round(number)) if self.is_integer else repr(float(number))

    def place(self, value: str) -> list[float]:
        """Return where a value lies, for a model of the objective."""
        least, most, number = self.least, self.most, float(value)
        if self.scaling == "Logarithmic":
            least, most, number = math.log(least), math.log(most), math.log(number)
        elif self.scaling == "ReverseLogarithmic":
            least, most, number = math.log(1 - least), math.log(1 - most), math.log(1 - number)
        return [(number - least) / (most - least)]


@dataclass(frozen=True)
class Categorical:
    """A range of names, without an order among them."""

    name: str
    values: tuple[str, ...]

    def value(self, place: float) -> str:
        """Return the value at a place between 0 and 1."""
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]

    def place(self, value: str) -> list[float]:
        """Return where a value lies, for a model of the objective: as far from each of the others."""
        return [float(value == each) for each in self.values]


Range = Numeric | Categorical


def ranges_of(given: dict[str, Any]) -> list[Range]:
    """Read a request's ParameterRanges.

    Raises
    ------
    ValidationError
        There are none, a name is there twice, or the limits or the scaling are such as cannot be.
    """
    found = list(_ranges(given))
    if not found:
        raise ValidationError("At least one hyperparameter range must be given in ParameterRanges.")
    names = [each.name for each in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"The hyperparameter '{twice[0]}' has more than one range in ParameterRanges.")
    return found


def _ranges(given: dict[str, Any]) -> Iterator[Range]:
    for kind, is_integer in (("IntegerParameterRanges", True), ("ContinuousParameterRanges", False)):
        for each in given.get(kind) or []:
            yield _numeric(each, is_integer)
    for each in given.get("CategoricalParameterRanges") or []:
        yield Categorical(each["Name"], tuple(dict.fromkeys(each["Values"])))


def _numeric(given: dict[str, str], is_integer: bool) -> Numeric:
    name, scaling = given["Name"], given.get("ScalingType") or "Auto"
    try:
        least, most = (int(given[key]) if is_integer else float(given[key]) for key in ("MinValue", "MaxValue"))
    except ValueError:
        kind = "integer" if is_integer else "number"
        raise ValidationError(f"The limits of the hyperparameter '{name}' must each be a {kind}.") from None
    if not (math.isfinite(least) and math.isfinite(most)) or least >= most:
        raise ValidationError(
            f"The MinValue {given['MinValue']} of the hyperparameter '{name}' must be less than its MaxValue "
            f"{given['MaxValue']}."
        )
    if scaling == "Logarithmic" and least <= 0:
        raise ValidationError(f"Logarithmic scaling needs a MinValue above 0, and '{name}' has {given['MinValue']}.")
    if scaling == "ReverseLogarithmic" and (is_integer or least < 0 or most >= 1):
        raise ValidationError(
            f"ReverseLogarithmic scaling needs a continuous range within 0 <= x < 1, which that of '{name}' is not."
        )
    if scaling == "Auto":
        scaling = "Logarithmic" if least > 0 and most / least >= WIDE else "Linear"
    return Numeric(name, least, most, scaling, is_integer)


def _between(least: float, most: float, place: float) -> float:
    return least + (most - least) * place
