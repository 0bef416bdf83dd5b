"""Predicted against actual: what a batch transform wrote, as points and as a histogram of what is left over."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.aws.errors import error_code, error_message
from switchyard.console.schema import Bin, Evaluation, Prediction

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud

MOST_POINTS = 2000
# Half a million rows; more would keep the page waiting for longer than a plot is worth.
MOST_BYTES = 24 * 1024 * 1024
_MOST_FILES = 500
# Of a listing: 1,000 keys each.
_MOST_PAGES = 10
_FEWEST_BINS, _MOST_BINS = 5, 40
# What an answer in JSON is called: by a transform that joins it to its input, and by Amazon's own algorithms.
_ANSWERS = ("SageMakerOutput", "predictions", "score")


class UnreadableError(Exception):
    """When predictions cannot be had or understood; says why."""


@dataclass
class Rows:
    """Row by row: what was so, and what the model said."""

    actual: array[float] = field(default_factory=lambda: array("d"))
    predicted: array[float] = field(default_factory=lambda: array("d"))


@dataclass(frozen=True)
class Text:
    """A file of predictions or data: its address, and its lines."""

    uri: str
    lines: list[str]


def evaluate(predictions: Iterable[Text], test_data: Iterable[Text] = (), *, uri: str | None = None) -> Evaluation:
    """Compare predictions with what was so.

    Parameters
    ----------
    predictions
        The `.out` files of a batch transform. A row is a line of CSV or JSON: the target first and the prediction last,
        as a transform with `JoinSource: Input` writes it, or the prediction alone.
    test_data
        The rows that were predicted, the target in the first column: needed where predictions stand alone.
    uri
        Where the predictions lie.

    Returns
    -------
    Evaluation
        With a `problem` where they cannot be understood.
    """
    try:
        return _evaluation(_read(predictions, test_data), uri)
    except UnreadableError as error:
        return no_evaluation(str(error), uri)


def no_evaluation(problem: str, uri: str | None = None) -> Evaluation:
    """Say why there is nothing to compare."""
    return Evaluation(points=[], residuals=[], rows=0, rmse=None, mae=None, bias=None, uri=uri, problem=problem)


def texts_in_folder(folder: Path) -> list[Text]:
    """Read the `.out` files below a folder of this machine.

    Raises
    ------
    UnreadableError
        When they are too large, or cannot be read.
    """
    files = sorted(path for path in folder.rglob("*.out") if path.is_file() and not path.is_symlink())
    _check_size(sum(path.stat().st_size for path in files), len(files))
    try:
        return [Text(path.name, path.read_text(encoding="utf-8-sig", errors="replace").splitlines()) for path in files]
    except OSError as error:
        raise UnreadableError(f"the predictions cannot be read: {error}") from error


def texts_in_s3(cloud: Cloud, uri: str, suffix: str = "") -> list[Text]:
    """Read the objects below an S3 prefix.

    Parameters
    ----------
    cloud
        Where they are.
    uri
        The prefix.
    suffix
        How their keys end.

    Raises
    ------
    UnreadableError
        When there are none, or they are too large, or may not be read.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    s3 = cloud.client("s3")
    try:
        # One more than is read tells that there are too many: a prefix may be a whole bucket.
        found = list(islice(_objects(s3, bucket, prefix, suffix), _MOST_FILES + 1))
        _check_size(sum(size for _, size in found), len(found))
        texts = []
        for key, _ in found:
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            texts.append(Text(f"s3://{bucket}/{key}", body.decode("utf-8-sig", errors="replace").splitlines()))
    except ClientError as error:
        raise UnreadableError(f"{uri} cannot be read: {error_message(error)} ({error_code(error)})") from error
    except BotoCoreError as error:
        raise UnreadableError(f"{uri} cannot be read: {error}") from error
    if not texts:
        raise UnreadableError(f"there is nothing at {uri} any more")
    return texts


