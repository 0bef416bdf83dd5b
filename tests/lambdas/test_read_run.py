from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from read_run import handler

ARN = "arn:aws:states:us-east-1:123456789012:execution:switchyard-train-and-deploy:run-1"
START = datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC)
PREPARED = {"execution": "run-1", "recipe": "diabetes", "names": {"model": "m"}}
TRAINED = {**PREPARED, "training_job": {"name": "j"}}


def entered(name: str, state: Any) -> dict[str, Any]:
    details = {"name": name, "input": json.dumps(state)}
    return {"timestamp": START, "type": "TaskStateEntered", "id": 1, "stateEnteredEventDetails": details}


def exited(name: str, state: Any) -> dict[str, Any]:
    details = {"name": name, "output": json.dumps(state)}
    return {"timestamp": START, "type": "TaskStateExited", "id": 1, "stateExitedEventDetails": details}


@pytest.fixture
def read(stub: Callable[[str], Any], context: Any) -> Callable[..., dict[str, Any]]:
    def run(status: str, *pages: list[dict[str, Any]], **described: Any) -> dict[str, Any]:
        stepfunctions = stub("stepfunctions")
        machine = ARN.replace("execution:", "stateMachine:").removesuffix(":run-1")
        described = {"executionArn": ARN, "stateMachineArn": machine, "name": "run-1", "startDate": START, **described}
        stepfunctions.add_response("describe_execution", {**described, "status": status}, {"executionArn": ARN})
        for number, page in enumerate(pages, start=1):
            token = {"nextToken": str(number)} if number < len(pages) else {}
            before = {"nextToken": str(number - 1)} if number > 1 else {}
            stepfunctions.add_response(
                "get_execution_history",
                {"events": page, **token},
                {"executionArn": ARN, "reverseOrder": True, **before},
            )
        return handler({"execution": "run-1", "execution_arn": ARN}, context)

    return run


def test_the_newest_whole_state_is_the_run_s(read: Callable[..., dict[str, Any]]) -> None:
    branch_result = exited("Smoke test", {"prediction": 1, "latency_ms": 2})
    result = read("ABORTED", [branch_result, entered("Create model", TRAINED)], error="Mine", cause="I say so")
    assert result == {
        "is_over": True,
        "is_release": False,
        "execution": "run-1",
        "execution_arn": ARN,
        "status": "ABORTED",
        "started": "2026-07-01T12:00:00+00:00",
        "state": {**TRAINED, "error": {"Error": "Mine", "Cause": "I say so"}},
    }


def test_all_pages_are_read(read: Callable[..., dict[str, Any]]) -> None:
    pages = [entered("Prepare run", {"names": {"model": "theirs"}})], [exited("Prepare run", PREPARED)]
    result = read("TIMED_OUT", *pages)
    assert result["state"]["names"] == {"model": "m"}
    assert result["state"]["error"] == {
        "Error": "TIMED_OUT",
        "Cause": "The run took longer than the state machine allows.",
    }


@pytest.mark.parametrize(
    ("state", "is_release"),
    [
        ({**PREPARED, "model_package_arn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/2"}, True),
        ({"model_package": "the input of one that came to nothing"}, False),
    ],
)
def test_a_release_is_told_from_a_run(read: Callable[..., dict[str, Any]], state: Any, is_release: bool) -> None:
    assert read("ABORTED", [entered("Lock endpoint", state)])["is_release"] is is_release


@pytest.mark.parametrize("document", [{"recipe": "x"}, "text", None, {"names": 1, "execution": "another"}])
def test_a_run_s_own_input_is_not_taken_for_its_state(read: Callable[..., dict[str, Any]], document: Any) -> None:
    result = read("ABORTED", [entered("Prepare run", document)])
    assert result["state"] == {
        "execution": "run-1",
        "error": {"Error": "ABORTED", "Cause": "Somebody stopped the run."},
    }


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_a_run_that_goes_on_is_left_alone(read: Callable[..., dict[str, Any]], status: str) -> None:
    assert read(status, [entered("Create model", TRAINED)])["is_over"] is False
