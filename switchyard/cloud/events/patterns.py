"""Event patterns: which events a rule takes.

Source: "Amazon EventBridge event patterns", "Comparison operators for use in event patterns" (Amazon EventBridge
User Guide).
"""

from __future__ import annotations

import ipaddress
import json
import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

# What a pattern's text may have.
LONGEST_PATTERN = 4096
LARGEST_NUMBER = 5e9

# Whether one value of an event is what the pattern wants; asked with `_ABSENT` when the event has none.
Test = Callable[[Any], bool]
_ABSENT = object()
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class InvalidPatternError(ValueError):
    """When a pattern is none that EventBridge takes; the message says what and where."""


class Pattern:
    """A parsed event pattern.

    Parameters
    ----------
    document : dict
        The pattern; the same structure as the events that it is for.

    Raises
    ------
    InvalidPatternError
        It is no pattern.
    """

    def __init__(self, document: Any) -> None:
        self._matches = _object(document, ())

    def matches(self, event: dict[str, Any]) -> bool:
        """Return whether the pattern takes an event."""
        return self._matches(event)


@lru_cache(maxsize=512)
def parse(text: str) -> Pattern:
    """Parse a pattern's JSON.

    Raises
    ------
    InvalidPatternError
        It is no JSON, or no pattern.
    """
    if len(text) > LONGEST_PATTERN:
        raise InvalidPatternError(f"Pattern has {len(text)} characters, more than {LONGEST_PATTERN}")
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidPatternError(f"Pattern is not valid JSON: {error}") from None
    return Pattern(document)


def _object(document: Any, path: tuple[str, ...]) -> Test:
    if not isinstance(document, dict):
        raise InvalidPatternError(f"{_at(path)} must be an object or an array")
    if not document:
        raise InvalidPatternError(f"Empty objects are not allowed{_below(path)}")
    members: list[tuple[str, Test]] = []
    alternatives: list[list[Test]] = []
    for key, value in document.items():
        here = (*path, key)
        if key == "$or":
            alternatives.append(_alternatives(value, here))
        elif isinstance(value, dict):
            members.append((key, _object(value, here)))
        elif isinstance(value, list):
            members.append((key, _leaf(value, here)))
        else:
            raise InvalidPatternError(f"{_at(here)} must be an object or an array")

    def matches(value: Any) -> bool:
        if isinstance(value, list) and value:
            # All of an object's fields are looked for in the same element.
            return any(matches(element) for element in value)
        fields = value if isinstance(value, dict) else {}
        return all(test(fields.get(key, _ABSENT)) for key, test in members) and all(
            any(test(fields) for test in tests) for tests in alternatives
        )

    return matches


def _alternatives(value: Any, path: tuple[str, ...]) -> list[Test]:
    if not isinstance(value, list) or len(value) < 2:
        raise InvalidPatternError(f"{_at(path)} must be an array of two or more objects")
    return [_object(alternative, path) for alternative in value]


def _leaf(values: list[Any], path: tuple[str, ...]) -> Test:
    if not values:
        raise InvalidPatternError(f"Empty arrays are not allowed{_below(path)}")
    tests = [_value(value, path) for value in values]

    def matches(value: Any) -> bool:
        found = list(_scalars(value)) or [_ABSENT]
        return any(test(each) for test in tests for each in found)

    return matches


