"""Reads what users give on the command line: JSON, CSV, `@FILE`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from switchyard.errors import UsageError

# Step Functions' quota "Maximum input or output size for a task, state, or execution".
MAX_INPUT_BYTES = 256 * 1024


def read_input(text: str) -> Any:
    """Read the input of an execution.

    Parameters
    ----------
    text
        JSON, or `@FILE` that holds it.

    Raises
    ------
    UsageError
        When there is no such file, or it is not JSON (the message says where), or it is too large.

    Examples
    --------
    >>> read_input('{"recipe": "diabetes"}')
    {'recipe': 'diabetes'}
    """
    source, content = _read(text, "--input")
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} is not UTF-8 (byte {error.start}); JSON must be") from None
    return parse_input(decoded, source)


def parse_input(text: str, source: str) -> Any:
    """Read the input of an execution from JSON alone.

    Parameters
    ----------
    text
        The JSON.
    source
        Where it is from, for messages.

    Raises
    ------
    UsageError
        When it is not JSON (the message says where), or it is too large.
    """
    try:
        document = json.loads(text, parse_constant=lambda name: _refuse_constant(source, name))
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{source} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}{_point_at(error)}"
        ) from None
    except RecursionError:
        raise UsageError(f"{source} is nested too deeply") from None
    check_size(text)
    return document


def check_size(text: str) -> None:
    """Refuse an input that Step Functions refuses.

    Raises
    ------
    UsageError
        When it is larger than 256 KB.
    """
    size = len(text.encode())
    if size > MAX_INPUT_BYTES:
        raise UsageError(
            f"the input has {size:,} bytes; Step Functions takes {MAX_INPUT_BYTES:,} (256 KB): put the data "
            "into S3 and pass its URI"
        )


def read_body(text: str) -> tuple[bytes, str]:
    """Read the body of a request to an endpoint, and tell its content type.

    Parameters
    ----------
    text
        JSON, CSV, or `@FILE` that holds either.

    Returns
    -------
    tuple of bytes and str
        The body, and `application/json` for what is a JSON object or array, else `text/csv`.

    Raises
    ------
    UsageError
        When there is no such file.

    Examples
    --------
    >>> read_body("1,2,3")
    (b'1,2,3', 'text/csv')
    >>> read_body("[[1, 2, 3]]")
    (b'[[1, 2, 3]]', 'application/json')
    """
    _, content = _read(text, "--body")
    try:
        is_json = isinstance(json.loads(content), (dict, list))
    except (ValueError, RecursionError):
        is_json = False
    return content, "application/json" if is_json else "text/csv"


def _read(text: str, option: str) -> tuple[str, bytes]:
    if not text.startswith("@"):
        return option, text.encode("utf-8", errors="surrogateescape")
    path = Path(text[1:]).expanduser()
    try:
        return str(path), path.read_bytes()
    except OSError as error:
        raise UsageError(f"{option} {text}: {path} cannot be read: {error.strerror}") from None


def _point_at(error: json.JSONDecodeError) -> str:
    lines = error.doc.splitlines()
    if not 0 < error.lineno <= len(lines):
        return ""
    # A long line is shown around the place only.
    start = max(0, error.colno - 60)
    shown = lines[error.lineno - 1][start : start + 100]
    return f"\n    {shown}\n    {' ' * (error.colno - 1 - start)}^"


def _refuse_constant(source: str, name: str) -> NoReturn:
    raise UsageError(f"{source} is not JSON: {name} is not a JSON value; use null or a number")
