from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sns import sns_backends
from notify import Event, handler, message, subject
from shared.aws import client
from shared.causes import readable_cause

Read = Callable[[str], dict[str, Any]]


LINK = "https://console/#/executions/arn"


def run_of(status: str, state: dict[str, Any], execution: str = "run-1") -> Event:
    return Event.model_validate(
        {
            "status": status,
            "execution": execution,
            "execution_arn": "arn",
            "started": "2026-07-01T12:00:00Z",
            "state": state,
        }
    )


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
    assert re.sub(r"Duration: .*", "Duration:", body) == (
        "Recipe:        diabetes\n"
        "Status:        REJECTED\n"
        "Execution:     diabetes-20260701-120000\n"
        "Duration:\n"
        "Model package: arn:aws:sagemaker:us-east-1:111122223333:model-package/switchyard-diabetes/3\n"
        "\n"
        "Metrics\n"
        "  rmse  71.20  (at most 62.00: missed)\n"
        "  mae   58.12\n"
        "\n"
        "Why\n"
        "  - rmse 71.20 is above the limit 62.00\n"
        "\n"
        f"https://console/#/executions/{event('notify')['execution_arn']}\n"
    )


@pytest.mark.parametrize(
    ("status", "counted"),
    [
        ("REJECTED", "RunsRejected"),
        ("DEPLOYED", "RunsDeployed"),
        ("PENDING_APPROVAL", "RunsRegistered"),
        ("APPROVED", "RunsRegistered"),
        ("ABORTED", "RunsFailed"),
    ],
)
def test_a_run_s_end_is_counted(
    topic: str, event: Read, context: Any, capsys: pytest.CaptureFixture[str], status: str, counted: str
) -> None:
    handler({**event("notify"), "status": status}, context)
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [document.get("recipe") for document in documents if counted in document] == [None, "diabetes"]
    assert all(document["RunDuration"][0] > 0 for document in documents if "RunDuration" in document)


def test_a_deployment_says_where_things_are() -> None:
    predictions = {
        "rows": 66,
        "predictions_uri": "s3://b/runs/e/predictions/",
        "metrics": {"r2": 0.47},
        "champion_metrics": {"r2": 0.41},
    }
    state = {
        "execution": "e",
        "recipe": "diabetes",
        "names": {"endpoint": "switchyard-diabetes"},
        "used": {"predictions": predictions},
        "gate": [
            {"metric": "r2", "direction": "maximize", "threshold": 0.4, "margin": None},
            {"metric": "mae", "direction": "minimize", "threshold": 3, "margin": None},
        ],
        "evaluation": {"metrics": {"r2": 0.5}, "reasons": []},
        # It failed once, and was redriven.
        "error": {"Error": "Overcome", "Cause": "long ago"},
    }
    text = message(run_of("DEPLOYED", state, "e"), LINK, 4000)
    assert "Duration:      1:06:40\n" in text
    assert "On the test data\n  r2   0.47  (champion 0.41)\n" in text
    assert "Overcome" not in text
    assert text.endswith(f"\n\n{LINK}\n")
    assert "Endpoint:      switchyard-diabetes\n" in text
    assert "Predictions:   66 rows, s3://b/runs/e/predictions/\n" in text
    assert "  r2   0.50  (at least 0.40: met)\n  mae  missing\n" in text


@pytest.mark.parametrize(
    ("status", "title"),
    [("PENDING_APPROVAL", "waits for approval"), ("APPROVED", "approved, its release begins")],
)
def test_a_model_that_is_left_to_a_release_says_how_it_gets_there(status: str, title: str) -> None:
    arn = "arn:aws:sagemaker:us-east-1:111122223333:model-package/switchyard-diabetes/3"
    state = {
        "execution": "e",
        "recipe": "diabetes",
        "names": {"endpoint": "switchyard-diabetes"},
        "handover": {"is_needed": True, "strategy": "canary"},
        "evaluation": {"metrics": {"r2": 0.5}, "reasons": []},
        "registration": {"model_package_arn": arn},
    }
    run = run_of(status, state, "e")
    text = message(run, LINK, 5)
    assert subject(run) == f"Switchyard: diabetes {title}"
    assert "Strategy:      canary\n" in text
    assert f"Model package: {arn}\n" in text
    assert "Endpoint:" not in text
    to_do = (
        "\n\nApprove it, and its release begins; or reject it with a reason:\n"
        "  switchyard approve switchyard-diabetes/3\n"
        "  switchyard reject switchyard-diabetes/3 --reason '...'\n"
        f"  aws sagemaker update-model-package --model-package-arn {arn} --model-approval-status Approved\n"
    )
    assert (to_do in text) == (status == "PENDING_APPROVAL")


PACKAGE = "arn:aws:sagemaker:us-east-1:111122223333:model-package/switchyard-diabetes/3"


def release_of(status: str, **further: Any) -> Event:
    state = {
        "execution": "release-1",
        "recipe": "diabetes",
        "names": {"endpoint": "switchyard-diabetes"},
        "release": {"strategy": "canary"},
        "model_package_arn": PACKAGE,
        **further,
    }
    return run_of(status, state, "release-1")


