from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from look_up_endpoint import handler
from shared.errors import EndpointBusy, EndpointFailed, ServiceFault

Read = Callable[[str], dict[str, Any]]


@pytest.fixture(autouse=True)
def holders(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Which execution releases to which endpoint."""
    found: dict[str, str] = {}
    monkeypatch.setattr("look_up_endpoint.holder_of", found.get)
    return found


@pytest.fixture(autouse=True)
def parameters(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Where clients are sent to."""
    found: dict[str, str] = {}
    monkeypatch.setattr("look_up_endpoint.live_endpoint", found.get)
    return found


def test_an_endpoint_that_is_released_to_is_busy(holders: dict[str, str], event: Read, context: Any) -> None:
    holders["switchyard-diabetes"] = "canary-1"
    with pytest.raises(EndpointBusy, match="'canary-1' releases a model to endpoint 'switchyard-diabetes'"):
        handler(event("look_up_endpoint"), context)


def test_it_tells_which_configuration_serves(endpoints: Any, event: Read, context: Any) -> None:
    endpoints.describe("InService", "switchyard-earlier")
    assert handler(event("look_up_endpoint"), context) == {
        "exists": True,
        "status": "InService",
        "endpoint_config_name": "switchyard-earlier",
        "endpoint_name": "switchyard-diabetes",
    }


def test_an_endpoint_that_does_not_exist_is_no_error(aws: None, event: Read, context: Any) -> None:
    assert handler(event("look_up_endpoint"), context) == {
        "exists": False,
        "status": None,
        "endpoint_config_name": None,
        "endpoint_name": "switchyard-diabetes",
    }


def test_it_looks_where_clients_are_sent(aws: None, parameters: dict[str, str], event: Read, context: Any) -> None:
    parameters["/switchyard/diabetes/endpoint"] = "switchyard-diabetes-b"
    assert handler(event("look_up_endpoint"), context)["endpoint_name"] == "switchyard-diabetes-b"


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"])
def test_an_endpoint_that_somebody_changes_is_busy(endpoints: Any, event: Read, context: Any, status: str) -> None:
    endpoints.describe(status, "other")
    with pytest.raises(EndpointBusy, match=f"'switchyard-diabetes' is {status}"):
        handler(event("look_up_endpoint"), context)


@pytest.mark.parametrize("status", ["Failed", "OutOfService", "UpdateRollbackFailed"])
def test_an_endpoint_that_cannot_be_updated_says_why_and_what_to_do(
    endpoints: Any, event: Read, context: Any, status: str
) -> None:
    endpoints.describe(status, "other", reason="no capacity")
    with pytest.raises(EndpointFailed, match=rf"is {status}: no capacity\..* delete the endpoint"):
        handler(event("look_up_endpoint"), context)


def test_throttling_can_be_retried(endpoints: Any, event: Read, context: Any) -> None:
    endpoints.stubber.add_client_error("describe_endpoint", "ThrottlingException", "Rate exceeded", 400)
    with pytest.raises(ServiceFault, match="Rate exceeded"):
        handler(event("look_up_endpoint"), context)
