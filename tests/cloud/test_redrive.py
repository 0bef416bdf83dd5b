"""RedriveExecution: what did not succeed runs again, what did is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.machines import create_machine, ended, events, machine, start

GET = "arn:aws:states:::aws-sdk:ssm:getParameter"


def ask(parameter: str, **changes: Any) -> dict[str, Any]:
    """A Task state that fails until the parameter is there; its output is the parameter's value."""
    task = {"Type": "Task", "Resource": GET, "Parameters": {"Name": parameter}}
    return {**task, "ResultSelector": {"value.$": "$.Parameter.Value"}, "ResultPath": "$.answer", **changes}


def say(cloud: LocalCloud, parameter: str, value: str = "yes") -> None:
    """Make the state that asks for the parameter succeed from now on."""
    cloud.client("ssm").put_parameter(Name=parameter, Value=value, Type="String", Overwrite=True)


def rest() -> dict[str, Any]:
    """A Wait state that lasts until its execution is redriven."""
    seconds = "{% $states.context.Execution.RedriveCount > 0 ? 1 : 30000 %}"
    return {"Type": "Wait", "QueryLanguage": "JSONata", "Seconds": seconds}


def create_queue(cloud: LocalCloud, name: str) -> str:
    queue: str = cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    return queue


def hand_over(queue: str, **changes: Any) -> dict[str, Any]:
    """A Task state that leaves its token in a queue, and lasts until somebody uses it."""
    resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    parameters = {"QueueUrl": queue, "MessageBody.$": "$$.Task.Token"}
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, **changes}


def handed_over(cloud: LocalCloud, queue: str) -> str:
    """Wait for a token in a queue, and take it."""

    def look() -> str | None:
        sqs = cloud.client("sqs")
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return messages[0]["Body"] if messages else None

    token = wait_until(look)
    assert token is not None
    return token


def redrive(cloud: LocalCloud, arn: str, **options: Any) -> dict[str, Any]:
    cloud.client("stepfunctions").redrive_execution(executionArn=arn, **options)
    return ended(cloud, arn)


def entered(cloud: LocalCloud, arn: str) -> list[str]:
    found = [event for event in events(cloud, arn) if event["type"].endswith("StateEntered")]
    return [event["stateEnteredEventDetails"]["name"] for event in found]


def types(cloud: LocalCloud, arn: str) -> list[str]:
    return [event["type"] for event in events(cloud, arn)]


