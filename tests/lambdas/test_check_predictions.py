from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from check_predictions import Predictions, classification_metrics, handler, regression_metrics
from hypothesis import given
from hypothesis import strategies as st
from shared.errors import InvalidPredictions, PredictionsBelowGate
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)

Read = Callable[[str], dict[str, Any]]
FOLDER = "runs/diabetes-20260701-120000/predictions/"


@pytest.fixture
def predict(s3: Any) -> Callable[..., None]:
    def put(body: str, key: str = "test.csv.out") -> None:
        s3.put_object(Bucket="switchyard-artifacts", Key=FOLDER + key, Body=body.encode())

    return put


def test_it_computes_the_metrics_of_all_objects(predict: Callable[..., None], event: Read, context: Any) -> None:
    predict("1,1\n2,2\n\n")
    predict("3,5.0", "more/part-2.csv.out")
    predict("this is no prediction", "manifest.json")
    result = handler(event("check_predictions"), context)
    assert result["passed"] is True
    assert result["rows"] == 3
    assert result["predictions_uri"] == event("check_predictions")["predictions_uri"]
    assert result["metrics"] == pytest.approx({"rmse": math.sqrt(4 / 3), "mse": 4 / 3, "mae": 2 / 3, "r2": -1.0})


@given(
    st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=2, max_size=30).filter(
        lambda rows: max(row[0] for row in rows) - min(row[0] for row in rows) > 1e-3
    )
)
def test_the_metrics_are_scikit_learns(rows: list[tuple[float, float]]) -> None:
    targets, predicted = zip(*rows, strict=True)
    metrics = regression_metrics(Predictions(array("d", targets), array("d", predicted)))
    mse = mean_squared_error(targets, predicted)
    assert metrics == pytest.approx(
        {
            "rmse": math.sqrt(mse),
            "mse": mse,
            "mae": mean_absolute_error(targets, predicted),
            "r2": r2_score(targets, predicted),
        },
        rel=1e-6,
        abs=1e-9,
    )


