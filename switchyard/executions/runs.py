"""Reads what runs have left behind on this machine: `.switchyard/runs/<execution>/`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from switchyard.executions.history import ExecutionTree, build_tree, read_time

# What the local cloud replaces by '_' when it names a file after a state.
_NOT_IN_FILE_NAMES = re.compile(r"[^\w .?!,-]")


@dataclass(frozen=True)
class SavedExecution:
    """The folder of an execution that has ended.

    Parameters
    ----------
    folder
        `.switchyard/runs/<execution>`. A file that is missing or broken reads as empty: a run that was cut
        off can still be looked at.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The execution's name."""
        return self.folder.name

    @cached_property
    def description(self) -> dict[str, Any]:
        """DescribeExecution's answer, with times as datetimes."""
        description = _read(self.folder / "execution.json")
        description = description if isinstance(description, dict) else {}
        for key in ("startDate", "stopDate"):
            if description.get(key):
                description[key] = read_time(description[key])
        return description

    @cached_property
    def input(self) -> Any:
        """What it was started with."""
        return _read(self.folder / "input.json")

    @cached_property
    def definition(self) -> dict[str, Any]:
        """Its state machine's definition."""
        definition = _read(self.folder / "definition.json")
        return definition if isinstance(definition, dict) else {}

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """Its history."""
        history = _read(self.folder / "history.json")
        events = history.get("events") if isinstance(history, dict) else history
        return [event for event in events if isinstance(event, dict)] if isinstance(events, list) else []

    @cached_property
    def tree(self) -> ExecutionTree:
        """Its states."""
        return build_tree(self.events, self.definition)

    @property
    def workflow(self) -> str:
        """The name of its state machine."""
        return str(self.description.get("stateMachineArn", "")).rsplit(":", 1)[-1]

    def log(self, state: str) -> list[str]:
        """Give the lines that a state has logged; empty when it has not.

        Parameters
        ----------
        state
            The state's name.
        """
        path = self.folder / "logs" / f"{_NOT_IN_FILE_NAMES.sub('_', state)}.log"
        try:
            return path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []


def saved_executions(home: Path) -> list[SavedExecution]:
    """List what has been kept, the newest first.

    Parameters
    ----------
    home
        The state folder.
    """
    folders = [path for path in home.joinpath("runs").glob("*") if (path / "execution.json").is_file()]
    return [
        SavedExecution(path)
        for path in sorted(folders, key=lambda path: (path / "execution.json").stat().st_mtime, reverse=True)
    ]


def saved_execution(home: Path, name: str) -> SavedExecution | None:
    """Find what an execution has left behind; None when there is nothing.

    Parameters
    ----------
    home
        The state folder.
    name
        Its name or ARN.
    """
    name = name.rsplit(":", 1)[-1]
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or not name.strip("."):
        return None
    folder = home / "runs" / name
    return SavedExecution(folder) if (folder / "execution.json").is_file() else None


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