def _objects(s3: Any, bucket: str, prefix: str, suffix: str) -> Iterator[tuple[str, int]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in islice(pages, _MOST_PAGES):
        for entry in page.get("Contents", []):
            if entry["Size"] and entry["Key"].endswith(suffix):
                yield entry["Key"], entry["Size"]


def _check_size(size: int, files: int) -> None:
    if size > MOST_BYTES or files > _MOST_FILES:
        many = str(files) if files <= _MOST_FILES else f"more than {_MOST_FILES}"
        raise UnreadableError(
            f"the predictions are {size / 1024 / 1024:,.0f} MB in {many} files; the console compares up to "
            f"{MOST_BYTES / 1024 / 1024:.0f} MB in {_MOST_FILES}"
        )


def _read(predictions: Iterable[Text], test_data: Iterable[Text]) -> Rows:
    rows = Rows()
    stands_alone = False
    for text in predictions:
        for number, values in _numbers(text):
            stands_alone = stands_alone or len(values) == 1
            if stands_alone and len(values) > 1:
                raise UnreadableError(f"{text.uri}, line {number}: has more values than the lines before it")
            rows.predicted.append(values[-1])
            if not stands_alone:
                rows.actual.append(values[0])
    if stands_alone:
        rows.actual = array("d", (values[0] for text in test_data for _, values in _numbers(text, first_only=True)))
        if len(rows.actual) != len(rows.predicted):
            raise UnreadableError(
                f"the test data has {len(rows.actual):,} rows, but {len(rows.predicted):,} were predicted: "
                "they cannot be set against each other"
            )
    if not rows.predicted:
        raise UnreadableError("there is not one predicted row")
    return rows


def _numbers(text: Text, *, first_only: bool = False) -> Iterator[tuple[int, Sequence[float]]]:
    for number, line in enumerate(text.lines, start=1):
        if not line.strip():
            continue  # AssembleWith Line ends a line of ours with a second line end
        try:
            values = _values(line.partition(",")[0] if first_only and line[0] not in "[{" else line)
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
            raise UnreadableError(
                f"{text.uri}, line {number}: expected a target and a prediction, found {line[:80]!r}"
            ) from None
        if not values or not (math.isfinite(values[0]) and math.isfinite(values[-1])):
            raise UnreadableError(f"{text.uri}, line {number}: {line[:80]!r} holds no finite number")
        yield number, values


def _values(line: str) -> Sequence[float]:
    if line.lstrip()[0] in "[{":
        document = json.loads(line)
        if isinstance(document, dict):
            document = next((document[key] for key in _ANSWERS if key in document), [])
        return [float(value) for value in _flat(document)]
    return [float(value) for value in line.split(",")]


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for inner in value:
            yield from _flat(inner)
    else:
        yield value.get("score") if isinstance(value, dict) else value


def _evaluation(rows: Rows, uri: str | None) -> Evaluation:
    residuals = array("d", (actual - said for actual, said in zip(rows.actual, rows.predicted, strict=True)))
    count = len(residuals)
    low, high = min(residuals), max(residuals)
    if not math.isfinite(high - low) or max(abs(low), abs(high)) > 1e150:
        raise UnreadableError("the differences are too large to be told apart")
    shown = range(count) if count <= MOST_POINTS else [i * (count - 1) // (MOST_POINTS - 1) for i in range(MOST_POINTS)]
    return Evaluation(
        points=[Prediction(predicted=rows.predicted[i], actual=rows.actual[i]) for i in shown],
        residuals=histogram(residuals),
        rows=count,
        rmse=math.sqrt(math.fsum(residual * residual for residual in residuals) / count),
        mae=math.fsum(map(abs, residuals)) / count,
        bias=math.fsum(residuals) / count,
        uri=uri,
    )


def histogram(values: Sequence[float]) -> list[Bin]:
    """Count values in bars of one width: a round number, with zero at an edge.

    Examples
    --------
    >>> [(bin.low, bin.high, bin.count) for bin in histogram([0.1, 0.4, 1.2, 1.9])]
    [(0.0, 0.5, 2), (0.5, 1.0, 0), (1.0, 1.5, 1), (1.5, 2.0, 1)]
    """
    low, high = min(values), max(values)
    if low == high:
        half = abs(low) * 0.05 or 0.5
        return [Bin(low=low - half, high=low + half, count=len(values))]
    wanted = min(_MOST_BINS, max(_FEWEST_BINS, math.ceil(math.sqrt(len(values)))))
    width = _round_up((high - low) / wanted)
    first = math.floor(low / width)
    counts = [0] * (math.floor(high / width) - first + 1)
    for value in values:
        counts[math.floor(value / width) - first] += 1
    return [Bin(low=(first + i) * width, high=(first + i + 1) * width, count=n) for i, n in enumerate(counts)]


def _round_up(width: float) -> float:
    """Give the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(width))
    return next((times * power for times in (1, 2, 5) if times * power >= width * (1 - 1e-9)), 10 * power)
