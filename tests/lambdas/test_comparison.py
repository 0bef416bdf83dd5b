from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared.aws import client
from shared.comparison import Answer, captured, compare

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
def test_differences_are_finite_and_the_same_either_way(pairs: list[tuple[float, float]]) -> None:
    one = [Answer(str(index), None, repr(pair[0])) for index, pair in enumerate(pairs)]
    other = [Answer(str(index), None, repr(pair[1])) for index, pair in enumerate(pairs)]
    there, back = compare(one, other, 0.1), compare(other, one, 0.1)
    assert there == back
    assert there.mean_difference is not None
    assert 0 <= there.mean_difference <= 2
    assert compare(one, one, 0.1).largest_difference == 0


@pytest.mark.parametrize(
    ("before", "after", "difference", "no_numbers"),
    [
        ("1,2\n", "[1.0, 2]", 0, 0),
        ("100", "50", 0.5, 0),
        ("1,2", "1", 1, 0),
        ("1", "NaN", 1, 1),
        ("NaN", "NaN", 1, 0),
        ("cat", "dog", 1, 0),
        ("cat", "cat", 0, 0),
        ("1", "cat", 1, 1),
        ("-1", "1", 2, 0),
    ],
)
def test_what_differs(before: str, after: str, difference: float, no_numbers: int) -> None:
    found = compare([Answer("e", None, before)], [Answer("e", None, after)], 0.1)
    assert (found.mean_difference, found.no_numbers, found.share_beyond) == (
        difference, no_numbers, float(difference > 0.1)
    )  # fmt: skip


def test_answers_are_joined_by_event_or_else_by_the_caller_s_own_name() -> None:
    production = [Answer("a", None, "1"), Answer("b", "mine", "1"), Answer("c", None, "1")]
    candidate = [Answer("a", None, "1"), Answer("x", "mine", "2"), Answer("y", None, "9")]
    found = compare(production, candidate, 0.1)
    assert (found.answers, found.largest_difference) == (2, 0.5)


def test_captured_answers_are_read_from_text_and_base64(publish: Any) -> None:
    publish()
    lines = [
        {
            "captureData": {"endpointOutput": {"data": data, "encoding": encoding}},
            "eventMetadata": {"eventId": data, "inferenceId": "mine"},
        }
        for data, encoding in (("1.5", "CSV"), ("Mi41", "BASE64"))
    ]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    key = "captures/r/e/v/2026/07/01/12/00.jsonl"
    client("s3").put_object(Bucket="switchyard-artifacts", Key=key, Body=body)
    found = list(captured("s3://switchyard-artifacts/captures/r/", "e", "v"))
    assert [(each.text, each.inference_id) for each in found] == [("1.5", "mine"), ("2.5", "mine")]
    assert list(captured("s3://switchyard-artifacts/captures/r/", "e", "other")) == []
