"""Look up endpoint: what serves before this run, so that it can be updated now and restored later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from shared.endpoints import describe_endpoint
from shared.errors import EndpointBusy, EndpointFailed
from shared.leases import holder_of
from shared.live_name import live_endpoint
from shared.tasks import TaskEvent, task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Event(TaskEvent):
    """The payload: the recipe's usual endpoint, and the parameter that may send clients to another."""

    endpoint: str
    parameter: str


class Result(TypedDict):
    """What clients are sent to, and what it serves now; `status` and the configuration are None when nothing does."""

    exists: bool
    status: str | None
    endpoint_config_name: str | None
    endpoint_name: str


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the state ``Look up endpoint``."""
    given = Event.model_validate(event)
    return look_up_endpoint(given.endpoint, given.parameter)


def look_up_endpoint(usual: str, parameter: str) -> Result:
    """Say which endpoint clients are sent to, whether it exists, and which configuration it serves.

    Raises
    ------
    EndpointBusy
        When somebody else is changing it (SageMaker takes one update at a time), or a release is at work on it.
    EndpointFailed
        When it can only be deleted (DescribeEndpoint's documentation, "EndpointStatus").
    """
    # Releases hold the usual endpoint, whichever they work on.
    holder = holder_of(usual)
    if holder is not None:
        raise EndpointBusy(f"Execution {holder!r} releases a model to endpoint {usual!r}; this run waits for its turn.")
    name = live_endpoint(parameter) or usual
    endpoint = describe_endpoint(name)
    if endpoint is None:
        return {"exists": False, "status": None, "endpoint_config_name": None, "endpoint_name": name}
    if endpoint.in_transition:
        raise EndpointBusy(f"Endpoint {name!r} is {endpoint.status}; this run waits for its turn.")
    if endpoint.status != "InService":
        raise EndpointFailed(
            f"Endpoint {name!r} is {endpoint.status}: {endpoint.why}. SageMaker cannot update it: delete the "
            "endpoint, then start the run again."
        )
    return {
        "exists": True,
        "status": endpoint.status,
        "endpoint_config_name": endpoint.config,
        "endpoint_name": name,
    }
