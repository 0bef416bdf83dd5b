from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import SUM_ROWS, invoke
from tests.cloud.local_cloud import IMAGE, LocalCloud, archive, is_alive, wait_until
from tests.cloud.machines import create_machine, ended, events, failure, machine, run, start

WAIT_FOR_EVER = "import os, threading; print(os.getpid()); threading.Event().wait()"
TRAINING_LOG = "/aws/sagemaker/TrainingJobs"


def training(cloud: LocalCloud, name: str, script: str, **changes: Any) -> dict[str, Any]:
    """A Task state that trains with `script`."""
    code = cloud.put(f"{name}/sourcedir.tar.gz", archive({"train.py": script}))
    parameters = {
        "TrainingJobName": name,
        "RoleArn": cloud.role_arn,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"sagemaker_program": "train.py", "sagemaker_submit_directory": code},
        "OutputDataConfig": {"S3OutputPath": f"s3://{cloud.bucket}/{name}"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    parameters |= changes.pop("Parameters", {})
    resource = "arn:aws:states:::sagemaker:createTrainingJob.sync"
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, **changes}


def process_of(cloud: LocalCloud, job: str) -> int:
    """The process of a job that printed its number."""
    return int(wait_until(lambda: cloud.log(TRAINING_LOG, f"{job}/"))[0])


def status_of(cloud: LocalCloud, job: str) -> str:
    """The status of a training job that has come to its end."""

    def look() -> str | None:
        answer = cloud.client("sagemaker").describe_training_job(TrainingJobName=job)
        status: str = answer["TrainingJobStatus"]
        return None if status in {"InProgress", "Stopping"} else status

    found = wait_until(look)
    assert found is not None
    return found


def test_the_machine_of_the_template_prepares_trains_transforms_and_serves(cloud: LocalCloud, name: str) -> None:
    code = {
        "train.py": (
            "import os, pathlib\n"
            "rows = pathlib.Path(os.environ['SM_CHANNEL_TRAIN'], 'rows.csv').read_text().split()\n"
            "print(f'mean={sum(map(float, rows)) / len(rows)}')\n"
            "pathlib.Path(os.environ['SM_MODEL_DIR'], 'model').write_text('m')\n"
        ),
        "inference.py": "\n".join(line[4:] for line in SUM_ROWS.splitlines()),
    }
    cloud.put(f"{name}/sourcedir.tar.gz", archive(code))
    prepare = "import pathlib, sys; pathlib.Path(sys.argv[2], 'rows.csv').write_text('1\\n2\\n6\\n')"
    cloud.put(f"{name}/prepare/prepare.py", prepare)
    arn = cloud.client("stepfunctions").start_execution(
        stateMachineArn=cloud.output("TrainAndServeMachineArn"),
        name=name,
        input=json.dumps({"name": name, "image": IMAGE}),
    )["executionArn"]
    execution = ended(cloud, arn)
    assert execution["status"] == "SUCCEEDED", execution
    output = json.loads(execution["output"])
    assert output["training"] == {
        "model_uri": f"s3://{cloud.bucket}/models/{name}/output/model.tar.gz",
        "mean": 3.0,
        "status": "Completed",
    }
    predictions = f"s3://{cloud.bucket}/{name}/predictions"
    assert output["used"] == [{"output": predictions}, {"endpoint": name}]
    assert cloud.get(f"{predictions}/rows.csv.out") == b"1,1.0\n2,2.0\n6,6.0\n"
    assert invoke(cloud, name, "1,2\n") == b"3.0\n"
    tasks = events(cloud, arn, "TaskScheduled", "TaskSubmitted", "TaskSucceeded")
    trained = [event for event in tasks if "createTrainingJob.sync" in json.dumps(event, default=str)]
    assert [event["type"] for event in trained] == ["TaskScheduled", "TaskSubmitted", "TaskSucceeded"]
    assert trained[0]["taskScheduledEventDetails"]["resourceType"] == "sagemaker"
    kept = cloud.home / "runs" / name
    wait_until(kept.is_dir)
    assert json.loads((kept / "output.json").read_text()) == output
    assert (kept / "model.tar.gz").is_file()
    assert (kept / "predictions" / "rows.csv.out").read_text() == "1,1.0\n2,2.0\n6,6.0\n"
    assert (kept / "logs" / "Train model.log").read_text().splitlines()[-1] == "mean=3.0"
    assert {path.name for path in (kept / "jobs").iterdir()} == {
        f"training-job-{name}.json",
        f"transform-job-{name}.json",
        f"processing-job-{name}-prepare.json",
    }


