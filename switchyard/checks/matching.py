"""Whether a value that is given fits what is taken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from switchyard.checks.types import (
    Array,
    Boolean,
    Number,
    Object,
    Presence,
    String,
    Type,
    Union,
    Unknown,
    describe,
    describe_kind,
)
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator

Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class Mismatch:
    """One thing that does not fit: where in the value, what, and what is taken instead.

    `is_unread` when it would do no harm, and nobody would read it.
    """

    steps: Steps
    message: str
    fix: str = ""
    is_unread: bool = False


def mismatches(given: Type, taken: Type, steps: Steps = ()) -> list[Mismatch]:
    """Find where a value does not fit.

    A value of which little is known is given the benefit of the doubt.

    Parameters
    ----------
    given
        What is known of the value.
    taken
        What the other side takes.
    steps
        Where the value lies in the whole.
    """
    if isinstance(given, Unknown) or isinstance(taken, Unknown):
        return []
    if isinstance(given, Union):
        # Null stands for "not set" in many contracts; each of the others has to fit.
        found = [mismatch for option in given.options for mismatch in mismatches(option, taken, steps)]
        return list(dict.fromkeys(found))
    if isinstance(taken, Union):
        return _against_union(given, taken, steps)
    if type(given) is not type(taken):
        return [Mismatch(steps, f"is {describe(given)}, where {describe_kind(taken)} is taken")]
    return _same_kind(given, taken, steps)


def _against_union(given: Type, taken: Union, steps: Steps) -> list[Mismatch]:
    least: list[Mismatch] | None = None
    for option in taken.options:
        if type(option) is not type(given):
            if isinstance(option, Unknown):
                return []
            continue
        found = mismatches(given, option, steps)
        if not found:
            return []
        # The option that it was probably meant to be: the one with the least wrong.
        if least is None or len(found) < len(least):
            least = found
    if least is None:
        return [Mismatch(steps, f"is {describe(given)}, where {describe_kind(taken)} is taken")]
    return least


def _same_kind(given: Type, taken: Type, steps: Steps) -> list[Mismatch]:
    if isinstance(given, Object) and isinstance(taken, Object):
        return _objects(given, taken, steps)
    if isinstance(given, Array) and isinstance(taken, Array):
        return _arrays(given, taken, steps)
    if isinstance(given, String) and isinstance(taken, String):
        return [] if given.values is None else list(_strings(given.values, taken, steps))
    if isinstance(given, Number) and isinstance(taken, Number):
        return [] if given.values is None else list(_numbers(given.values, taken, steps))
    if isinstance(given, Boolean) and isinstance(taken, Boolean):
        values, known = given.values, taken.values
        if values and known and not values & known:
            return [Mismatch(steps, f"is {describe(given)}, where {describe(taken)} is taken")]
    return []


def _objects(given: Object, taken: Object, steps: Steps) -> list[Mismatch]:
    owner = taken.name or "this object"
    found: list[Mismatch] = []
    for name, member in given.members.items():
        wanted = taken.members.get(name)
        if wanted is not None:
            found += mismatches(member.type, wanted.type, (*steps, name))
        elif taken.others is not None:
            found += mismatches(member.type, taken.others, (*steps, name))
        else:
            left = [other for other in taken.members if other not in given.members]
            message = f"is not taken: {owner} has no {name!r}"
            found.append(Mismatch((*steps, name), message, suggest(name, left or taken.members), taken.is_open))
    for name, wanted in taken.members.items():
        if wanted.presence is not Presence.ALWAYS:
            continue
        there = given.members.get(name)
        if there is None and given.others is None:
            fix = f"add {describe_kind(wanted.type)}"
            found.append(Mismatch(steps, f"lacks {name!r}, which {owner} requires", fix))
        elif there is not None and there.presence is Presence.SOMETIMES:
            message = f"may be absent, and {owner} requires it"
            found.append(Mismatch((*steps, name), message, "give it always, or do not require it"))
    if given.others is not None and taken.others is not None:
        found += mismatches(given.others, taken.others, (*steps, "*"))
    return found


def _arrays(given: Array, taken: Array, steps: Steps) -> list[Mismatch]:
    if given.items is None:
        return mismatches(given.item, taken.element(), (*steps, "*"))
    length = len(given.items)
    found: list[Mismatch] = []
    if taken.min_length is not None and length < taken.min_length:
        found.append(Mismatch(steps, f"has {length} elements, where at least {taken.min_length} are taken"))
    if taken.max_length is not None and length > taken.max_length:
        found.append(Mismatch(steps, f"has {length} elements, where at most {taken.max_length} are taken"))
    for index, item in enumerate(given.items):
        wanted = taken.items[index] if taken.items is not None and index < len(taken.items) else taken.element()
        found += mismatches(item, wanted, (*steps, index))
    return found


def _strings(values: frozenset[str], taken: String, steps: Steps) -> Iterator[Mismatch]:
    for value in sorted(values):
        shown = f'"{value[:60]}"'
        if taken.values is not None:
            if value not in taken.values:
                yield Mismatch(steps, f"is {shown}, which is not one of the values", suggest(value, taken.values))
            continue
        if taken.min_length is not None and len(value) < taken.min_length:
            yield Mismatch(steps, f"is {shown}: {len(value)} characters, at least {taken.min_length} are taken")
        elif taken.max_length is not None and len(value) > taken.max_length:
            yield Mismatch(steps, f"is {shown}: {len(value)} characters, at most {taken.max_length} are taken")
        elif taken.pattern is not None and (pattern := _compiled(taken.pattern)) and not pattern.fullmatch(value):
            yield Mismatch(steps, f"is {shown}, which does not match {taken.pattern}")


def _numbers(values: frozenset[float], taken: Number, steps: Steps) -> Iterator[Mismatch]:
    for value in sorted(values):
        if taken.is_integer and not float(value).is_integer():
            yield Mismatch(steps, f"is {value:g}, where a whole number is taken")
        elif taken.minimum is not None and value < taken.minimum:
            yield Mismatch(steps, f"is {value:g}, at least {taken.minimum:g} is taken")
        elif taken.maximum is not None and value > taken.maximum:
            yield Mismatch(steps, f"is {value:g}, at most {taken.maximum:g} is taken")


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    # AWS's patterns are Java's: possessive quantifiers and \p{...} are not all Python's.
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return None
