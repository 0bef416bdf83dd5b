"""The past runs of a state folder, read once each."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from switchyard.console.known import KnownExecution, saved
from switchyard.executions.runs import SavedExecution

if TYPE_CHECKING:
    from pathlib import Path


class PastRuns:
    """What executions have left in `.switchyard/runs`.

    Parameters
    ----------
    home
        The state folder; None when there are none, as for an AWS account.
    """

    def __init__(self, home: Path | None) -> None:
        self._runs = home / "runs" if home is not None else None
        self._read: dict[Path, tuple[int, KnownExecution | None]] = {}
        self._folders: dict[str, Path] = {}
        self._lock = threading.Lock()

    def scan(self) -> dict[str, KnownExecution]:
        """Give all past runs by their ARN; reads only what is new or has changed."""
        if self._runs is None:
            return {}
        with self._lock:
            read: dict[Path, tuple[int, KnownExecution | None]] = {}
            for folder in self._runs.glob("[!.]*"):
                try:
                    changed = (folder / "execution.json").stat().st_mtime_ns
                except OSError:
                    continue
                known = self._read.get(folder)
                read[folder] = known if known and known[0] == changed else (changed, _read(folder))
            self._read = read
            found = {execution.arn: (folder, execution) for folder, (_, execution) in read.items() if execution}
            self._folders = {arn: folder for arn, (folder, _) in found.items()}
            return {arn: execution for arn, (_, execution) in found.items()}

    def find(self, arn: str) -> SavedExecution | None:
        """Give what an execution has left; None when it has left nothing.

        Parameters
        ----------
        arn
            Its ARN: the folder is one that `scan` has found, whatever the ARN says.
        """
        with self._lock:
            folder = self._folders.get(arn)
        if folder is None:
            self.scan()
            with self._lock:
                folder = self._folders.get(arn)
        return SavedExecution(folder) if folder is not None else None

    def newest_of(self, workflow_arn: str) -> SavedExecution | None:
        """Give the newest run of a workflow."""
        with self._lock:
            runs = [
                (execution.started_at, folder)
                for folder, (_, execution) in self._read.items()
                if execution is not None and execution.workflow_arn == workflow_arn
            ]
        return SavedExecution(max(runs)[1]) if runs else None


def _read(folder: Path) -> KnownExecution | None:
    try:
        return saved(SavedExecution(folder).description)
    except (ValueError, TypeError, OverflowError):
        return None  # what is broken is not listed
