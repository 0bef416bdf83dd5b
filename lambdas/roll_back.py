"""Roll back, Take back: undo exactly what a run did to what serves, from whatever state it is in.

Every call is safe to repeat: the state machine calls again while SageMaker is busy, and each call looks anew at what
serves. Nothing is deleted before the endpoint is seen to serve what it served before the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from pydantic import BaseModel
from shared.endpoints import Endpoint, describe_endpoint
from shared.errors import EndpointNotReady, RollBackFailed
from shared.observability import logger
from shared.restoring import delete_endpoint, restore_config
from shared.tasks import StateEvent, task
from shared.undoing import delete_config, delete_model

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Names(BaseModel):
    """The names that a run makes things under."""

    endpoint: str
    endpoint_config: str
    model: str
    champion_model: str


class CurrentEndpoint(BaseModel):
    """What ``Look up endpoint`` found before the run touched the endpoint."""

    exists: bool
    endpoint_config_name: str | None = None


class Event(StateEvent):
    """The payload: the state, as far as the run came."""

    names: Names | None = None
    training_job: dict[str, Any] | None = None
    current_endpoint: CurrentEndpoint | None = None


class RestoredEndpoint(TypedDict):
    """The endpoint as it was seen last."""

    name: str
    status: str
    endpoint_config_name: str


class Result(TypedDict):
    """What serves now, and what this call deleted."""

    endpoint: RestoredEndpoint | None
    deleted: list[str]


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the states ``Roll back`` and ``Take back``."""
    parsed = Event.model_validate(event)
    # Before it has trained, a run has made nothing; what has its names then is an earlier run's.
    if parsed.names is None or parsed.training_job is None:
        return {"endpoint": None, "deleted": []}
    return roll_back(parsed.names, parsed.current_endpoint)


def roll_back(names: Names, before: CurrentEndpoint | None) -> Result:
    """Restore what served before a run, then delete the run's endpoint configuration and models.

    Parameters
    ----------
    names
        The run's names.
    before
        The endpoint before the run; None when the run failed before it looked, and so made no endpoint.

    Returns
    -------
    dict
        ``endpoint`` (``name``, ``status``, ``endpoint_config_name``) as it is now, or None; ``deleted``,
        what this call deleted.

    Raises
    ------
    EndpointNotReady
        When SageMaker is still changing the endpoint; call again.
    RollBackFailed
        When SageMaker refuses to restore the earlier configuration, or takes it back by itself: the message says what
        to do. Nothing was deleted then.
    """
    endpoint = describe_endpoint(names.endpoint)
    deleted: list[str] = []
    if before is not None and endpoint is not None:
        if before.exists:
            _restore(endpoint, names, before.endpoint_config_name)
        elif _delete_own(endpoint, names):
            deleted.append(f"endpoint/{names.endpoint}")
            endpoint = None
    if endpoint is not None and endpoint.config == names.endpoint_config:
        raise RollBackFailed(
            f"Endpoint {endpoint.name!r} serves this run's configuration {endpoint.config!r}, and "
            "nobody noted what it served before: it was left as it is. Update or delete it by hand."
        )
    if delete_config(names.endpoint_config):
        deleted.append(f"endpoint-config/{names.endpoint_config}")
    deleted += [f"model/{model}" for model in (names.model, names.champion_model) if delete_model(model)]
    logger.info("Rolled back", deleted=deleted)
    return {
        "endpoint": None
        if endpoint is None
        else {
            "name": endpoint.name,
            "status": endpoint.status,
            "endpoint_config_name": endpoint.config,
        },
        "deleted": deleted,
    }


def _restore(endpoint: Endpoint, names: Names, earlier: str | None) -> None:
    # While it changes, nobody can say which configuration will serve in the end.
    if endpoint.in_transition:
        raise EndpointNotReady(f"Endpoint {endpoint.name!r} is {endpoint.status}; it is restored after that.")
    if endpoint.config != names.endpoint_config:
        _confirm(endpoint, earlier)
        return
    if endpoint.failure_reason and endpoint.status == "InService":
        # This run's configuration was deployed without a fault, so the update that failed is the one back.
        raise RollBackFailed(
            f"Endpoint {endpoint.name!r} was to go back to {earlier!r}, but SageMaker returned to this run's "
            f"{endpoint.config!r}: {endpoint.why} Nothing was deleted. Update the endpoint to a configuration that "
            "works."
        )
    restore_config(endpoint, earlier)


def _confirm(endpoint: Endpoint, earlier: str | None) -> None:
    """Make sure that what does not serve this run's configuration does serve."""
    if endpoint.status != "InService":
        raise RollBackFailed(
            f"Endpoint {endpoint.name!r} is {endpoint.status} with {endpoint.config!r}: {endpoint.why} Nothing was "
            "deleted. Delete the endpoint and create it again with a configuration that works."
        )
    if endpoint.config != earlier:
        logger.warning("The endpoint serves what another run gave it since", endpoint_config=endpoint.config)


def _delete_own(endpoint: Endpoint, names: Names) -> bool:
    if endpoint.config != names.endpoint_config:
        return False  # somebody else made it since
    delete_endpoint(endpoint)
    return True