def test_a_release_says_what_each_step_saw() -> None:
    first = {"share": 10, "looks": 3, "requests": 120, "errors_5xx": 0, "errors_4xx": 2, "latency_ms": 8.5}
    last = {"share": 100, "looks": 1, "requests": 0, "errors_5xx": 0, "errors_4xx": 0, "latency_ms": None}
    run = release_of("RELEASED", step={"index": 2, "done": [first, last]})
    assert subject(run) == "Switchyard: diabetes released"
    assert message(run, LINK, 60) == (
        "Recipe:        diabetes\nStatus:        RELEASED\nExecution:     release-1\nDuration:      0:01:00\n"
        f"Endpoint:      switchyard-diabetes\nStrategy:      canary\nModel package: {PACKAGE}\n"
        "\n"
        "Steps\n"
        "   10 %  120 requests, 0 of them 5xx, 2 of them 4xx, 8.5 ms on average\n"
        "  100 %  0 requests, 0 of them 5xx, 0 of them 4xx\n"
        "\n"
        f"{LINK}\n"
    )


def test_a_release_that_was_taken_back_says_why() -> None:
    run = release_of("ROLLED_BACK", undone={"reasons": ["alarm 'errors' is in ALARM", "5 of 10 answers were 5xx"]})
    assert subject(run) == "Switchyard: diabetes taken back"
    assert "\n\nWhy\n  - alarm 'errors' is in ALARM\n  - 5 of 10 answers were 5xx\n\n" in message(run, LINK, 60)


def test_a_release_that_failed_says_what_could_not_be_undone() -> None:
    undone = {"Error": "RollBackFailed", "Cause": json.dumps({"errorMessage": "Update it by hand."})}
    run = release_of("FAILED", error={"Error": "EndpointFailed", "Cause": "it broke"}, undone=undone)
    assert subject(run) == "Switchyard: release of diabetes failed"
    assert "it broke\n\nWhat the run made could not be undone:\nUpdate it by hand.\n" in message(run, LINK, 60)


def test_a_shadow_s_comparison_is_told() -> None:
    comparison = {
        "passed": False,
        "reasons": ["3 of 40 answers are more than 10 % apart"],
        "answers": 40,
        "mean_difference": 0.021,
        "largest_difference": 0.3,
        "share_beyond": 0.075,
        "no_numbers": 0,
        "requests": 40,
        "errors_5xx": 1,
        "latency_ms": 7.25,
    }
    run = release_of("COMPARED", release={"strategy": "shadow"}, shadow={"comparison": comparison})
    text = message(run, LINK, 60)
    assert subject(run) == "Switchyard: diabetes compared"
    assert (
        "\n\nNot passed: 3 of 40 answers are more than 10 % apart. 40 answers compared, 2.10% apart on average, "
        "30.00% at most.\n40 requests, 1 of them 5xx, 0 of them 4xx, 7.25 ms on average\n"
        "Nobody was served by it. It stays Approved: release it with another strategy, or reject it.\n\n"
    ) in text


def test_a_failure_says_what_the_function_said() -> None:
    cause = json.dumps({"errorMessage": "Recipe 'diabets' is not published.", "errorType": "InvalidRun"})
    state = {"input": {"recipe": "diabets"}, "error": {"Error": "InvalidRun", "Cause": cause}}
    run = run_of("FAILED", state)
    assert subject(run) == "Switchyard: run-1 failed"
    assert message(run, LINK, 5) == (
        "Status:        FAILED\nExecution:     run-1\nDuration:      0:00:05\n\n"
        "Error: InvalidRun\nRecipe 'diabets' is not published.\n\n"
        f"{LINK}\n"
    )


@pytest.mark.parametrize(("status", "words"), [("TIMED_OUT", "timed out"), ("ABORTED", "was stopped")])
def test_a_run_that_died_says_how(status: str, words: str) -> None:
    run = run_of(status, {"execution": "run-1", "error": {"Error": status, "Cause": "Somebody stopped the run."}})
    assert subject(run) == f"Switchyard: run-1 {words}"
    assert f"Error: {status}\nSomebody stopped the run.\n" in message(run, LINK, 5)


def test_what_could_not_be_undone_is_said() -> None:
    state = {
        "execution": "run-1",
        "names": {"endpoint": "e"},
        "error": {"Error": "EndpointFailed", "Cause": "it broke"},
        "roll_back": {"Error": "RollBackFailed", "Cause": json.dumps({"errorMessage": "Update it by hand."})},
    }
    text = message(run_of("FAILED", state), LINK, 5)
    assert "it broke\n\nWhat the run made could not be undone:\nUpdate it by hand.\n" in text


@pytest.mark.parametrize("state", [{"recipe": 5, "metrics": "x", "gate": 1}, {"names": {}, "execution": "other"}])
def test_an_input_that_was_refused_does_not_stop_the_message(state: dict[str, Any]) -> None:
    assert message(run_of("FAILED", state), LINK, 5).startswith("Status:        FAILED")


def test_a_failed_jobs_reason_is_found() -> None:
    assert readable_cause(json.dumps({"FailureReason": "AlgorithmError: x"})) == "AlgorithmError: x"
    assert readable_cause("just text") == "just text"
    assert readable_cause('["a"]') == '["a"]'
    assert readable_cause('{"a": 1}') == '{"a": 1}'


def test_a_long_cause_is_cut() -> None:
    assert len(readable_cause("x" * 300_000)) < 2100


def test_a_subject_is_short_printable_ascii() -> None:
    run = run_of("FAILED", {}, "é\n" * 80)
    assert len(subject(run)) == 100
    assert subject(run).startswith("Switchyard: ????")
