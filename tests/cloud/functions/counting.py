"""Logs the lines that it is given."""

from __future__ import annotations

from typing import Any


def handler(event: dict[str, Any], _context: Any) -> int:
    for line in event["lines"]:
        print(line)
    return len(event["lines"])
