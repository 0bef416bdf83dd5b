"""Answer requests with the model that train.py saved: the script of an endpoint or a Transform job.

The four functions are those that SageMaker's scikit-learn container calls, in the order model_fn once,
then input_fn, predict_fn and output_fn for each request. A request that cannot be answered raises
ValueError, whose message is for the client.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CSV = "text/csv"
JSON = "application/json"


def model_fn(model_dir: str) -> Any:
    """Load the model.

    Parameters
    ----------
    model_dir
        The folder that model.tar.gz was unpacked into.

    Returns
    -------
    estimator
        A fitted scikit-learn estimator.

    Raises
    ------
    FileNotFoundError
        When the archive holds no model.joblib.
    """
    import joblib

    path = Path(model_dir, "model.joblib")
    if not path.is_file():
        raise FileNotFoundError(f"there is no model.joblib in {model_dir}; was the model saved by train.py?")
    return joblib.load(path)


def input_fn(body: bytes | str, content_type: str) -> NDArray[np.float64]:
    """Read a request's body.

    Parameters
    ----------
    body
        As ``text/csv``: one row of features a line, no header. As ``application/json``: a list of rows,
        one row, or ``{"instances": [...]}`` with either. The container passes text where it knows the
        content type, and bytes otherwise.
    content_type
        The request's Content-Type; parameters such as a charset are ignored.

    Returns
    -------
    array
        Shape (rows, features); all finite.

    Raises
    ------
    ValueError
        When the body is not such rows; the message says where.
    """
    kind = media_type(content_type)
    if kind not in {CSV, JSON}:
        raise ValueError(f"content type {content_type!r} is not supported; send {CSV} or {JSON}")
    text = body.removeprefix("\ufeff") if isinstance(body, str) else decode(bytes(body))
    values = parse_csv(text) if kind == CSV else parse_json(text)
    if not np.isfinite(values).all():
        row, column = (int(index[0]) for index in np.nonzero(~np.isfinite(values)))
        raise ValueError(
            f"row {row + 1}, column {column + 1} is {values[row, column]}; every feature needs a finite value"
        )
    return values


def predict_fn(data: NDArray[np.float64], model: Any) -> NDArray[np.float64]:
    """Predict.

    Parameters
    ----------
    data
        Shape (rows, features).
    model
        What model_fn gave.

    Returns
    -------
    array
        Shape (rows,), in the target's unit.

    Raises
    ------
    ValueError
        When the rows have another number of features than the model was trained on, or values so large
        that no prediction comes out.
    """
    if data.shape[1] != model.n_features_in_:
        raise ValueError(f"the model expects {model.n_features_in_} features a row, but {data.shape[1]} were given")
    with np.errstate(over="ignore", invalid="ignore"):
        prediction = np.asarray(model.predict(data), dtype=np.float64).reshape(len(data))
    if not np.isfinite(prediction).all():
        row = int(np.nonzero(~np.isfinite(prediction))[0][0])
        raise ValueError(f"row {row + 1} has values too large to predict from")
    return prediction


def output_fn(prediction: NDArray[np.float64], accept: str | None) -> tuple[str, str]:
    """Write a response's body.

    Parameters
    ----------
    prediction
        Shape (rows,).
    accept
        The request's Accept; without a preference the answer is JSON, the container's own default.

    Returns
    -------
    tuple
        The body and its content type, the pair that the container makes its response of. As ``text/csv``:
        one prediction a line. As ``application/json``: ``{"predictions": [...]}``.

    Raises
    ------
    ValueError
        When the client accepts neither.
    """
    values = np.asarray(prediction, dtype=np.float64).ravel().tolist()
    kind = choose_accepted(accept)
    if kind == CSV:
        return "".join(f"{value!r}\n" for value in values), CSV
    return json.dumps({"predictions": values}), JSON


def decode(body: bytes) -> str:
    """Decode a body, with or without a byte order mark."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"the body is not text: byte {error.start + 1} (0x{body[error.start]:02x}) is not UTF-8"
        ) from None