def test_a_definition_inside_the_template_runs_too(cloud: LocalCloud) -> None:
    arn = cloud.client("stepfunctions").start_execution(stateMachineArn=cloud.output("GreetMachineArn"), input="{}")
    execution = ended(cloud, arn["executionArn"])
    assert json.loads(execution["output"]) == {"greeting": "Good day from trial in us-east-1"}


def test_the_same_name_and_input_is_the_same_execution(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("stepfunctions")
    arn = create_machine(cloud, machine(Wait={"Type": "Wait", "Seconds": 30_000}))
    first = client.start_execution(stateMachineArn=arn, name=name, input='{"a": 1}')
    again = client.start_execution(stateMachineArn=arn, name=name, input='{"a": 1}')
    assert first["executionArn"] == again["executionArn"]
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=arn, name=name, input='{"a": 2}')
    client.stop_execution(executionArn=first["executionArn"])
    assert ended(cloud, first["executionArn"])["status"] == "ABORTED"


@pytest.mark.parametrize("output", ["text", None, 7, [], {"a": ["b"]}])
def test_every_output_is_json(cloud: LocalCloud, output: Any) -> None:
    assert run(cloud, machine(Pass={"Type": "Pass", "Result": output})) == output


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.metrics[0].Value", 3),
        ("$.metrics[1].Values", [5]),
        ("$.metrics[0]", {"Value": 3}),
        ("$.metrics[*].Value", [3]),
        ("$.metrics[0:1].Value", [3]),
        ("$.metrics[?(@.Value == 3)].Value", [3]),
        ("$", {"metrics": [{"Value": 3}, {"Values": [5]}]}),
    ],
)
def test_a_path_that_names_one_thing_gives_that_thing(cloud: LocalCloud, path: str, value: Any) -> None:
    event = {"metrics": [{"Value": 3}, {"Values": [5]}]}
    assert run(cloud, machine(Pass={"Type": "Pass", "Parameters": {"value.$": path}}), event) == {"value": value}


def test_a_map_runs_each_item_and_keeps_their_order(cloud: LocalCloud) -> None:
    item = {"Type": "Pass", "Parameters": {"index.$": "$$.Map.Item.Index", "value.$": "$"}, "End": True}
    each = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Item", "States": {"Item": item}}
    output = run(
        cloud, machine(Each={"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each}), {"items": ["a", "b"]}
    )
    assert output == [{"index": 0, "value": "a"}, {"index": 1, "value": "b"}]


def test_a_map_trains_one_model_an_item(cloud: LocalCloud, name: str) -> None:
    task = training(cloud, name, "pass")
    del task["Parameters"]["TrainingJobName"]
    task["Parameters"]["TrainingJobName.$"] = f"States.Format('{name}-{{}}', $)"
    task |= {"ResultSelector": {"job.$": "$.TrainingJobName"}, "End": True}
    each = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Train", "States": {"Train": task}}
    output = run(cloud, machine(Each={"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each}), {"items": [1, 2]})
    assert output == [{"job": f"{name}-1"}, {"job": f"{name}-2"}]


def test_jsonata_and_variables_work(cloud: LocalCloud) -> None:
    definition = machine(
        Remember={"Type": "Pass", "Assign": {"price": "{% $states.input.price %}", "name": "tea"}},
        Compute={
            "Type": "Pass",
            "Output": {"total": "{% $price * 3 %}", "name": "{% $uppercase($name) %}", "all": "{% $sum([1..4]) %}"},
        },
    )
    assert run(cloud, {"QueryLanguage": "JSONata", **definition}, {"price": 7}) == {
        "total": 21,
        "name": "TEA",
        "all": 10,
    }


def test_variables_work_in_jsonpath_too(cloud: LocalCloud) -> None:
    definition = machine(
        Remember={"Type": "Pass", "Assign": {"name.$": "$.name"}},
        Recall={"Type": "Pass", "Parameters": {"was.$": "$name"}},
    )
    assert run(cloud, definition, {"name": "tea"}) == {"was": "tea"}


def test_jsonata_that_is_wrong_fails_with_the_reason(cloud: LocalCloud) -> None:
    definition = machine(Compute={"Type": "Pass", "Output": "{% 1 + 'a' %}"})
    error, cause = failure(cloud, {"QueryLanguage": "JSONata", **definition})
    assert error == "States.QueryEvaluationError"
    assert "1 + 'a'" in cause
    assert "must evaluate to a number" in cause


def test_waits_and_retries_take_a_hundredth_of_their_time(cloud: LocalCloud, name: str) -> None:
    call = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "flaky", "Payload": {"id": name, "failures": 2}},
        "ResultSelector": {"calls.$": "$.Payload.calls"},
        "Retry": [{"ErrorEquals": ["NotYetError"], "IntervalSeconds": 20, "BackoffRate": 1, "MaxAttempts": 3}],
    }
    began = time.monotonic()
    assert run(cloud, machine(Wait={"Type": "Wait", "Seconds": 30}, Call=call)) == {"calls": 3}
    seconds = time.monotonic() - began
    assert 0.3 + 2 * 0.2 <= seconds < 30


def test_a_retry_that_is_used_up_ends_in_its_catch(cloud: LocalCloud, name: str) -> None:
    call = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "flaky", "Payload": {"id": name, "failures": 9}},
        "Retry": [{"ErrorEquals": ["NotYetError"], "IntervalSeconds": 1, "MaxAttempts": 2}],
        "Catch": [
            {"ErrorEquals": ["Other"], "Next": "Wrong"},
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"},
        ],
        "Next": "Wrong",
    }
    definition = machine(Call=call, Wrong={"Type": "Fail"}, Caught={"Type": "Pass"})
    output = run(cloud, definition, {"kept": True})
    assert output["kept"] is True
    assert output["error"]["Error"] == "NotYetError"
    assert json.loads(output["error"]["Cause"])["errorMessage"] == "call 3"


def test_a_function_that_is_not_there_is_an_error_to_catch(cloud: LocalCloud) -> None:
    call = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "no-such-function"},
        "Catch": [{"ErrorEquals": ["Lambda.ResourceNotFoundException"], "Next": "Caught"}],
        "Next": "Wrong",
    }
    output = run(cloud, machine(Call=call, Wrong={"Type": "Fail"}, Caught={"Type": "Pass"}))
    assert output["Cause"].startswith("Function not found: arn:aws:lambda:us-east-1:123456789012:function:no-such-")
    assert (
        "Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: " in output["Cause"]
    )


