"""What CloudWatch refuses, by CloudWatch's own error codes."""

from __future__ import annotations


class MonitoringError(Exception):
    """A request that CloudWatch refuses."""

    code = "ValidationError"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidParameterValueError(MonitoringError):
    """A parameter's value cannot be."""

    code = "InvalidParameterValue"


class InvalidParameterCombinationError(MonitoringError):
    """Parameters that exclude each other, or lack each other."""

    code = "InvalidParameterCombination"


class MissingParameterError(MonitoringError):
    """A parameter that must be there is not."""

    code = "MissingParameter"


class NotFoundError(MonitoringError):
    """No alarm has that name."""

    code = "ResourceNotFound"


class NotEvaluatedError(MonitoringError):
    """AWS has it, this CloudWatch does not."""

    code = "NotImplementedException"
