"""Takes an endpoint back to its earlier configuration, or away; each call is safe to repeat."""

from __future__ import annotations

from shared.aws import ClientError, client, error_message, is_missing, is_refused
from shared.endpoints import Endpoint, describe_endpoint
from shared.errors import EndpointNotReady, RollBackFailed
from shared.observability import logger


def restore_config(endpoint: Endpoint, earlier: str | None) -> None:
    """Let an endpoint go back to its earlier configuration.

    Raises
    ------
    EndpointNotReady
        Always when all is well: it is on its way back, or still on its way elsewhere; look again later.
    RollBackFailed
        When SageMaker refuses it.
    """
    try:
        client("sagemaker").update_endpoint(EndpointName=endpoint.name, EndpointConfigName=earlier)
    except ClientError as error:
        if not is_refused(error):
            raise
        wait_for_others(endpoint.name, error)
        raise RollBackFailed(
            f"Endpoint {endpoint.name!r} ({endpoint.status}) cannot go back from {endpoint.config!r} to {earlier!r}: "
            f"{error_message(error)} Nothing was deleted. Delete the endpoint and create it again with a configuration "
            "that works."
        ) from error
    logger.info("Goes back to the earlier endpoint configuration", endpoint_config=earlier)
    raise EndpointNotReady(f"Endpoint {endpoint.name!r} goes back to {earlier!r}.")


def wait_for_others(name: str, refusal: ClientError) -> None:
    """Look whether a change was refused only because SageMaker is at another one.

    Raises
    ------
    EndpointNotReady
        When it is; look again later.
    """
    now = describe_endpoint(name)
    if now is not None and now.in_transition:
        raise EndpointNotReady(f"Endpoint {name!r} is {now.status}.") from refusal


def delete_endpoint(endpoint: Endpoint) -> None:
    """Delete an endpoint, and see that it is gone.

    Raises
    ------
    EndpointNotReady
        When it is still being deleted, or cannot be yet.
    """
    if endpoint.status != "Deleting":
        try:
            client("sagemaker").delete_endpoint(EndpointName=endpoint.name)
        except ClientError as error:
            if is_missing(error):
                return
            # SageMaker refuses to delete an endpoint that is still being created.
            if is_refused(error) and endpoint.in_transition:
                raise EndpointNotReady(
                    f"Endpoint {endpoint.name!r} is {endpoint.status}; it is deleted after that."
                ) from error
            raise
    if describe_endpoint(endpoint.name) is not None:
        raise EndpointNotReady(f"Endpoint {endpoint.name!r} is being deleted.")
