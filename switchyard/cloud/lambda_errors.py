"""The errors with which Lambda answers."""

from __future__ import annotations


class LambdaError(Exception):
    """An answer that is an error.

    Parameters
    ----------
    status : int
        Of HTTP.
    code : str
        The exception's name, as AWS has it.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid(message: str) -> LambdaError:
    """Return the error for a parameter that has a value it cannot have."""
    return LambdaError(400, "InvalidParameterValueException", message)


def missing(message: str) -> LambdaError:
    """Return the error for something that is not there."""
    return LambdaError(404, "ResourceNotFoundException", message)


def not_run(what: str) -> LambdaError:
    """Return the error for what Lambda does on AWS, and nothing here."""
    message = f"{what} is not run by the local cloud; nothing has been started or stored. "
    return LambdaError(501, "NotImplementedException", f"{message}docs/compatibility.md lists what is.")
