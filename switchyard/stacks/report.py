"""How changes, events and outcomes are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from switchyard.stacks.changes import ChangeSet, PropertyChange, action_of, properties_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from switchyard.stacks.operations import Outcome

_STYLES = {"add": "green", "modify": "yellow", "replace": "magenta", "replace?": "magenta", "remove": "red"}
_SIGNS = {"add": "+", "modify": "~", "replace": "±", "replace?": "±", "remove": "-"}
# What stands for the id of a resource that is still to be made.
_UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
_LONGEST = 60


def show_changes(change_set: ChangeSet, name: str, console: Console) -> None:
    """Show what a change set would do: each resource, and of one that changes each property."""
    from rich.text import Text

    what = "the new stack" if change_set.is_new else "the stack"
    console.print(Text.assemble(what, " ", (name, "bold")))
    for change in change_set.changes:
        action = action_of(change)
        style = _STYLES.get(action, "")
        line = Text.assemble(
            (f"  {_SIGNS.get(action, ' ')} {action:<9}", style),
            (f"{change['LogicalResourceId']}", "bold"),
            (f"  {change['ResourceType']}", "dim"),
        )
        if change.get("PolicyAction") in {"Retain", "ReplaceAndRetain"}:
            line.append("  what was is retained", "dim")
        console.print(line, soft_wrap=True)
        for each in properties_of(change):
            for line in _property(each):
                console.print(line, soft_wrap=True)
    if not change_set.changes:
        console.print("  no resource changes; outputs or tags do")
    counted: dict[str, int] = {}
    for change in change_set.changes:
        counted[action_of(change)] = counted.get(action_of(change), 0) + 1
    words = {"add": "to add", "modify": "to modify", "replace": "to replace", "remove": "to remove"}
    words["replace?"] = "perhaps to replace"
    if counted:
        console.print(Text(", ".join(f"{number} {words.get(action, action)}" for action, number in counted.items())))


def _property(change: PropertyChange) -> Iterator[Any]:
    """Yield a line for a property, or for each part of it that is another."""
    from rich.text import Text

    notes = [f"by {change.cause}"] if change.cause else []
    if change.replaces != "Never":
        notes.append("replaces it" if change.replaces == "Always" else "may replace it")
    for name, before, after in _differing(change):
        line = Text(f"      {name}")
        if before is not None or after is not None:
            line.append(": ")
            line.append(before if before is not None else "(none)", "red")
            line.append(" -> ")
            line.append(after if after is not None else "(none)", "green")
        if notes:
            line.append(f"  ({', '.join(notes)})", "dim")
        yield line


def _differing(change: PropertyChange) -> list[tuple[str, str | None, str | None]]:
    """Give what of a property is not the same: its name, and what it was and will be."""
    try:
        one, other = json.loads(change.before or ""), json.loads(change.after or "")
    except ValueError:
        one = other = None
    if not isinstance(one, dict | list) or not isinstance(other, dict | list):
        return [(change.name, _short(change.before), _short(change.after))]
    left, right = dict(_leaves(one, change.name)), dict(_leaves(other, change.name))
    return [
        (name, _short(left.get(name)), _short(right.get(name)))
        for name in dict.fromkeys([*left, *right])
        if left.get(name) != right.get(name)
    ]


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{_label(inner, number)}]")
    else:
        yield path, str(value)


def _label(item: Any, number: int) -> str:
    """Name an entry of a list by what it calls itself."""
    if isinstance(item, dict):
        for key in ("VariantName", "PolicyName", "Key", "Id", "Name"):
            if isinstance(item.get(key), str):
                return str(item[key])
    return str(number)


def _short(value: str | None) -> str | None:
    if value is None:
        return None
    text = value.replace(_UNKNOWN, "(known afterwards)")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def show_event(event: dict[str, Any], console: Console) -> None:
    """Show one thing that has happened to a stack."""
    from rich.text import Text

    status = event["ResourceStatus"]
    style = "red" if "FAILED" in status or "ROLLBACK" in status else "green" if status.endswith("COMPLETE") else "cyan"
    moment = event["Timestamp"].astimezone().strftime("%H:%M:%S")
    line = Text.assemble((f"{moment}  ", "dim"), (f"{status:<28}", style), (f"  {event['LogicalResourceId']}", "bold"))
    line.append(f"  {event['ResourceType']}", "dim")
    reason = event.get("ResourceStatusReason")
    if reason and reason != "User Initiated":
        line.append(f"  {reason}", "red" if style == "red" else "dim")
    console.print(line, soft_wrap=True)


def show_outcome(outcome: Outcome, console: Console) -> None:
    """Show how it has ended."""
    from rich.text import Text

    style = "bold green" if outcome.is_success else "bold red"
    console.print(Text.assemble((outcome.status, style), f"  {outcome.name}"))
    if outcome.reason:
        console.print(Text(outcome.reason, "red"), soft_wrap=True)
    for name, value in outcome.outputs.items():
        console.print(Text.assemble((f"  {name}  ", "dim"), value), soft_wrap=True)
