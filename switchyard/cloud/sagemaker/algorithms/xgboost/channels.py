"""The channels of a training job: which the algorithm takes, and their data as XGBoost's matrices.

Source: "Input/Output interface for the XGBoost algorithm" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import contextlib
import logging
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from switchyard.algorithms.xgboost.errors import UserError
from switchyard.cloud.sagemaker.algorithms.xgboost.errors import PYARROW, MissingLibraryError
from switchyard.cloud.sagemaker.algorithms.xgboost.formats import (
    CSV,
    LIBSVM,
    PARQUET,
    RECORDIO,
    delimiter_of,
    format_of,
)

LOG = logging.getLogger(__name__)
DEEPEST_FOLDER = 3
SHOWN_CHARACTERS = 50
_CHANNELS = ("train", "validation", "code")
_NUMBER = r"[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|nan|inf)"
_LIBSVM_LINE = re.compile(rf"{_NUMBER}(:{_NUMBER})?(\s+(qid:\d+|\d+:{_NUMBER}))*\s*(#.*)?", re.IGNORECASE)


def check_channels(channels: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse channels that the algorithm does not take.

    Parameters
    ----------
    channels : mapping
        The content of ``inputdataconfig.json``.

    Raises
    ------
    UserError
        One is missing, or too many, or of a format or an input mode that is not run.
    """
    if "train" not in channels:
        raise UserError("Missing required channel: train")
    for name, settings in channels.items():
        if name not in _CHANNELS:
            raise UserError(f"Extraneous channel found: {name}")
        if name == "code":
            continue
        form = format_of(settings.get("ContentType"))
        mode = settings.get("TrainingInputMode", "File")
        if mode == "Pipe":
            raise UserError(
                f"Channel configuration for '{name}' channel is not supported: Pipe mode for {form} is gone "
                "since the image 3.0-5; use the input mode File or FastFile"
            )
        if form == RECORDIO:
            raise UserError(
                f"Channel configuration for '{name}' channel is not supported: {RECORDIO} does not run on the local "
                "cloud; give it text/csv, text/libsvm or application/x-parquet"
            )


def read_channel(folder: Path, form: str, *, csv_weights: bool) -> Any:
    """Read all files of a channel.

    Parameters
    ----------
    folder : Path
        Where they are, at most three folders deep.
    form : str
        Their format, as `format_of` gives it.
    csv_weights : bool
        Whether the second column of CSV is the rows' weight.

    Returns
    -------
    xgboost.DMatrix or None
        None when there is no data.

    Raises
    ------
    UserError
        They cannot be read in that format.
    MissingLibraryError
        The format needs one that is not there.
    """
    import numpy as np

    files = _files(folder)
    if not any(path.stat().st_size for path in files):
        return None
    files = [path for path in files if path.stat().st_size]
    matrix = _read_parquet(files) if form == PARQUET else _read_text(files, form, csv_weights=csv_weights)
    labels = matrix.get_label()
    if not labels.size:
        raise UserError("Got input data without labels. Please check the input data set.")
    if not np.isfinite(labels).all():
        raise UserError("Label contains NaN, infinity or a value too large: the first column has to be a number.")
    return matrix


def _files(folder: Path) -> list[Path]:
    files = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        if path.name.startswith("."):
            raise UserError(f"Hidden file found in the data path! Remove that before training: {path.name}")
        if len(path.relative_to(folder).parts) > DEEPEST_FOLDER:
            LOG.warning("%s lies deeper than %d folders and is not read.", path.relative_to(folder), DEEPEST_FOLDER)
            continue
        files.append(path)
    return files


def _read_text(files: list[Path], form: str, *, csv_weights: bool) -> Any:
    import xgboost

    # XGBoost's own parser: what it makes of an empty cell or a header is what it makes of it on AWS.
    query = f"format={form}"
    if form == CSV:
        delimiter = _csv_delimiter(files)
        LOG.info("Determined delimiter of CSV input is '%s'", delimiter)
        query += f"&label_column=0&delimiter={delimiter}"
        if csv_weights:
            query += "&weight_column=1"
    elif form == LIBSVM:
        for path in files:
            _check_libsvm(path)
    with tempfile.TemporaryDirectory() as links, contextlib.chdir(links):
        # In an address of XGBoost's, the characters ; ? # have meanings of their own.
        for number, path in enumerate(files):
            Path(str(number)).symlink_to(path)
        address = ";".join(str(number) for number in range(len(files)))
        try:
            return xgboost.DMatrix(f"{address}?{query}")
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise UserError(f"Failed to load {form} data with exception:\n{error}") from error


def _csv_delimiter(files: list[Path]) -> str:
    found = None
    for path in files:
        line = _first_line(path)
        delimiter = delimiter_of(line)
        if delimiter is None:
            raise UserError(f"Could not determine delimiter on line {line[:SHOWN_CHARACTERS]} of file '{path.name}'")
        first = line.split(delimiter)[0].strip().strip('"')
        if not re.fullmatch(_NUMBER, first, re.IGNORECASE):
            LOG.warning(
                "The first line of '%s' begins with '%s', which is not a number: CSV has no header, and the label "
                "first. XGBoost reads such a line as a row of missing values.",
                path.name,
                first[:SHOWN_CHARACTERS],
            )
        found = found or delimiter
    return str(found)


def _check_libsvm(path: Path) -> None:
    line = _first_line(path)
    if not _LIBSVM_LINE.fullmatch(line.strip()):
        raise UserError(
            f"First line '{line[:SHOWN_CHARACTERS].strip()}...' of file '{path.name}' is not 'LIBSVM' format. "
            "Please ensure the file is in 'LIBSVM' format."
        )


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline()


def _read_parquet(files: list[Path]) -> Any:
    import numpy as np
    import xgboost

    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise MissingLibraryError("pyarrow, which reads Parquet,", PYARROW) from None
    try:
        tables = [parquet.read_table(path) for path in files]
        parts = [
            np.column_stack([column.to_numpy().astype(np.float64) for column in table.columns]) for table in tables
        ]
        values = np.concatenate(parts)
    except (ArrowException, ValueError, TypeError, OSError) as error:
        raise UserError(f"Failed to load parquet data with exception:\n{error}") from error
    return xgboost.DMatrix(values[:, 1:], label=values[:, 0])