def test_pages_of_objects_are_all_read(
    predict: Callable[..., None], event: Read, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for part in range(5):
        predict(f"{part},{part}\n", f"part-{part}.out")
    assert handler(event("check_predictions"), context)["rows"] == 5


def test_a_neighbouring_prefix_is_not_read(s3: Any, event: Read, context: Any) -> None:
    s3.put_object(Bucket="switchyard-artifacts", Key=FOLDER.rstrip("/") + "-old/a.out", Body=b"1,1\n")
    payload = event("check_predictions")
    payload["predictions_uri"] = payload["predictions_uri"].rstrip("/")
    with pytest.raises(InvalidPredictions, match="not one predicted row"):
        handler(payload, context)


def test_predictions_below_the_gate_raise_with_the_reasons(
    predict: Callable[..., None], event: Read, context: Any
) -> None:
    predict("0,100\n10,-90\n")
    with pytest.raises(PredictionsBelowGate, match=r"On 2 predictions .*: rmse 100.00 is above the limit 62.00\."):
        handler(event("check_predictions"), context)


def test_rules_on_other_metrics_are_the_training_jobs(predict: Callable[..., None], event: Read, context: Any) -> None:
    predict("1,1\n2,2\n")
    payload = event("check_predictions")
    payload["gate"] = [
        {"metric": "pinball", "direction": "minimize", "threshold": 1, "margin": None},
        {"metric": "rmse", "direction": "minimize", "threshold": 1, "margin": 100},
    ]
    assert handler(payload, context)["passed"] is True


CHAMPION_FOLDER = "runs/diabetes-20260701-120000/champion_predictions/"


def compared(event: Read, margin: float) -> dict[str, Any]:
    rule = {"metric": "mae", "direction": "minimize", "threshold": 10, "margin": margin}
    return {**event("check_predictions"), "gate": [rule], "compare_predictions": True}


@pytest.mark.parametrize(("margin", "passed"), [(0.5, True), (1.0, True), (1.5, False)])
def test_a_margin_is_over_the_champion_s_predictions_for_the_same_rows(
    predict: Callable[..., None], s3: Any, event: Read, context: Any, margin: float, passed: bool
) -> None:
    predict("1,2\n2,3\n")
    s3.put_object(Bucket="switchyard-artifacts", Key=CHAMPION_FOLDER + "test.csv.out", Body=b"1,3\n2,4\n")
    if passed:
        result = handler(compared(event, margin), context)
        assert result["metrics"]["mae"] == 1.0
        assert result["champion_metrics"]["mae"] == 2.0
    else:
        with pytest.raises(PredictionsBelowGate, match=r"1\.00 is not better than .* 2\.00 by at least 1\.5"):
            handler(compared(event, margin), context)


@pytest.mark.parametrize("body", [None, b"1,3\n", b"1,3\n9,9\n", b"no predictions"])
def test_a_champion_that_has_not_predicted_these_rows_cannot_be_beaten(
    predict: Callable[..., None], s3: Any, event: Read, context: Any, body: bytes | None
) -> None:
    predict("1,1\n2,2\n")
    if body is not None:
        s3.put_object(Bucket="switchyard-artifacts", Key=CHAMPION_FOLDER + "test.csv.out", Body=body)
    with pytest.raises(PredictionsBelowGate, match="mae of the champion is unknown"):
        handler(compared(event, 0.1), context)


def test_a_metric_that_is_not_defined_fails_closed_and_leaves_valid_json(
    predict: Callable[..., None], event: Read, context: Any
) -> None:
    predict("5,5\n5,5\n")
    payload = event("check_predictions")
    assert "r2" not in json.loads(json.dumps(handler(payload, context), allow_nan=False))["metrics"]
    payload["gate"] = [{"metric": "r2", "direction": "maximize", "threshold": 0.1, "margin": None}]
    with pytest.raises(PredictionsBelowGate, match="r2 is nan"):
        handler(payload, context)


@pytest.mark.parametrize("row", ["1", "1,2,3", "1,abc", "[1,2]", "1;2", ","])
def test_a_malformed_row_is_named(predict: Callable[..., None], event: Read, context: Any, row: str) -> None:
    predict(f"1,1\n{row}\n")
    with pytest.raises(InvalidPredictions, match=r"predictions/test\.csv\.out, line 2: expected target,pred"):
        handler(event("check_predictions"), context)


@pytest.mark.parametrize("row", ["1,nan", "inf,1", "1,-Infinity"])
def test_a_row_without_finite_numbers_is_named(
    predict: Callable[..., None], event: Read, context: Any, row: str
) -> None:
    predict(f"1,1\n\n{row}\n")
    with pytest.raises(InvalidPredictions, match=r"line 3: .* holds no finite number"):
        handler(event("check_predictions"), context)


def test_bytes_that_are_no_text_are_a_malformed_row(s3: Any, event: Read, context: Any) -> None:
    s3.put_object(Bucket="switchyard-artifacts", Key=f"{FOLDER}a.out", Body=b"\xff\xfe,1\n")
    with pytest.raises(InvalidPredictions, match="line 1"):
        handler(event("check_predictions"), context)


def test_errors_too_large_to_square_fail_closed(predict: Callable[..., None], event: Read, context: Any) -> None:
    predict("1e308,-1e308\n0,0\n")
    with pytest.raises(PredictionsBelowGate, match=r"rmse is (nan|inf), not a number"):
        handler(event("check_predictions"), context)


@pytest.mark.parametrize("body", ["", "\n\n"])
def test_no_rows_fail(predict: Callable[..., None], event: Read, context: Any, body: str) -> None:
    predict(body)
    with pytest.raises(InvalidPredictions, match="not one predicted row"):
        handler(event("check_predictions"), context)


def test_rows_are_counted(
    predict: Callable[..., None], event: Read, context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    predict("1,1\n2,2\n")
    handler(event("check_predictions"), context)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert next(line["RowsPredicted"] for line in lines if "_aws" in line) == [2.0]


@given(
    st.lists(
        # Steps of 1/64 make ties, and are the same numbers in every arithmetic.
        st.tuples(st.integers(0, 1), st.integers(1, 63)),
        min_size=2,
        max_size=60,
    ).filter(lambda rows: len({target for target, _ in rows}) == 2)
)
def test_the_metrics_of_probabilities_are_scikit_learns(rows: list[tuple[int, int]]) -> None:
    targets = [target for target, _ in rows]
    predicted = [chance / 64 for _, chance in rows]
    metrics = classification_metrics(Predictions(array("d", targets), array("d", predicted)))
    accuracy = accuracy_score(targets, [chance > 0.5 for chance in predicted])
    assert metrics == pytest.approx(
        {
            "auc": roc_auc_score(targets, predicted),
            "logloss": log_loss(targets, predicted),
            "accuracy": accuracy,
            "error": 1 - accuracy,
            "merror": 1 - accuracy,
        }
    )


def test_classes_by_their_number_are_right_or_wrong() -> None:
    metrics = classification_metrics(Predictions(array("d", [0, 2, 1, 2]), array("d", [0, 2, 2, 2])))
    assert metrics["merror"] == 0.25
    assert math.isnan(metrics["auc"])
    assert math.isnan(metrics["logloss"])


def test_targets_that_are_no_classes_have_no_accuracy() -> None:
    assert classification_metrics(Predictions(array("d", [0.5, 1]), array("d", [0.5, 1]))) == {}


@pytest.mark.parametrize(
    ("metric", "direction", "threshold", "reason"),
    [
        ("validation:auc", "maximize", 0.8, "auc 0.75 is below the limit 0.80"),
        ("validation:error", "minimize", 0.1, "error 0.25 is above the limit 0.10"),
        ("validation:rmse", "minimize", 0.1, "rmse 0.44 is above the limit 0.10"),
        ("validation:merror", "minimize", 0.3, None),
        # Of these the predictions say nothing: an algorithm's on other data, and a recipe's own.
        ("train:auc", "maximize", 0.99, None),
        ("auc", "maximize", 0.99, None),
    ],
)
def test_an_algorithms_metric_on_validation_data_is_held_against_predictions(
    predict: Callable[..., None],
    event: Read,
    context: Any,
    metric: str,
    direction: str,
    threshold: float,
    reason: str | None,
) -> None:
    predict("0,0.1\n0,0.2\n1,0.15\n1,0.9\n")
    rule = {"metric": metric, "direction": direction, "threshold": threshold, "margin": None}
    document = {**event("check_predictions"), "gate": [rule]}
    if reason is None:
        assert handler(document, context)["metrics"].keys() >= {"auc", "logloss", "error", "accuracy"}
        return
    with pytest.raises(PredictionsBelowGate, match=reason):
        handler(document, context)