def test_an_execution_goes_on_from_the_state_that_failed(cloud: LocalCloud, name: str) -> None:
    first = {"Type": "Pass", "Parameters": {"began.$": "$$.State.EnteredTime"}}
    last = {"Type": "Pass", "Parameters": {"told.$": "$", "redrives.$": "$$.Execution.RedriveCount"}}
    arn = start(cloud, machine(First=first, Ask=ask(name), Last=last))
    failed = ended(cloud, arn)
    assert failed["status"] == "FAILED"
    assert [failed["redriveCount"], failed["redriveStatus"]] == [0, "REDRIVABLE"]
    assert "redriveDate" not in failed
    began = json.loads(events(cloud, arn, "PassStateExited")[0]["stateExitedEventDetails"]["output"])
    say(cloud, name)
    execution = redrive(cloud, arn)
    assert execution["status"] == "SUCCEEDED"
    assert json.loads(execution["output"]) == {"told": {**began, "answer": {"value": "yes"}}, "redrives": 1}
    assert [execution["redriveCount"], execution["redriveStatus"]] == [1, "NOT_REDRIVABLE"]
    assert execution["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"
    assert failed["stopDate"] <= execution["redriveDate"] <= execution["stopDate"]
    assert "error" not in execution
    assert entered(cloud, arn) == ["First", "Ask", "Last"]
    assert types(cloud, arn) == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskFailed",
        "ExecutionFailed",
        "ExecutionRedriven",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    history = events(cloud, arn)
    assert [event["id"] for event in history] == list(range(1, len(history) + 1))
    assert history[8]["executionRedrivenEventDetails"] == {"redriveCount": 1}


def test_retries_begin_anew(cloud: LocalCloud, name: str) -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    arn = start(cloud, machine(Ask=ask(name, Retry=retry)))
    ended(cloud, arn)
    assert redrive(cloud, arn)["redriveCount"] == 1
    assert len(events(cloud, arn, "TaskScheduled")) == 6


def test_an_execution_is_redriven_again_and_again(cloud: LocalCloud, name: str) -> None:
    arn = start(
        cloud, machine(Ask=ask(name), Count={"Type": "Pass", "Parameters": {"n.$": "$$.Execution.RedriveCount"}})
    )
    ended(cloud, arn)
    assert [redrive(cloud, arn)["status"] for _ in range(2)] == ["FAILED"] * 2
    say(cloud, name)
    assert json.loads(redrive(cloud, arn)["output"]) == {"n": 3}
    counts = [
        event["executionRedrivenEventDetails"]["redriveCount"] for event in events(cloud, arn, "ExecutionRedriven")
    ]
    assert counts == [1, 2, 3]


def test_of_a_parallel_only_the_branches_that_did_not_succeed_run_again(cloud: LocalCloud, name: str) -> None:
    states, queue = cloud.client("stepfunctions"), create_queue(cloud, name)
    good = machine(Good={"Type": "Pass", "Parameters": {"began.$": "$$.State.EnteredTime"}})
    bad = machine(
        Before={"Type": "Pass", "Result": 1, "ResultPath": "$.before"}, Bad=hand_over(queue, ResultPath="$.answer")
    )
    slow = machine(Slow=rest(), After={"Type": "Pass", "Result": "slept"})
    inner = {"StartAt": "Inner", "States": {"Inner": {"Type": "Parallel", "Branches": [good, bad], "End": True}}}
    good_outer = machine(Aside={"Type": "Pass", "Result": "aside"})
    arn = start(cloud, machine(Both={"Type": "Parallel", "Branches": [good_outer, inner, slow]}), {})
    token = handed_over(cloud, queue)
    # The good ones have ended, and the slow one has begun, before the bad one fails.
    wait_until(lambda: types(cloud, arn).count("PassStateExited") == 3 and "Slow" in entered(cloud, arn))
    states.send_task_failure(taskToken=token, error="No")
    assert ended(cloud, arn)["status"] == "FAILED"
    before = entered(cloud, arn)
    kept = json.loads(events(cloud, arn, "PassStateExited")[0]["stateExitedEventDetails"]["output"])
    assert kept is not None
    states.redrive_execution(executionArn=arn)
    states.send_task_success(taskToken=handed_over(cloud, queue), output='"yes"')
    execution = ended(cloud, arn)
    assert execution["status"] == "SUCCEEDED", execution
    aside, (first, second), slept = json.loads(execution["output"])
    assert [aside, slept] == ["aside", "slept"]
    assert list(first) == ["began"]
    assert second == {"before": 1, "answer": "yes"}
    assert entered(cloud, arn)[len(before) :] == ["After"]
    assert types(cloud, arn).count("ParallelStateExited") == 2


def test_of_a_map_only_the_iterations_that_did_not_succeed_run_again(cloud: LocalCloud, name: str) -> None:
    iteration = machine(
        Note={"Type": "Pass", "Parameters": {"n.$": "$"}, "ResultPath": "$"},
        Ask=ask("", Parameters={"Name.$": f"States.Format('{name}-{{}}', $.n)"}),
    )
    each = {"Type": "Map", "ItemProcessor": iteration, "ItemsPath": "$.items", "MaxConcurrency": 1}
    for number in (0, 2):
        say(cloud, f"{name}-{number}", f"first {number}")
    arn = start(cloud, machine(Each=each), {"items": [0, 1, 2]})
    assert ended(cloud, arn)["status"] == "FAILED"
    for number in (0, 1, 2):
        say(cloud, f"{name}-{number}", f"second {number}")
    execution = redrive(cloud, arn)
    assert execution["status"] == "SUCCEEDED", execution
    answers = [item["answer"]["value"] for item in json.loads(execution["output"])]
    assert answers == ["first 0", "second 1", "second 2"]
    assert types(cloud, arn).count("MapStateStarted") == 1
    assert types(cloud, arn).count("MapIterationSucceeded") == 3


def test_variables_are_what_they_were(cloud: LocalCloud, name: str) -> None:
    assign = {"Type": "Pass", "Assign": {"colour": "blue"}}
    branch = machine(Ask=ask(name), Tell={"Type": "Pass", "Parameters": {"colour.$": "$colour"}})
    arn = start(cloud, machine(Assign=assign, Both={"Type": "Parallel", "Branches": [branch]}))
    assert ended(cloud, arn)["status"] == "FAILED"
    say(cloud, name)
    assert json.loads(redrive(cloud, arn)["output"]) == [{"colour": "blue"}]


def test_an_execution_that_was_stopped_goes_on(cloud: LocalCloud) -> None:
    arn = start(cloud, machine(First={"Type": "Pass"}, Rest=rest(), Last={"Type": "Pass"}))
    wait_until(lambda: "WaitStateEntered" in types(cloud, arn))
    cloud.client("stepfunctions").stop_execution(executionArn=arn, error="Enough")
    assert ended(cloud, arn)["status"] == "ABORTED"
    assert redrive(cloud, arn)["status"] == "SUCCEEDED"
    assert entered(cloud, arn) == ["First", "Rest", "Last"]


def test_an_execution_that_timed_out_has_its_whole_time_again(cloud: LocalCloud) -> None:
    definition = machine(Rest={"Type": "Wait", "Seconds": 30_000}) | {"TimeoutSeconds": 1}
    arn = start(cloud, definition)
    first = ended(cloud, arn)
    second = redrive(cloud, arn)
    assert [first["status"], second["status"]] == ["TIMED_OUT"] * 2
    assert (second["stopDate"] - second["redriveDate"]).total_seconds() >= 0.9
    assert types(cloud, arn).count("ExecutionTimedOut") == 2


def test_a_fail_state_fails_again(cloud: LocalCloud) -> None:
    arn = start(cloud, machine(Stop={"Type": "Fail", "Error": "TooHot"}))
    ended(cloud, arn)
    execution = redrive(cloud, arn)
    assert [execution["status"], execution["error"], execution["redriveCount"]] == ["FAILED", "TooHot", 1]
    assert entered(cloud, arn) == ["Stop", "Stop"]


def test_the_definition_is_the_one_it_was_started_with(cloud: LocalCloud, name: str) -> None:
    states = cloud.client("stepfunctions")
    machine_arn = create_machine(cloud, machine(Ask=ask(name), Last={"Type": "Pass", "Result": "old"}))
    arn = states.start_execution(stateMachineArn=machine_arn)["executionArn"]
    ended(cloud, arn)
    states.update_state_machine(stateMachineArn=machine_arn, definition=json.dumps(machine(New={"Type": "Succeed"})))
    say(cloud, name)
    assert redrive(cloud, arn)["output"] == '"old"'


def test_a_task_waits_for_its_new_token(cloud: LocalCloud, name: str) -> None:
    states, queue = cloud.client("stepfunctions"), create_queue(cloud, name)
    arn = start(cloud, machine(Send=hand_over(queue)))
    first = handed_over(cloud, queue)
    states.send_task_failure(taskToken=first, error="No")
    ended(cloud, arn)
    states.redrive_execution(executionArn=arn)
    second = handed_over(cloud, queue)
    assert second != first
    states.send_task_success(taskToken=second, output='"yes"')
    assert ended(cloud, arn)["output"] == '"yes"'


@pytest.mark.parametrize("state", [{"Type": "Pass"}, {"Type": "Wait", "Seconds": 3000}])
def test_what_runs_or_has_succeeded_is_not_redriven(cloud: LocalCloud, state: dict[str, Any]) -> None:
    arn = start(cloud, machine(Only=state))
    states = cloud.client("stepfunctions")
    if state["Type"] == "Pass":
        ended(cloud, arn)
    with pytest.raises(ClientError, match="cannot be redriven") as refused:
        states.redrive_execution(executionArn=arn)
    assert refused.value.response["Error"]["Code"] == "ExecutionNotRedrivable"
    assert states.describe_execution(executionArn=arn)["redriveStatus"] == "NOT_REDRIVABLE"
    if state["Type"] == "Wait":
        states.stop_execution(executionArn=arn)


def test_what_is_not_there_is_not_redriven(cloud: LocalCloud) -> None:
    arn = start(cloud, machine(Only={"Type": "Pass"})) + "-other"
    with pytest.raises(ClientError) as refused:
        cloud.client("stepfunctions").redrive_execution(executionArn=arn)
    assert refused.value.response["Error"]["Code"] == "ExecutionDoesNotExist"


def test_a_repeated_request_is_the_same_redrive(cloud: LocalCloud) -> None:
    arn = start(cloud, machine(Stop={"Type": "Fail"}))
    ended(cloud, arn)
    states = cloud.client("stepfunctions")
    first = states.redrive_execution(executionArn=arn, clientToken="once")["redriveDate"]
    ended(cloud, arn)
    assert states.redrive_execution(executionArn=arn, clientToken="once")["redriveDate"] == first
    assert states.describe_execution(executionArn=arn)["redriveCount"] == 1
    assert redrive(cloud, arn, clientToken="twice")["redriveCount"] == 2


def test_redriven_executions_can_be_listed(cloud: LocalCloud) -> None:
    machine_arn = create_machine(cloud, machine(Stop={"Type": "Fail"}))
    states = cloud.client("stepfunctions")
    arns = [states.start_execution(stateMachineArn=machine_arn)["executionArn"] for _ in range(2)]
    for arn in arns:
        ended(cloud, arn)
    redrive(cloud, arns[0])

    def listed(wanted: str) -> list[tuple[str, int]]:
        found = states.list_executions(stateMachineArn=machine_arn, redriveFilter=wanted)["executions"]
        return [(execution["executionArn"], execution["redriveCount"]) for execution in found]

    assert listed("REDRIVEN") == [(arns[0], 1)]
    assert listed("NOT_REDRIVEN") == [(arns[1], 0)]
