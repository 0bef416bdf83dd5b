"""What runs leave in CloudWatch: metrics, alarms, messages."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest

from switchyard.project import Project
from tests.cloud.local_cloud import wait_until
from tests.runs.conftest import Execution, Site, add_recipe


def names(site: Site, namespace: str, **dimensions: str) -> set[str]:
    """Give the names of the metrics that have just these dimensions."""
    pages = site.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace=namespace)
    return {
        metric["MetricName"]
        for page in pages
        for metric in page["Metrics"]
        if {each["Name"]: each["Value"] for each in metric["Dimensions"]} == dimensions
    }


def total(site: Site, namespace: str, name: str, **dimensions: str) -> float:
    now = datetime.datetime.now(tz=datetime.UTC)
    answer = site.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - datetime.timedelta(minutes=30),
        EndTime=now + datetime.timedelta(minutes=2),
        Period=86400,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in answer["Datapoints"])


@pytest.fixture
def told(site: Site) -> Iterator[Any]:
    """Give a function that waits for what an alarm tells the topic."""
    sqs, sns = site.client("sqs"), site.client("sns")
    url = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    topic = site.outputs["NotificationTopicArn"]
    queue = "arn:aws:sqs:us-east-1:123456789012:alarms"
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True)

    def look(alarm: str) -> dict[str, Any] | None:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            text = json.loads(message["Body"])["Message"]
            if text.startswith('{"AlarmName"') and json.loads(text)["AlarmName"] == alarm:
                document: dict[str, Any] = json.loads(text)
                return document
        return None

    yield lambda alarm: wait_until(lambda: look(alarm))
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=url)


def test_a_deployed_run_leaves_its_metrics(site: Site, project: Project) -> None:
    add_recipe(project, "measured")
    site.publish(project, "measured")
    before = total(site, "Switchyard", "RunsDeployed", service="switchyard")
    execution = site.start("measured", "measured-1")
    assert execution.wait()["status"] == "SUCCEEDED"
    of = {"service": "switchyard", "recipe": "measured"}
    wait_until(lambda: total(site, "Switchyard", "RunsDeployed", **of) == 1)
    assert total(site, "Switchyard", "RunsDeployed", service="switchyard") == before + 1
    assert names(site, "Switchyard", **of) >= {
        "RunsStarted", "RunsDeployed", "RunDuration", "GatePassed", "RowsPredicted", "validation_rmse", "test_rmse"
    }  # fmt: skip
    assert 0 < total(site, "Switchyard", "RunDuration", **of) < 120
    assert "RunDuration" in names(site, "Switchyard", service="switchyard", status="DEPLOYED")
    assert total(site, "Switchyard", "RowsPredicted", **of) > 0
    endpoint = {"EndpointName": "switchyard-measured", "VariantName": "AllTraffic"}
    assert names(site, "AWS/SageMaker", **endpoint) >= {"Invocations", "Invocation5XXErrors", "ModelLatency"}


def test_every_metric_of_an_alarm_is_one_that_there_is(site: Site, project: Project) -> None:
    site.publish(project, "diabetes")
    assert site.start("diabetes", "alarmed-1").wait()["status"] == "SUCCEEDED"
    housekeeping = site.outputs["HousekeepingStateMachineArn"]
    failed = site.client("stepfunctions").start_execution(stateMachineArn=housekeeping, input="[]", name="alarmed-2")
    assert Execution(site, failed["executionArn"], "alarmed-2").wait()["status"] == "FAILED"
    alarms = site.client("cloudwatch").describe_alarms(AlarmNamePrefix="switchyard-")["MetricAlarms"]
    watched = [alarm for alarm in alarms if "MetricName" in alarm and "-housing-" not in alarm["AlarmName"]]
    assert len(watched) >= 3
    for alarm in watched:
        if alarm["Namespace"] != "AWS/SQS":  # a queue that nothing was put into has no metrics
            dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
            assert alarm["MetricName"] in names(site, alarm["Namespace"], **dimensions), alarm["AlarmName"]


def test_a_run_that_fails_raises_the_alarm(site: Site, project: Project, told: Any) -> None:
    add_recipe(project, "alarming", scripts={"train.py": "raise SystemExit('no')\n"})
    site.publish(project, "alarming")
    wait_until(lambda: site.alarm("switchyard-execution-failures") == "OK")  # whatever failed before
    assert site.start("alarming", "alarming-1").wait()["status"] == "FAILED"
    message = told("switchyard-execution-failures")
    assert (message["OldStateValue"], message["NewStateValue"]) == ("OK", "ALARM")
    assert "greater than or equal to the threshold (1.0)" in message["NewStateReason"]
    of = {"service": "switchyard", "recipe": "alarming"}
    wait_until(lambda: total(site, "Switchyard", "RunsFailed", **of) == 1)
    arn = site.outputs["TrainAndDeployStateMachineArn"]
    assert total(site, "AWS/States", "ExecutionsFailed", StateMachineArn=arn) >= 1
    (alarm,) = site.client("cloudwatch").describe_alarms(AlarmNames=["switchyard-execution-failures"])["MetricAlarms"]
    assert alarm["AlarmActions"] == [site.outputs["NotificationTopicArn"]]


def test_what_cannot_start_a_run_raises_the_alarm(site: Site, told: Any) -> None:
    sqs, name = site.client("sqs"), "switchyard-start-run-dead-letters"
    (alarm,) = site.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    url = sqs.get_queue_url(QueueName=alarm["Dimensions"][0]["Value"])["QueueUrl"]

    def empty() -> None:  # a purge is to be had once a minute only
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for each in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])

    # What other tests have left there has raised it already.
    empty()
    wait_until(lambda: site.alarm(name) != "ALARM")
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    message = told(name)
    if message["NewStateValue"] == "OK" and alarm["StateValue"] == "ALARM":  # the end of what was left there
        message = told(name)
    assert message["NewStateValue"] == "ALARM"
    empty()
    assert told(name)["NewStateValue"] == "OK"
