"""What API Gateway itself refuses, before or behind an integration.

Source: "Gateway response types for API Gateway" (API Gateway Developer Guide).
"""

from __future__ import annotations

# The status of each type of gateway response, unless the API gives another.
STATUSES = {
    "ACCESS_DENIED": 403,
    "API_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_CONFIGURATION_ERROR": 500,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "DEFAULT_4XX": 400,
    "DEFAULT_5XX": 500,
    "EXPIRED_TOKEN": 403,
    "INTEGRATION_FAILURE": 504,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "REQUEST_TOO_LARGE": 413,
    "THROTTLED": 429,
}


class GatewayError(Exception):
    """A request that API Gateway answers by itself.

    Parameters
    ----------
    response_type : str
        One of `STATUSES`.
    message : str
        For the client.
    error_type : str
        For the header ``x-amzn-ErrorType``.
    status : int or None
        When it is not the type's own.
    validation : str
        What is wrong with the request's body.
    reason : str
        For the log alone.
    """

    def __init__(
        self,
        response_type: str,
        message: str,
        error_type: str,
        *,
        status: int | None = None,
        validation: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.response_type = response_type
        self.message = message
        self.error_type = error_type
        self.status = status or STATUSES[response_type]
        self.validation = validation
        self.reason = reason


def configuration_error(reason: str) -> GatewayError:
    """The API cannot be served as it is written; a client is told no more than that."""
    return GatewayError(
        "API_CONFIGURATION_ERROR", "Internal server error", "InternalServerErrorException", reason=reason
    )


def bad_gateway(reason: str) -> GatewayError:
    """The function failed, or its answer is none."""
    return GatewayError(
        "DEFAULT_5XX", "Internal server error", "InternalServerErrorException", status=502, reason=reason
    )
