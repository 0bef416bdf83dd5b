"""The events that tell EventBridge of an execution's status."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.machines import create_machine, ended, machine

_numbers = itertools.count(1)


@pytest.fixture
def follow(cloud: LocalCloud) -> Iterator[Callable[[str, int], list[dict[str, Any]]]]:
    """Gives, by a machine's ARN, the first so many events of its executions; call it once before they start."""
    events, sqs = cloud.client("events"), cloud.client("sqs")
    rules: dict[str, tuple[str, str]] = {}
    seen: list[dict[str, Any]] = []

    def follow(machine_arn: str, count: int = 0) -> list[dict[str, Any]]:
        if machine_arn not in rules:
            rule = f"status-{next(_numbers)}"
            queue = sqs.create_queue(QueueName=rule)["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [machine_arn]}}
            rule_arn = events.put_rule(Name=rule, EventPattern=json.dumps(pattern))["RuleArn"]
            policy = {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": arn,
                        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
                    }
                ],
            }
            sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
            events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
            rules[machine_arn] = rule, queue

        def look() -> bool:
            answer = sqs.receive_message(QueueUrl=rules[machine_arn][1], MaxNumberOfMessages=10)
            seen.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
            return len(seen) >= count

        wait_until(look)
        return sorted(seen, key=lambda event: event["detail"]["stopDate"] or 0)

    yield follow
    for rule, queue in rules.values():
        events.remove_targets(Rule=rule, Ids=["queue"])
        events.delete_rule(Name=rule)
        sqs.delete_queue(QueueUrl=queue)


def test_a_success_is_told_from_its_start_to_its_output(cloud: LocalCloud, follow: Any) -> None:
    arn = create_machine(cloud, machine(Say={"Type": "Pass", "Result": "done"}))
    follow(arn)
    execution = cloud.client("stepfunctions").start_execution(stateMachineArn=arn, name="told", input='{"a": 1}')
    began, succeeded = follow(arn, 2)
    assert [began["detail"]["status"], succeeded["detail"]["status"]] == ["RUNNING", "SUCCEEDED"]
    assert began["source"] == "aws.states"
    assert began["detail-type"] == "Step Functions Execution Status Change"
    assert began["resources"] == [execution["executionArn"]]
    assert began["detail"] == {
        "executionArn": execution["executionArn"],
        "stateMachineArn": arn,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "name": "told",
        "status": "RUNNING",
        "startDate": int(execution["startDate"].timestamp() * 1000),
        "stopDate": None,
        "input": '{"a": 1}',
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": None,
        "error": None,
        "cause": None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
    }
    assert succeeded["detail"]["output"] == '"done"'
    assert succeeded["detail"]["outputDetails"] == {"included": True}
    assert succeeded["detail"]["stopDate"] >= began["detail"]["startDate"]
    assert succeeded["detail"]["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"


def test_a_failure_is_told_with_error_and_cause(cloud: LocalCloud, follow: Any) -> None:
    arn = create_machine(cloud, machine(Stop={"Type": "Fail", "Error": "TooHot", "Cause": "40 degrees"}))
    follow(arn)
    cloud.client("stepfunctions").start_execution(stateMachineArn=arn)
    failed = follow(arn, 2)[1]["detail"]
    assert [failed[key] for key in ("status", "error", "cause", "output")] == ["FAILED", "TooHot", "40 degrees", None]
    assert [failed["redriveStatus"], failed["redriveStatusReason"]] == ["REDRIVABLE", None]


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT"])
def test_an_execution_that_does_not_end_by_itself_is_told_too(cloud: LocalCloud, follow: Any, status: str) -> None:
    definition = machine(Rest={"Type": "Wait", "Seconds": 3000})
    if status == "TIMED_OUT":
        definition["TimeoutSeconds"] = 1
    arn = create_machine(cloud, definition)
    follow(arn)
    states = cloud.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    if status == "ABORTED":
        states.stop_execution(executionArn=execution)
    ended(cloud, execution)
    assert follow(arn, 2)[1]["detail"]["status"] == status


def test_data_that_would_not_fit_is_left_out(cloud: LocalCloud, follow: Any) -> None:
    arn = create_machine(cloud, machine(Say={"Type": "Pass"}))
    follow(arn)
    states = cloud.client("stepfunctions")
    states.start_execution(stateMachineArn=arn, input=json.dumps("x" * 255_000))
    for event in follow(arn, 2):
        assert event["detail"]["input"] is None
        assert event["detail"]["inputDetails"] == {"included": False}
