"""What the cause of an error says, in a few words: it is often JSON, with the reason somewhere inside."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

# A process that a signal has ended has this and the signal's number as its exit code, or the number below zero.
_SIGNALLED = 128
# What a fault of the local cloud has brought about says so at its end.
_INJECTED = "[injected: "
_QUOTE, _QUOTE_ENDS = 'ErrorMessage "', re.compile(r'"\s*(?:Command|\[injected|$)')
# What a script or an algorithm has written down itself, as SageMaker passes it on.
_OWN_WORDS = re.compile(r"AlgorithmError: (.*), exit code: \d{1,9}", re.DOTALL)
_TRACEBACK = "Traceback (most recent call last):"


def failure_reason(cause: str) -> str:
    """Say in a few words what a cause says: causes are often JSON, with the reason somewhere inside.

    Examples
    --------
    >>> failure_reason('{"FailureReason": "AlgorithmError: ExitCode 1\\\\nErrorMessage \\\\"ValueError: no\\\\""}')
    'ValueError: no'
    >>> failure_reason('{"errorType": "InvalidRun", "errorMessage": "there is no recipe x"}')
    'there is no recipe x'
    """
    text = _message(cause)
    start = text.find(_INJECTED)
    end = text.find("]", start) if start >= 0 else -1
    injected = text[start : end + 1] if end >= 0 else None
    if (quoted := _quoted(text)) is not None:
        code = re.search(r"ExitCode (-?\d{1,9})", text)
        text = quoted
        if code and not 0 <= int(code[1]) <= _SIGNALLED:  # killed: whatever it said last is not why
            text = f"exit code {code[1]}, killed: {text}"
    elif own := _OWN_WORDS.fullmatch(text.removesuffix(injected or "").rstrip()):
        text = own[1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # Lambda puts the request's id before why a function ended; whoever reads a reason has no use for it.
    reason = re.sub(r"^RequestId: [0-9a-f-]{36} ", "", lines[-1]) if lines else ""
    return reason if injected is None or injected in reason else f"{reason} {injected}"


def traceback_lines(cause: str, limit: int = 12) -> list[str]:
    """Find the last lines of the traceback in a cause; empty without one.

    Parameters
    ----------
    cause
        As Step Functions has it: JSON or not.
    limit
        How many lines, at most: the last ones, since they say where and why.

    Examples
    --------
    >>> traceback_lines('{"errorType": "KeyError", "errorMessage": "no", "stackTrace": ["  File \\"a.py\\""]}')
    ['  File "a.py"', 'KeyError: no']
    """
    document = read_json(cause)
    if isinstance(document, dict) and isinstance(document.get("stackTrace"), list) and document["stackTrace"]:
        frames = [line for frame in document["stackTrace"] for line in str(frame).splitlines() if line.strip()]
        words = [str(document[key]) for key in ("errorType", "errorMessage") if document.get(key)]
        return [*frames, *": ".join(words).splitlines()][-limit:]
    text = _message(cause)
    quoted = _quoted(text)
    text = text if quoted is None else quoted
    start = text.rfind(_TRACEBACK)
    return text[start:].rstrip().splitlines()[-limit:] if start >= 0 else []


def logged_traceback(lines: Sequence[str], limit: int = 12) -> list[str]:
    """Find the last lines of the last traceback in a log, without what was logged after it; empty without one.

    Parameters
    ----------
    lines
        What was logged.
    limit
        How many lines, at most.

    Examples
    --------
    >>> logged_traceback(["Traceback (most recent call last):", '  File "a.py"', "KeyError: 'x'", "bye"])
    ['Traceback (most recent call last):', '  File "a.py"', "KeyError: 'x'"]
    """
    start = next((n for n in range(len(lines) - 1, -1, -1) if lines[n].startswith(_TRACEBACK)), None)
    if start is None:
        return []
    end = start + 1
    while end < len(lines) and (not lines[end] or lines[end][0].isspace()):
        end += 1
    return list(lines[start : end + 1])[-limit:]


def _message(cause: str) -> str:
    document = read_json(cause)
    if isinstance(document, dict):
        for key in ("FailureReason", "errorMessage", "Cause", "message", "Message"):
            if isinstance(document.get(key), str) and document[key].strip():
                return str(document[key])
    return cause


def _quoted(text: str) -> str | None:
    """Find what the script said last: SageMaker's script mode wraps it in ErrorMessage "..."."""
    start = text.find(_QUOTE)
    if start < 0:
        return None
    start += len(_QUOTE)
    end = _QUOTE_ENDS.search(text, start)
    return text[start : end.start()].replace("\\n", "\n") if end else None


def read_json(text: str) -> Any:
    """Read a JSON document; None when it is none, or too deep to be read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
