"""The data side of batch transform: records, mini-batches, and the filters around the model.

Source: "Associate Prediction Results with Input Records" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Row = list[Any]
SHOWN_BYTES = 80
_INDEX = re.compile(r"\s*(-?\d+)?\s*(:)?\s*(-?\d+)?\s*")


class FilterError(Exception):
    """A JSONPath that batch transform does not take, or data that does not fit it."""


def csv_filter(path: str | None) -> Callable[[Row], Row]:
    """Compile an index-based JSONPath, such as ``$[1:]`` or ``$[0,-1]``, into a function on a CSV row.

    Raises
    ------
    FilterError
        It is not one.
    """
    if path in {None, "", "$"}:
        return lambda row: row
    match = re.fullmatch(r"\$\[([^\]]+)\]", str(path).strip())
    picks = [_pick(part, str(path)) for part in match.group(1).split(",")] if match else []
    if not picks:
        raise FilterError(f"'{path}' is not a JSONPath for CSV rows; only indexes apply, as in $[1:] or $[0,-1]")
    return lambda row: [value for pick in picks for value in pick(row)]


def mini_batches(lines: Iterable[bytes], most_bytes: int, *, single: bool) -> Iterator[list[bytes]]:
    """Group records into requests of at most `most_bytes` (0: of any size), or of one record each."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and (single or (most_bytes and size + len(line) > most_bytes)):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


def parse_row(record: bytes) -> Row:
    """Read one CSV record.

    Raises
    ------
    FilterError
        It is not CSV in UTF-8.
    """
    try:
        return next(csv.reader([record.decode("utf-8").rstrip("\r\n")]), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise FilterError(f"the record {record[:SHOWN_BYTES]!r} is not CSV: {error}") from None


def format_row(row: Row) -> bytes:
    """Write one CSV record, with its line end."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(row)
    return buffer.getvalue().encode()


def split_answer(answer: bytes, content_type: str, records: int) -> list[Row]:
    """Split a mini-batch's answer into one row for each of its records.

    Raises
    ------
    FilterError
        There is not one prediction for each record, so they cannot be joined.
    """
    if content_type.startswith("application/json"):
        rows = _json_rows(answer)
    else:
        rows = [parse_row(line) for line in answer.splitlines() if line.strip()]
    if len(rows) != records:
        raise FilterError(f"the model answered {len(rows)} predictions for {records} records; they cannot be joined")
    return rows


def _json_rows(answer: bytes) -> list[Row]:
    try:
        document = json.loads(answer)
    except ValueError as error:
        raise FilterError(f"the model answered what is not JSON, though it says so: {error}") from None
    values = next(iter(document.values()), None) if isinstance(document, dict) else document
    if not isinstance(values, list):
        raise FilterError("the model answered JSON without a list of predictions; they cannot be joined")
    return [value if isinstance(value, list) else [value] for value in values]


def _pick(part: str, path: str) -> Callable[[Row], Row]:
    match = _INDEX.fullmatch(part)
    if match is None or (match.group(1) is None and match.group(2) is None):
        raise FilterError(f"'{part}' in the JSONPath '{path}' is neither an index nor a range")
    first, colon, last = match.groups()
    if colon:
        chosen = slice(int(first) if first else None, int(last) if last else None)
        return lambda row: row[chosen]
    index = int(first)

    def at(row: Row) -> Row:
        if not -len(row) <= index < len(row):
            raise FilterError(f"the JSONPath '{path}' wants element {index} of a row of {len(row)}: {row}")
        return [row[index]]

    return at
