"""The data that flows through machines that are not this project's: what is told, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from switchyard.checks.flow import Flow
from tests.sample_project import definition

DONE = {"Type": "Succeed"}
TASK = {"Type": "Task", "Next": "Done"}


def told(machine: dict[str, Any]) -> list[str]:
    return [f"{found.where}: {found.message}" for found in Flow({}).follow(machine) if not found.is_note]


def making(value: Any) -> dict[str, Any]:
    return {"Type": "Pass", "Parameters": value, "Next": "Read"}


def reading(path: str) -> dict[str, Any]:
    return {"Type": "Pass", "Parameters": {"x.$": path}, "End": True}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("$.b", "$ has no 'b'"),
        ("$.a.b", "$.a is the number 1, it has no member 'b'"),
        ("$.list[5]", "$.list has 2 elements, none at [5]"),
        ("$$.Execution.Nmae", "has no 'Nmae'"),
        ("$$.Task.Token", "has no 'Task'"),
        ("$missing", "no state assigns the variable 'missing'"),
        ("States.Formatt('{}', $.a)", "there is no intrinsic function States.Formatt"),
        ("States.Format('{} {}', $.a)", "2 places {} for 1 values"),
        ("States.MathAdd($.text, 1)", "argument 1 of States.MathAdd is"),
        ("States.Hash($.text, 'SHA-2')", "States.Hash knows no algorithm 'SHA-2'"),
        ("States.ArrayLength($.list, 1)", "takes 1 arguments, here are 2"),
        ("States.Format('{}', $.b)", "$ has no 'b'"),
    ],
)
def test_what_a_path_or_a_function_cannot_read_is_told(path, message):
    problems = told(definition(Make=making({"a": 1, "text": "t", "list": [1, 2]}), Read=reading(path)))
    assert len(problems) == 1
    assert problems[0].startswith("States.Read.Parameters.x.$: ")
    assert message in problems[0]


@pytest.mark.parametrize(
    "path",
    ["$.a", "$.list[0]", "$.list[*]", "$..a", "$['a']", "$$.Execution.Name", "States.UUID()", "States.Array($.a, 1)"],
)
def test_what_is_there_is_not_told(path):
    assert told(definition(Make=making({"a": 1, "list": [1, 2]}), Read=reading(path))) == []


def test_nothing_is_said_of_the_machines_own_input():
    assert told(definition(Read=reading("$.anything.at[3].all"))) == []


def test_a_member_set_on_one_way_only_is_told_with_the_way():
    choose = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.go", "BooleanEquals": True, "Next": "Set"}],
        "Default": "Read",
    }
    write = {"Type": "Pass", "Result": 1, "ResultPath": "$.b", "Next": "Read"}
    start = {"Type": "Pass", "Parameters": {"go.$": "$$.Execution.Input.go"}, "Next": "Choose"}
    machine = definition(Start=start, Choose=choose, Set=write, Read=reading("$.b"))
    assert told(machine) == ["States.Read.Parameters.x.$: $.b: $ has no 'b' when the execution comes from 'Choose'"]
    choose["Choices"].insert(0, {"Variable": "$.b", "IsPresent": False, "Next": "Set"})
    assert told(machine) == []


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ("arn:aws:states:::lambda:invoke.sync", "lambda:invoke cannot be called as .sync"),
        ("arn:aws:states:::sagemaker:createTrainingJobs", "Step Functions has no sagemaker:createTrainingJobs"),
        ("arn:aws:states:::aws-sdk:dynamodbb:putItem", "aws-sdk has no service 'dynamodbb'"),
        ("arn:aws:states:::aws-sdk:sfn:startExecutions", "sfn has no action 'startExecutions'"),
    ],
)
def test_a_resource_that_does_not_exist_is_told(resource, message):
    assert message in told(definition(Go={**TASK, "Resource": resource}, Done=DONE))[0]


def test_a_token_that_nobody_is_given_is_told():
    task = {**TASK, "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"}
    task["Parameters"] = {"QueueUrl": "q", "MessageBody": "hello"}
    assert "waits for a token that it gives to nobody" in told(definition(Go=task, Done=DONE))[0]
    task["Parameters"] = {"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}}
    assert told(definition(Go=task, Done=DONE)) == []


def test_a_token_given_in_jsonata_is_seen():
    task = {**TASK, "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "QueryLanguage": "JSONata"}
    task["Arguments"] = {"QueueUrl": "q", "MessageBody": "{% {'token': $states.context.Task.Token} %}"}
    assert told(definition(Go=task, Done=DONE)) == []


def retrying(resource: str, error: str) -> dict[str, Any]:
    task = {**TASK, "Resource": f"arn:aws:states:::{resource}", "Retry": [{"ErrorEquals": [error]}]}
    return definition(Go=task, Done=DONE)


@pytest.mark.parametrize(
    ("resource", "error"),
    [
        ("http:invoke", "States.Http.StatusCode.429"),
        ("http:invoke", "States.Http.Socket"),
        # Another operation's by the model; S3 raises it here all the same.
        ("aws-sdk:s3:getObject", "S3.NoSuchBucketException"),
        ("aws-sdk:rds:deleteDBInstance", "Rds.DbInstanceNotFoundException"),  # a Fault by the model
        ("aws-sdk:sfn:startExecution", "Sfn.ExecutionAlreadyExistsException"),
    ],
)
def test_errors_that_are_raised_are_not_told(resource, error):
    assert told(retrying(resource, error)) == []


@pytest.mark.parametrize(
    ("resource", "error"),
    [
        ("http:invoke", "States.Http.StatusCode.4290"),
        ("aws-sdk:s3:getObject", "S3.NoSuchBukketException"),
        ("aws-sdk:rds:deleteDBInstance", "Rds.DbInstanceNotFoundFaultFault"),
    ],
)
def test_errors_that_nothing_raises_are_told(resource, error):
    assert repr(error) in told(retrying(resource, error))[0]


def test_members_are_called_as_the_sdk_calls_them():
    snapshot = {**TASK, "Resource": "arn:aws:states:::aws-sdk:rds:createDBSnapshot", "Next": "Read"}
    snapshot["Parameters"] = {"DbInstanceIdentifier": "i", "DbSnapshotIdentifier": "s"}
    read = reading("$.DbSnapshot.DbSnapshotIdentifier")
    assert told(definition(Go=snapshot, Read=read)) == []
    snapshot["Parameters"]["DbInstanceIdentifer"] = snapshot["Parameters"].pop("DbInstanceIdentifier")
    assert "has no 'DbInstanceIdentifer'" in told(definition(Go=snapshot, Read=read))[0]


def test_a_callback_s_output_may_be_written_as_json():
    task = {**TASK, "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess"}
    task["Parameters"] = {"TaskToken.$": "$.token", "Output": {"is_approved": True}}
    assert told(definition(Go=task, Done=DONE)) == []
    del task["Parameters"]["Output"]
    assert "lacks 'Output'" in told(definition(Go=task, Done=DONE))[0]


def test_a_glue_job_gives_its_run_itself():
    job = {**TASK, "Resource": "arn:aws:states:::glue:startJobRun.sync", "Next": "Read"}
    job["Parameters"] = {"JobName": "j"}
    assert told(definition(Go=job, Read=reading("$.JobRunState"))) == []
    assert "has no 'JobRun'" in told(definition(Go=job, Read=reading("$.JobRun.JobRunState")))[0]


def test_each_item_of_a_map_has_its_context():
    write = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem",
        "Parameters": {"TableName": "t", "Item": {"id": {"S.$": "$.name"}, "at": {"N.$": "States.Format('{}', $.i)"}}},
        "Catch": [{"ErrorEquals": ["DynamoDb.ConditionalCheckFailedException"], "Next": "Done"}],
        "Next": "Done",
    }
    each = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemSelector": {"i.$": "$$.Map.Item.Index", "name.$": "$$.Map.Item.Value.name"},
        "ItemProcessor": definition(Write=write, Done=DONE),
        "End": True,
    }
    start = {"Type": "Pass", "Result": {"items": [{"name": "a"}]}, "Next": "Each"}
    assert told(definition(Start=start, Each=each)) == []
    each["ItemSelector"]["name.$"] = "$$.Map.Item.Value.nmae"
    assert told(definition(Start=start, Each=each))[0].startswith("States.Each.ItemSelector.name.$: ")


def test_a_machine_in_jsonata_is_checked_as_far_as_its_literals_go():
    task = {
        **TASK,
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "f", "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
    }
    machine = {**definition(Go=task, Done=DONE), "QueryLanguage": "JSONata"}
    assert told(machine) == []
    task["Arguments"]["Paylaod"] = task["Arguments"].pop("Payload")
    assert "Invoke has no 'Paylaod'" in told(machine)[0]


def test_a_loop_that_wraps_its_data_comes_to_an_end():
    wrap = {"Type": "Pass", "Parameters": {"before.$": "$"}, "Next": "Again?"}
    again = {"Type": "Choice", "Choices": [{"Variable": "$.before.x", "IsPresent": True, "Next": "Done"}]}
    assert told(definition(Wrap=wrap, **{"Again?": {**again, "Default": "Wrap"}}, Done=DONE)) == []