def parse_csv(text: str) -> NDArray[np.float64]:
    """Parse rows of numbers; numpy does it in C, and only a failure is looked at cell by cell."""
    lines = io.StringIO(text, newline=None).read().rstrip("\n").split("\n")
    if lines == [""]:
        raise ValueError("the body is empty; send one row of features a line")
    if "" in lines:
        raise ValueError(f"line {lines.index('') + 1} is empty; send one row of features a line")
    try:
        values = np.loadtxt(lines, delimiter=",", quotechar='"', comments=None, ndmin=2)
    except ValueError as error:
        raise ValueError(explain_csv(lines) or f"the body is not CSV of numbers: {error}") from None
    if len(values) != len(lines):
        raise ValueError(f"the body has {len(lines)} lines, but {len(values)} rows; close every quote")
    return values


def explain_csv(lines: list[str]) -> str | None:
    """Find the first line that is no row of numbers like the first one."""
    columns = lines[0].count(",") + 1
    for number, line in enumerate(lines, start=1):
        cells = line.split(",")
        for position, cell in enumerate(cells, start=1):
            value = cell.strip().strip('"')
            if not is_number(value):
                header = "; send the rows without a header" if number == 1 and len(lines) > 1 else ""
                what = "is empty" if not value else f"({shorten(value)}) is not a number"
                return f"line {number}, column {position} {what}{header}"
        if len(cells) != columns:
            return f"line {number} has {len(cells)} values, but line 1 has {columns}"
    return None


def parse_json(text: str) -> NDArray[np.float64]:
    """Parse a list of rows, or one row, of numbers."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the body is not JSON: {str(error).partition(chr(10))[0]}") from None
    rows = document
    if isinstance(document, dict):
        if set(document) != {"instances"}:
            keys = ", ".join(shorten(key) for key in list(document)[:5]) or "none"
            raise ValueError(f"the JSON object must have the one key 'instances'; it has {keys}")
        rows = document["instances"]
    if not isinstance(rows, list) or not rows:
        raise ValueError('the JSON body must be a list of rows, one row, or {"instances": [...]}, not empty')
    if not isinstance(rows[0], list):
        rows = [rows]
    try:
        values = np.asarray(rows)
        # Text is refused here: numpy would read "1.5" as a number, where a client made a mistake.
        if values.ndim != 2 or values.dtype.kind not in "biuf":
            raise TypeError
        values = values.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(explain_json(rows)) from None
    if not values.size:
        raise ValueError("the rows are empty; send one number a feature")
    return values


def explain_json(rows: list[Any]) -> str:
    """Find the first row that is no row of numbers like the first one."""
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list):
            return f"row {number} ({shorten(row)}) is not a list of numbers"
        for position, value in enumerate(row, start=1):
            if not isinstance(value, (int, float)):
                return f"row {number}, value {position} ({shorten(value)}) is not a number"
        if len(row) != len(rows[0]):
            return f"row {number} has {len(row)} values, but row 1 has {len(rows[0])}"
    return "the rows hold a number that is too large"


def choose_accepted(accept: str | None) -> str:
    """Choose the first content type of an Accept header that we can write."""
    if not accept:
        return JSON
    for choice in accept.split(","):
        kind = media_type(choice)
        if kind in {CSV, JSON}:
            return kind
        if kind in {"*/*", "application/*"}:
            return JSON
        if kind == "text/*":
            return CSV
    raise ValueError(f"cannot answer as {accept!r}; accept {CSV} or {JSON}")


def media_type(value: str) -> str:
    """Strip a header's parameters."""
    return value.partition(";")[0].strip().lower()


def is_number(text: str) -> bool:
    """Tell whether the text is a number, NaN and infinity included."""
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text


def shorten(value: Any) -> str:
    """Show a value on one line, and not too long."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