def test_a_failed_job_is_a_failed_task_with_its_description_as_cause(cloud: LocalCloud, name: str) -> None:
    error, cause = failure(cloud, machine(Train=training(cloud, name, "raise ValueError('no rows')")))
    assert error == "States.TaskFailed"
    description = json.loads(cause)
    assert description["TrainingJobName"] == name
    assert description["TrainingJobStatus"] == "Failed"
    assert 'ErrorMessage "ValueError: no rows"' in description["FailureReason"]


def test_an_image_without_a_local_runtime_is_told_through_the_cause(cloud: LocalCloud, name: str) -> None:
    algorithm = {"TrainingImage": "my-own:1", "TrainingInputMode": "File"}
    task = training(cloud, name, "pass", Parameters={"AlgorithmSpecification": algorithm})
    error, cause = failure(cloud, machine(Train=task))
    assert error == "States.TaskFailed"
    assert "no local runtime stands in for the image 'my-own:1'" in json.loads(cause)["FailureReason"]


def test_a_request_that_sagemaker_refuses_is_a_sagemaker_error(cloud: LocalCloud, name: str) -> None:
    task = training(cloud, name, "pass", Parameters={"TrainingJobName": "not a name"})
    error, cause = failure(cloud, machine(Train=task))
    assert error == "SageMaker.AmazonSageMakerException"
    assert "Value 'not a name' at 'trainingJobName'" in cause
    assert "(Service: AmazonSageMaker; Status Code: 400; Error Code: ValidationException;" in cause


def test_a_name_that_is_taken_is_resource_in_use(cloud: LocalCloud, name: str) -> None:
    task = training(cloud, name, "pass")
    assert run(cloud, machine(Train=task))["TrainingJobStatus"] == "Completed"
    error, _ = failure(cloud, machine(Train=task))
    assert error == "SageMaker.ResourceInUseException"


