"""Schedules that fire, in real time."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.events.conftest import EventCloud
from tests.cloud.local_cloud import wait_until


def role(events: EventCloud) -> str:
    return f"arn:aws:iam::123456789012:role/{events.resource('StartRole')}"


def arn_of(events: EventCloud, queue: str) -> str:
    answer = events.client("sqs").get_queue_attributes(QueueUrl=events.resource(queue), AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]


def soon() -> str:
    moment = datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(seconds=1)
    return f"at({moment:%Y-%m-%dT%H:%M:%S})"


def schedule(events: EventCloud, name: str, target: dict[str, Any], **options: Any) -> None:
    options = {"ScheduleExpression": soon(), "FlexibleTimeWindow": {"Mode": "OFF"}, **options}
    events.client("scheduler").create_schedule(Name=name, Target={"RoleArn": role(events), **target}, **options)


def test_a_schedule_starts_a_machine_once_and_is_deleted_if_it_says_so(events: EventCloud) -> None:
    given = {"Arn": events.output("Machine"), "Input": '{"at": "<aws.scheduler.scheduled-time>"}'}
    schedule(events, "once", given, ActionAfterCompletion="DELETE")
    states = events.client("stepfunctions")

    def inputs() -> list[Any]:
        executions = states.list_executions(stateMachineArn=events.output("Machine"))["executions"]
        described = [states.describe_execution(executionArn=each["executionArn"]) for each in executions]
        return [each["input"] for each in described if '"at"' in each["input"]]

    (started,) = wait_until(inputs)
    assert datetime.datetime.fromisoformat(json.loads(started)["at"])

    def is_gone() -> bool:
        return "once" not in [each["Name"] for each in events.client("scheduler").list_schedules()["Schedules"]]

    assert wait_until(is_gone)
    assert len(inputs()) == 1


def test_a_schedule_without_an_input_sends_scheduler_s_own_event(events: EventCloud) -> None:
    schedule(events, "plain", {"Arn": arn_of(events, "Queue")})
    message = events.message("Queue", lambda body: isinstance(body, dict) and body.get("source") == "aws.scheduler")
    assert message["body"]["detail-type"] == "Scheduled Event"
    assert message["body"]["resources"] == ["arn:aws:scheduler:us-east-1:123456789012:schedule/default/plain"]
    assert events.client("scheduler").get_schedule(Name="plain")["ScheduleExpression"].startswith("at(")


def test_a_call_that_cannot_be_made_is_a_dead_letter(events: EventCloud) -> None:
    machine = f"{events.output('Machine')}-is-gone"
    dead_letters = {"Arn": arn_of(events, "DeadLetters")}
    schedule(events, "nowhere", {"Arn": machine, "Input": '{"lost": "call"}', "DeadLetterConfig": dead_letters})
    letter = events.message("DeadLetters", lambda body: body == {"lost": "call"})
    assert letter["TARGET_ARN"] == machine
    assert letter["SCHEDULE_ARN"].endswith("schedule/default/nowhere")
    assert letter["EXECUTION_ID"]
    assert letter["RETRY_ATTEMPTS"] == "0"


def test_a_schedule_can_call_any_operation_of_aws(events: EventCloud) -> None:
    call = {"QueueUrl": events.resource("Queue"), "MessageBody": '"from any operation"'}
    schedule(events, "any", {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": json.dumps(call)})
    events.message("Queue", lambda body: body == "from any operation")


def test_a_schedule_that_cannot_be_fired_holds_up_no_other(events: EventCloud) -> None:
    moment = {"ScheduleExpression": soon()}
    without_role = {"Target": {"Arn": arn_of(events, "Queue")}, "FlexibleTimeWindow": {"Mode": "OFF"}}
    events.client("scheduler").create_schedule(Name="a-wrong", **without_role, **moment)
    schedule(events, "b-right", {"Arn": arn_of(events, "Queue"), "Input": '"not held up"'}, **moment)
    events.message("Queue", lambda body: body == "not held up")


def test_a_call_whose_input_is_no_json_is_a_dead_letter(events: EventCloud) -> None:
    operation = {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": '["no members"]'}
    schedule(events, "any-wrong", {**operation, "DeadLetterConfig": {"Arn": arn_of(events, "DeadLetters")}})
    letter = events.message("DeadLetters", lambda body: body == ["no members"])
    assert letter["ERROR_CODE"] == "SDK_CLIENT_ERROR"


def test_a_disabled_schedule_fires_once_it_is_enabled(events: EventCloud) -> None:
    scheduler = events.client("scheduler")
    target = {"Arn": arn_of(events, "Queue"), "Input": '"enabled"', "RoleArn": role(events)}
    window = {"Mode": "OFF"}
    schedule(
        events, "off", {"Arn": target["Arn"], "Input": '"never"'}, State="DISABLED", ScheduleExpression="rate(1 day)"
    )
    scheduler.update_schedule(
        Name="off", Target=target, FlexibleTimeWindow=window, State="ENABLED", ScheduleExpression=soon()
    )
    events.message("Queue", lambda body: body == "enabled")
    assert "never" not in [message["body"] for message in events.received("Queue")]


def test_schedules_of_the_template_are_there(events: EventCloud) -> None:
    described = events.client("scheduler").get_schedule(Name="nightly", GroupName="trial-schedules")
    assert described["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert described["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert json.loads(described["Target"]["Input"]) == {"why": "it is night"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ScheduleExpression": "rate(1 second)"}, "Invalid Schedule Expression"),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "Invalid Time Zone"),
        ({"GroupName": "none"}, "Schedule group none does not exist"),
    ],
)
def test_a_wrong_schedule_is_refused(events: EventCloud, change: dict[str, str], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        schedule(events, "wrong", {"Arn": events.output("Machine")}, **change)
    assert "wrong" not in [each["Name"] for each in events.client("scheduler").list_schedules()["Schedules"]]


def test_a_wrong_rule_is_refused(events: EventCloud) -> None:
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        events.client("events").put_rule(Name="wrong", ScheduleExpression="cron(0 10 * * * *)")
