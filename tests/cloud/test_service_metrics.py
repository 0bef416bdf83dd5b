from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import SUM_ROWS, serve
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.metric_queries import metrics, total


@pytest.fixture(scope="module")
def counted(cloud: LocalCloud) -> Iterator[str]:
    serve(cloud, "counted-endpoint", SUM_ROWS)
    yield "counted-endpoint"
    cloud.client("sagemaker").delete_endpoint(EndpointName="counted-endpoint")


def test_an_endpoint_counts_and_times_what_it_is_asked(cloud: LocalCloud, counted: str) -> None:
    runtime = cloud.client("sagemaker-runtime")
    for _ in range(3):
        runtime.invoke_endpoint(EndpointName=counted, Body="1,2\n", ContentType="text/csv")
    with pytest.raises(ClientError):
        runtime.invoke_endpoint(EndpointName=counted, Body="one\n", ContentType="text/csv")
    of = {"EndpointName": counted, "VariantName": "all"}

    def seen(name: str, statistic: str = "Sum") -> float | None:
        return total(cloud, "AWS/SageMaker", name, statistic, **of)

    assert seen("Invocations") == 4
    assert seen("InvocationsPerInstance") == 4
    assert (seen("Invocation4XXErrors") or 0) + (seen("Invocation5XXErrors") or 0) == 1
    assert seen("InvocationModelErrors") == 1
    assert seen("ModelLatency", "SampleCount") == 4
    slowest, middle = seen("ModelLatency", "Maximum"), seen("ModelLatency", "p50")
    assert middle is not None
    assert 50 < middle <= (slowest or 0) < 60_000_000  # microseconds
    assert 0 < (seen("OverheadLatency", "Average") or 0) < 1_000_000


def test_functions_count_invocations_errors_and_time(cloud: LocalCloud) -> None:
    invoke = cloud.client("lambda").invoke
    before = {
        name: total(cloud, "AWS/Lambda", name, FunctionName="misbehaving") or 0 for name in ("Invocations", "Errors")
    }
    invoke(FunctionName="misbehaving", Payload=json.dumps({"do": "raise"}))
    invoke(FunctionName="misbehaving", Payload=json.dumps({"do": "nothing"}))
    after = {name: total(cloud, "AWS/Lambda", name, FunctionName="misbehaving") or 0 for name in before}
    assert (after["Invocations"] - before["Invocations"], after["Errors"] - before["Errors"]) == (2, 1)
    assert (total(cloud, "AWS/Lambda", "Duration", "Minimum", FunctionName="misbehaving") or 0) > 0
    assert total(cloud, "AWS/Lambda", "Throttles", FunctionName="misbehaving") == 0


def machine(cloud: LocalCloud, name: str, state: dict[str, Any], **options: Any) -> str:
    definition = {"StartAt": "A", "States": {"A": state}, **options}
    arn: str = cloud.client("stepfunctions").create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=cloud.role_arn
    )["stateMachineArn"]
    return arn


@pytest.mark.parametrize(
    ("state", "options", "metric"),
    [
        ({"Type": "Pass", "End": True}, {}, "ExecutionsSucceeded"),
        ({"Type": "Fail", "Error": "No"}, {}, "ExecutionsFailed"),
        ({"Type": "Wait", "Seconds": 9999, "End": True}, {"TimeoutSeconds": 1}, "ExecutionsTimedOut"),
        ({"Type": "Wait", "Seconds": 9999, "End": True}, {}, "ExecutionsAborted"),
    ],
)
def test_executions_are_counted_by_how_they_end(
    cloud: LocalCloud, name: str, state: dict[str, Any], options: dict[str, Any], metric: str
) -> None:
    arn = machine(cloud, name, state, **options)
    execution = cloud.client("stepfunctions").start_execution(stateMachineArn=arn, name=name)["executionArn"]
    if metric == "ExecutionsAborted":
        cloud.client("stepfunctions").stop_execution(executionArn=execution)
    wait_until(lambda: total(cloud, "AWS/States", metric, StateMachineArn=arn) == 1)
    names = {found for found, given in metrics(cloud, "AWS/States") if given == (("StateMachineArn", arn),)}
    assert names == {"ExecutionsStarted", metric, "ExecutionTime"}
    milliseconds = total(cloud, "AWS/States", "ExecutionTime", StateMachineArn=arn)
    assert milliseconds is not None
    assert 0 <= milliseconds < 30_000


def test_queues_tell_how_full_they_are(cloud: LocalCloud, name: str) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    for _ in range(3):
        sqs.send_message(QueueUrl=url, MessageBody="hello")

    def seen(metric: str, statistic: str) -> float | None:
        return total(cloud, "AWS/SQS", metric, statistic, QueueName=name)

    assert seen("NumberOfMessagesSent", "Sum") == 3
    wait_until(lambda: seen("ApproximateNumberOfMessagesVisible", "Maximum") == 3)
    sqs.purge_queue(QueueUrl=url)
    wait_until(lambda: seen("ApproximateNumberOfMessagesVisible", "Minimum") == 0)
    assert (seen("ApproximateAgeOfOldestMessage", "Maximum") or 0) >= 0
