"""The events of executions in their state machine's log group."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.machines import ended, machine

_numbers = itertools.count(1)
FAILING = machine(First={"Type": "Pass"}, Stop={"Type": "Fail", "Error": "TooHot", "Cause": "40 degrees"})
Lines = Callable[[str], list[dict[str, Any]]]


def logged(cloud: LocalCloud, name: str, level: str, *, includes_data: bool = True) -> tuple[str, str, Lines]:
    """Run a failing machine whose log has a level; return the group, the execution, and a reader of its lines."""
    group = f"/aws/vendedlogs/states/{name}-{next(_numbers)}"
    cloud.client("logs").create_log_group(logGroupName=group)
    states = cloud.client("stepfunctions")
    arn = states.create_state_machine(
        name=f"logged-{next(_numbers)}",
        definition=json.dumps(FAILING),
        roleArn=cloud.output("LoggedMachineRoleArn"),
        loggingConfiguration={
            "level": level,
            "includeExecutionData": includes_data,
            "destinations": [
                {"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"}}
            ],
        },
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=arn, input='{"a": 1}')["executionArn"]
    ended(cloud, execution)

    def lines(last: str) -> list[dict[str, Any]]:
        def look() -> list[dict[str, Any]]:
            found = [json.loads(line) for line in cloud.log(group)]
            return found if found and found[-1]["type"] == last else []

        return wait_until(look)

    return group, execution, lines


def test_every_event_is_written_as_step_functions_does(cloud: LocalCloud, name: str) -> None:
    group, execution, lines = logged(cloud, name, "ALL")
    found = lines("ExecutionFailed")
    assert [line["type"] for line in found] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "FailStateEntered",
        "ExecutionFailed",
    ]
    started = found[0]
    assert set(started) == {
        *("id", "type", "details", "redrive_count", "previous_event_id", "event_timestamp", "execution_arn"),
    }
    assert [started["id"], started["previous_event_id"], started["redrive_count"]] == ["1", "0", "0"]
    assert started["execution_arn"] == execution
    assert json.loads(started["details"]["input"]) == {"a": 1}
    history = cloud.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
    assert [int(line["event_timestamp"]) for line in found] == [
        int(event["timestamp"].timestamp() * 1000) for event in history
    ]
    streams = cloud.client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    machine_name = execution.split(":")[6]
    assert all(
        re.fullmatch(rf"states/{machine_name}/\d{{4}}(-\d\d){{4}}/[0-9a-f]{{8}}", stream["logStreamName"])
        for stream in streams
    )


@pytest.mark.parametrize(
    ("level", "types"), [("ERROR", ["FailStateEntered", "ExecutionFailed"]), ("FATAL", ["ExecutionFailed"])]
)
def test_a_level_keeps_events_out(cloud: LocalCloud, name: str, level: str, types: list[str]) -> None:
    _, _, lines = logged(cloud, name, level)
    assert [line["type"] for line in lines("ExecutionFailed")] == types


def test_a_log_that_is_off_stays_empty(cloud: LocalCloud, name: str) -> None:
    group, _, _ = logged(cloud, name, "OFF")
    _, _, lines = logged(cloud, name, "FATAL")  # written after it would have been
    assert lines("ExecutionFailed")
    assert cloud.log(group) == []


def test_execution_data_is_left_out_when_so_wanted(cloud: LocalCloud, name: str) -> None:
    _, _, lines = logged(cloud, name, "ALL", includes_data=False)
    found = lines("ExecutionFailed")
    assert found[0]["details"] == {"roleArn": cloud.output("LoggedMachineRoleArn")}
    assert found[1]["details"] == {"name": "First"}
    assert found[-1]["details"] == {"error": "TooHot", "cause": "40 degrees"}


def test_a_redriven_execution_goes_on_in_its_log(cloud: LocalCloud, name: str) -> None:
    _, execution, lines = logged(cloud, name, "ALL")
    lines("ExecutionFailed")
    cloud.client("stepfunctions").redrive_execution(executionArn=execution)
    found = wait_until(lambda: [line for line in lines("ExecutionFailed") if line["redrive_count"] == "1"])
    assert [line["type"] for line in found] == ["ExecutionRedriven", "FailStateEntered", "ExecutionFailed"]
    assert found[0]["details"] == {"redriveCount": 1}


def test_the_template_s_machine_has_its_log(cloud: LocalCloud) -> None:
    states = cloud.client("stepfunctions")
    arn = cloud.output("LoggedMachineArn")
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    ended(cloud, execution)
    lines = wait_until(lambda: cloud.log("/aws/vendedlogs/states/logged"))
    assert json.loads(lines[0])["execution_arn"] == execution
    configuration = states.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"]
    assert [configuration["level"], configuration["includeExecutionData"]] == ["ALL", True]
