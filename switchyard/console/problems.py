"""Says why a request was refused, in the words that the command line would use."""

from __future__ import annotations

import tempfile
import threading
import traceback
from http import HTTPStatus

from switchyard.aws.errors import explain
from switchyard.console.schema import Problem
from switchyard.errors import ExecutionStatusError, NameTakenError, PackageStatusError, SwitchyardError, UsageError

_MOST_CHARACTERS = 500
_files: dict[tuple[type[Exception], tuple[tuple[str, int | None], ...]], str] = {}
_lock = threading.Lock()


class RequestError(SwitchyardError):
    """When a request cannot be answered; says with which HTTP status.

    Parameters
    ----------
    status
        404 for what is not there, 409 for what cannot be done now, 502 when the cloud is away ...
    detail
        What was wrong, and what to do next.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def problem(status: int, detail: str) -> Problem:
    """Describe a refusal."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)


def problem_of(error: Exception) -> Problem:
    """Describe an error: what the user gave (400), what the cloud refused (502), or a bug of ours (500)."""
    if isinstance(error, RequestError):
        return problem(error.status, str(error))
    known = error if isinstance(error, SwitchyardError) else explain(error)
    if known is None:
        return problem(500, _describe_bug(error))
    if isinstance(error, (ExecutionStatusError, NameTakenError, PackageStatusError)):
        return problem(409, str(known))
    # What boto3 says is the cloud's doing, also when the command line would blame its options.
    return problem(400 if isinstance(error, UsageError) else 502, str(known))


def _describe_bug(error: Exception) -> str:
    return (
        f"this is a bug in Switchyard: {type(error).__name__}: {str(error)[:_MOST_CHARACTERS]}. "
        f"Its traceback is in {_traceback_file(error)}; please report it."
    )


def _traceback_file(error: Exception) -> str:
    """Write a traceback to a file, once: what looks again and again may meet the same bug all day."""
    places = tuple((frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__))
    with _lock:
        if (type(error), places) not in _files:
            with tempfile.NamedTemporaryFile(
                "w", prefix="switchyard-console-", suffix=".traceback", delete=False, encoding="utf-8", errors="replace"
            ) as file:
                traceback.print_exception(error, file=file)
            _files[type(error), places] = file.name
        return _files[type(error), places]
