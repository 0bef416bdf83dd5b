"""Check predictions: compute the metrics on the batch transform's own output, and hold them to the gate.

What is gated is what was predicted: each row is ``target,prediction``, joined by SageMaker itself.
"""

from __future__ import annotations

import itertools
import math
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from shared.errors import InvalidPredictions, PredictionsBelowGate
from shared.gate import REGRESSION_METRICS, GateRule, computed_metric, finite_metrics, judge
from shared.observability import logger, publish_metrics
from shared.s3 import S3Location, list_objects, read_lines
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

# The probability above which a row counts as 1, and the smallest that a logarithm is taken of: XGBoost's own.
BOUNDARY = 0.5
SMALLEST_CHANCE = 1e-16


class Event(TaskEvent):
    """The payload: the gate, and where the transform job wrote."""

    gate: list[GateRule]
    predictions_uri: str
    champion_predictions_uri: str
    compare_predictions: bool
    recipe: str


class Predictions(NamedTuple):
    """Targets and predictions, row by row; arrays of doubles, 16 bytes a row."""

    targets: array[float]
    predicted: array[float]


class Result(TypedDict):
    """What the state machine keeps in ``$.used.predictions``."""

    passed: bool
    metrics: dict[str, float]
    champion_metrics: dict[str, float] | None
    rows: int
    predictions_uri: str


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the state ``Check predictions``."""
    parsed = Event.model_validate(event)
    champion_uri = parsed.champion_predictions_uri if parsed.compare_predictions else None
    return check_predictions(parsed.gate, parsed.predictions_uri, champion_uri, parsed.recipe)


def check_predictions(
    gate: Sequence[GateRule], predictions_uri: str, champion_predictions_uri: str | None, recipe: str
) -> Result:
    """Compute the metrics of a batch transform, and raise when they miss the gate.

    Parameters
    ----------
    gate
        The recipe's rules; those on metrics that need more than targets and predictions are left out.
    predictions_uri
        The transform job's S3 output prefix.
    champion_predictions_uri
        That of the champion's predictions for the same rows; None when no margin over it is asked for.
    recipe
        The dimension of the metrics that are published.

    Returns
    -------
    dict
        ``passed`` (true), ``metrics``, ``champion_metrics`` (None where nothing was compared), ``rows`` and
        ``predictions_uri``.

    Raises
    ------
    PredictionsBelowGate
        When a metric misses the gate, or cannot be computed; also when the champion could not predict these rows,
        since a margin over it cannot be shown then.
    InvalidPredictions
        When there are no rows, or one of them is no pair of finite numbers.
    """
    predictions = read_predictions(S3Location.parse(predictions_uri).as_folder())
    rules = [rule.model_copy(update={"metric": name}) for rule in gate if (name := computed_metric(rule.metric))]
    asked = [rule.metric for rule in rules]
    metrics = metrics_of(predictions, asked)
    champion = _champion_metrics(champion_predictions_uri, predictions, asked)
    reasons = judge(rules, metrics, champion)
    rows, finite = len(predictions.targets), finite_metrics(metrics)
    publish_metrics(
        recipe,
        {
            "RowsPredicted": rows,
            "PredictionsBelowGate" if reasons else "PredictionsPassed": 1,
            **{f"test_{name}": value for name, value in finite.items()},
            **{f"champion_{name}": value for name, value in finite_metrics(champion or {}).items()},
        },
    )
    logger.info("Checked the predictions", rows=rows, metrics=finite, champion=champion, reasons=reasons)
    if reasons:
        raise PredictionsBelowGate(f"On {rows} predictions for test data: {'; '.join(reasons)}.")
    return {
        "passed": True,
        "metrics": finite,
        "champion_metrics": None if champion is None else finite_metrics(champion),
        "rows": rows,
        "predictions_uri": predictions_uri,
    }


def _champion_metrics(uri: str | None, candidate: Predictions, asked: Sequence[str]) -> dict[str, float] | None:
    """Give the champion's metrics; an empty dict, which no margin passes, when it did not predict the same rows."""
    if uri is None:
        return None
    try:
        champion = read_predictions(S3Location.parse(uri).as_folder())
    except InvalidPredictions as error:
        logger.warning("The champion has not predicted this test data", reason=str(error))
        return {}
    if champion.targets != candidate.targets:
        logger.warning("The champion has predicted other rows", rows=len(champion.targets))
        return {}
    return metrics_of(champion, asked)


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


def metrics_of(predictions: Predictions, asked: Sequence[str]) -> dict[str, float]:
    """Compute the metrics of predictions: of numbers, or where the targets are 0 and 1, of probabilities.

    Parameters
    ----------
    asked
        The metrics that the gate names; they are computed of whatever the predictions are.
    """
    numbers, classes = regression_metrics(predictions), classification_metrics(predictions)
    computed = {**numbers, **classes}
    are_probabilities = math.isfinite(classes.get("logloss", math.nan))
    usual = ("auc", "logloss", "error", "accuracy") if are_probabilities else REGRESSION_METRICS
    return {name: computed[name] for name in dict.fromkeys([*asked, *usual]) if name in computed}


def classification_metrics(predictions: Predictions) -> dict[str, float]:
    """Compute accuracy, error, merror, auc and logloss; NaN where one is not defined; nothing without classes.

    Targets that are all 0 or 1 may be predicted by a probability: above 0.5 stands for 1, as in XGBoost's `error`.
    Other targets are classes by their number, and predicted by it.

    Examples
    --------
    >>> classification_metrics(Predictions(array("d", [0, 1, 1, 0]), array("d", [0.1, 0.8, 0.4, 0.2])))["accuracy"]
    0.75
    """
    targets, predicted = predictions
    if not all(target.is_integer() for target in targets):
        return {}
    are_binary = all(target in {0, 1} for target in targets)
    are_probabilities = are_binary and all(0 <= guess <= 1 for guess in predicted)
    classes = [float(guess > BOUNDARY) for guess in predicted] if are_probabilities else predicted
    wrong = sum(target != guess for target, guess in zip(targets, classes, strict=True)) / len(targets)
    return {
        "accuracy": 1 - wrong,
        "error": wrong,
        "merror": wrong,
        "auc": _area_under_curve(targets, predicted) if are_binary else math.nan,
        "logloss": _log_loss(targets, predicted) if are_probabilities else math.nan,
    }


def _area_under_curve(targets: Sequence[float], predicted: Sequence[float]) -> float:
    """Give the share of pairs of a 1 and a 0 that are in order; a tie counts half."""
    positives = sum(map(int, targets))
    negatives = len(targets) - positives
    if not positives or not negatives:
        return math.nan
    # Row numbers rather than rows: a million of them fit into the function's memory.
    order = sorted(range(len(targets)), key=predicted.__getitem__)
    ranks, rank = 0.0, 1
    for _, ties in itertools.groupby(order, key=predicted.__getitem__):
        group = [targets[row] for row in ties]
        ranks += sum(group) * (rank + (len(group) - 1) / 2)
        rank += len(group)
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def _log_loss(targets: Sequence[float], predicted: Sequence[float]) -> float:
    chances = (guess if target else 1 - guess for target, guess in zip(targets, predicted, strict=True))
    return _sum(-math.log(max(chance, SMALLEST_CHANCE)) for chance in chances) / len(targets)


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
