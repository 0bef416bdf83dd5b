"""Check predictions: compute the metrics on the batch transform's own output, and hold them to the gate.

What is gated is what was predicted: each row is ``target,prediction``, joined by SageMaker itself.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.errors import InvalidPredictions, PredictionsBelowGate
from shared.gate import GateRule, finite_metrics, judge
from shared.observability import logger, publish_metrics
from shared.s3 import S3Location, list_objects, read_lines
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

# The metrics that can be had from targets and predictions; gate rules on others are the training job's.
COMPUTED = ("rmse", "mse", "mae", "r2")


class Event(TaskEvent):
    """The payload: the gate, and where the transform job wrote."""

    gate: list[GateRule]
    predictions_uri: str
    recipe: str


class Predictions(NamedTuple):
    """Targets and predictions, row by row; arrays of doubles, 16 bytes a row."""

    targets: array[float]
    predicted: array[float]


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer the state ``Check predictions``."""
    parsed = Event.model_validate(event)
    return check_predictions(parsed.gate, parsed.predictions_uri, parsed.recipe)


def check_predictions(gate: Sequence[GateRule], predictions_uri: str, recipe: str) -> dict[str, Any]:
    """Compute the metrics of a batch transform, and raise when they miss the gate.

    Parameters
    ----------
    gate
        The recipe's rules; those on metrics that need more than targets and predictions are left out,
        and so are margins: the champion was measured on the validation data.
    predictions_uri
        The transform job's S3 output prefix.
    recipe
        The dimension of the metrics that are published.

    Returns
    -------
    dict
        ``passed`` (true), ``metrics``, ``rows`` and ``predictions_uri``.

    Raises
    ------
    PredictionsBelowGate
        When a metric misses the gate, or cannot be computed.
    InvalidPredictions
        When there are no rows, or one of them is no pair of finite numbers.
    """
    predictions = read_predictions(S3Location.parse(predictions_uri).as_folder())
    metrics = regression_metrics(predictions)
    reasons = judge([rule.model_copy(update={"margin": None}) for rule in gate if rule.metric in COMPUTED], metrics)
    rows, finite = len(predictions.targets), finite_metrics(metrics)
    publish_metrics(
        recipe,
        {
            "RowsPredicted": rows,
            "PredictionsBelowGate" if reasons else "PredictionsPassed": 1,
            **{f"test_{name}": value for name, value in finite.items()},
        },
    )
    logger.info("Checked the predictions", rows=rows, metrics=finite, reasons=reasons)
    if reasons:
        raise PredictionsBelowGate(f"On {rows} predictions for test data: {'; '.join(reasons)}.")
    return {"passed": True, "metrics": finite, "rows": rows, "predictions_uri": predictions_uri}


def read_predictions(folder: S3Location) -> Predictions:
    """Read all rows of all ``.out`` objects under a prefix.

    Raises
    ------
    InvalidPredictions
        Naming the object and the line that cannot be read; or when there is not one row.
    """
    predictions = Predictions(array("d"), array("d"))
    for entry in list_objects(folder):
        if entry["Key"].endswith(".out"):
            location = S3Location(folder.bucket, entry["Key"])
            _read_rows(read_lines(location), location.uri, predictions)
    if not predictions.targets:
        raise InvalidPredictions(
            f"There is not one predicted row in the .out objects under {folder.uri}: was the test data empty?"
        )
    return predictions


def regression_metrics(predictions: Predictions) -> dict[str, float]:
    """Compute rmse, mse, mae and r2; NaN where one is not defined, such as r2 of equal targets.

    Examples
    --------
    >>> regression_metrics(Predictions(array("d", [1, 2, 3]), array("d", [1, 2, 5])))["mae"]
    0.6666666666666666
    """
    targets, predicted = predictions
    rows = len(targets)
    errors = [target - guess for target, guess in zip(targets, predicted, strict=True)]
    squares = _sum(error * error for error in errors)
    mean = _sum(targets) / rows
    spread = _sum((target - mean) * (target - mean) for target in targets)
    mse = squares / rows
    return {
        "rmse": math.sqrt(mse),
        "mse": mse,
        "mae": _sum(map(abs, errors)) / rows,
        "r2": 1 - squares / spread if spread > 0 else math.nan,
    }


def _sum(values: Iterable[float]) -> float:
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # beyond the largest double, or infinities of both signs
        return math.nan


def _read_rows(lines: Iterable[str], uri: str, predictions: Predictions) -> None:
    for number, line in enumerate(lines, start=1):
        # AssembleWith Line ends a line of ours with a second line end: that is no row.
        if not line.strip():
            continue
        try:
            target, guess = map(float, line.split(","))
        except ValueError:
            raise InvalidPredictions(
                f"{uri}, line {number}: expected target,prediction, found {line[:80]!r}."
            ) from None
        if not (math.isfinite(target) and math.isfinite(guess)):
            raise InvalidPredictions(f"{uri}, line {number}: {line[:80]!r} holds no finite number.")
        predictions.targets.append(target)
        predictions.predicted.append(guess)
