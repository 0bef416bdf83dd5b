from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.identity import Identity
from switchyard.cloud.sagemaker.deployments import Deployment, Plan, Step, make_plan
from tests.cloud.jobs import SAY, create_config, create_model, settled_endpoint, start_endpoint, variant
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.metric_queries import dimensions
from tests.cloud.raw_requests import Asker

SLOW = """
    import threading
    def model_fn(model_dir): return "new"
    def transform_fn(model, body, content_type, accept):
        threading.Event().wait(0.15)
        return f"{model} 1"
"""


def blue_green(kind: str, wait: int, termination: int = 0, **routing: Any) -> dict[str, Any]:
    traffic = {"Type": kind, "WaitIntervalInSeconds": wait, **routing}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": termination}}


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def alarmed(*alarms: str) -> dict[str, Any]:
    return {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm} for alarm in alarms]}}


# Each stage is longer than it takes to look a few times, even where a look takes long.
CANARY = blue_green("CANARY", 500, 200, CanarySize=percent(20))


@pytest.fixture
def moved(cloud: LocalCloud, name: str) -> Iterator[str]:
    """An endpoint that says "old", and a configuration ``<name>-new`` whose model says "new"."""
    start_endpoint(cloud, name, SAY.format(word="old"))
    create_model(cloud, f"{name}-new", SAY.format(word="new"))
    create_config(cloud, f"{name}-new", variant(f"{name}-new"))
    assert settled_endpoint(cloud, name)["EndpointStatus"] == "InService"
    yield name
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


