"""JSONPath over types: what a path finds in a value of which only the type is known."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from switchyard.checks.types import (
    UNKNOWN,
    Array,
    Member,
    Null,
    Object,
    Presence,
    Type,
    Union,
    Unknown,
    describe_kind,
    options_of,
    union,
)
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STEP = re.compile(
    r"""
      (?P<deep>\.\.)(?:(?P<deepname>[^.\[\]()'"\s,]+)|\*|(?=\[))
    | \.(?P<name>[^.\[\]()'"\s,*]+)
    | \.(?P<star>\*)
    | \[(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\]
    | \[(?P<index>-?\d+)\]
    | \[(?P<many>\*|\?.*|-?\d*:-?\d*(?::-?\d*)?|[^\[\]]*,[^\[\]]*|\(.*\))\]
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Name:
    """Goes to a member."""

    name: str


@dataclass(frozen=True)
class Index:
    """Goes to one element."""

    index: int


@dataclass(frozen=True)
class Many:
    """Goes to some or all elements or members: `[*]`, `.*`, a slice, a filter, a list of names."""


@dataclass(frozen=True)
class Deep:
    """Goes to all that is named so, however deep; to all values without a name."""

    name: str | None


Step = Name | Index | Many | Deep


@dataclass(frozen=True)
class Path:
    """A path that has been read.

    Parameters
    ----------
    text
        As it was written.
    steps
        From the root on.
    """

    text: str
    steps: tuple[Step, ...]

    @property
    def is_single(self) -> bool:
        """Whether it leads to one place: a Reference Path."""
        return all(isinstance(step, (Name, Index)) for step in self.steps)


class Certainty(enum.Enum):
    """How sure it is that a path finds nothing."""

    NEVER = "is never there"
    SOMETIMES = "may be absent"
    USUALLY = "is not promised"


@dataclass(frozen=True)
class Fault:
    """Why a path may find nothing.

    Parameters
    ----------
    certainty
        Whether it always finds nothing.
    message
        What is not there, and what is instead.
    fix
        The nearest names, or all.
    """

    certainty: Certainty
    message: str
    fix: str = ""


@dataclass(frozen=True)
class Reading:
    """What a path finds."""

    type: Type
    faults: tuple[Fault, ...] = ()


@cache
def parse_path(text: str, root: str = "$") -> Path | None:
    """Read a path, without the variable's or context's root; None when it is no path.

    Examples
    --------
    >>> parse_path("$.a[0]").steps
    (Name(name='a'), Index(index=0))
    """
    if not text.startswith(root):
        return None
    place, steps = len(root), []
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None:
            return None
        place = match.end()
        steps.append(_step(match))
    return Path(text, tuple(steps))


def _step(match: re.Match[str]) -> Step:
    if match["deep"]:
        return Deep(match["deepname"])
    if match["name"] is not None:
        return Name(match["name"])
    if match["quoted"] is not None:
        return Name(re.sub(r"\\(.)", r"\1", match["quoted"][1:-1]))
    if match["index"] is not None:
        return Index(int(match["index"]))
    return Many()


def read(path: Path, value: Type) -> Reading:
    """Follow a path into a value.

    Parameters
    ----------
    path
        The path.
    value
        What is known of the value at its root.

    Returns
    -------
    Reading
        The type of what it finds, unknown where it finds nothing, and why it may find nothing. A path that
        can match many values gives an array, and fails nowhere: `[]` when nothing matches.
    """
    if path.is_single:
        found, faults = _read_single(path.steps, value, path.text.partition(".")[0].partition("[")[0])
        return Reading(found, tuple(faults))
    values: list[Type] = [value]
    for step in path.steps:
        values, fault = _spread(step, values)
        if fault:
            return Reading(UNKNOWN, (fault,))
    return Reading(Array(union(*values)))


def _read_single(steps: tuple[Step, ...], value: Type, at: str) -> tuple[Type, list[Fault]]:
    if not steps:
        return value, []
    step, rest = steps[0], steps[1:]
    found: list[Type] = []
    faults: list[Fault] = []
    options = options_of(value)
    # Whether a value that may be null is null on this very way, a contract does not tell.
    for option in [one for one in options if not isinstance(one, Null)] or options:
        member, fault = _step_into(option, step, at)
        if fault is not None:
            partly = len(options) > 1 and fault.certainty is Certainty.NEVER
            faults.append(Fault(Certainty.SOMETIMES, fault.message, fault.fix) if partly else fault)
        if member is not None:
            inner, more = _read_single(rest, member, at + _written(step))
            found.append(inner)
            faults += more
    return union(*found) if found else UNKNOWN, faults


def _step_into(value: Type, step: Step, at: str) -> tuple[Type | None, Fault | None]:
    if isinstance(value, Unknown):
        return UNKNOWN, None
    if isinstance(value, Object) and isinstance(step, Name):
        return _member(value, step.name, at)
    if isinstance(value, Array) and isinstance(step, Index):
        return _element(value, step.index, at)
    wanted = f"no member {step.name!r}" if isinstance(step, Name) else "no elements"
    return None, Fault(Certainty.NEVER, f"{at} is {describe_kind(value)}, it has {wanted}")


def _member(value: Object, name: str, at: str) -> tuple[Type | None, Fault | None]:
    member = value.members.get(name)
    if member is not None:
        return member.type, _presence_fault(member, value, f"{at}.{name}")
    if value.others is not None:
        return value.others, None
    what = f" ({value.name})" if value.name else ""
    return None, Fault(Certainty.NEVER, f"{at}{what} has no {name!r}", suggest(name, value.members))


def _element(value: Array, index: int, at: str) -> tuple[Type | None, Fault | None]:
    items = value.items
    if items is None:
        return value.item, None
    if -len(items) <= index < len(items):
        return items[index], None
    return None, Fault(Certainty.NEVER, f"{at} has {len(items)} elements, none at [{index}]")


def _presence_fault(member: Member, owner: Object, at: str) -> Fault | None:
    if member.presence is Presence.ALWAYS:
        return None
    if member.presence is Presence.SOMETIMES:
        return Fault(Certainty.SOMETIMES, f"{at} may be absent", "give it always, or test it with IsPresent first")
    told = f"the model of {owner.name} does not promise {at}" if owner.name else f"{at} is not promised"
    return Fault(Certainty.USUALLY, told, "where it is absent the execution ends with States.Runtime")


def _spread(step: Step, values: list[Type]) -> tuple[list[Type], Fault | None]:
    found: list[Type] = []
    if isinstance(step, Deep):
        everything = [inner for value in values for inner in _all_inside(value)]
        if step.name is None:
            return everything, None
        for inner in everything:
            found += _members_named(inner, step.name)
        if not found:
            names = {name for inner in everything if isinstance(inner, Object) for name in inner.members}
            return [], Fault(Certainty.NEVER, f"nothing inside is named {step.name!r}", suggest(step.name, names))
        return found, None
    missed: Fault | None = None
    for value in values:
        for option in options_of(value):
            if isinstance(step, Many):
                found += _elements(option)
                continue
            member, fault = _step_into(option, step, "it")
            if member is None:
                missed = missed or fault
            else:
                found.append(member)
    return found, None if found else missed


def _all_inside(value: Type, depth: int = 0) -> Iterator[Type]:
    if depth > 12:
        return
    for option in options_of(value):
        yield option
        for inner in _elements(option):
            yield from _all_inside(inner, depth + 1)


def _elements(value: Type) -> list[Type]:
    if isinstance(value, Object):
        return [member.type for member in value.members.values()] + ([] if value.others is None else [value.others])
    if isinstance(value, Array):
        return [value.item] if value.items is None else list(value.items)
    return [UNKNOWN] if isinstance(value, Unknown) else []


def _members_named(value: Type, name: str) -> list[Type]:
    if isinstance(value, Unknown):
        return [UNKNOWN]
    if not isinstance(value, Object):
        return []
    if name in value.members:
        return [value.members[name].type]
    # A map may have a key of any name; that a scan is meant for one of those is not to be expected.
    return [value.others] if isinstance(value.others, Unknown) else []


def replace(path: Path, value: Type, change: Callable[[Type | None, Presence], Member | None]) -> Type | None:
    """Give a value as it is when what lies at a path is something else.

    Parameters
    ----------
    path
        Leads to one place.
    value
        The value.
    change
        Takes what lies there (None: nothing) and how surely; gives what shall lie there, or None to take it
        out. Raising `LookupError` says that this value cannot be at all.

    Returns
    -------
    Type or None
        None when the value cannot be.
    """
    options = []
    for option in options_of(value):
        try:
            options.append(_replaced(path.steps, option, change))
        except LookupError:
            continue
    return union(*options) if options else None


def _replaced(steps: tuple[Step, ...], value: Type, change: Callable[[Type | None, Presence], Member | None]) -> Type:
    if not steps:
        whole = change(value, Presence.ALWAYS)
        if whole is None:
            raise LookupError
        return whole.type
    step, rest = steps[0], steps[1:]
    if isinstance(value, Union):
        one_of = replace(Path("", steps), value, change)
        if one_of is None:
            raise LookupError
        return one_of
    if isinstance(value, Unknown) and isinstance(step, Name):
        value = Object({}, UNKNOWN)
    if isinstance(value, Null) and isinstance(step, Name):
        value = Object({})
    if not isinstance(value, Object) or not isinstance(step, Name):
        return value  # An array's element: left as it is.
    there = value.members.get(step.name)
    if there is None and value.others is not None:
        there = Member(value.others, Presence.SOMETIMES)
    if rest:
        member: Member | None = Member(_replaced(rest, there.type if there else Object({}), change))
    else:
        member = change(there.type if there else None, there.presence if there else Presence.ALWAYS)
    members = {name: other for name, other in value.members.items() if name != step.name}
    if member is not None:
        members[step.name] = member
    return Object(members, value.others)


def _written(step: Step) -> str:
    if isinstance(step, Index):
        return f"[{step.index}]"
    return f".{step.name}" if isinstance(step, Name) else "[*]"
