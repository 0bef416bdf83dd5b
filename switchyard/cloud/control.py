"""The cloud's own few routes below ``/_switchyard/``, beside AWS's."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from switchyard.cloud.archive import Archive
from switchyard.cloud.faults import FaultError, Faults
from switchyard.cloud.iam.authorizer import Authorizer
from switchyard.cloud.iam.report import report
from switchyard.cloud.stack import Stack

_FAULTS = re.compile(r"/_switchyard/faults(?:/(\d+))?")
_RUN = re.compile(r"/_switchyard/runs/([^/]+)")
ARCHIVE_SECONDS = 600.0


class Control:
    """Answers what no AWS API does.

    Parameters
    ----------
    archive : Archive
        Knows where an ended execution has left what it leaves.
    authorizer : Authorizer
        Has the record of all calls.
    faults : Faults
        What the cloud is told to do wrong.
    """

    def __init__(self, archive: Archive, authorizer: Authorizer, faults: Faults) -> None:
        self._archive = archive
        self._authorizer = authorizer
        self._faults = faults
        self.stack: Stack | None = None

    def answer(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
        """Answer a request with a status and a JSON document."""
        if match := _FAULTS.fullmatch(path):
            return self._answer_faults(method, match.group(1), body)
        if method != "GET":
            return 405, {"error": f"{method} is not served here"}
        if path == "/_switchyard/health":
            return 200, {
                "status": "ready" if self.stack is not None else "starting",
                "pid": os.getpid(),
                "stack_name": self.stack.name if self.stack is not None else None,
            }
        if path == "/_switchyard/iam":
            return 200, report(self._authorizer)
        if match := _RUN.fullmatch(path):
            return self._answer_run(match.group(1))
        return 404, {"error": f"there is nothing at {path}"}

    def _answer_run(self, name: str) -> tuple[int, dict[str, Any]]:
        """Tell where an execution is kept, once it has ended."""
        kept = self._archive.wait(name, ARCHIVE_SECONDS)
        if kept is None:
            return 404, {"error": f"there is no execution '{name}' that has ended"}
        return 200, {"path": str(kept)}

    def _answer_faults(self, method: str, number: str | None, body: bytes) -> tuple[int, dict[str, Any]]:
        """List, add or remove faults."""
        if method == "GET" and number is None:
            return 200, {"faults": [fault.document() for fault in self._faults.all()]}
        if method == "DELETE":
            removed = self._faults.clear(int(number) if number else None)
            return (
                (404, {"error": f"there is no fault {number}"})
                if number and not removed
                else (200, {"removed": removed})
            )
        if method != "POST" or number is not None:
            return 405, {"error": f"{method} is not served here"}
        from switchyard.cloud.states.faults import state_names

        try:
            return 201, self._faults.add(json.loads(body), state_names()).document()
        except FaultError as error:
            return 400, {"error": str(error)}
        except ValueError as error:
            return 400, {"error": f"that is no JSON: {error}"}