@contextmanager
def load(cloud: LocalCloud, endpoint: str) -> Iterator[list[tuple[int, str]]]:
    """Ask an endpoint all the while, and note each answer's status and its first word."""
    ended, answers = threading.Event(), []

    def ask() -> None:
        with Asker(cloud, endpoint) as asker:
            while not ended.is_set():
                answer = asker.ask("x")
                answers.append((answer.status, answer.body.decode().partition(" ")[0]))

    with ThreadPoolExecutor(max_workers=3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        try:
            yield answers
        finally:
            ended.set()
    for each in asking:
        each.result()


def update(cloud: LocalCloud, name: str, config: dict[str, Any] | None = None, **options: Any) -> None:
    given_config = {"DeploymentConfig": config} if config else {}
    cloud.client("sagemaker").update_endpoint(
        EndpointName=name, EndpointConfigName=f"{name}-new", **given_config, **options
    )


def baking(cloud: LocalCloud, name: str, message: str) -> dict[str, Any]:
    """Wait until a deployment bakes and says so with these words; return what is said of the endpoint."""

    def look() -> dict[str, Any] | None:
        endpoint: dict[str, Any] = cloud.client("sagemaker").describe_endpoint(EndpointName=name)
        for each in endpoint.get("PendingDeploymentSummary", {}).get("ProductionVariants", []):
            (status,) = each["VariantStatus"]
            if status["Status"] == "Baking" and message in status["StatusMessage"]:
                return endpoint
        return None

    found = wait_until(look)
    assert found is not None
    return found


def test_a_canary_gets_its_share_bakes_and_then_gets_all(cloud: LocalCloud, moved: str) -> None:
    with load(cloud, moved) as answers:
        update(cloud, moved, CANARY)
        endpoint = baking(cloud, moved, "canary capacity of 1 instance(s)")
        before = len(answers)
        wait_until(lambda: len(answers) > before + 80)
        share = Counter(word for _, word in answers[before:])
        baking(cloud, moved, "canary capacity of 1 instance(s)")  # all that was in the time of the canary
        full = baking(cloud, moved, "Baking for 200 seconds (TerminationWaitInSeconds) with traffic enabled on full")
        after = len(answers)
        settled_endpoint(cloud, moved)
        wait_until(lambda: len(answers) > after + 30)
    assert endpoint["EndpointStatus"] == full["EndpointStatus"] == "Updating"
    assert endpoint["EndpointConfigName"] == full["EndpointConfigName"] == moved
    pending = endpoint["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == f"{moved}-new"
    assert pending["StartTime"] == endpoint["LastModifiedTime"]
    assert {status for status, _ in answers} == {200}
    assert set(share) == {"old", "new"}
    assert share["new"] < share["old"]
    assert {word for _, word in answers[after:]} == {"new"}
    done = settled_endpoint(cloud, moved)
    assert (done["EndpointStatus"], done["EndpointConfigName"]) == ("InService", f"{moved}-new")
    assert done["LastDeploymentConfig"] == CANARY
    assert "PendingDeploymentSummary" not in done
    assert "FailureReason" not in done


def test_eventbridge_is_told_of_each_stage(cloud: LocalCloud, name: str) -> None:
    queue = cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    endpoint_arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}"
    pattern = {"source": ["aws.sagemaker"], "resources": [endpoint_arn]}
    rule_arn = cloud.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    sends = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": sends})
    cloud.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    cloud.client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    start_endpoint(cloud, name, SAY.format(word="old"))
    create_config(cloud, f"{name}-new", variant(name))
    settled_endpoint(cloud, name)
    update(cloud, name, blue_green("CANARY", 1, CanarySize=percent(50)))
    settled_endpoint(cloud, name)
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)
    told: list[tuple[str, ...]] = []
    expected = [
        ("Endpoint", "CREATING"),
        ("Endpoint", "IN_SERVICE"),
        ("Endpoint", "UPDATING"),
        ("Endpoint Deployment", "UPDATING", "ActivatingTraffic"),
        ("Endpoint Deployment", "UPDATING", "Baking"),
        ("Endpoint Deployment", "UPDATING", "ActivatingTraffic"),
        ("Endpoint Deployment", "UPDATING", "Baking"),
        ("Endpoint", "IN_SERVICE"),
        ("Endpoint", "DELETING"),
    ]

    def look() -> bool:
        for message in cloud.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            cloud.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            event = json.loads(message["Body"])
            label = event["detail-type"].removeprefix("SageMaker ").removesuffix(" State Change")
            variants = event["detail"].get("PendingDeploymentSummary", {}).get("ProductionVariants", [])
            stage = [each["VariantStatus"][0]["Status"] for each in variants] if "Deployment" in label else []
            assert event["detail"]["EndpointName"] == name
            told.append((label, event["detail"]["EndpointStatus"], *stage))
        return len(told) >= len(expected)

    wait_until(look)
    assert sorted(told) == sorted(expected)  # a queue keeps no order
    cloud.client("events").remove_targets(Rule=name, Ids=["queue"])
    cloud.client("events").delete_rule(Name=name)


