"""The local cloud is told to fail, and fails as AWS does."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cloud.jobs import SAY, create_config, create_model, invoke, serve, settled_endpoint, variant
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.machines import create_machine, ended, events, execute, machine, start
from tests.cloud.test_state_machines import status_of, training

Inject = Callable[..., dict[str, Any]]
INVOKE = "arn:aws:states:::lambda:invoke"


def request(cloud: LocalCloud, method: str, path: str = "", document: Any = None) -> tuple[int, dict[str, Any]]:
    """Ask the cloud about its faults."""
    connection = http.client.HTTPConnection(cloud.url.removeprefix("http://"))
    body = document if isinstance(document, bytes) or document is None else json.dumps(document).encode()
    connection.request(method, f"/_switchyard/faults{path}", body)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


@pytest.fixture
def inject(cloud: LocalCloud) -> Iterator[Inject]:
    """Adds a fault, to be removed when the test has ended."""
    numbers = []

    def inject(target: str, kind: str, **options: Any) -> dict[str, Any]:
        status, fault = request(cloud, "POST", document={"target": target, "kind": kind, **options})
        assert status == 201, fault
        numbers.append(fault["id"])
        return fault

    yield inject
    for number in numbers:
        request(cloud, "DELETE", f"/{number}")


@pytest.fixture
def state(name: str) -> str:
    """The name of a state that no other test has."""
    return name


def echo(**changes: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "echo", "Payload": {"a": 1}}, **changes}


def begin(cloud: LocalCloud, inject: Inject, state: str, task: dict[str, Any], *kinds: str, **options: Any) -> str:
    """Start an execution of one state that has faults; a state is known once its machine is there."""
    machine_arn = create_machine(cloud, machine(**{state: task}))
    for kind in kinds:
        inject(state, kind, **options)
    return execute(cloud, machine_arn)


def fails(cloud: LocalCloud, inject: Inject, state: str, task: dict[str, Any], *kinds: str) -> tuple[str, str]:
    execution = ended(cloud, begin(cloud, inject, state, task, *kinds))
    assert execution["status"] == "FAILED", execution
    return execution["error"], execution["cause"]


def model(name: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createModel",
        "Parameters": {"ModelName": name, "ExecutionRoleArn": "arn:aws:iam::123456789012:role/none"},
    }


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("ThrottlingException", "SageMaker.AmazonSageMakerException"),
        ("InternalFailure", "SageMaker.AmazonSageMakerException"),
        ("ResourceLimitExceeded", "SageMaker.ResourceLimitExceededException"),
    ],
)
def test_a_call_to_sagemaker_is_refused(
    cloud: LocalCloud, inject: Inject, state: str, name: str, kind: str, error: str
) -> None:
    failed, cause = fails(cloud, inject, state, model(name), kind)
    assert failed == error
    assert f"Error Code: {kind}" in cause
    assert "Service: AmazonSageMaker" in cause
    assert f"[injected: the fault '{state}:{kind}' of the local cloud]" in cause
    models = cloud.client("sagemaker").list_models(NameContains=name)["Models"]
    assert models == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("ThrottlingException", "Lambda.TooManyRequestsException"),
        ("InternalFailure", "Lambda.ServiceException"),
        ("AccessDeniedException", "Lambda.AWSLambdaException"),
        ("ServiceUnavailable", "Lambda.AWSLambdaException"),
        ("ResourceNotFoundException", "Lambda.ResourceNotFoundException"),
    ],
)
def test_an_invocation_is_refused(cloud: LocalCloud, inject: Inject, state: str, kind: str, error: str) -> None:
    failed, cause = fails(cloud, inject, state, echo(), kind)
    assert failed == error
    assert "Service: AWSLambda" in cause


@pytest.mark.parametrize(
    ("kind", "error"),
    [("ParameterNotFound", "Ssm.ParameterNotFoundException"), ("ServiceUnavailable", "Ssm.SsmException")],
)
def test_a_call_of_the_sdk_is_refused(cloud: LocalCloud, inject: Inject, state: str, kind: str, error: str) -> None:
    resource = "arn:aws:states:::aws-sdk:ssm:getParameter"
    failed, cause = fails(
        cloud, inject, state, {"Type": "Task", "Resource": resource, "Parameters": {"Name": "n"}}, kind
    )
    assert failed == error
    assert "injected" in cause


def test_a_fault_strikes_so_many_times(cloud: LocalCloud, inject: Inject, state: str) -> None:
    retry = [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 1, "MaxAttempts": 5}]
    arn = begin(cloud, inject, state, echo(Retry=retry), "ThrottlingException", times=2)
    assert ended(cloud, arn)["status"] == "SUCCEEDED"
    assert len(events(cloud, arn, "TaskFailed")) == 2
    _, answer = request(cloud, "GET")
    fault = next(fault for fault in answer["faults"] if fault["target"] == state)
    assert [fault["fired"], fault["times"], fault["over"]] == [2, 2, True]


def test_a_fault_of_one_execution_leaves_the_others_alone(cloud: LocalCloud, inject: Inject, state: str) -> None:
    machine_arn = create_machine(cloud, machine(**{state: echo()}))
    inject(state, "ThrottlingException", execution=f"{state}-2")
    first, second = (execute(cloud, machine_arn, name=f"{state}-{number}") for number in (1, 2))
    assert [ended(cloud, arn)["status"] for arn in (first, second)] == ["SUCCEEDED", "FAILED"]
    cloud.client("stepfunctions").redrive_execution(executionArn=second)
    assert ended(cloud, second)["status"] == "SUCCEEDED"  # the fault was over with its run


@pytest.mark.parametrize("target", ["echo", "Echo", "EchoFunction"])
def test_a_function_is_a_target_by_its_name_and_by_its_logical_id(
    cloud: LocalCloud, inject: Inject, state: str, target: str
) -> None:
    inject(target, "ThrottlingException", execution=state)
    execution = ended(cloud, start(cloud, machine(**{state: echo()}), name=state))
    assert execution["error"] == "Lambda.TooManyRequestsException"


def test_a_function_crashes_in_the_middle_of_its_invocation(cloud: LocalCloud, inject: Inject, state: str) -> None:
    error, cause = fails(cloud, inject, state, echo(), "crash")
    assert error == "Runtime.ExitError"
    message = json.loads(cause)["errorMessage"]
    assert "Error: Runtime exited with error: signal: killed" in message
    assert "injected" in message
    assert ended(cloud, start(cloud, machine(Again=echo())))["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("kind", "reason"), [("Failed", "InternalServerError: We encountered"), ("crash", "exit code: 137")]
)
def test_a_job_fails(cloud: LocalCloud, inject: Inject, state: str, name: str, kind: str, reason: str) -> None:
    error, cause = fails(cloud, inject, state, training(cloud, name, "print('hello')"), kind)
    assert error == "States.TaskFailed"
    job = json.loads(cause)
    assert job["TrainingJobStatus"] == "Failed"
    assert reason in job["FailureReason"]
    assert job["FailureReason"].endswith(f"[injected: the fault '{state}:{kind}' of the local cloud]")


def test_a_job_times_out_at_once_and_is_stopped(cloud: LocalCloud, inject: Inject, state: str, name: str) -> None:
    task = training(cloud, name, "import threading; threading.Event().wait()", TimeoutSeconds=3000)
    arn = begin(cloud, inject, state, task, "timeout")
    execution = ended(cloud, arn)
    assert [execution["status"], execution["error"]] == ["FAILED", "States.Timeout"]
    assert "injected" in events(cloud, arn, "TaskTimedOut")[0]["taskTimedOutEventDetails"]["cause"]
    assert status_of(cloud, name) == "Stopped"


@pytest.mark.parametrize(("kind", "error"), [("timeout", "States.Timeout"), ("lost answer", "Lambda.ServiceException")])
def test_a_call_that_took_effect_is_not_answered(
    cloud: LocalCloud, inject: Inject, state: str, name: str, kind: str, error: str
) -> None:
    task = echo(Parameters={"FunctionName": "echo", "Payload": {"write_to": name}})
    assert fails(cloud, inject, state, task, kind)[0] == error
    written = cloud.client("s3").get_object(Bucket=cloud.bucket, Key=name)["Body"].read()
    assert written == b"written"


def test_the_job_of_a_lost_answer_runs(cloud: LocalCloud, inject: Inject, state: str, name: str) -> None:
    error, cause = fails(cloud, inject, state, training(cloud, name, "print('hello')"), "lost answer")
    assert error == "SageMaker.AmazonSageMakerException"
    assert "The answer was lost" in cause
    assert status_of(cloud, name) == "Completed"


def test_a_call_takes_longer_and_can_still_be_stopped(cloud: LocalCloud, inject: Inject, state: str) -> None:
    arn = begin(cloud, inject, state, echo(), "latency 400ms", "ThrottlingException")
    assert ended(cloud, arn)["status"] == "FAILED"
    scheduled, failed = events(cloud, arn, "TaskScheduled", "TaskFailed")
    assert (failed["timestamp"] - scheduled["timestamp"]).total_seconds() >= 0.4
    slow = begin(cloud, inject, f"{state} again", echo(), "latency 100s")
    wait_until(lambda: events(cloud, slow, "TaskStarted"))
    began = time.monotonic()
    cloud.client("stepfunctions").stop_execution(executionArn=slow)
    assert ended(cloud, slow)["status"] == "ABORTED"
    assert time.monotonic() - began < 60  # not the 100 seconds


def deploy(action: str, endpoint: str) -> dict[str, Any]:
    parameters = {"EndpointName": endpoint, "EndpointConfigName": f"{endpoint}-2"}
    return {"Type": "Task", "Resource": f"arn:aws:states:::sagemaker:{action}", "Parameters": parameters}


@pytest.mark.parametrize("late", [False, True])
def test_a_new_endpoint_fails(cloud: LocalCloud, inject: Inject, state: str, name: str, late: bool) -> None:
    create_model(cloud, f"{name}-2", SAY.format(word="second"))
    create_config(cloud, f"{name}-2", variant(f"{name}-2"))
    wait = echo(Parameters={"FunctionName": "echo", "Payload": {"of": {"endpoint": name}}})
    definition = machine(Deploy=deploy("createEndpoint", name), Pause={"Type": "Wait", "Seconds": 100}, **{state: wait})
    machine_arn = create_machine(cloud, definition)
    inject(state if late else "Deploy", "Failed", execution=state)
    arn = execute(cloud, machine_arn, name=state)
    assert ended(cloud, arn)["status"] == "SUCCEEDED"  # these states do not look at it
    endpoint = settled_endpoint(cloud, name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert "injected" in endpoint["FailureReason"]
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


@pytest.mark.parametrize("late", [False, True])
def test_an_updated_endpoint_goes_back_and_answers_all_through(
    cloud: LocalCloud, inject: Inject, state: str, name: str, late: bool
) -> None:
    serve(cloud, name, SAY.format(word="first"))
    create_model(cloud, f"{name}-2", SAY.format(word="second"))
    create_config(cloud, f"{name}-2", variant(f"{name}-2"))
    wait = echo(Parameters={"FunctionName": "echo", "Payload": {"endpoint": name}})
    definition = machine(
        Deploy=deploy("updateEndpoint", name),
        Pause={"Type": "Wait", "Seconds": 100},
        **{state: wait},
    )
    machine_arn = create_machine(cloud, definition)
    inject(state if late else "Deploy", "Failed", execution=state)
    arn = execute(cloud, machine_arn, name=state)

    def has_ended() -> bool:
        invoke(cloud, name, "1")  # raises when nobody answers
        execution = cloud.client("stepfunctions").describe_execution(executionArn=arn)
        endpoint = cloud.client("sagemaker").describe_endpoint(EndpointName=name)
        return execution["status"] != "RUNNING" and endpoint["EndpointStatus"] == "InService"

    wait_until(has_ended)
    endpoint = settled_endpoint(cloud, name)
    assert [endpoint["EndpointStatus"], endpoint["EndpointConfigName"]] == ["InService", name]
    assert "injected" in endpoint["FailureReason"]
    assert invoke(cloud, name, "1").startswith(b"first")
    cloud.client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")
    assert settled_endpoint(cloud, name)["EndpointConfigName"] == f"{name}-2"
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def until_in_service(endpoint: str, after: str) -> dict[str, Any]:
    """The states that look at an endpoint until it is in service, and go on to another then."""
    describe = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:describeEndpoint",
        "Parameters": {"EndpointName": endpoint},
        "ResultSelector": {"status.$": "$.EndpointStatus"},
    }
    there = {"Variable": "$.status", "StringEquals": "InService", "Next": after}
    looks = f"Look before {after}"
    return {looks: describe, f"Go on to {after}?": {"Type": "Choice", "Choices": [there], "Default": looks}}


@pytest.mark.parametrize("late", [False, True])
def test_a_deployment_that_has_failed_does_not_fail_again(
    cloud: LocalCloud, inject: Inject, state: str, name: str, late: bool
) -> None:
    sagemaker = cloud.client("sagemaker")
    serve(cloud, name, SAY.format(word="first"))
    for number in (1, 2):
        create_model(cloud, f"{name}-{number}", SAY.format(word=number))
        create_config(cloud, f"{name}-{number}", variant(f"{name}-{number}"))
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-1")
    settled_endpoint(cloud, name)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)  # it cannot go back further
    # A function that fails has not seen the endpoint serve.
    look = echo(
        Parameters={"FunctionName": "misbehaving", "Payload": {"do": "raise", "endpoint": name}},
        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Look before Second"}],
    )
    definition = machine(
        Deploy=deploy("updateEndpoint", name),
        **(until_in_service(name, "First") if late else {}),
        First=look,
        **until_in_service(name, "Second"),
        Second={**look, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]},
        Done={"Type": "Succeed"},
    )
    fault = inject("misbehaving", "Failed", execution=state)
    arn = start(cloud, definition, name=state)
    assert ended(cloud, arn)["status"] == "SUCCEEDED"
    endpoint = settled_endpoint(cloud, name)
    assert [endpoint["EndpointStatus"], endpoint["EndpointConfigName"]] == ["InService", f"{name}-1"]
    assert "injected" in endpoint["FailureReason"]
    assert invoke(cloud, name, "1").startswith(b"1")
    fired = next(each["fired"] for each in request(cloud, "GET")[1]["faults"] if each["id"] == fault["id"])
    assert fired == 1
    sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"target": "ech", "kind": "crash"}, "there is no state and no function 'ech'; did you mean 'echo'"),
        ({"target": "echo", "kind": "ThrotlingException"}, "Did you mean 'ThrottlingException'?"),
        ({"target": "echo", "kind": "crahs"}, "Did you mean 'crash'?"),
        ({"target": "echo", "kind": "latency"}, "Did you mean 'latency 2s'?"),
        ({"target": "echo", "kind": "latency 0s"}, "the time of a latency is more than 0 s"),
        ({"target": "echo", "kind": "crash", "times": 0}, "times is a whole number from 1 on, not 0"),
        ({"target": "echo", "kind": "crash", "time": 1}, "a fault has no 'time'; it has target, kind"),
        ({"target": "echo"}, "a fault needs a kind"),
        ({"target": "echo", "kind": "crash", "execution": 7}, "execution is the name of an execution"),
        ([], "a fault is a JSON object"),
        (b"{", "that is no JSON"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(cloud: LocalCloud, document: Any, message: str) -> None:
    status, answer = request(cloud, "POST", document=document)
    assert status == 400
    assert message in answer["error"]


def test_faults_are_listed_and_removed(cloud: LocalCloud, inject: Inject) -> None:
    fault = inject("*", "LATENCY  20 ms", execution="nobody's")
    assert fault["kind"] == "latency 20ms"
    assert fault in request(cloud, "GET")[1]["faults"]
    assert request(cloud, "DELETE", f"/{fault['id']}") == (200, {"removed": 1})
    assert fault not in request(cloud, "GET")[1]["faults"]
    assert request(cloud, "DELETE", f"/{fault['id']}")[0] == 404
    assert request(cloud, "PUT")[0] == 405


def test_a_deployment_that_was_seen_to_serve_cannot_fail_any_more(
    cloud: LocalCloud, inject: Inject, state: str, name: str
) -> None:
    create_model(cloud, f"{name}-2", SAY.format(word="second"))
    create_config(cloud, f"{name}-2", variant(f"{name}-2"))
    look = echo(Parameters={"FunctionName": "echo", "Payload": {"endpoint": name}})
    machine_arn = create_machine(cloud, machine(Deploy=deploy("createEndpoint", name), Look=look, **{state: look}))
    fault = inject(state, "Failed", execution=state)
    arn = execute(cloud, machine_arn, name=state)
    assert ended(cloud, arn)["status"] == "SUCCEEDED"
    assert settled_endpoint(cloud, name)["EndpointStatus"] == "InService"
    fired = next(each["fired"] for each in request(cloud, "GET")[1]["faults"] if each["id"] == fault["id"])
    assert fired == 0
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)