def test_a_field_that_step_functions_does_not_know_is_named(cloud: LocalCloud, name: str) -> None:
    task = training(cloud, name, "pass", Parameters={"Hyperparameters": {}})
    error, cause = failure(cloud, machine(Train=task))
    assert error == "States.Runtime"
    assert 'The field "Hyperparameters" is not supported by Step Functions' in cause


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::sagemaker:deleteEndpoint",
        "arn:aws:states:::sagemaker:createModel.sync",
        "arn:aws:states:::sagemaker:createTrainingJob.waitForTaskToken",
    ],
)
def test_an_integration_that_does_not_exist_fails(cloud: LocalCloud, resource: str) -> None:
    definition = machine(Do={"Type": "Task", "Resource": resource, "Parameters": {"ModelName": "m"}})
    try:
        arn = start(cloud, definition)
    except ClientError:
        return
    execution = ended(cloud, arn)
    assert execution["status"] == "FAILED"
    assert execution["error"].startswith("States.")


def test_request_response_goes_on_at_once(cloud: LocalCloud, name: str) -> None:
    task = training(cloud, name, WAIT_FOR_EVER)
    task["Resource"] = task["Resource"].removesuffix(".sync")
    output = run(cloud, machine(Train=task))
    assert output["TrainingJobArn"].endswith(f"training-job/{name}")
    cloud.client("sagemaker").stop_training_job(TrainingJobName=name)
    assert status_of(cloud, name) == "Stopped"


def test_a_job_that_was_stopped_from_outside_is_a_failed_task(cloud: LocalCloud, name: str) -> None:
    arn = start(cloud, machine(Train=training(cloud, name, WAIT_FOR_EVER)))
    process_of(cloud, name)
    cloud.client("sagemaker").stop_training_job(TrainingJobName=name)
    execution = ended(cloud, arn)
    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(execution["cause"])["TrainingJobStatus"] == "Stopped"


def test_a_stopped_execution_stops_its_job(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("stepfunctions")
    arn = start(cloud, machine(Train=training(cloud, name, WAIT_FOR_EVER)), name=name)
    pid = process_of(cloud, name)
    client.stop_execution(executionArn=arn, error="Enough", cause="changed my mind")
    execution = ended(cloud, arn)
    assert (execution["status"], execution["error"], execution["cause"]) == ("ABORTED", "Enough", "changed my mind")
    assert status_of(cloud, name) == "Stopped"
    assert not is_alive(pid)
    wait_until((cloud.home / "runs" / name).is_dir)
    assert events(cloud, arn)[-1]["type"] == "ExecutionAborted"
    assert not events(cloud, arn, "TaskSucceeded")
    client.stop_execution(executionArn=arn)  # a second time changes nothing
    assert client.describe_execution(executionArn=arn)["error"] == "Enough"


def test_a_task_that_takes_too_long_stops_its_job(cloud: LocalCloud, name: str) -> None:
    task = training(cloud, name, WAIT_FOR_EVER, TimeoutSeconds=3)
    task["Catch"] = [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]
    task["Next"] = "Wrong"
    definition = machine(Train=task, Wrong={"Type": "Fail"}, Late={"Type": "Pass", "Result": "late"})
    assert run(cloud, definition) == "late"
    assert status_of(cloud, name) == "Stopped"
    assert not is_alive(process_of(cloud, name))


def test_an_execution_that_takes_too_long_times_out_and_stops_its_job(cloud: LocalCloud, name: str) -> None:
    definition = {**machine(Train=training(cloud, name, WAIT_FOR_EVER)), "TimeoutSeconds": 3}
    execution = ended(cloud, start(cloud, definition))
    assert execution["status"] == "TIMED_OUT"
    assert execution["startDate"] <= execution["stopDate"]
    assert status_of(cloud, name) == "Stopped"


def test_a_branch_that_fails_stops_the_job_of_the_other(cloud: LocalCloud, name: str) -> None:
    training_branch = machine(Train=training(cloud, f"{name}-long", WAIT_FOR_EVER))
    failing_branch = machine(Train_2=training(cloud, f"{name}-short", "raise ValueError('no rows')"))
    definition = machine(Both={"Type": "Parallel", "Branches": [training_branch, failing_branch]})
    execution = ended(cloud, start(cloud, definition))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    assert "no rows" in execution["cause"]
    assert status_of(cloud, f"{name}-long") == "Stopped"


def test_a_map_item_that_fails_stops_the_jobs_of_the_others(cloud: LocalCloud, name: str) -> None:
    task = training(
        cloud, name, "import sys, threading; sys.argv[2] == '1' and sys.exit('no'); threading.Event().wait()"
    )
    del task["Parameters"]["TrainingJobName"]
    task["Parameters"]["TrainingJobName.$"] = f"States.Format('{name}-{{}}', $)"
    task["Parameters"]["HyperParameters"]["number.$"] = "States.Format('{}', $)"
    each = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Train", "States": {"Train": {**task, "End": True}}}
    definition = machine(Each={"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each})
    execution = ended(cloud, start(cloud, definition, {"items": [0, 1, 2]}))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    assert [status_of(cloud, f"{name}-{number}") for number in range(3)] == ["Stopped", "Failed", "Stopped"]


def test_aws_sdk_tasks_call_any_service_and_their_errors_can_be_caught(cloud: LocalCloud) -> None:
    put = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:ssm:putParameter",
        "Parameters": {"Name": "from-a-task", "Value.$": "$.value", "Type": "String"},
    }
    head = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Parameters": {"Bucket": "no-such-bucket-anywhere", "Key": "k"},
        "Catch": [{"ErrorEquals": ["S3.NoSuchBucketException"], "ResultPath": "$.error", "Next": "Caught"}],
        "Next": "Wrong",
    }
    definition = machine(Put=put, Get=head, Wrong={"Type": "Fail"}, Caught={"Type": "Pass", "Result": "caught"})
    assert run(cloud, definition, {"value": "seven"}) == "caught"
    assert cloud.client("ssm").get_parameter(Name="from-a-task")["Parameter"]["Value"] == "seven"


def test_tasks_call_in_the_name_of_the_machines_role(cloud: LocalCloud) -> None:
    resource = "arn:aws:states:::aws-sdk:sts:getCallerIdentity"
    answer = run(cloud, machine(Who={"Type": "Task", "Resource": resource, "Parameters": {}}))
    assert answer["Arn"] == f"arn:aws:sts::123456789012:assumed-role/{cloud.resource('JobRole')}/switchyard"


@pytest.mark.parametrize("function", ["echo", "arn:aws:lambda:us-east-1:123456789012:function:echo:$LATEST"])
def test_a_function_is_invoked_by_name_or_arn(cloud: LocalCloud, function: str) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "OutputPath": "$.Payload.event",
    }
    assert run(cloud, machine(Call=task), {"a": [1]}) == {"a": [1]}


