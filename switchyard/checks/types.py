"""What is known of a JSON value before anything runs: its type, as far as it can be known.

One small family of types serves both sides of a comparison. What a value *is*: an operation's answer, a
function's result, a literal, the state that a machine carries. What is *taken*: an operation's request, a
function's event. `switchyard.checks.matching` holds one against the other.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# Deeper than any real document; a loop that wraps its own state would grow without end.
MAX_DEPTH = 24


class Presence(enum.IntEnum):
    """Whether a member of an object is there."""

    # Whoever wrote the object's contract says that it may be absent.
    SOMETIMES = 0
    # AWS's model does not promise it; whether it is there depends on the call.
    USUALLY = 1
    ALWAYS = 2


@dataclass(frozen=True)
class Unknown:
    """Any value at all: nothing is known, so nothing is wrong with it."""


@dataclass(frozen=True)
class Null:
    """JSON's null."""


@dataclass(frozen=True)
class Boolean:
    """A boolean; ``values`` where it is known which."""

    values: frozenset[bool] | None = None


@dataclass(frozen=True)
class Number:
    """A number; ``values`` where it is known, bounds where one is taken."""

    values: frozenset[float] | None = None
    is_integer: bool = False
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class String:
    """A text.

    Parameters
    ----------
    values
        The texts that it can be, or that are taken; None for any.
    excluded
        Texts that it is known not to be.
    pattern, min_length, max_length
        What is taken. A pattern is a regular expression for the whole text, as AWS writes them.
    """

    values: frozenset[str] | None = None
    excluded: frozenset[str] = frozenset()
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None


@dataclass(frozen=True)
class Array:
    """An array; ``items`` when each of its elements is known, else ``item`` for all of them."""

    item: Type = field(default_factory=Unknown)
    items: tuple[Type, ...] | None = None
    min_length: int | None = None
    max_length: int | None = None

    def element(self) -> Type:
        """Give the type of any one of its elements."""
        return self.item if self.items is None else union(*self.items)


@dataclass(frozen=True)
class Member:
    """A member of an object."""

    type: Type
    presence: Presence = Presence.ALWAYS


@dataclass(frozen=True)
class Object:
    """An object.

    Parameters
    ----------
    members
        Name to type.
    others
        The type of members that are not named; None when there are no others.
    name
        What to call it in messages, such as ``DescribeTrainingJobResponse``.
    is_open
        For what is taken: members that are not named do no harm, but nobody reads them.
    """

    members: Mapping[str, Member]
    others: Type | None = None
    name: str = field(default="", compare=False)
    is_open: bool = field(default=False, compare=False)

    @cached_property
    def outline(self) -> Any:
        """Which members it has, see `outline`."""
        return frozenset((name, member.presence, outline(member.type)) for name, member in self.members.items())


@dataclass(frozen=True)
class Union:
    """One of several types; made by `union`."""

    options: tuple[Type, ...]


Type = Unknown | Null | Boolean | Number | String | Array | Object | Union

UNKNOWN = Unknown()
NULL = Null()
BOOLEAN = Boolean()
NUMBER = Number()
STRING = String()
ANY_OBJECT = Object({}, UNKNOWN)


def record(**members: Type) -> Object:
    """Give an object that has just these members, all of them always."""
    return Object({name: Member(kind) for name, kind in members.items()})


def union(*types: Type) -> Type:
    """Give the type of a value that is of one of some types."""
    options: list[Type] = []
    for kind in types:
        for option in kind.options if isinstance(kind, Union) else (kind,):
            if isinstance(option, Unknown):
                return UNKNOWN
            if option not in options:
                options.append(option)
    if not options or len(options) > MAX_DEPTH:
        return UNKNOWN
    return options[0] if len(options) == 1 else Union(tuple(options))


def options_of(kind: Type) -> tuple[Type, ...]:
    """Give the types that a value may have, one by one."""
    return kind.options if isinstance(kind, Union) else (kind,)


