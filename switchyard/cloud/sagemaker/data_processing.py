"""What goes to the model and what is written of a mini-batch: DataProcessing's filters and join, and AssembleWith.

Sources: DataProcessing, TransformOutput (Amazon SageMaker API Reference); "Associate Prediction Results with Input
Records" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from switchyard.cloud.sagemaker.batch import (
    SHOWN_BYTES,
    FilterError,
    csv_filter,
    format_row,
    parse_row,
    split_answer,
)
from switchyard.cloud.sagemaker.json_paths import joined, json_filter

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"


class Processing(Protocol):
    """How a mini-batch becomes a request, and an answer what is written."""

    def request(self, records: list[bytes]) -> bytes:
        """Return the request's body for a mini-batch."""

    def written(self, records: list[bytes], answer: bytes, content_type: str) -> bytes:
        """Return what is written for a mini-batch and its answer; raises FilterError when they do not fit."""


def processing_of(job: dict[str, Any]) -> Processing:
    """Return what a transform job does with its records.

    Parameters
    ----------
    job : dict
        The CreateTransformJob request.

    Raises
    ------
    FilterError
        A filter cannot be read, or the data's content type cannot be filtered.
    """
    asked = job.get("DataProcessing") or {}
    is_filtered = any(asked.get(name, "$") not in {"$", ""} for name in ("InputFilter", "OutputFilter"))
    line_end = b"\n" if job["TransformOutput"].get("AssembleWith") == "Line" else b""
    if not is_filtered and asked.get("JoinSource", "None") == "None":
        return _Untouched(line_end)
    content_type = job["TransformInput"].get("ContentType", CSV).partition(";")[0].strip().lower()
    if content_type == CSV:
        return _CsvProcessing(asked)
    if content_type in {JSON, JSON_LINES}:
        by_line = job["TransformInput"].get("SplitType", "None") == "Line" or content_type == JSON_LINES
        return _JsonProcessing(asked, by_line=by_line)
    raise FilterError(f"DataProcessing is for {CSV}, {JSON} and {JSON_LINES}; the ContentType is {content_type}")


class _Untouched:
    """Neither filters nor a join: bytes in, bytes out."""

    def __init__(self, line_end: bytes) -> None:
        self._line_end = line_end

    def request(self, records: list[bytes]) -> bytes:
        return b"".join(records)

    def written(self, records: list[bytes], answer: bytes, content_type: str) -> bytes:  # noqa: ARG002
        return answer if answer.endswith(b"\n") else answer + self._line_end


class _CsvProcessing:
    """Each row is an array."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._into = csv_filter(asked.get("InputFilter"))
        self._out_of = csv_filter(asked.get("OutputFilter"))
        self._joins = asked.get("JoinSource") == "Input"

    def request(self, records: list[bytes]) -> bytes:
        return b"".join(format_row(self._into(parse_row(record))) for record in _lines(records))

    def written(self, records: list[bytes], answer: bytes, content_type: str) -> bytes:
        lines = _lines(records)
        predictions = split_answer(answer, content_type, len(lines))
        if not self._joins:
            return b"".join(format_row(self._out_of(prediction)) for prediction in predictions)
        return b"".join(
            format_row(self._out_of([*parse_row(line), *prediction]))
            for line, prediction in zip(lines, predictions, strict=True)
        )


class _JsonProcessing:
    """Each line, or the whole file, is a document."""

    def __init__(self, asked: dict[str, Any], *, by_line: bool) -> None:
        self._into = json_filter(asked.get("InputFilter"))
        self._out_of = json_filter(asked.get("OutputFilter"))
        self._joins = asked.get("JoinSource") == "Input"
        self._by_line = by_line

    def request(self, records: list[bytes]) -> bytes:
        lines = [_document(self._into(document)) for document in self._documents(records)]
        return b"".join(lines) if len(lines) > 1 else lines[0].rstrip(b"\n")

    def written(self, records: list[bytes], answer: bytes, content_type: str) -> bytes:
        documents = self._documents(records)
        outputs = self._outputs(answer, content_type, len(documents))
        return b"".join(
            _document(self._out_of(joined(document, output) if self._joins else output))
            for document, output in zip(documents, outputs, strict=True)
        )

    def _documents(self, records: list[bytes]) -> list[Any]:
        return [_parsed(record, "the record") for record in (_lines(records) if self._by_line else records)]

    def _outputs(self, answer: bytes, content_type: str, records: int) -> list[Any]:
        """Return one output for each record: a line, or an element of a JSON list."""
        if content_type.partition(";")[0].strip() == CSV:
            raise FilterError(f"the model answered {CSV} to JSON; ask for {JSON} or {JSON_LINES} with Accept")
        lines = _lines([answer])
        if records == 1 and not (self._by_line and len(lines) > 1):
            return [_parsed(answer, "the answer")]
        outputs = [_parsed(line, "the answer") for line in lines]
        if len(outputs) == 1 and isinstance(outputs[0], dict) and isinstance(outputs[0].get("predictions"), list):
            outputs = outputs[0]["predictions"]
        elif len(outputs) == 1 and isinstance(outputs[0], list):
            outputs = outputs[0]
        if len(outputs) != records:
            raise FilterError(
                f"the model answered {len(outputs)} predictions for {records} records; they cannot be joined"
            )
        return outputs


def _lines(records: list[bytes]) -> list[bytes]:
    return [line for record in records for line in record.split(b"\n") if line.strip()]


def _parsed(text: bytes, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise FilterError(f"{what} {text[:SHOWN_BYTES]!r} is not JSON: {error}") from None


def _document(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