def test_an_error_in_a_function_keeps_its_name(cloud: LocalCloud) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "misbehaving", "Payload": {"do": "raise"}},
    }
    error, cause = failure(cloud, machine(Call=task))
    assert error == "RefusedError"
    assert json.loads(cause)["errorMessage"] == "no, thank you"


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        ("{", "ASLParserException line 1"),
        ('{"StartAt": "A", "States": {}}', "ASLParserException line 1"),
        ('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}', "'?B'?"),
        ('{"StartAt": "A", "States": {"A": {"Type": "Nap", "End": true}}}', 'at "Nap"'),
    ],
)
def test_a_definition_that_cannot_run_is_refused(cloud: LocalCloud, definition: str, reason: str) -> None:
    client = cloud.client("stepfunctions")
    with pytest.raises(client.exceptions.InvalidDefinition, match=reason):
        client.create_state_machine(name="refused", definition=definition, roleArn=cloud.role_arn)


def test_an_input_that_is_not_json_is_refused(cloud: LocalCloud) -> None:
    client = cloud.client("stepfunctions")
    arn = cloud.output("GreetMachineArn")
    with pytest.raises(client.exceptions.InvalidExecutionInput):
        client.start_execution(stateMachineArn=arn, input="{")
    with pytest.raises(client.exceptions.StateMachineDoesNotExist):
        client.start_execution(stateMachineArn=arn + "-not", input="{}")
    with pytest.raises(client.exceptions.ExecutionDoesNotExist):
        client.describe_execution(executionArn=arn.replace("stateMachine", "execution") + ":no-such-run")


def test_the_history_comes_in_pages_and_backwards(cloud: LocalCloud) -> None:
    arn = start(cloud, machine(A={"Type": "Pass"}, B={"Type": "Pass"}))
    ended(cloud, arn)
    client = cloud.client("stepfunctions")
    first = client.get_execution_history(executionArn=arn, maxResults=2)
    assert [event["id"] for event in first["events"]] == [1, 2]
    assert first["nextToken"]
    assert [event["id"] for event in events(cloud, arn)] == [1, 2, 3, 4, 5, 6]
    backwards = client.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=1)["events"]
    assert [event["type"] for event in backwards] == ["ExecutionSucceeded"]


def test_an_operation_that_nobody_answers_says_so(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.client("stepfunctions").validate_state_machine_definition(definition="{}")
    assert refused.value.response["Error"]["Code"] == "NotImplementedException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
