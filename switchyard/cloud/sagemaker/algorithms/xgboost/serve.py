"""Serve a model: what answers ``/invocations`` for an image without a script of its own.

Source: "Common data formats for inference" (Amazon SageMaker Developer Guide), and the image sagemaker-xgboost 3.0-5.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchyard.algorithms.xgboost.errors import UserError
from switchyard.cloud.sagemaker.algorithms.xgboost.errors import XGBOOST, MissingLibraryError
from switchyard.cloud.sagemaker.algorithms.xgboost.formats import CSV, LIBSVM, delimiter_of, format_of
from switchyard.cloud.sagemaker.algorithms.xgboost.model import ModelError, load
from switchyard.cloud.sagemaker.model_server import RequestError, serve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEXT_CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
ACCEPTED = (TEXT_CSV, JSON, JSON_LINES)
# The largest body that the image takes; the variable is its own.
LARGEST_BODY = 6 * 1024 * 1024
# They change what the image answers; here they are refused rather than passed over.
_NOT_RUN = ("SAGEMAKER_INFERENCE_OUTPUT",)


def main(model_dir: str) -> None:
    """Load the model and serve it on the inherited socket until SIGTERM.

    Parameters
    ----------
    model_dir : str
        The folder with the unpacked model.
    """
    for name in _NOT_RUN:
        if name in os.environ:
            sys.exit(f"the variable {name} is not taken by the local cloud; take it out of the model's Environment")
    try:
        import xgboost  # noqa: F401
    except ImportError:
        sys.exit(str(MissingLibraryError("XGBoost, the library of this algorithm,", XGBOOST)))
    try:
        model = Predictor(load(Path(model_dir)), os.environ)
    except ModelError as error:
        sys.exit(str(error))
    serve(model)


class Predictor:
    """Answers requests with a model.

    Parameters
    ----------
    booster : xgboost.Booster
        The model.
    environment : mapping
        The container's variables.
    """

    def __init__(self, booster: Any, environment: Mapping[str, str]) -> None:
        self._booster = booster
        self._features: int = booster.num_features()
        booster_type = json.loads(booster.save_config())["learner"]["gradient_booster"]["name"]
        self._in_place = booster_type != "gblinear"
        self._is_batch = environment.get("SAGEMAKER_BATCH", "").lower() == "true"
        self._default_accept = environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", TEXT_CSV)
        self._largest_body = int(environment.get("MAX_CONTENT_LENGTH", LARGEST_BODY))

    def answer(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Answer one request.

        Parameters
        ----------
        body : bytes
            Rows without labels, as ``text/csv`` or ``text/libsvm``.
        content_type : str
            Which of them.
        accept : str
            ``text/csv``, ``application/json`` or ``application/jsonlines``; ``*/*`` for the first.

        Raises
        ------
        RequestError
            415 for a body that cannot be read, 400 for one that does not fit the model, 406 for another `accept`,
            413 for one that is too large, 204 for an empty one.
        """
        if not body:
            raise RequestError("", status=204)
        if len(body) > self._largest_body:
            raise RequestError(f"the body has more than {self._largest_body:,} bytes (MAX_CONTENT_LENGTH)", status=413)
        predictions = self._predict(self._read(body, content_type))
        wanted = accept.partition(";")[0].strip().lower()
        wanted = self._default_accept if wanted in {"", "*/*"} else wanted
        if wanted not in ACCEPTED:
            message = f"Accept type {accept} is not supported. Please use supported accept types: {list(ACCEPTED)}."
            raise RequestError(message, status=406)
        return self._write(predictions, wanted), wanted

    def _read(self, body: bytes, content_type: str) -> Any:
        try:
            form = format_of(content_type)
        except UserError as error:
            raise RequestError(str(error), status=415) from None
        if form not in {CSV, LIBSVM}:
            raise RequestError(
                f"Content-type {content_type} is not supported; send text/csv or text/libsvm", status=415
            )
        try:
            text = body.decode("utf-8").strip()
            return parse_csv(text) if form == CSV else parse_libsvm(text, self._features)
        except ValueError as error:
            message = f"Loading {form} data failed with Exception, please ensure data is in {form} format: {error}"
            raise RequestError(message, status=415) from None

    def _predict(self, rows: Any) -> Any:
        if rows.shape[1] != self._features:
            raise RequestError(
                f"Unable to evaluate payload provided: Feature size of inference data {rows.shape[1]} is not "
                f"consistent with feature size of trained model {self._features}.",
                status=400,
            )
        import xgboost

        try:
            if self._in_place:
                return self._booster.inplace_predict(rows, validate_features=False)
            return self._booster.predict(xgboost.DMatrix(rows), validate_features=False)
        except (xgboost.core.XGBoostError, ValueError) as error:
            reason = str(error).partition("\nStack trace")[0].strip()
            raise RequestError(f"Unable to evaluate payload provided: {reason}", status=400) from error

    def _write(self, predictions: Any, accept: str) -> bytes:
        values = predictions.tolist()
        if self._is_batch:
            # As the image does: a row of probabilities stands on its line in brackets.
            return ("\n".join(map(str, values)) + "\n").encode()
        if accept == TEXT_CSV:
            rows = (value if isinstance(value, list) else [value] for value in values)
            return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()
        scores = [{"score": value} for value in values]
        if accept == JSON:
            return json.dumps({"predictions": scores}).encode()
        return "".join(json.dumps(score) + "\n" for score in scores).encode()


def parse_csv(text: str) -> NDArray[np.float64]:
    """Read rows of numbers; an empty cell is a missing value.

    Raises
    ------
    ValueError
        A cell is no number, or the rows have not all the same length.
    """
    import numpy as np

    lines = text.splitlines()
    delimiter = delimiter_of(lines[0]) or ","
    with contextlib.suppress(ValueError):
        values = np.loadtxt(lines, delimiter=delimiter, comments=None, ndmin=2)
        if len(values) == len(lines):
            return values
    # Missing values, or a mistake: the slower reading tells.
    rows = [[cell.strip() or "nan" for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ValueError(f"the rows have {' or '.join(map(str, sorted(widths)))} values; they need the same number")
    return np.array(rows, dtype=np.float64)


def parse_libsvm(text: str, features: int) -> Any:
    """Read ``index:value`` pairs, with or without a label before them; what is not named is missing.

    The indexes are those of the training data.

    Returns
    -------
    scipy.sparse.csr_matrix
        One row a line, at least `features` columns.

    Raises
    ------
    ValueError
        A pair is none of numbers.
    """
    from scipy.sparse import csr_matrix

    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    for line in text.splitlines():
        for number, pair in enumerate(line.split()):
            index, colon, value = pair.partition(":")
            if not colon:
                if number:
                    raise ValueError(f"'{pair}' is not index:value")
                float(index)  # a label: it plays no part, but has to be one
                continue
            if int(index) < 0:
                raise ValueError(f"the index of '{pair}' is below 0")
            columns.append(int(index))
            values.append(float(value))
        ends.append(len(values))
    width = max([features - 1, *columns]) + 1
    return csr_matrix((values, columns, ends), shape=(len(ends) - 1, width))
