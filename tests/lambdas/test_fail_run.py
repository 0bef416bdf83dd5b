from __future__ import annotations

import json
from typing import Any

import pytest
from fail_run import handler


def event(redrives: int, at_failure: int, cause: str = "no room") -> dict[str, Any]:
    return {
        "execution": "run-1",
        "error": {"Error": "States.TaskFailed", "Cause": cause},
        "redrives": redrives,
        "redrives_at_failure": at_failure,
    }


@pytest.mark.parametrize("redrives", [0, 2])
def test_a_failed_run_ends_with_its_own_error(context: Any, redrives: int) -> None:
    cause = json.dumps({"TrainingJobName": "j", "FailureReason": "AlgorithmError: no room"})
    with pytest.raises(Exception, match=r"^AlgorithmError: no room$") as raised:
        handler(event(redrives, redrives, cause), context)
    # Step Functions sees the class's name.
    assert raised.type.__name__ == "States.TaskFailed"


def test_a_redriven_run_goes_on(context: Any) -> None:
    assert handler(event(3, 2), context) == {"redrive": 3}
