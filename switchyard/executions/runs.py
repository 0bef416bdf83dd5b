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
# Enough for thousands of lines; a log may be larger than the memory.
_TAIL_BYTES = 8 * 1024 * 1024


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
        try:
            return self._log_file(state).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []

    def log_tail(self, state: str) -> tuple[list[str], bool]:
        """Give the last lines that a state has logged, and whether there were more than these.

        Parameters
        ----------
        state
            The state's name.
        """
        try:
            with self._log_file(state).open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - _TAIL_BYTES))
                lines = file.read(_TAIL_BYTES).decode("utf-8", errors="replace").split("\n")
        except OSError:
            return [], False
        is_cut = size > _TAIL_BYTES
        return [line for line in (lines[1:] if is_cut else lines) if line], is_cut

    def job(self, kind: str, name: str) -> dict[str, Any] | None:
        """Give a SageMaker job's description; None when it was not kept.

        Parameters
        ----------
        kind
            `Training`, `Processing` or `Transform`.
        name
            The job's name.
        """
        if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", name):
            return None
        job = _read(self.folder / "jobs" / f"{kind.lower()}-job-{name}.json")
        return job if isinstance(job, dict) else None

    def _log_file(self, state: str) -> Path:
        return self.folder / "logs" / f"{_NOT_IN_FILE_NAMES.sub('_', state)}.log"


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
