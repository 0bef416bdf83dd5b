"""Histories of executions: recorded ones (tests/histories), and a writer of small ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from switchyard.executions.history import ExecutionTree, build_tree

HISTORIES = Path(__file__).parent / "histories"
DEFINITION = json.loads((Path(__file__).parents[1] / "workflows/train_and_deploy.asl.json").read_text())


def recorded(name: str) -> list[dict[str, Any]]:
    """Events of a real execution, as the local cloud answered GetExecutionHistory."""
    events: list[dict[str, Any]] = json.loads((HISTORIES / f"{name}.json").read_text())
    return events


def recorded_definition(name: str) -> dict[str, Any]:
    """The definition of the state machine that a recorded execution is of."""
    path = HISTORIES / f"{name}.asl.json"
    return json.loads(path.read_text()) if path.is_file() else DEFINITION


def tree_of(name: str, *, until: str | None = None) -> ExecutionTree:
    events = recorded(name)
    if until is not None:
        entered = next(e["id"] for e in events if e.get("stateEnteredEventDetails", {}).get("name") == until)
        events = [event for event in events if event["id"] <= entered]
    return build_tree(events, DEFINITION)


class Events:
    """Writes a history: each event follows the one before it, unless `after` says otherwise."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def add(self, kind: str, after: int | None = None, **details: Any) -> int:
        number = len(self.events) + 1
        event = {
            "id": number,
            "previousEventId": number - 1 if after is None else after,
            "type": kind,
            "timestamp": 1_000_000 + number,
        }
        key = "stateEntered" if kind.endswith("Entered") else "stateExited" if kind.endswith("Exited") else kind
        if details:
            event[f"{key[0].lower()}{key[1:]}EventDetails"] = details
        self.events.append(event)
        return number