def test_an_alarm_on_the_new_fleet_takes_the_traffic_back_and_no_request_is_lost(cloud: LocalCloud, name: str) -> None:
    start_endpoint(cloud, name, SAY.format(word="old"))
    create_model(cloud, f"{name}-new", SLOW)
    create_config(cloud, f"{name}-new", variant(f"{name}-new"))
    settled_endpoint(cloud, name)
    of = dimensions(EndpointName=name, VariantName="all", EndpointConfigName=f"{name}-new")
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        Dimensions=of,
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=100_000,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    with load(cloud, name) as answers:
        update(cloud, name, blue_green("LINEAR", 1000, LinearStepSize=percent(25)) | alarmed(name))
        endpoint = settled_endpoint(cloud, name)
        wait_until(lambda: [word for _, word in answers[-30:]] == ["old"] * 30)
    assert {status for status, _ in answers} == {200}
    assert "new" in {word for _, word in answers}
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", name)
    assert f"the alarm '{name}' of AutoRollbackConfiguration is in ALARM state" in endpoint["FailureReason"]
    assert "greater than the threshold (100000.0)" in endpoint["FailureReason"]
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_an_alarm_takes_all_traffic_back_as_long_as_the_old_fleet_is_there(cloud: LocalCloud, moved: str) -> None:
    put_alarm(cloud, moved)
    with load(cloud, moved) as answers:
        update(cloud, moved, blue_green("ALL_AT_ONCE", 0, 3600) | alarmed(moved))
        baking(cloud, moved, "(TerminationWaitInSeconds) with traffic enabled on full capacity")
        cloud.client("cloudwatch").set_alarm_state(AlarmName=moved, StateValue="ALARM", StateReason="by hand")
        endpoint = settled_endpoint(cloud, moved)
        wait_until(lambda: [word for _, word in answers[-30:]] == ["old"] * 30)
    assert {status for status, _ in answers} == {200}
    assert endpoint["EndpointConfigName"] == moved
    assert endpoint["FailureReason"].endswith("is in ALARM state. by hand")
    update(cloud, moved, alarmed(moved))  # and while it stays there, nothing is begun
    assert settled_endpoint(cloud, moved)["EndpointConfigName"] == moved
    cloud.client("cloudwatch").set_alarm_state(AlarmName=moved, StateValue="OK", StateReason="by hand")
    update(cloud, moved, RetainDeploymentConfig=True)
    endpoint = settled_endpoint(cloud, moved)
    assert endpoint["EndpointConfigName"] == f"{moved}-new"
    assert endpoint["LastDeploymentConfig"] == alarmed(moved)


def put_alarm(cloud: LocalCloud, name: str) -> None:
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="Nowhere",
        MetricName="Nothing",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",  # it stays as it is put by hand
    )


def test_a_deployment_config_of_the_creation_is_kept_for_updates(cloud: LocalCloud, name: str) -> None:
    for word in ("old", "new"):
        create_model(cloud, f"{name}-{word}", SAY.format(word=word))
        create_config(cloud, f"{name}-{word}", variant(f"{name}-{word}"))
    batches = {"MaximumBatchSize": percent(50), "WaitIntervalInSeconds": 300}
    rolling = {"RollingUpdatePolicy": batches}
    client = cloud.client("sagemaker")
    client.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-old", DeploymentConfig=rolling)
    assert settled_endpoint(cloud, name)["LastDeploymentConfig"] == rolling
    update(cloud, name, RetainDeploymentConfig=True)
    baking(cloud, name, "Baking for 300 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1")
    baking(cloud, name, "Baking for 300 seconds (WaitIntervalInSeconds) with traffic enabled on full capacity of 1")
    assert settled_endpoint(cloud, name)["EndpointConfigName"] == f"{name}-new"
    client.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (blue_green("CANARY", 1), "of the Type CANARY needs CanarySize"),
        (blue_green("LINEAR", 1, CanarySize=percent(10)), "does not go with CanarySize"),
        (blue_green("CANARY", 1, CanarySize=percent(51)), "it is at most 50 percent"),
        (blue_green("LINEAR", 1, LinearStepSize=percent(9)), "it is between 10 and 50 percent"),
        (
            blue_green("CANARY", 1, CanarySize={"Type": "INSTANCE_COUNT", "Value": 1}),
            r"CanarySize is 1 instance\(s\) of 1; it is at most 50",
        ),
        (CANARY | {"RollingUpdatePolicy": {"MaximumBatchSize": percent(50), "WaitIntervalInSeconds": 1}}, "only one"),
        (
            {"BlueGreenUpdatePolicy": {**CANARY["BlueGreenUpdatePolicy"], "TerminationWaitInSeconds": 3601}},
            "terminationWaitInSeconds",
        ),
    ],
)
def test_a_deployment_that_contradicts_itself_is_refused(
    cloud: LocalCloud, standing: str, config: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClientError, match=reason) as refused:
        update(cloud, standing, config)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert cloud.client("sagemaker").describe_endpoint(EndpointName=standing)["EndpointStatus"] == "InService"


