"""The intrinsic functions of Amazon States Language: their arguments, and what they give.

Source: "Intrinsics for JSONPath states in Step Functions" (AWS Step Functions Developer Guide).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchyard.checks.types import (
    ANY_OBJECT,
    BOOLEAN,
    STRING,
    UNKNOWN,
    Array,
    Number,
    Object,
    String,
    Type,
    Unknown,
    describe_kind,
    options_of,
    type_of,
    union,
)
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_INTEGER = Number(is_integer=True)
_ANY_ARRAY = Array()
_HASHES = String(frozenset({"MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"}))
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<open>\()|"
    r"(?P<close>\))|(?P<comma>,)|(?P<call>States\.\w+)|(?P<word>true|false|null)\b)"
)


@dataclass(frozen=True)
class Call:
    """A call of an intrinsic function."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Literal:
    """A literal argument."""

    value: str | float | bool | None


@dataclass(frozen=True)
class PathArgument:
    """A path argument."""

    text: str


Expression = Call | Literal | PathArgument


@dataclass(frozen=True)
class _Function:
    takes: tuple[Type, ...]
    gives: Callable[[list[Type]], Type]
    # How many of them may be left out; None for any number more of the last.
    optional: int | None = 0


def _always(kind: Type) -> Callable[[list[Type]], Type]:
    return lambda _: kind


def _element(kinds: list[Type]) -> Type:
    found = [option.element() for option in options_of(kinds[0]) if isinstance(option, Array)]
    return union(*found) if found else UNKNOWN


def _same_array(kinds: list[Type]) -> Type:
    return Array(_element(kinds))


def _merged(kinds: list[Type]) -> Type:
    first, second = kinds[0], kinds[1]
    if isinstance(first, Object) and isinstance(second, Object):
        others = None if first.others is None and second.others is None else UNKNOWN
        return Object({**first.members, **second.members}, others)
    return ANY_OBJECT


_FUNCTIONS: dict[str, _Function] = {
    "States.Format": _Function((STRING, UNKNOWN), _always(STRING), None),
    "States.StringToJson": _Function((STRING,), _always(UNKNOWN)),
    "States.JsonToString": _Function((UNKNOWN,), _always(STRING)),
    "States.Array": _Function((UNKNOWN,), lambda kinds: Array(items=tuple(kinds)), None),
    "States.ArrayPartition": _Function((_ANY_ARRAY, _INTEGER), lambda kinds: Array(_same_array(kinds))),
    "States.ArrayContains": _Function((_ANY_ARRAY, UNKNOWN), _always(BOOLEAN)),
    "States.ArrayRange": _Function((_INTEGER, _INTEGER, _INTEGER), _always(Array(_INTEGER))),
    "States.ArrayGetItem": _Function((_ANY_ARRAY, _INTEGER), _element),
    "States.ArrayLength": _Function((_ANY_ARRAY,), _always(_INTEGER)),
    "States.ArrayUnique": _Function((_ANY_ARRAY,), _same_array),
    "States.Base64Encode": _Function((STRING,), _always(STRING)),
    "States.Base64Decode": _Function((STRING,), _always(STRING)),
    "States.Hash": _Function((UNKNOWN, _HASHES), _always(STRING)),
    "States.JsonMerge": _Function((ANY_OBJECT, ANY_OBJECT, BOOLEAN), _merged),
    "States.MathRandom": _Function((_INTEGER, _INTEGER, _INTEGER), _always(_INTEGER), 1),
    "States.MathAdd": _Function((_INTEGER, _INTEGER), _always(_INTEGER)),
    "States.StringSplit": _Function((STRING, STRING), _always(Array(STRING))),
    "States.UUID": _Function((), _always(STRING)),
}


def parse_intrinsic(text: str) -> Expression | str:
    """Read a call such as ``States.Format('{}', $.a)``; a text that says what is wrong when it cannot be."""
    try:
        expression, rest = _parse(text, 0)
    except ValueError as error:
        return str(error)
    return expression if not text[rest:].strip() else f"has {text[rest:].strip()!r} after its end"


def paths_in(expression: Expression) -> Iterator[str]:
    """Give the paths that an expression reads."""
    if isinstance(expression, PathArgument):
        yield expression.text
    elif isinstance(expression, Call):
        for argument in expression.arguments:
            yield from paths_in(argument)


