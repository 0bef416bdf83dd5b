"""Paths, intrinsic functions and payload templates of a state, evaluated over types."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from switchyard.checks.findings import Finding, Findings, Trail
from switchyard.checks.intrinsics import parse_intrinsic, type_of_call
from switchyard.checks.json_path import Certainty, parse_path, read
from switchyard.checks.matching import mismatches
from switchyard.checks.types import STRING, UNKNOWN, Array, Member, Number, Object, Presence, Type, record, type_of
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchyard.checks.json_path import Fault
    from switchyard.checks.matching import Steps

_INTEGER = Number(is_integer=True)


@cache
def context_type(*, in_map: bool, has_token: bool, has_error: bool = False) -> Object:
    """Give the type of the context object, `$$`.

    Source: "Accessing execution data from the Context object in Step Functions" (AWS Step Functions
    Developer Guide).
    """
    execution = record(Id=STRING, Input=UNKNOWN, Name=STRING, RoleArn=STRING, StartTime=STRING, RedriveCount=_INTEGER)
    state = record(EnteredTime=STRING, Name=STRING, RetryCount=_INTEGER)
    members = {
        "Execution": Member(Object({**execution.members, "RedriveTime": Member(STRING, Presence.USUALLY)})),
        "State": Member(state),
        "StateMachine": Member(record(Id=STRING, Name=STRING)),
    }
    if in_map:
        item = Object(
            {
                "Index": Member(_INTEGER),
                "Value": Member(UNKNOWN),
                "Key": Member(STRING, Presence.USUALLY),
                "Source": Member(STRING, Presence.USUALLY),
            }
        )
        members["Map"] = Member(record(Item=item))
    if has_token:
        members["Task"] = Member(record(Token=STRING))
    if has_error:
        members["Error"] = Member(UNKNOWN)
    return Object(members, None, "the context object")


@dataclass
class Scope:
    """One look at one state: what its paths read from, and where to tell what is wrong.

    Parameters
    ----------
    findings
        Where to tell.
    place
        The state's place in the definition: `States.Train model`.
    trail
        The states on the way to it.
    context
        The type of `$$`.
    variables
        The names of the machine's variables; their values are not followed.
    """

    findings: Findings
    place: str
    trail: Trail
    context: Object
    variables: frozenset[str]
    # The names that states write at the top of the data, and which states do.
    writers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # What each place of the template just evaluated was read from.
    sources: dict[Steps, str] = field(default_factory=dict)

    def tell(self, where: str, message: str, fix: str = "", *, is_note: bool = False, everywhere: bool = False) -> None:
        """Tell what is wrong at a place within the state."""
        at = f"{self.place}.{where}" if where else self.place
        self.findings.add(Finding(at, message, fix, is_note), self.place, self.trail, everywhere=everywhere)

    def read(self, text: Any, where: str, root: Type) -> Type:
        """Give what a path or an intrinsic function finds."""
        if not isinstance(text, str):
            return UNKNOWN
        if text.startswith("States."):
            return self._call(text, where, root)
        if text.startswith("$$"):
            found = parse_path(text, "$$")
            value: Type = self.context
        elif text.startswith("$") and (len(text) == 1 or text[1] in ".["):
            found, value = parse_path(text), root
        elif text.startswith("$"):
            return self._variable(text, where)
        else:
            self.tell(where, f"{text!r} is neither a path nor an intrinsic function", "begin it with $ or States.")
            return UNKNOWN
        if found is None:
            # A path in a form that is not known here: nothing is said against it.
            return UNKNOWN
        reading = read(found, value)
        for fault in reading.faults:
            self._fault(text, where, fault)
        return reading.type

    def read_as(self, text: Any, where: str, root: Type, wanted: Type) -> Type:
        """Give what a path finds, which must be of a type."""
        found = self.read(text, where, root)
        for mismatch in mismatches(found, wanted):
            self.tell(where, f"{text} {mismatch.message}", mismatch.fix)
        return found

    def template(self, node: Any, where: str, root: Type, *, steps: Steps = ()) -> Type:
        """Give what a payload template (Parameters, ResultSelector ...) makes."""
        if not steps:
            self.sources = {}
        if isinstance(node, dict):
            members = {}
            for key, value in node.items():
                name = key.removesuffix(".$")
                if key.endswith(".$"):
                    if not isinstance(value, str):
                        self.tell(f"{where}.{key}", "is no path", "give it a text that begins with $, or drop the .$")
                        continue
                    self.sources[*steps, name] = value
                    members[name] = Member(self.read(value, f"{where}.{key}", root))
                else:
                    members[name] = Member(self.template(value, f"{where}.{key}", root, steps=(*steps, name)))
            return Object(members)
        if isinstance(node, list):
            items = (
                self.template(value, f"{where}[{index}]", root, steps=(*steps, index))
                for index, value in enumerate(node)
            )
            return Array(items=tuple(items))
        return type_of(node)

    def match(self, given: Type, taken: Type, where: str) -> None:
        """Tell where the value that a template has just made does not fit what is taken."""
        for mismatch in mismatches(given, taken):
            depth = next((n for n in range(len(mismatch.steps), 0, -1) if mismatch.steps[:n] in self.sources), 0)
            if mismatch.is_unread and any(mismatch.steps[:n] in self.sources for n in range(1, len(mismatch.steps))):
                continue  # It came along with what was read.
            if not depth or mismatch.is_unread:
                self.tell(where + written(mismatch.steps), mismatch.message, mismatch.fix)
                continue
            source = self.sources[mismatch.steps[:depth]] + written(mismatch.steps[depth:])
            self.tell(f"{where}{written(mismatch.steps[:depth])}.$", f"{source} {mismatch.message}", mismatch.fix)

    def _call(self, text: str, where: str, root: Type) -> Type:
        call = parse_intrinsic(text)
        if isinstance(call, str):
            self.tell(where, f"{text!r} {call}", "correct the call")
            return UNKNOWN
        return type_of_call(
            call, lambda path: self.read(path, where, root), lambda message, fix: self.tell(where, message, fix)
        )

    def _variable(self, text: str, where: str) -> Type:
        name = text[1:].partition(".")[0].partition("[")[0]
        if name not in self.variables:
            self.tell(where, f"{text}: no state assigns the variable {name!r}", suggest(name, self.variables))
        return UNKNOWN

    def nearest_writers(self, text: str) -> str:
        """Say which states write something of nearly the same name, or the very same elsewhere."""
        name = text[2:].partition(".")[0].partition("[")[0] if text.startswith("$.") else ""
        near = _near(name, tuple(self.writers)) if name else []
        return ", ".join(f"{' and '.join(map(repr, self.writers[one]))} write $.{one}" for one in near)

    def _fault(self, text: str, where: str, fault: Fault) -> None:
        written_by = self.nearest_writers(text) if fault.certainty is Certainty.NEVER else ""
        if written_by:
            self.tell(where, f"{text}: {fault.message}", f"{fault.fix}; {written_by}")
        elif fault.certainty is Certainty.USUALLY:
            self.tell(where, f"{text}: {fault.message}", fault.fix, is_note=True)
        else:
            self.tell(where, f"{text}: {fault.message}", fault.fix)


@cache
def _near(name: str, known: tuple[str, ...]) -> list[str]:
    return get_close_matches(name, known, n=2, cutoff=0.6)


def written(steps: Steps) -> str:
    """Write steps as they stand behind a name.

    Examples
    --------
    >>> written(("Tags", 0, "Key"))
    '.Tags[0].Key'
    """
    return "".join(f"[{step}]" if isinstance(step, int) or step == "*" else f".{step}" for step in steps)