def type_of(value: Any) -> Type:
    """Give the type of a literal JSON value."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return Boolean(frozenset({value}))
    if isinstance(value, (int, float)):
        return Number(frozenset({value}), is_integer=isinstance(value, int) or value.is_integer())
    if isinstance(value, str):
        return STRING if "${" in value else String(frozenset({value}))
    if isinstance(value, list):
        return Array(items=tuple(type_of(item) for item in value))
    return Object({str(key): Member(type_of(item)) for key, item in value.items()})


def cut(kind: Type, depth: int = MAX_DEPTH) -> Type:
    """Forget what lies deeper than any real document does."""
    if depth == 0:
        return UNKNOWN
    if isinstance(kind, Object):
        members = {name: Member(cut(member.type, depth - 1), member.presence) for name, member in kind.members.items()}
        others = None if kind.others is None else cut(kind.others, depth - 1)
        return Object(members, others, kind.name, kind.is_open)
    if isinstance(kind, Array):
        items = None if kind.items is None else tuple(cut(item, depth - 1) for item in kind.items)
        return Array(cut(kind.item, depth - 1), items, kind.min_length, kind.max_length)
    if isinstance(kind, Union):
        return union(*(cut(option, depth - 1) for option in kind.options))
    return kind


def join(left: Type, right: Type) -> Type:  # noqa: PLR0911 - one for each kind
    """Give the type of a value that is of one or the other type, told apart no longer."""
    if left == right:
        return left
    match left, right:
        case Object(), Object() if left.members.keys() == right.members.keys():
            members = {
                name: Member(
                    join(member.type, right.members[name].type), min(member.presence, right.members[name].presence)
                )
                for name, member in left.members.items()
            }
            others = left.others if right.others is None else right.others
            return Object(members, others, left.name, left.is_open)
        case Array(items=None), Array(items=None):
            return Array(join(left.item, right.item), None)
        case Array(), Array() if left.items is not None and right.items is not None:
            if len(left.items) == len(right.items):
                return Array(items=tuple(map(join, left.items, right.items)))
            return Array(union(*left.items, *right.items))
        case Boolean(), Boolean():
            return BOOLEAN
        case Number(), Number():
            return Number(is_integer=left.is_integer and right.is_integer)
        case String(values=values), String(values=others_) if values and others_ and len(values | others_) <= MAX_DEPTH:
            return String(values | others_)
        case String(), String():
            return String(excluded=left.excluded & right.excluded)
    return union(left, right)


def outline(kind: Type) -> Any:
    """Give which members a value has, and not what they are: what makes the difference to most paths."""
    match kind:
        case Object():
            return kind.outline
        case Array(items=items) if items is not None:
            return tuple(map(outline, items))
        case Union(options=options):
            return frozenset(map(outline, options))
    return ()


def in_common(left: Type, right: Type) -> Type:
    """Give what can be said of a value that is of one or the other type: members of both, and maybe more."""
    if isinstance(left, Object) and isinstance(right, Object):
        members = {
            name: Member(
                union(member.type, right.members[name].type), min(member.presence, right.members[name].presence)
            )
            for name, member in left.members.items()
            if name in right.members
        }
        return Object(members, UNKNOWN)
    return left if left == right else UNKNOWN


def describe(kind: Type) -> str:
    """Say in a few words what a value is, for messages.

    Examples
    --------
    >>> describe(Array(STRING))
    'an array of strings'
    >>> describe(union(NUMBER, NULL))
    'a number or null'
    """
    match kind:
        case Union(options=options):
            return " or ".join(dict.fromkeys(describe(option) for option in options))
        case String(values=values) if values is not None and len(values) <= 3:
            return " or ".join(f'"{value}"' for value in sorted(values)) if values else "a string"
        case Boolean(values=values) if values is not None and len(values) == 1:
            return "true" if True in values else "false"
        case Number(values=values) if values is not None and len(values) == 1:
            return f"the number {next(iter(values)):g}"
        case Array(items=None, item=item) if type(item) in _PLURALS:
            return f"an array of {_PLURALS[type(item)]}"
    return _NAMES[type(kind)]


def describe_kind(kind: Type) -> str:
    """Say what sort of value it is, without its values."""
    names = (
        _NAMES[type(option)] if isinstance(option, (Boolean, String)) else describe(option)
        for option in options_of(kind)
    )
    return " or ".join(dict.fromkeys(names))


_NAMES: dict[type, str] = {
    Unknown: "anything",
    Null: "null",
    Boolean: "a boolean",
    Number: "a number",
    String: "a string",
    Array: "an array",
    Object: "an object",
}
_PLURALS: dict[type, str] = {
    String: "strings",
    Number: "numbers",
    Object: "objects",
    Array: "arrays",
    Boolean: "booleans",
}
