from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

CSV = "text/csv"
JSON = "application/json"


class Doubler:
    """Stands in for an estimator of two features."""

    n_features_in_ = 2

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return rows.sum(axis=1) * 2


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"1,2\n3,4.5\n", CSV),
        (b"1,2\n3,4.5", CSV),
        ("1,2\n3,4.5\n", CSV),
        (bytearray(b"1,2\n3,4.5\n\n"), CSV),
        (b"1,2\r\n3,4.5\r\n", "text/csv; charset=utf-8"),
        (b"\xef\xbb\xbf1,2\n3,4.5", "Text/CSV"),
        ("\ufeff1,2\n3,4.5", CSV),
        (b' 1 , 2\n"3",4.5e0\n', CSV),
        (b"[[1, 2], [3, 4.5]]", JSON),
        ('{"instances": [[1, 2], [3, 4.5]]}', "application/json; charset=utf-8"),
    ],
)
def test_two_rows_are_read(inference: ModuleType, body: bytes | str, content_type: str) -> None:
    values = inference.input_fn(body, content_type)
    assert values.dtype == np.float64
    assert values.tolist() == [[1.0, 2.0], [3.0, 4.5]]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("1,2", CSV), ("1,2\n", CSV), ("[1, 2]", JSON), ("[[1, 2]]", JSON), ('{"instances": [1, 2.0]}', JSON)],
)
def test_one_row_is_read(inference: ModuleType, body: str, content_type: str) -> None:
    assert inference.input_fn(body, content_type).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty; send one row of features a line"),
        (b"\n", "the body is empty"),
        (b"1,2\n\n3,4", "line 2 is empty"),
        (b"1,2\n \n", "line 2, column 1 is empty"),
        (b"a,b\n1,2\n", "line 1, column 1 ('a') is not a number; send the rows without a header"),
        (b"1,2\n3,x\n", "line 2, column 2 ('x') is not a number"),
        (b"1,\n", "line 1, column 2 is empty"),
        (b"1,2\n3\n", "line 2 has 1 values, but line 1 has 2"),
        (b"1,1_0\n", "line 1, column 2 ('1_0') is not a number"),
        (b"1,2\n3,NaN\n", "row 2, column 2 is nan; every feature needs a finite value"),
        (b"1e999,2\n", "row 1, column 1 is inf"),
        (b"1,\xff\n", "the body is not text: byte 3 (0xff) is not UTF-8"),
        (b'{"a": 1}', "line 1, column 1 "),
        (b"1," + b"x" * 500, "line 1, column 2 ('" + "x" * 36 + "...) is not a number"),
    ],
)
def test_a_bad_csv_body_is_refused_with_the_reason(inference: ModuleType, body: bytes, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        inference.input_fn(body, CSV)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON: Expecting value"),
        (b"{", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"\xff", "the body is not text"),
        (b"5", "the JSON body must be a list of rows"),
        (b'"text"', "the JSON body must be a list of rows"),
        (b"[]", "the JSON body must be a list of rows"),
        (b"{}", "the JSON object must have the one key 'instances'; it has none"),
        (b'{"rows": [[1]]}', "the JSON object must have the one key 'instances'; it has 'rows'"),
        (b'{"instances": 3}', "the JSON body must be a list of rows"),
        (b"[[]]", "the rows are empty"),
        (b"[[1, 2], [3]]", "row 2 has 1 values, but row 1 has 2"),
        (b'[[1, 2], [3, "4"]]', "row 2, value 2 ('4') is not a number"),
        (b"[[1, null]]", "row 1, value 2 (None) is not a number"),
        (b"[1, [2]]", "row 1, value 2 ([2]) is not a number"),
        (b"[[1], 2]", "row 2 (2) is not a list of numbers"),
        (b'[{"a": 1}]', "row 1, value 1 ({'a': 1}) is not a number"),
        (b"[[[1]]]", "row 1, value 1 ([1]) is not a number"),
        (b"[[1" + b"0" * 400 + b"]]", "the rows hold a number that is too large"),
        (b"[[1, NaN]]", "row 1, column 2 is nan"),
    ],
)
def test_a_bad_json_body_is_refused_with_the_reason(inference: ModuleType, body: bytes, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        inference.input_fn(body, JSON)
    assert str(caught.value).startswith(message)


def test_another_content_type_is_refused(inference: ModuleType) -> None:
    with pytest.raises(ValueError, match="content type 'image/png' is not supported; send text/csv or"):
        inference.input_fn(b"", "image/png")


def test_predictions_are_one_a_row(inference: ModuleType) -> None:
    assert inference.predict_fn(np.array([[1.0, 2.0], [3.0, 4.0]]), Doubler()).tolist() == [6.0, 14.0]


def test_another_number_of_features_is_refused(inference: ModuleType) -> None:
    with pytest.raises(ValueError, match="the model expects 2 features a row, but 3 were given"):
        inference.predict_fn(np.ones((1, 3)), Doubler())


def test_values_too_large_to_predict_from_are_refused(inference: ModuleType) -> None:
    with pytest.raises(ValueError, match="row 2 has values too large to predict from"):
        inference.predict_fn(np.array([[1.0, 1.0], [1e308, 1e308]]), Doubler())


@pytest.mark.parametrize(
    ("accept", "body", "content_type"),
    [
        ("text/csv", "0.1\n2.0\n", CSV),
        ("text/csv; charset=utf-8", "0.1\n2.0\n", CSV),
        ("text/*", "0.1\n2.0\n", CSV),
        ("image/png, text/csv", "0.1\n2.0\n", CSV),
        ("application/json", '{"predictions": [0.1, 2.0]}', JSON),
        ("*/*", '{"predictions": [0.1, 2.0]}', JSON),
        ("", '{"predictions": [0.1, 2.0]}', JSON),
        (None, '{"predictions": [0.1, 2.0]}', JSON),
    ],
)
def test_the_answer_is_what_the_client_accepts(
    inference: ModuleType, accept: str | None, body: str, content_type: str
) -> None:
    assert inference.output_fn(np.array([0.1, 2.0]), accept) == (body, content_type)


def test_a_client_that_accepts_neither_is_refused(inference: ModuleType) -> None:
    with pytest.raises(ValueError, match="cannot answer as 'image/png'; accept text/csv or"):
        inference.output_fn(np.array([1.0]), "image/png")


def test_an_archive_without_a_model_is_named(inference: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no model\.joblib in "):
        inference.model_fn(str(tmp_path))


near_csv = st.text(alphabet='0123456789.,-+eE"\n\r naif_\x00\x0b\x1c\u2028', max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.just("instances"), inner, max_size=1),
    max_leaves=12,
)


@given(
    body=st.one_of(st.binary(), near_csv.map(str.encode), json_values.map(json.dumps).map(str.encode)),
    content_type=st.sampled_from([CSV, JSON]),
)
def test_any_bytes_are_either_rows_of_finite_numbers_or_a_value_error(
    inference: ModuleType, body: bytes, content_type: str
) -> None:
    try:
        values = inference.input_fn(body, content_type)
    except ValueError as error:
        message = str(error)
    else:
        message = "none"
        assert (values.ndim, values.dtype) == (2, np.float64)
        assert values.size
        assert np.isfinite(values).all()
    assert message
    assert "\n" not in message


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(st.lists(finite, min_size=width, max_size=width), min_size=1, max_size=20)
    )
)
def test_rows_survive_both_formats_unchanged(inference: ModuleType, rows: list[list[float]]) -> None:
    text = "\n".join(",".join(map(repr, row)) for row in rows)
    assert inference.input_fn(text, CSV).tolist() == rows
    assert inference.input_fn(json.dumps(rows), JSON).tolist() == rows


@given(st.lists(finite, max_size=20))
def test_predictions_survive_both_formats_unchanged(inference: ModuleType, values: list[float]) -> None:
    body, _ = inference.output_fn(np.array(values), CSV)
    assert [float(line) for line in body.splitlines()] == values
    body, _ = inference.output_fn(np.array(values), JSON)
    assert json.loads(body) == {"predictions": values}
