"""What Application Auto Scaling refuses, by its own error codes."""

from __future__ import annotations


class AutoScalingError(Exception):
    """A request that is refused."""

    code = "ValidationException"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ObjectNotFoundError(AutoScalingError):
    """No scalable target, or no policy, is of that name."""

    code = "ObjectNotFoundException"


class NotRunError(AutoScalingError):
    """AWS does it, nothing here."""

    code = "NotImplemented"
    status = 501

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not run by the local cloud; nothing has been started or stored. "
            "docs/compatibility.md lists what is."
        )