def type_of_call(expression: Expression, read: Callable[[str], Type], fault: Callable[[str, str], None]) -> Type:
    """Give the type of what an expression gives.

    Parameters
    ----------
    expression
        The call.
    read
        Gives the type at a path.
    fault
        Is told what is wrong, and what to do.
    """
    if isinstance(expression, Literal):
        return type_of(expression.value)
    if isinstance(expression, PathArgument):
        return read(expression.text)
    kinds = [type_of_call(argument, read, fault) for argument in expression.arguments]
    function = _FUNCTIONS.get(expression.name)
    if function is None:
        fault(f"there is no intrinsic function {expression.name}", suggest(expression.name, _FUNCTIONS))
        return UNKNOWN
    _check_arguments(expression, kinds, function, fault)
    least = len(function.takes) - (1 if function.optional is None else function.optional)
    return function.gives(kinds) if len(kinds) >= least else UNKNOWN


def _check_arguments(call: Call, kinds: list[Type], function: _Function, fault: Callable[[str, str], None]) -> None:
    most = None if function.optional is None else len(function.takes)
    least = len(function.takes) - (1 if function.optional is None else function.optional)
    if len(kinds) < least or (most is not None and len(kinds) > most):
        wanted = str(least) if most == least else f"at least {least}" if most is None else f"{least} to {most}"
        fault(f"{call.name} takes {wanted} arguments, here are {len(kinds)}", "give it as many")
        return
    for number, kind in enumerate(kinds):
        taken = function.takes[min(number, len(function.takes) - 1)] if function.takes else UNKNOWN
        given = options_of(kind)
        if not isinstance(taken, Unknown) and not any(isinstance(option, (type(taken), Unknown)) for option in given):
            fault(
                f"argument {number + 1} of {call.name} is {describe_kind(kind)}, where {describe_kind(taken)} is taken",
                "",
            )
        elif taken == _HASHES and isinstance(kind, String) and kind.values and _HASHES.values:
            for value in kind.values - _HASHES.values:
                fault(f"States.Hash knows no algorithm {value!r}", suggest(value, _HASHES.values))
    if call.name == "States.Format" and isinstance(call.arguments[0], Literal):
        pattern = str(call.arguments[0].value)
        places = len(re.findall(r"(?<!\\)\{\}", pattern))
        if places != len(kinds) - 1:
            fault(f"States.Format has {places} places {{}} for {len(kinds) - 1} values", "give one value for each {}")


def _parse(text: str, place: int) -> tuple[Expression, int]:
    stripped = len(text) - len(text[place:].lstrip())
    if text[stripped : stripped + 1] == "$":
        end = _path_end(text, stripped)
        return PathArgument(text[stripped:end].strip()), end
    token = _TOKEN.match(text, place)
    if token is None:
        raise ValueError(f"cannot be read from {text[place : place + 30]!r} on")
    place = token.end()
    if token["string"] is not None:
        return Literal(re.sub(r"\\(.)", lambda m: m[0] if m[1] in "{}" else m[1], token["string"][1:-1])), place
    if token["number"] is not None:
        number = float(token["number"])
        return Literal(int(number) if number.is_integer() and "." not in token["number"] else number), place
    if token["word"] is not None:
        return Literal({"true": True, "false": False, "null": None}[token["word"]]), place
    if token["call"] is None:
        raise ValueError(f"has {token[0].strip()!r} where a value is expected")
    return _parse_call(text, token["call"], place)


def _parse_call(text: str, name: str, place: int) -> tuple[Expression, int]:
    token = _TOKEN.match(text, place)
    if token is None or token["open"] is None:
        raise ValueError(f"has no ( after {name}")
    place = token.end()
    arguments: list[Expression] = []
    token = _TOKEN.match(text, place)
    if token is not None and token["close"] is not None:
        return Call(name, ()), token.end()
    while True:
        argument, place = _parse(text, place)
        arguments.append(argument)
        token = _TOKEN.match(text, place)
        if token is not None and token["close"] is not None:
            return Call(name, tuple(arguments)), token.end()
        if token is None or token["comma"] is None:
            raise ValueError(f"has no ) at the end of {name}(...)")
        place = token.end()


def _path_end(text: str, place: int) -> int:
    depth, quote = 0, ""
    while place < len(text):
        char = text[place]
        if quote:
            place += char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "[(":
            depth += 1
        elif char in "])":
            if depth == 0:
                break
            depth -= 1
        elif char == "," and depth == 0:
            break
        place += 1
    return place
