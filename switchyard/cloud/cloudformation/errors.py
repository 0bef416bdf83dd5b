"""The errors with which CloudFormation answers."""

from __future__ import annotations


class CloudFormationError(Exception):
    """An answer that is an error.

    Parameters
    ----------
    message : str
        What was wrong, in CloudFormation's words where they are known.
    """

    code = "ValidationError"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ValidationError(CloudFormationError):
    """The request or the template breaks a rule, or names a stack that is not there."""


class AlreadyExistsError(CloudFormationError):
    """The name of the stack, or of the change set, is taken."""

    code = "AlreadyExistsException"


class ChangeSetNotFoundError(CloudFormationError):
    """There is no such change set."""

    code = "ChangeSetNotFound"
    status = 404


class InvalidChangeSetStatusError(CloudFormationError):
    """The change set cannot be executed as it stands."""

    code = "InvalidChangeSetStatus"


class InsufficientCapabilitiesError(CloudFormationError):
    """The caller has not said that the template may do what it does."""

    code = "InsufficientCapabilitiesException"


class NotRunError(CloudFormationError):
    """The local cloud cannot do what is asked; it is refused rather than pretended.

    Parameters
    ----------
    what : str
        The operation, or a member of its request with the operation.
    """

    code = "NotImplemented"
    status = 501

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not run by the local cloud; nothing has been changed.")