@pytest.fixture(scope="module")
def standing(cloud: LocalCloud) -> Iterator[str]:
    start_endpoint(cloud, "standing", SAY.format(word="old"))
    create_config(cloud, "standing-new", variant("standing"))
    create_config(cloud, "standing-other", variant("standing", "other"))
    settled_endpoint(cloud, "standing")
    yield "standing"
    cloud.client("sagemaker").delete_endpoint(EndpointName="standing")


def test_a_deployment_is_between_variants_of_the_same_names(cloud: LocalCloud, standing: str) -> None:
    with pytest.raises(ClientError, match="these are other, and were all"):
        cloud.client("sagemaker").update_endpoint(
            EndpointName=standing, EndpointConfigName="standing-other", DeploymentConfig=CANARY
        )


def test_alarms_that_cannot_be_read_take_a_deployment_back(cloud: LocalCloud, standing: str, name: str) -> None:
    update(cloud, standing, blue_green("ALL_AT_ONCE", 0) | alarmed("there-is-no-such-alarm"))
    endpoint = settled_endpoint(cloud, standing)
    assert endpoint["EndpointConfigName"] == standing
    assert endpoint["FailureReason"].endswith("there is no alarm 'there-is-no-such-alarm'.")
    iam = cloud.client("iam")
    trust = iam.get_role(RoleName=cloud.resource("JobRole"))["Role"]["AssumeRolePolicyDocument"]
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    may = {"Effect": "Allow", "Action": ["s3:*", "logs:*", "ecr:*"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": may})
    iam.put_role_policy(RoleName=name, PolicyName="all-but-alarms", PolicyDocument=policy)
    client = cloud.client("sagemaker")
    model = client.describe_model(ModelName=standing)
    client.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=model["PrimaryContainer"])
    create_config(cloud, name, variant(name))
    client.update_endpoint(EndpointName=standing, EndpointConfigName=name, DeploymentConfig=alarmed("any"))
    endpoint = settled_endpoint(cloud, standing)
    assert endpoint["EndpointConfigName"] == standing
    assert "not authorized to perform: cloudwatch:DescribeAlarms" in endpoint["FailureReason"]


@given(st.sampled_from(["CANARY", "LINEAR", "ROLLING"]), st.integers(10, 50), st.integers(0, 3600))
def test_the_traffic_moves_upwards_to_all_of_it_in_steps_no_larger_than_wanted(kind: str, size: int, wait: int) -> None:
    if kind == "ROLLING":
        config = {"RollingUpdatePolicy": {"MaximumBatchSize": percent(size), "WaitIntervalInSeconds": wait}}
    else:
        config = blue_green(
            kind, wait, **{"CANARY": {"CanarySize": percent(size)}}.get(kind, {"LinearStepSize": percent(size)})
        )
    steps = make_plan(config, [variant("m")]).steps
    shares = [step.share for step in steps]
    assert shares == sorted(set(shares))
    assert shares[0] == pytest.approx(size / 100)
    assert shares[-1] == 1
    assert {step.seconds for step in steps} == {wait}
    if kind == "CANARY":
        assert len(steps) == 2
    else:
        assert all(after - before <= size / 100 + 1e-9 for before, after in itertools.pairwise(shares))


def test_a_count_of_instances_is_its_share_of_all() -> None:
    config = blue_green("CANARY", 5, 7, CanarySize={"Type": "INSTANCE_COUNT", "Value": 1})
    steps = make_plan(config, [variant("m", InitialInstanceCount=4)]).steps
    assert steps == (Step(0.25, 5), Step(1.0, 5), Step(1.0, 7, "TerminationWaitInSeconds"))


def test_a_deployment_that_takes_too_long_is_taken_back() -> None:
    plan = Plan((Step(0.5, 300), Step(1.0, 299)), timeout=600)
    nobody = Identity("http://127.0.0.1:9")
    assert Deployment(plan, nobody, "", 1e-6, instances=1, took=0.5).run() is None
    late = Deployment(plan, nobody, "", 1e-6, instances=1, took=2).run()
    assert late is not None
    assert "longer than MaximumExecutionTimeoutInSeconds (600)" in late
