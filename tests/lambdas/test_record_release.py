"""Record release: what clients, the registry and the gate are told serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import record_release
from botocore.stub import ANY
from release_events import ENDPOINT, EXECUTION, PACKAGE, SHARED, event, package, releasing
from shared.errors import LeaseLost
from shared.leases import acquire, holder_of
from shared.parameters import read_parameter, write_parameter

Stub = Callable[[str], Any]
SERVES = "/switchyard/diabetes/model-package"
LIVE = "/switchyard/diabetes/endpoint"
RELEASED_AT = "2026-07-01T12:00:00+00:00"
RELEASED = package(release="released", release_execution=EXECUTION, released_at=RELEASED_AT)


@pytest.fixture
def sagemaker(locks: Any, stub: Stub) -> Any:
    """SageMaker; there are SSM and the table of leases too."""
    return stub("sagemaker")


@pytest.fixture
def held(locks: Any) -> None:
    acquire(ENDPOINT, EXECUTION, 60)


def record(context: Any) -> str:
    return str(record_release.handler(event(), context)["released_at"])


def puts_away(sagemaker: Any, stub: Stub) -> None:
    stub("cloudwatch").add_response("delete_alarms", {}, {"AlarmNames": ANY})
    sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": SHARED})


def test_clients_the_registry_and_the_gate_are_told(sagemaker: Any, stub: Stub, context: Any, held: None) -> None:
    write_parameter(SERVES, PACKAGE.replace("/2", "/1"))
    releasing(sagemaker)
    noted = {
        "release": "released", "release_execution": EXECUTION, "released_at": ANY, "released_endpoint": ENDPOINT
    }  # fmt: skip
    sagemaker.add_response(
        "update_model_package",
        {"ModelPackageArn": PACKAGE},
        {
            "ModelPackageArn": PACKAGE,
            "CustomerMetadataProperties": noted,
            "CustomerMetadataPropertiesToRemove": ["release_reason", "release_before"],
        },
    )
    puts_away(sagemaker, stub)
    assert record(context) > "2026"
    assert (read_parameter(LIVE), read_parameter(SERVES)) == (ENDPOINT, PACKAGE)
    assert holder_of(ENDPOINT) is None


def test_a_call_that_broke_off_after_the_mark_is_finished_by_the_next(
    sagemaker: Any, stub: Stub, context: Any, held: None
) -> None:
    sagemaker.add_response("describe_model_package", RELEASED)
    puts_away(sagemaker, stub)
    assert record(context) == RELEASED_AT
    assert read_parameter(SERVES) == PACKAGE
    assert holder_of(ENDPOINT) is None


def test_a_call_whose_answer_was_lost_is_answered_again(sagemaker: Any, context: Any) -> None:
    write_parameter(SERVES, "what another release has brought since")
    acquire(ENDPOINT, "another", 60)
    sagemaker.add_response("describe_model_package", RELEASED)
    assert record(context) == RELEASED_AT
    assert read_parameter(SERVES) == "what another release has brought since"
    assert holder_of(ENDPOINT) == "another"


def test_whoever_has_lost_the_endpoint_before_the_mark_records_nothing(sagemaker: Any, context: Any) -> None:
    acquire(ENDPOINT, "another", 60)
    releasing(sagemaker)
    with pytest.raises(LeaseLost):
        record(context)
    assert (read_parameter(LIVE), read_parameter(SERVES)) == (None, None)
