from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from shared.errors import EndpointFailed, EndpointNotReady, EndpointRolledBack
from wait_for_endpoint import handler

Read = Callable[[str], dict[str, Any]]
OWN = "switchyard-diabetes-20260701-120000"


def test_it_is_done_when_the_endpoint_serves_the_runs_configuration(endpoints: Any, event: Read, context: Any) -> None:
    endpoints.describe("InService", OWN)
    assert handler(event("wait_for_endpoint"), context) == {
        "endpoint": "switchyard-diabetes",
        "endpoint_config": OWN,
        "status": "InService",
    }


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
def test_it_asks_to_be_called_again_while_sagemaker_works(
    endpoints: Any, event: Read, context: Any, status: str
) -> None:
    endpoints.describe(status, OWN)
    with pytest.raises(EndpointNotReady, match=status):
        handler(event("wait_for_endpoint"), context)


def test_a_failed_endpoint_gives_sagemakers_reason(endpoints: Any, event: Read, context: Any) -> None:
    endpoints.describe("Failed", OWN, reason="The primary container did not pass the ping health check.")
    with pytest.raises(EndpointFailed, match="is Failed: The primary container did not pass"):
        handler(event("wait_for_endpoint"), context)


def test_an_endpoint_that_failed_without_a_reason_says_where_to_look(endpoints: Any, event: Read, context: Any) -> None:
    endpoints.describe("Failed", OWN)
    with pytest.raises(EndpointFailed, match="log group"):
        handler(event("wait_for_endpoint"), context)


def test_an_endpoint_that_went_back_to_its_earlier_configuration_was_rolled_back(
    endpoints: Any, event: Read, context: Any
) -> None:
    endpoints.describe("InService", "switchyard-earlier", reason="ping health check failed")
    with pytest.raises(EndpointRolledBack, match=r"'switchyard-earlier' instead of .*: ping health check failed"):
        handler(event("wait_for_endpoint"), context)


def test_an_endpoint_that_is_gone_fails(aws: None, event: Read, context: Any) -> None:
    with pytest.raises(EndpointFailed, match="is gone"):
        handler(event("wait_for_endpoint"), context)
