"""Says what a failure of boto3 means for the user."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from switchyard.errors import SwitchyardError, UsageError

_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException")


def error_code(error: ClientError) -> str:
    """Give the code that AWS answered with."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_message(error: ClientError) -> str:
    """Give the message that AWS answered with."""
    return str(error.response.get("Error", {}).get("Message", "") or error)


def is_denied(error: Exception) -> bool:
    """Whether AWS has refused for want of a permission."""
    return isinstance(error, ClientError) and error_code(error) in _DENIED


def explain(error: Exception) -> SwitchyardError | None:
    """Say what a failure of boto3 means and what to do; None when it is something else."""
    known: SwitchyardError | None = None
    match error:
        case ClientError():
            known = _explain_answer(error)
        case NoCredentialsError():
            known = SwitchyardError("there are no AWS credentials; log in (`aws sso login`) or give --profile")
        case ProfileNotFound():
            known = UsageError(f"{error}; see `aws configure list-profiles`")
        case NoRegionError():
            known = UsageError("no AWS region is set; give --region, or set one for the profile")
        case EndpointConnectionError() | ConnectTimeoutError():
            known = SwitchyardError(
                f"nothing answers at {error.kwargs.get('endpoint_url', 'the endpoint')}: is the local cloud still "
                "up (`switchyard up`; its log is .switchyard/cloud.log), or is AWS_ENDPOINT_URL set to something else?"
            )
        case HTTPClientError():
            known = SwitchyardError(f"the connection broke: {error}; try again")
        case BotoCoreError():
            known = SwitchyardError(str(error))
    return known


def _explain_answer(error: ClientError) -> SwitchyardError:
    code, message = error_code(error), error_message(error)
    if code in _DENIED:
        text = f"AWS denied {error.operation_name}: {message}; ask for that permission or use --profile"
    elif code in _EXPIRED:
        text = f"the AWS credentials are not valid (any more): {message}; log in again"
    else:
        text = f"{error.operation_name} failed: {message} ({code})"
    return SwitchyardError(text)
