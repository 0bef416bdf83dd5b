"""The cloud's own few routes below ``/_switchyard/``, beside AWS's."""

from __future__ import annotations

import os
import re
from typing import Any

from switchyard.cloud.archive import Archive
from switchyard.cloud.iam.authorizer import Authorizer
from switchyard.cloud.iam.report import report
from switchyard.cloud.stack import Stack

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
    """

    def __init__(self, archive: Archive, authorizer: Authorizer) -> None:
        self._archive = archive
        self._authorizer = authorizer
        self.stack: Stack | None = None

    def answer(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        """Answer a request with a status and a JSON document."""
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
            kept = self._archive.wait(match.group(1), ARCHIVE_SECONDS)
            if kept is None:
                return 404, {"error": f"there is no execution '{match.group(1)}' that has ended"}
            return 200, {"path": str(kept)}
        return 404, {"error": f"there is nothing at {path}"}
