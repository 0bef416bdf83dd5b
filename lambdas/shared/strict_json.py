"""Reads JSON that strangers send: what JSON libraries differ on, or choke on, is refused."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 20


def read_json(text: str) -> Any:
    """Read a document.

    Raises
    ------
    ValueError
        When it is no JSON (NaN and numbers beyond all bounds are none), has a key twice, is nested too
        deeply, or holds half a character.
    """
    try:
        document = json.loads(
            text,
            object_pairs_hook=_without_repetition,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except RecursionError:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep") from None
    _check_depth(document)
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which is no character") from None
    return document


def canonical(document: Any) -> str:
    """Write a document so that equal ones are equal texts."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ValueError(f"the key {key[:80]!r} is there twice")
        document[key] = value
    return document


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _whole(text: str) -> int:
    _finite(text)  # what no double holds is another number to the next reader
    return int(text)


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            value
            for parent in level
            if isinstance(parent, (dict, list))
            for value in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return
    raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
