from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.sagemaker.batch import (
    FilterError,
    csv_filter,
    format_row,
    mini_batches,
    parse_row,
    split_answer,
)
from switchyard.cloud.sagemaker.json_paths import json_filter

DOCUMENT = {"id": 7, "features": [1, 2, 3], "of": {"x": 1, "y": 2}, "rows": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}
rows = st.lists(st.text(), max_size=6)
numbers = st.integers(-8, 8)
bounds = st.none() | numbers
# What a part of a path picks, as a pair: an index, or the two ends of a range.
parts = st.tuples(st.just("index"), numbers, st.none()) | st.tuples(st.just("range"), bounds, bounds)


def written(part: tuple[str, int | None, int | None]) -> str:
    kind, first, last = part
    return str(first) if kind == "index" else f"{'' if first is None else first}:{'' if last is None else last}"


def picked(row: list[Any], part: tuple[str, int | None, int | None]) -> list[Any] | None:
    """What a part picks, element by element; None when there is no such element."""
    kind, first, last = part
    length = len(row)

    def place(bound: int | None, default: int) -> int:
        if bound is None:
            return default
        return min(max(bound + length if bound < 0 else bound, 0), length)

    if kind == "range":
        return [row[number] for number in range(place(first, 0), place(last, length))]
    assert first is not None
    number = first + length if first < 0 else first
    return [row[number]] if 0 <= number < length else None


@given(rows, st.lists(parts, min_size=1, max_size=4))
def test_a_filter_picks_what_its_path_says(row: list[str], path: list[tuple[str, int | None, int | None]]) -> None:
    chosen = csv_filter(f"$[{','.join(written(part) for part in path)}]")
    expected = [picked(row, part) for part in path]
    if None in expected:
        with pytest.raises(FilterError, match="wants element"):
            chosen(row)
    else:
        assert chosen(row) == [value for part in expected for value in part or []]


@given(rows)
def test_no_filter_and_the_root_pick_everything(row: list[str]) -> None:
    for path in (None, "", "$", "$[:]"):
        assert csv_filter(path)(row) == row


@given(st.text())
def test_any_other_path_is_refused_or_a_filter(path: str) -> None:
    try:
        chosen = csv_filter(path)
    except FilterError as error:
        assert "JSONPath" in str(error)  # noqa: PT017 - which of the two it is, is not known beforehand
    else:
        assert callable(chosen)


@pytest.mark.parametrize("path", ["$.a", "$[a]", "$[1,]", "$[]", "$[*]", "[1]", "$[1", "$[1:2:3]", "$[1][2]", "1"])
def test_a_path_that_is_not_one_of_indexes_is_refused_by_name(path: str) -> None:
    with pytest.raises(FilterError) as refused:
        csv_filter(path)
    assert path in str(refused.value)


fields = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))


@given(st.lists(fields, min_size=1))
def test_a_row_that_is_written_is_read_back(row: list[str]) -> None:
    assert parse_row(format_row(row)) == row


@given(st.binary())
def test_bytes_are_a_row_or_refused(record: bytes) -> None:
    try:
        row = parse_row(record)
    except FilterError as error:
        assert "is not CSV" in str(error)  # noqa: PT017
    else:
        assert all(isinstance(field, str) for field in row)


lines = st.lists(st.binary(min_size=1, max_size=30).map(lambda line: line.replace(b"\n", b"") + b"\n"))


@given(lines, st.integers(1, 60), st.booleans())
def test_mini_batches_keep_every_record_in_order_and_the_limit(records: list[bytes], most: int, single: bool) -> None:
    batches = list(mini_batches(records, most, single=single))
    assert [record for batch in batches for record in batch] == records
    for batch in batches:
        assert batch
        assert len(batch) == 1 or not single
        assert len(batch) == 1 or sum(map(len, batch)) <= most
    for batch, following in itertools.pairwise(batches):
        assert single or sum(map(len, batch)) + len(following[0]) > most  # none could have been larger


@given(st.lists(st.lists(st.integers(), min_size=1, max_size=3), min_size=1))
def test_an_answer_is_split_the_same_in_csv_and_in_json(predictions: list[list[int]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(predictions)
    as_csv = split_answer(text.getvalue().encode(), "text/csv", len(predictions))
    assert [[int(value) for value in row] for row in as_csv] == predictions
    for document in (predictions, {"predictions": predictions}):
        answer = json.dumps(document).encode()
        assert split_answer(answer, "application/json; charset=utf-8", len(predictions)) == predictions


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (b"1\n2\n", "text/csv", "2 predictions for 3 records"),
        (b"", "text/csv", "0 predictions for 3 records"),
        (b"[1, 2]", "application/json", "2 predictions for 3 records"),
        (b"{", "application/json", "not JSON"),
        (b"{}", "application/json", "without a list of predictions"),
        (b"null", "application/json", "without a list of predictions"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(answer: bytes, kind: str, reason: str) -> None:
    with pytest.raises(FilterError, match=reason):
        split_answer(answer, kind, 3)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", DOCUMENT),
        ("$.id", 7),
        ("$['id']", 7),
        ("$.of.y", 2),
        ("$.of.*", [1, 2]),
        ("$.of['y','x']", {"y": 2, "x": 1}),
        ("$.of.['y','x']", {"y": 2, "x": 1}),
        ("$['id', 'features']", {"id": 7, "features": [1, 2, 3]}),
        ("$.features[-1]", 3),
        ("$.features[0,2]", [1, 3]),
        ("$.features[1:]", [2, 3]),
        ("$.features[:-1]", [1, 2]),
        ("$.features[*]", [1, 2, 3]),
        ("$.rows[*].a", [1, 3]),
        ("$.rows[0:1]['b','a']", [{"b": 2, "a": 1}]),
    ],
)
def test_a_path_finds_what_it_says_in_json(path: str, found: Any) -> None:
    assert json_filter(path)(DOCUMENT) == found


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("id", "does not begin with \\$"),
        ("$..id", "'..id' in the JSONPath"),
        ("$.rows[?(@.a>1)]", "is none of"),
        ("$.nothing", "wants 'nothing', which a record does not have"),
        ("$.features[3]", "wants element 3 of 3"),
        ("$.id[0]", "wants elements of what is no list, but int"),
        ("$.features.x", "wants 'x'"),
    ],
)
def test_a_path_that_does_not_fit_json_says_why(path: str, reason: str) -> None:
    with pytest.raises(FilterError, match=reason):
        json_filter(path)(DOCUMENT)


@given(st.text(alphabet="$.[]*',:-0123abc ", max_size=20))
def test_any_text_is_a_path_or_is_refused(path: str) -> None:
    with contextlib.suppress(FilterError):
        json_filter(path)(DOCUMENT)
