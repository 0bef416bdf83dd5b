from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sns import sns_backends
from notify import Event, handler, message, readable_cause, subject
from shared.aws import client

Read = Callable[[str], dict[str, Any]]


@pytest.fixture
def topic(aws: None) -> str:
    arn: str = client("sns").create_topic(Name="switchyard-notifications")["TopicArn"]
    assert arn == os.environ["NOTIFICATION_TOPIC_ARN"]
    return arn


def test_a_rejection_says_why(topic: str, event: Read, context: Any) -> None:
    result = handler(event("notify"), context)
    ((message_id, body, title, *_),) = sns_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].topics[topic].sent_notifications
    assert result == {"message_id": message_id}
    assert title == "Switchyard: diabetes rejected"
    assert body == (
        "Recipe:        diabetes\n"
        "Status:        REJECTED\n"
        "Execution:     diabetes-20260701-120000\n"
        "Model package: arn:aws:sagemaker:us-east-1:111122223333:model-package/switchyard-diabetes/3\n"
        "\n"
        "Metrics\n"
        "  rmse  71.20  (at most 62.00: missed)\n"
        "  mae   58.12\n"
        "\n"
        "Why\n"
        "  - rmse 71.20 is above the limit 62.00\n"
    )


def test_a_deployment_says_where_things_are() -> None:
    text = message(
        Event.model_validate(
            {
                "status": "DEPLOYED",
                "execution": "e",
                "state": {
                    "execution": "e",
                    "recipe": "diabetes",
                    "names": {"endpoint": "switchyard-diabetes"},
                    "used": {"predictions": {"rows": 66, "predictions_uri": "s3://b/runs/e/predictions/"}},
                    "gate": [
                        {"metric": "r2", "direction": "maximize", "threshold": 0.4, "margin": None},
                        {"metric": "mae", "direction": "minimize", "threshold": 3, "margin": None},
                    ],
                    "evaluation": {"metrics": {"r2": 0.5}, "reasons": []},
                },
            }
        )
    )
    assert "Endpoint:      switchyard-diabetes\n" in text
    assert "Predictions:   66 rows, s3://b/runs/e/predictions/\n" in text
    assert "  r2   0.50  (at least 0.40: met)\n  mae  missing\n" in text


def test_a_failure_says_what_the_function_said() -> None:
    cause = json.dumps({"errorMessage": "Recipe 'diabets' is not published.", "errorType": "InvalidRun"})
    state = {"input": {"recipe": "diabets"}, "error": {"Error": "InvalidRun", "Cause": cause}}
    run = Event.model_validate({"status": "FAILED", "execution": "run-1", "state": state})
    assert subject(run) == "Switchyard: run-1 failed"
    assert message(run) == (
        "Status:        FAILED\nExecution:     run-1\n\nError: InvalidRun\nRecipe 'diabets' is not published.\n"
    )


@pytest.mark.parametrize("state", [{"recipe": 5, "metrics": "x", "gate": 1}, {"names": {}, "execution": "other"}])
def test_an_input_that_was_refused_does_not_stop_the_message(state: dict[str, Any]) -> None:
    run = Event.model_validate({"status": "FAILED", "execution": "run-1", "state": state})
    assert message(run).startswith("Status:        FAILED")


def test_a_failed_jobs_reason_is_found() -> None:
    assert readable_cause(json.dumps({"FailureReason": "AlgorithmError: x"})) == "AlgorithmError: x"
    assert readable_cause("just text") == "just text"
    assert readable_cause('["a"]') == '["a"]'
    assert readable_cause('{"a": 1}') == '{"a": 1}'


def test_a_long_cause_is_cut() -> None:
    assert len(readable_cause("x" * 300_000)) < 2100


def test_a_subject_is_short_printable_ascii() -> None:
    run = Event.model_validate({"status": "FAILED", "execution": "é\n" * 80})
    assert len(subject(run)) == 100
    assert subject(run).startswith("Switchyard: ????")
