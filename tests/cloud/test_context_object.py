"""What ``$$`` holds: the retry of a state, the redrive of an execution, and when each began."""

from __future__ import annotations

import datetime
import json
from typing import Any

from tests.cloud.local_cloud import LocalCloud
from tests.cloud.machines import ended, events, failure, machine, run, start

RETRY_ALL = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}]


def name_of_each_try(cloud: LocalCloud, arn: str) -> list[Any]:
    found = events(cloud, arn, "TaskScheduled")
    return [json.loads(event["taskScheduledEventDetails"]["parameters"])["Name"] for event in found]


def test_parameters_are_evaluated_anew_for_each_retry(cloud: LocalCloud) -> None:
    named = "States.Format('{}-{}-{}', $.name, $$.Execution.RedriveCount, $$.State.RetryCount)"
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
        "Parameters": {"Name.$": named},
        "Retry": RETRY_ALL,
    }
    arn = start(cloud, machine(Ask=task), {"name": "x"})
    assert ended(cloud, arn)["status"] == "FAILED"
    assert name_of_each_try(cloud, arn) == ["x-0-0", "x-0-1", "x-0-2"]


def test_the_count_begins_anew_with_each_state(cloud: LocalCloud) -> None:
    count = {"Type": "Pass", "Parameters": {"tries.$": "$$.State.RetryCount"}}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
        "Parameters": {"Name": "nothing-has-this-name"},
        "Retry": RETRY_ALL,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Count"}],
    }
    assert run(cloud, machine(Ask=task, Count=count)) == {"tries": 0}


def test_a_choice_asks_for_the_redrive_and_the_retry(cloud: LocalCloud) -> None:
    asks = {
        "And": [
            {"Variable": f"$$.{path}", "NumericEquals": 0} for path in ("Execution.RedriveCount", "State.RetryCount")
        ]
    }
    definition = machine(
        First={"Type": "Choice", "Choices": [{**asks, "Next": "Good"}], "Default": "Bad"}, Bad={"Type": "Fail"}
    )
    definition["States"]["Good"] = {"Type": "Succeed"}
    assert run(cloud, definition) == {}


def test_times_are_texts_of_the_moment(cloud: LocalCloud) -> None:
    told = {
        "Type": "Pass",
        "Parameters": {
            "started.$": "$$.Execution.StartTime",
            "entered.$": "$$.State.EnteredTime",
            "said.$": "States.Format('at {}', $$.Execution.StartTime)",
        },
    }
    output = run(cloud, machine(Tell=told))
    started, entered = (datetime.datetime.fromisoformat(output[key]) for key in ("started", "entered"))
    assert datetime.timedelta() <= entered - started < datetime.timedelta(minutes=1)
    assert output["started"].endswith("Z")
    assert output["said"] == f"at {output['started']}"


def test_an_execution_that_was_never_redriven_has_no_redrive_time(cloud: LocalCloud) -> None:
    error, cause = failure(cloud, machine(Ask={"Type": "Pass", "Parameters": {"at.$": "$$.Execution.RedriveTime"}}))
    assert error == "States.Runtime"
    assert "RedriveTime" in cause
