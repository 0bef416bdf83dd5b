"""The errors with which SageMaker answers."""

from __future__ import annotations


class SageMakerError(Exception):
    """An answer that is an error.

    Parameters
    ----------
    message : str
        What was wrong, in SageMaker's words where they are known.
    """

    code = "ValidationException"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ValidationError(SageMakerError):
    """The request breaks a rule, or names something that is not there."""


class ResourceInUseError(SageMakerError):
    """The name is taken, or the resource is busy."""

    code = "ResourceInUse"


class NotRunError(SageMakerError):
    """The operation would start work that the local cloud cannot do; it is refused rather than pretended."""

    code = "NotImplemented"
    status = 501
