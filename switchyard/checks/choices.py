"""The rules of a Choice over types: what is known of the state on each way out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchyard.checks.json_path import parse_path, replace
from switchyard.checks.types import (
    Boolean,
    Member,
    Null,
    Number,
    Presence,
    String,
    Type,
    Unknown,
    describe_kind,
    options_of,
    union,
)
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from switchyard.checks.templates import Scope

_KINDS: dict[str, type[Boolean | Number | String]] = {
    "Boolean": Boolean,
    "Numeric": Number,
    "String": String,
    "Timestamp": String,
}
_TESTS: dict[str, type[Type]] = {
    "IsNull": Null,
    "IsString": String,
    "IsNumeric": Number,
    "IsBoolean": Boolean,
    "IsTimestamp": String,
}


@dataclass(frozen=True)
class Outcome:
    """The state where a rule holds, and where it does not; None where that cannot be."""

    holds: Type | None
    fails: Type | None


def decide(rule: Any, where: str, state: Type, scope: Scope) -> Outcome:
    """Tell what is known of a state once a rule was tested.

    Parameters
    ----------
    rule
        One of Choices, or a rule within it.
    where
        Its place within the state.
    state
        The type of what its variables are read from.
    scope
        Reads paths, and tells what is wrong with them.
    """
    if not isinstance(rule, dict):
        return Outcome(state, state)
    if isinstance(rules := rule.get("And"), list):
        return _all_of(rules, f"{where}.And", state, scope)
    if isinstance(rules := rule.get("Or"), list):
        return _any_of(rules, f"{where}.Or", state, scope)
    if "Not" in rule:
        inner = decide(rule["Not"], f"{where}.Not", state, scope)
        return Outcome(inner.fails, inner.holds)
    comparison = next((key for key in rule if key not in ("Variable", "Next", "Comment", "Assign", "Output")), None)
    variable = rule.get("Variable")
    if comparison is None or not isinstance(variable, str):
        return Outcome(state, state)
    return _compare(rule, comparison, where, state, scope)


def _all_of(rules: list[Any], where: str, state: Type, scope: Scope) -> Outcome:
    holds: Type | None = state
    fails: list[Type] = []
    for index, rule in enumerate(rules):
        if holds is None:
            break
        outcome = decide(rule, f"{where}[{index}]", holds, scope)
        holds = outcome.holds
        fails += [] if outcome.fails is None else [outcome.fails]
    return Outcome(holds, union(*fails) if fails else None)


def _any_of(rules: list[Any], where: str, state: Type, scope: Scope) -> Outcome:
    fails: Type | None = state
    holds: list[Type] = []
    for index, rule in enumerate(rules):
        if fails is None:
            break
        outcome = decide(rule, f"{where}[{index}]", fails, scope)
        fails = outcome.fails
        holds += [] if outcome.holds is None else [outcome.holds]
    return Outcome(union(*holds) if holds else None, fails)


def _compare(rule: dict[str, Any], comparison: str, where: str, state: Type, scope: Scope) -> Outcome:
    variable, operand = rule["Variable"], rule[comparison]
    path = parse_path(variable)
    scope.findings.visit(f"{scope.place}.{where}")
    if comparison == "IsPresent":
        if path is None or not path.is_single or not path.steps:
            return Outcome(state, state)
        there = replace(path, state, _present)
        missing = replace(path, state, _missing)
        if there is None and operand is True:
            message = f"{variable} is never there: IsPresent is always false"
            scope.tell(where, message, scope.nearest_writers(variable), everywhere=True)
        return Outcome(there, missing) if operand is True else Outcome(missing, there)
    found = scope.read(variable, f"{where}.Variable", state)
    if comparison.endswith("Path"):
        other = scope.read(operand, f"{where}.{comparison}", state)
        for name, kind in ((variable, found), (operand, other)):
            _check_kind(name, comparison.removesuffix("Path"), kind, where, scope)
        return Outcome(state, state)
    if _check_kind(variable, comparison, found, where, scope) and comparison == "StringEquals":
        _check_text(variable, operand, found, where, scope)
    if path is None or not path.is_single or not path.steps:
        return Outcome(state, state)
    holds, fails = _split(found, comparison, operand)
    return Outcome(_with(path, state, holds), _with(path, state, fails))


def _present(kind: Type | None, _presence: Presence) -> Member:
    if kind is None:
        raise LookupError
    return Member(kind)


def _missing(kind: Type | None, presence: Presence) -> Member | None:
    if kind is not None and presence is Presence.ALWAYS:
        raise LookupError
    return None


def _with(path: Any, state: Type, kinds: list[Type]) -> Type | None:
    if not kinds:
        return None

    def change(kind: Type | None, presence: Presence) -> Member | None:
        if kind is None:
            return None
        # Of several states that the value can lie in, only those in which it can be so are left.
        left = [option for option in kinds if _could_be(kind, option)]
        if not left:
            raise LookupError
        return Member(union(*left), presence)

    return replace(path, state, change)


def _could_be(kind: Type, narrowed: Type) -> bool:
    for option in options_of(kind):
        if isinstance(option, Unknown) or isinstance(narrowed, Unknown):
            return True
        if type(option) is not type(narrowed):
            continue
        known, left = getattr(option, "values", None), getattr(narrowed, "values", None)
        if known is None or left is None or known & left:
            return True
    return False


def _split(found: Type, comparison: str, operand: Any) -> tuple[list[Type], list[Type]]:
    """Give what a value can be where the comparison holds, and where it does not."""
    if comparison in _TESTS:
        yes, no = _by_kind(found, _TESTS[comparison])
        if comparison == "IsTimestamp":
            no = [*no, *yes]
        return (yes, no) if operand is True else (no, yes)
    holds: list[Type] = []
    fails: list[Type] = []
    for option in options_of(found):
        if comparison == "BooleanEquals":
            yes, no = _boolean(option, operand)
        elif comparison == "StringEquals":
            yes, no = _string(option, operand)
        else:
            yes, no = _other(option, comparison)
        holds += yes
        fails += no
    return holds, fails


def _by_kind(found: Type, kind: type[Type]) -> tuple[list[Type], list[Type]]:
    options = options_of(found)
    unknown = [option for option in options if isinstance(option, Unknown)]
    yes: list[Type] = [option for option in options if isinstance(option, kind)]
    if unknown:
        yes.append(kind() if kind in (Null, String, Number, Boolean) else unknown[0])
    return yes, [option for option in options if not isinstance(option, kind)]


def _boolean(option: Type, operand: Any) -> tuple[list[Type], list[Type]]:
    if isinstance(option, Unknown):
        return [Boolean(frozenset({operand}))], [option]
    if not isinstance(option, Boolean):
        return [], [option]
    values = option.values if option.values is not None else frozenset({True, False})
    no = values - {operand}
    return ([Boolean(frozenset({operand}))] if operand in values else []), ([Boolean(no)] if no else [])


def _string(option: Type, operand: Any) -> tuple[list[Type], list[Type]]:
    if isinstance(option, Unknown):
        return [String(frozenset({operand}))], [option]
    if not isinstance(option, String):
        return [], [option]
    could = operand not in option.excluded and (option.values is None or operand in option.values)
    yes: list[Type] = [String(frozenset({operand}))] if could else []
    if option.values is None:
        return yes, [String(excluded=option.excluded | {operand})]
    left = option.values - {operand}
    return yes, [String(left)] if left else []


def _other(option: Type, comparison: str) -> tuple[list[Type], list[Type]]:
    kind = _kind_of(comparison)
    if kind is None or isinstance(option, (kind, Unknown)):
        return [option], [option]
    return [], [option]


def _kind_of(comparison: str) -> type[Boolean | Number | String] | None:
    return next((kind for prefix, kind in _KINDS.items() if comparison.startswith(prefix)), None)


def _check_kind(variable: str, comparison: str, found: Type, where: str, scope: Scope) -> bool:
    kind = _kind_of(comparison)
    if kind is None or any(isinstance(option, (kind, Unknown)) for option in options_of(found)):
        return True
    message = f"{variable} is {describe_kind(found)}: {comparison} never holds"
    scope.tell(where, message, "compare it as what it is", everywhere=True)
    return False


def _check_text(variable: str, operand: Any, found: Type, where: str, scope: Scope) -> None:
    # A text that a contract lists; one that a state of the machine has just set is compared to others on purpose.
    values: set[str] = set()
    for option in options_of(found):
        if isinstance(option, Unknown) or (
            isinstance(option, String) and (not option.values or len(option.values) < 2)
        ):
            return
        values |= option.values or set() if isinstance(option, String) else set()
    if operand not in values:
        message = f'{variable} is never "{operand}": StringEquals never holds'
        scope.tell(where, message, suggest(str(operand), values), everywhere=True)
