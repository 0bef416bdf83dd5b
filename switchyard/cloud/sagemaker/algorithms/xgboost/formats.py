"""Content types of the algorithm's data, for training as for inference."""

from __future__ import annotations

from switchyard.algorithms.xgboost.errors import UserError

CSV, LIBSVM, PARQUET, RECORDIO = "csv", "libsvm", "parquet", "recordio-protobuf"
_BY_CONTENT_TYPE = {
    "csv": CSV,
    "text/csv": CSV,
    "libsvm": LIBSVM,
    "text/libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    "parquet": PARQUET,
    "application/x-parquet": PARQUET,
    "recordio-protobuf": RECORDIO,
    "application/x-recordio-protobuf": RECORDIO,
}
_DELIMITERS = (",", "\t", ";", "|", " ", ":")


def format_of(content_type: str | None) -> str:
    """Return the format that a content type names; without one it is libsvm, as in the image.

    Raises
    ------
    UserError
        The algorithm knows no such type, or reads no such CSV.
    """
    kind, _, parameters = (content_type or LIBSVM).lower().partition(";")
    if kind.strip() not in _BY_CONTENT_TYPE:
        raise UserError(f"{content_type} is not an accepted ContentType: {', '.join(_BY_CONTENT_TYPE)}.")
    found = _BY_CONTENT_TYPE[kind.strip()]
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if found == CSV and name.strip() == "label_size" and value.strip() != "1":
            raise UserError(
                f"{content_type} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
            )
    return found


def delimiter_of(line: str) -> str | None:
    """Return what separates the columns of a line; None when nothing does."""
    return next((delimiter for delimiter in _DELIMITERS if delimiter in line.strip()), None)
