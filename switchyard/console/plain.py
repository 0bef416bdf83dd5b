"""Makes what a run has left fit to be sent: text that is text, and documents that are not too deep.

Whoever wrote an input, a cause or a log line may have put anything into it.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

# What escape sequences are made of (ECMA-48): colours and the like; titles and links of terminals; the rest.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)|[ -/]*[0-~]|)|\x9b[0-?]*[ -/]*[@-~]"
)
# Control characters but the tab, and those that turn the direction in which text is read.
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_DEEPEST = 100
_TOO_DEEP = "(nested too deep to be shown)"


def plain_text(text: Any) -> str:
    """Give text that can be encoded: half of a surrogate pair becomes a question mark.

    Examples
    --------
    >>> plain_text("a\\ud800b")
    'a?b'
    """
    written: str = text if isinstance(text, str) else str(text)
    return written if written.isascii() else written.encode("utf-8", "replace").decode("utf-8")


def plain_document(value: Any, depth: int = 0) -> Any:
    """Give a JSON document that can be encoded; what is nested too deep is left out, times are ISO 8601."""
    if value is None or isinstance(value, (bool, int, float)):
        return value if not isinstance(value, float) or math.isfinite(value) else None
    if not isinstance(value, (dict, list, tuple)):
        return value.isoformat() if isinstance(value, datetime) else plain_text(value)
    if depth >= _DEEPEST:
        return _TOO_DEEP
    if isinstance(value, dict):
        return {plain_text(key): plain_document(each, depth + 1) for key, each in value.items()}
    return [plain_document(each, depth + 1) for each in value]


def plain_line(line: str, limit: int) -> str:
    """Give a log line without colours and control characters; of what was written over, the last.

    Parameters
    ----------
    line
        The line.
    limit
        How many characters of it.

    Examples
    --------
    >>> plain_line("\\x1b[31mred\\x1b[0m", 100)
    'red'
    >>> plain_line("10 %\\r20 %", 100)
    '20 %'
    """
    if not line.isprintable():
        line = _ESCAPES.sub("", line.rstrip("\r\n"))
        line = _CONTROLS.sub("", line.rpartition("\r")[2])
    if len(line) > limit:
        line = f"{line[:limit]} … ({len(line) - limit:,} more characters)"
    return plain_text(line)
