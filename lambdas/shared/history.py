"""What an execution's history says of where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Event = Mapping[str, Any]


def current_states(events: Sequence[Event]) -> list[str]:
    """Name the states that an execution is in, in the order in which it entered them.

    Of a Parallel or Map state, the states inside it are named rather than itself. Each event names the one before
    it on its own path (`previousEventId`), which is how branches are told apart.

    Parameters
    ----------
    events
        The history, or its newest part, in any order.
    """
    by_id = {int(event["id"]): event for event in events}
    ends: set[int] = set()  # the StateEntered events that have their StateExited
    for event in events:
        if str(event["type"]).endswith("StateExited"):
            entered = _entered(event, event["stateExitedEventDetails"]["name"], by_id)
            if entered is not None:
                ends.add(entered)
    open_ = {}
    for id_, event in sorted(by_id.items()):
        if str(event["type"]).endswith("StateEntered") and id_ not in ends:
            around = _around(event, by_id)
            if not any(outer in ends for outer in around):
                open_[id_] = around
    outer_states = {outer for around in open_.values() for outer in around}
    return [by_id[id_]["stateEnteredEventDetails"]["name"] for id_ in open_ if id_ not in outer_states]


def _entered(exited: Event, name: str, by_id: Mapping[int, Event]) -> int | None:
    """Find the event of having entered the state that an event leaves."""
    event = by_id.get(int(exited.get("previousEventId") or 0))
    depth = 0  # the same name may be on the path inside, and have been left there
    while event is not None:
        kind = str(event["type"])
        if kind.endswith("StateExited") and event["stateExitedEventDetails"]["name"] == name:
            depth += 1
        elif kind.endswith("StateEntered") and event["stateEnteredEventDetails"]["name"] == name:
            if depth == 0:
                return int(event["id"])
            depth -= 1
        event = by_id.get(int(event.get("previousEventId") or 0))
    return None


def _around(entered: Event, by_id: Mapping[int, Event]) -> list[int]:
    """List the StateEntered events of the states that a state is inside of."""
    around = []
    left: list[str] = []  # names of the states that the path back has come out of
    event = by_id.get(int(entered.get("previousEventId") or 0))
    while event is not None:
        kind = str(event["type"])
        if kind.endswith("StateExited"):
            left.append(event["stateExitedEventDetails"]["name"])
        elif kind.endswith("StateEntered"):
            name = event["stateEnteredEventDetails"]["name"]
            if name in left:
                left.remove(name)
            else:
                around.append(int(event["id"]))
        event = by_id.get(int(event.get("previousEventId") or 0))
    return around
