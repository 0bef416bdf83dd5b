"""Wait for endpoint: one look at the endpoint. The state machine's Retry does the waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from shared.endpoints import describe_endpoint
from shared.errors import EndpointFailed, EndpointNotReady, EndpointRolledBack
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Event(TaskEvent):
    """The payload: the endpoint, and the configuration it is to serve."""

    endpoint: str
    endpoint_config: str


class Result(TypedDict):
    """The endpoint as it serves now."""

    endpoint: str
    endpoint_config: str
    status: str


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the state ``Wait for endpoint``."""
    parsed = Event.model_validate(event)
    return wait_for_endpoint(parsed.endpoint, parsed.endpoint_config)


def wait_for_endpoint(name: str, config: str) -> Result:
    """Confirm that an endpoint is in service with a configuration.

    Raises
    ------
    EndpointNotReady
        When SageMaker is still at it; look again later.
    EndpointFailed
        When it failed, with SageMaker's reason, or is gone.
    EndpointRolledBack
        When it is in service with another configuration: SageMaker goes back to the earlier one by
        itself when the new one fails its health check (UpdateEndpoint's documentation).
    """
    endpoint = describe_endpoint(name)
    if endpoint is None:
        raise EndpointFailed(f"Endpoint {name!r} is gone: somebody deleted it while this run waited for it.")
    if endpoint.in_transition:
        raise EndpointNotReady(f"Endpoint {name!r} is {endpoint.status}.")
    if endpoint.status != "InService":
        raise EndpointFailed(f"Endpoint {name!r} is {endpoint.status}: {endpoint.why}")
    if endpoint.config != config:
        why = (
            f"SageMaker went back to it: {endpoint.failure_reason}"
            if endpoint.failure_reason
            else "another run has taken the endpoint over. Redrive this run if it is to have the last word."
        )
        raise EndpointRolledBack(f"Endpoint {name!r} serves {endpoint.config!r} instead of {config!r}: {why}")
    return {"endpoint": name, "endpoint_config": config, "status": endpoint.status}
