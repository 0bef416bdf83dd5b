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


class ResourceNotFoundError(SageMakerError):
    """What the request names is not there; some kinds of resource have this code rather than ValidationException."""

    code = "ResourceNotFound"


class ResourceLimitExceededError(SageMakerError):
    """A quota of the account does not allow it."""

    code = "ResourceLimitExceeded"


class ThrottlingError(SageMakerError):
    """There are more requests at a time than are allowed."""

    code = "ThrottlingException"


class ConflictError(SageMakerError):
    """Another change stands in the way."""

    code = "ConflictException"


class NotRunError(SageMakerError):
    """The local cloud cannot do what is asked; it is refused rather than pretended.

    Parameters
    ----------
    what : str
        The operation, or a member of its request with the operation.
    """

    code = "NotImplemented"
    status = 501

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not run by the local cloud; nothing has been started or stored. "
            "docs/compatibility.md lists what is."
        )
