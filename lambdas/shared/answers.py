"""What a model answers, in JSON or CSV, as the single values in it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any


def values_of(answer: str) -> Iterator[Any]:
    """Yield the numbers and texts of an answer in JSON or CSV."""
    try:
        document = json.loads(answer)
    except ValueError:
        rows = csv.reader(io.StringIO(answer))
        return (value.strip() for row in rows for value in row if value.strip())
    return _leaves(document)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        yield value


def number_of(value: Any) -> float | None:
    """Read a number; None when it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