def _scalars(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [scalar for element in value for scalar in _scalars(element)]
    return [] if value is _ABSENT or isinstance(value, dict) else [value]


def _value(value: Any, path: tuple[str, ...]) -> Test:
    if isinstance(value, dict):
        if len(value) != 1:
            raise InvalidPatternError(f"{_at(path)} must have one match type in each object, not {len(value)}")
        ((name, argument),) = value.items()
        if name not in _OPERATORS:
            raise InvalidPatternError(f"Unrecognized match type {name}{_below(path)}")
        return _OPERATORS[name](argument, path)
    if isinstance(value, list):
        raise InvalidPatternError(f"Arrays are not allowed in arrays{_below(path)}")
    return _equals(value)


def _equals(expected: Any) -> Test:
    # 300 and 300.0 are two different values, and so are 1 and true: EventBridge compares what is written.
    return lambda value: type(value) is type(expected) and value == expected


def _equals_ignore_case(argument: Any, path: tuple[str, ...]) -> Test:
    wanted = _text(argument, "equals-ignore-case", path).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == wanted


def _affix(name: str, holds: Callable[[str, str], bool]) -> Callable[[Any, tuple[str, ...]], Test]:
    def build(argument: Any, path: tuple[str, ...]) -> Test:
        if isinstance(argument, dict):
            if set(argument) != {"equals-ignore-case"}:
                raise InvalidPatternError(f"{name} takes a string or equals-ignore-case{_below(path)}")
            folded = _text(argument["equals-ignore-case"], f"{name} equals-ignore-case", path).casefold()
            return lambda value: isinstance(value, str) and holds(value.casefold(), folded)
        wanted = _text(argument, name, path)
        return lambda value: isinstance(value, str) and holds(value, wanted)

    return build


def _wildcard(argument: Any, path: tuple[str, ...]) -> Test:
    text = _text(argument, "wildcard", path)
    expression, escaped, previous = "", False, ""
    for character in text:
        if escaped:
            if character not in "*\\":
                raise InvalidPatternError(f"Invalid escape character \\{character} in wildcard{_below(path)}")
            expression += re.escape(character)
            escaped, previous = False, ""
            continue
        if character == "\\":
            escaped = True
        elif character == "*":
            if previous == "*":
                raise InvalidPatternError(f"Consecutive wildcard characters are not allowed{_below(path)}")
            expression += ".*"
        else:
            expression += re.escape(character)
        previous = character
    if escaped:
        raise InvalidPatternError(f"Wildcard ends with a single \\{_below(path)}")
    compiled = re.compile(expression, re.DOTALL)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _exists(argument: Any, path: tuple[str, ...]) -> Test:
    if not isinstance(argument, bool):
        raise InvalidPatternError(f"exists must be true or false{_below(path)}")
    return lambda value: (value is not _ABSENT) is argument


def _numeric(argument: Any, path: tuple[str, ...]) -> Test:
    if not isinstance(argument, list) or len(argument) not in (2, 4):
        raise InvalidPatternError(f"numeric must be an array of one or two comparisons{_below(path)}")
    comparisons = list(zip(argument[::2], argument[1::2], strict=True))
    for name, bound in comparisons:
        if not isinstance(name, str) or name not in _COMPARISONS:
            raise InvalidPatternError(f"Unrecognized numeric range operator {name}{_below(path)}")
        if not _is_number(bound) or not -LARGEST_NUMBER <= bound <= LARGEST_NUMBER:
            raise InvalidPatternError(f"Value of {name} must be a number within +/-5.0e9{_below(path)}")
    if len(comparisons) == 2:
        (low, least), (high, most) = comparisons
        if low not in (">", ">=") or high not in ("<", "<="):
            raise InvalidPatternError(f"A numeric range is > or >=, then < or <={_below(path)}")
        if least >= most:
            raise InvalidPatternError(f"Bottom of a numeric range must be less than its top{_below(path)}")
    return lambda value: _is_number(value) and all(_COMPARISONS[name](value, bound) for name, bound in comparisons)


def _cidr(argument: Any, path: tuple[str, ...]) -> Test:
    text = _text(argument, "cidr", path)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InvalidPatternError(f"Malformed CIDR {text}{_below(path)}") from None

    def matches(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return matches


def _anything_but(argument: Any, path: tuple[str, ...]) -> Test:
    if isinstance(argument, dict):
        refused = _refused_by(argument, path)
    else:
        values = argument if isinstance(argument, list) else [argument]
        kinds = {str if isinstance(value, str) else float if _is_number(value) else type(value) for value in values}
        if not kinds <= {str} and not kinds <= {float}:
            raise InvalidPatternError(f"anything-but takes only strings, or only numbers{_below(path)}")
        refused = [_equals(value) for value in values]
    if not refused:
        raise InvalidPatternError(f"Empty arrays are not allowed{_below(path)}")
    return lambda value: value is not _ABSENT and not any(test(value) for test in refused)


def _refused_by(argument: dict[str, Any], path: tuple[str, ...]) -> list[Test]:
    if len(argument) != 1 or not set(argument) <= _IN_ANYTHING_BUT:
        raise InvalidPatternError(
            f"anything-but takes one of {', '.join(sorted(_IN_ANYTHING_BUT))}, not {', '.join(argument)}{_below(path)}"
        )
    ((name, given),) = argument.items()
    return [_OPERATORS[name](each, path) for each in (given if isinstance(given, list) else [given])]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(argument: Any, name: str, path: tuple[str, ...]) -> str:
    if not isinstance(argument, str):
        raise InvalidPatternError(f"{name} match pattern must be a string{_below(path)}")
    return argument


def _at(path: tuple[str, ...]) -> str:
    return f'"{".".join(path)}"' if path else "Pattern"


def _below(path: tuple[str, ...]) -> str:
    return f" at {_at(path)}" if path else ""


_OPERATORS: dict[str, Callable[[Any, tuple[str, ...]], Test]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _equals_ignore_case,
    "exists": _exists,
    "numeric": _numeric,
    "prefix": _affix("prefix", str.startswith),
    "suffix": _affix("suffix", str.endswith),
    "wildcard": _wildcard,
}
_IN_ANYTHING_BUT = {"equals-ignore-case", "prefix", "suffix", "wildcard"}
