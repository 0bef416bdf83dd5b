"""Predicted against actual, in each of the forms that a transform may have written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from switchyard.console.evaluation import (
    MOST_BYTES,
    MOST_POINTS,
    Text,
    UnreadableError,
    evaluate,
    histogram,
    texts_in_folder,
    texts_in_s3,
)


def text(*lines: str) -> Text:
    return Text("s3://bucket/predictions/test.csv.out", list(lines))


def pairs(*lines: str) -> list[tuple[float, float]]:
    found = evaluate([text(*lines)])
    assert found.problem is None
    return [(point.actual, point.predicted) for point in found.points]


def test_a_line_is_the_target_and_its_prediction() -> None:
    found = evaluate([text("75.0,71.8", "", "61.0,144.5")], uri="s3://bucket/predictions/")
    assert [(point.actual, point.predicted) for point in found.points] == [(75.0, 71.8), (61.0, 144.5)]
    assert found.rows == 2
    assert found.rmse == pytest.approx(((3.2**2 + 83.5**2) / 2) ** 0.5)
    assert found.mae == pytest.approx((3.2 + 83.5) / 2)
    assert found.bias == pytest.approx((3.2 - 83.5) / 2)
    assert found.uri == "s3://bucket/predictions/"


def test_a_line_of_json_will_do_too() -> None:
    assert pairs("[75.0, 71.8]", "[61.0, [144.5]]") == [(75.0, 71.8), (61.0, 144.5)]


@pytest.mark.parametrize(
    "lines",
    [("71.8", "144.5"), ('{"SageMakerOutput": 71.8}', '{"SageMakerOutput": [144.5]}'), ('{"score": 71.8}', "[144.5]")],
)
def test_predictions_that_stand_alone_are_set_against_the_test_data(lines: tuple[str, ...]) -> None:
    found = evaluate([text(*lines)], [Text("test.csv", ["75.0,1,2", "61.0,3,4"])])
    assert [(point.actual, point.predicted) for point in found.points] == [(75.0, 71.8), (61.0, 144.5)]


def test_a_row_of_test_data_without_a_target_is_said_with_its_place() -> None:
    found = evaluate([text("1")], [text(",5")])
    assert found.problem is not None
    assert "line 1: expected a target" in found.problem


def test_of_a_whole_bucket_no_more_is_listed_than_can_be_read() -> None:
    listed = []

    def pages(**_query: Any) -> Iterator[dict[str, Any]]:
        for number in range(1000):
            listed.append(number)
            yield {"Contents": [{"Key": f"{number}-{n}", "Size": 1} for n in range(100)]}

    s3 = SimpleNamespace(get_paginator=lambda _operation: SimpleNamespace(paginate=pages))
    cloud: Any = SimpleNamespace(client=lambda _service: s3)
    with pytest.raises(UnreadableError, match="more than 500 files"):
        texts_in_s3(cloud, "s3://bucket")
    assert len(listed) < 10
    with pytest.raises(UnreadableError, match="there is nothing"):
        texts_in_s3(cloud, "s3://bucket", ".out")
    assert len(listed) < 20


def test_predictions_of_other_rows_than_the_test_data_are_not_compared() -> None:
    found = evaluate([text("71.8")], [Text("test.csv", ["75.0,1", "61.0,3"])])
    assert found.problem is not None
    assert "2 rows, but 1 were predicted" in found.problem
    assert found.points == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a,b", "line 1: expected a target and a prediction, found 'a,b'"),
        ("{}", "line 1"),
        ('{"predictions": [{"label": 1}]}', "line 1"),
        ("nan,1", "holds no finite number"),
        ("1,inf", "holds no finite number"),
        ("[" * 5000, "line 1"),
        ("1e308,-1e308", "too large"),
    ],
)
def test_what_cannot_be_understood_is_said_with_its_place(line: str, reason: str) -> None:
    found = evaluate([text(line)])
    assert found.problem is not None
    assert reason in found.problem
    assert (found.rows, found.points, found.residuals, found.rmse) == (0, [], [], None)


def test_no_rows_are_said() -> None:
    assert evaluate([]).problem == "there is not one predicted row"


def test_of_many_rows_points_are_taken_evenly_and_the_histogram_has_all() -> None:
    found = evaluate([text(*(f"{i},{i + 1}" for i in range(10_000)))])
    assert len(found.points) == MOST_POINTS
    assert (found.points[0].actual, found.points[-1].actual) == (0, 9999)
    assert found.rows == sum(bin_.count for bin_ in found.residuals) == 10_000


def test_a_histogram_has_round_edges_with_zero_among_them() -> None:
    bins = histogram([-3.1, -0.2, 0.2, 4.9, 8.7])
    assert [(bin_.low, bin_.high) for bin_ in bins] == [(-5, 0), (0, 5), (5, 10)]
    assert [bin_.count for bin_ in bins] == [2, 2, 1]


def test_residuals_that_are_all_the_same_are_one_bar() -> None:
    assert [(bin_.low, bin_.high, bin_.count) for bin_ in histogram([0, 0, 0])] == [(-0.5, 0.5, 3)]


def test_a_folder_is_read_with_all_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv.out").write_text("1,2\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.csv.out").write_text("3,4\n")
    (tmp_path / "notes.txt").write_text("nothing")
    assert [line for each in texts_in_folder(tmp_path) for line in each.lines] == ["1,2", "3,4"]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("1,2\n")
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "x.out").symlink_to(tmp_path / "secret")
    assert texts_in_folder(tmp_path / "predictions") == []


def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.out").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UnreadableError, match="24 MB in 1 files; the console compares up to 24 MB"):
        texts_in_folder(tmp_path)


def test_a_model_page_can_send_it() -> None:
    found = evaluate([text("1,2")])
    assert json.loads(found.model_dump_json())["points"] == [{"predicted": 2.0, "actual": 1.0}]
