from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.autoscaling.policies import Policy, Reading
from tests.cloud.jobs import SAY, create_model, serve_config, settled_endpoint, variant
from tests.cloud.local_cloud import HERE, LocalCloud, wait_until
from tests.cloud.metric_queries import total
from tests.cloud.raw_requests import Asker

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud whose minutes take 120 ms: to scale in takes fifteen of them."""
    home = tmp_path_factory.mktemp("home")
    arguments = ("--stack", "scaled", "--parameter", "Greeting=Good day", "--time-scale", "0.002")
    cloud = LocalCloud(home, HERE / "template.yaml", *arguments, "--warm", "scikit-learn")
    yield cloud
    assert cloud.close() == 0


def resource(endpoint: str, name: str = "all") -> str:
    return f"endpoint/{endpoint}/variant/{name}"


def instances(cloud: LocalCloud, endpoint: str) -> int | None:
    """How many instances a variant has; None while that is about to change."""
    (served,) = settled_endpoint(cloud, endpoint)["ProductionVariants"]
    count: int = served["CurrentInstanceCount"]
    return count if count == served["DesiredInstanceCount"] else None


def register(cloud: LocalCloud, endpoint: str, least: int, most: int, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker",
        **{"ResourceId": resource(endpoint), "ScalableDimension": DIMENSION, **changes},
        MinCapacity=least,
        MaxCapacity=most,
    )
    return answer


def put_policy(cloud: LocalCloud, endpoint: str, name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.client("application-autoscaling").put_scaling_policy(
        PolicyName=name,
        ServiceNamespace="sagemaker",
        ResourceId=resource(endpoint),
        ScalableDimension=DIMENSION,
        PolicyType=kind,
        **{f"{kind}PolicyConfiguration": config},
    )
    return answer


def test_an_asynchronous_endpoint_scales_to_zero_and_comes_back_with_its_backlog(cloud: LocalCloud, name: str) -> None:
    """The recipe of the Developer Guide's page "Autoscale an asynchronous endpoint", step by step."""
    create_model(cloud, name, SAY.format(word="hello"))
    output = {"S3OutputPath": f"s3://{cloud.bucket}/{name}/out"}
    config = {"OutputConfig": output, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2}}
    assert serve_config(cloud, name, variant(name), AsyncInferenceConfig=config)["EndpointStatus"] == "InService"
    register(cloud, name, 0, 5)
    tracking = {
        "TargetValue": 5.0,
        "CustomizedMetricSpecification": {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": "AWS/SageMaker",
            "Dimensions": [{"Name": "EndpointName", "Value": name}],
            "Statistic": "Average",
        },
    }
    followed = put_policy(cloud, name, "by-backlog", "TargetTrackingScaling", tracking)
    assert sorted(each["AlarmName"].rsplit("-", 6)[1] for each in followed["Alarms"]) == ["AlarmHigh", "AlarmLow"]
    steps = {
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": "Average",
        "Cooldown": 300,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    }
    policy = put_policy(cloud, name, "HasBacklogWithoutCapacity-ScalingPolicy", "StepScaling", steps)
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{name}-from-zero",
        MetricName="HasBacklogWithoutCapacity",
        Namespace="AWS/SageMaker",
        Statistic="Average",
        EvaluationPeriods=2,
        DatapointsToAlarm=2,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
        Dimensions=[{"Name": "EndpointName", "Value": name}],
        Period=60,
        AlarmActions=[policy["PolicyARN"]],
    )
    wait_until(lambda: instances(cloud, name) == 0)
    wait_until(lambda: not list(cloud.home.glob(f"cloud/*/containers/endpoint-{name}-*")))
    uri = cloud.put(f"{name}/in.csv", "x")
    invoke = cloud.client("sagemaker-runtime").invoke_endpoint_async
    asked = [invoke(EndpointName=name, InputLocation=uri)["OutputLocation"] for _ in range(3)]
    wait_until(lambda: len(cloud.keys(f"{name}/out/")) == 3)
    assert {cloud.get(uri).split()[0] for uri in asked} == {b"hello"}

    def seen(metric: str, statistic: str = "Maximum") -> float | None:
        return total(cloud, "AWS/SageMaker", metric, statistic, EndpointName=name)

    assert seen("HasBacklogWithoutCapacity") == 1
    assert 1 <= (seen("ApproximateBacklogSize") or 0) <= 3
    assert (seen("ApproximateAgeOfOldestRequest") or 0) > 0
    wait_until(lambda: instances(cloud, name) == 0)  # and with nothing to do, it goes again
    of = {"EndpointName": name, "VariantName": "all"}
    assert total(cloud, "AWS/SageMaker", "InvocationsProcessed", **of) == 3
    assert (total(cloud, "AWS/SageMaker", "TimeInBacklog", "Maximum", **of) or 0) > 0
    assert total(cloud, "AWS/SageMaker", "Invocations", **of) is None
    client = cloud.client("application-autoscaling")
    activities = client.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId=resource(name))
    said = [each["Description"] for each in activities["ScalingActivities"]][::-1]
    # Once up, and once more where the first instance takes longer to come up than the cooldown.
    expected = [f"Setting desired instance count to {count}." for count in (0, 1, 0)]
    assert [*said[:2], said[-1]] == expected
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_a_real_time_variant_follows_its_invocations(cloud: LocalCloud, served: str) -> None:
    register(cloud, served, 1, 3)
    predefined = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    config = {"TargetValue": 2.0, "PredefinedMetricSpecification": predefined, "DisableScaleIn": True}
    policy = put_policy(cloud, served, "by-invocations", "TargetTrackingScaling", config)
    assert len(policy["Alarms"]) == 1
    with Asker(cloud, served) as asker:

        def ask_and_look() -> bool:
            assert {asker.ask("x").status for _ in range(20)} == {200}
            return instances(cloud, served) == 3

        wait_until(ask_and_look)
    client = cloud.client("application-autoscaling")
    client.delete_scaling_policy(
        PolicyName="by-invocations",
        ServiceNamespace="sagemaker",
        ResourceId=resource(served),
        ScalableDimension=DIMENSION,
    )
    alarms = cloud.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"TargetTracking-{resource(served)}-")
    assert alarms["MetricAlarms"] == []


@pytest.fixture(scope="module")
def served(cloud: LocalCloud) -> str:
    create_model(cloud, "served", SAY.format(word="hello"))
    serve_config(cloud, "served", variant("served"))
    return "served"


def test_targets_and_policies_are_described_as_they_were_put(cloud: LocalCloud, served: str) -> None:
    client = cloud.client("application-autoscaling")
    arn = register(cloud, served, 1, 2, SuspendedState={"DynamicScalingInSuspended": True})["ScalableTargetARN"]
    assert register(cloud, served, 1, 4)["ScalableTargetARN"] == arn
    (target,) = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource(served)])[
        "ScalableTargets"
    ]
    assert (target["MinCapacity"], target["MaxCapacity"], target["ScalableTargetARN"]) == (1, 4, arn)
    assert target["SuspendedState"]["DynamicScalingInSuspended"] is True
    steps = {"AdjustmentType": "ExactCapacity", "StepAdjustments": [{"ScalingAdjustment": 2}]}
    policy = put_policy(cloud, served, "exact", "StepScaling", steps)["PolicyARN"]
    pages = client.get_paginator("describe_scaling_policies").paginate(
        ServiceNamespace="sagemaker", PolicyNames=["exact"]
    )
    (found,) = [each for page in pages for each in page["ScalingPolicies"]]
    assert (found["PolicyARN"], found["StepScalingPolicyConfiguration"], found["Alarms"]) == (policy, steps, [])
    client.deregister_scalable_target(
        ServiceNamespace="sagemaker", ResourceId=resource(served), ScalableDimension=DIMENSION
    )
    assert (
        client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource(served)])[
            "ScalableTargets"
        ]
        == []
    )
    with pytest.raises(ClientError, match="No scalable target found") as refused:
        put_policy(cloud, served, "exact", "StepScaling", steps)
    assert refused.value.response["Error"]["Code"] == "ObjectNotFoundException"


@pytest.mark.parametrize(
    ("changes", "least", "most", "reason"),
    [
        ({}, 0, 1, "only an endpoint for asynchronous inference scales to zero"),
        ({}, 3, 2, "MinCapacity is 3 and MaxCapacity 2"),
        ({"ResourceId": "endpoint/no-such/variant/all"}, 1, 2, "Could not find endpoint"),
        ({"ResourceId": "endpoint/served/variant/other"}, 1, 2, "has no variant other"),
        ({"ResourceId": "served"}, 1, 2, "endpoint/<endpoint>/variant/<variant>"),
    ],
)
def test_what_cannot_be_scaled_is_refused(
    cloud: LocalCloud, served: str, changes: dict[str, Any], least: int, most: int, reason: str
) -> None:
    with pytest.raises(ClientError, match=reason) as refused:
        register(cloud, served, least, most, **changes)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize(
    ("kind", "config", "reason"),
    [
        ("PredictiveScaling", {"MetricSpecifications": []}, "PredictiveScaling is not run"),
        ("TargetTrackingScaling", {"TargetValue": 1.0}, "needs either a PredefinedMetricSpecification"),
        ("StepScaling", {"AdjustmentType": "ExactCapacity"}, "needs an AdjustmentType and StepAdjustments"),
        (
            "StepScaling",
            {
                "AdjustmentType": "ExactCapacity",
                "StepAdjustments": [
                    {"MetricIntervalUpperBound": 0, "ScalingAdjustment": 1},
                    {"MetricIntervalLowerBound": 1, "ScalingAdjustment": 2},
                ],
            },
            "neither a gap nor an overlap",
        ),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(
    cloud: LocalCloud, served: str, kind: str, config: dict[str, Any], reason: str
) -> None:
    register(cloud, served, 1, 2)
    with pytest.raises(ClientError, match=reason):
        put_policy(cloud, served, "any", kind, config)


def test_scheduled_scaling_is_refused_by_name(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="PutScheduledAction of Application Auto Scaling for sagemaker is not run"):
        cloud.client("application-autoscaling").put_scheduled_action(
            ServiceNamespace="sagemaker",
            ScheduledActionName="nightly",
            ResourceId=resource("any"),
            ScalableDimension=DIMENSION,
            Schedule="rate(1 day)",
        )


def step_policy(adjustment: str, *steps: tuple[float | None, float | None, int], **changes: Any) -> Policy:
    found = []
    for low, high, change in steps:
        bounds = {"MetricIntervalLowerBound": low, "MetricIntervalUpperBound": high}
        given_bounds = {name: bound for name, bound in bounds.items() if bound is not None}
        found.append({**given_bounds, "ScalingAdjustment": change})
    return Policy("p", "r", "StepScaling", {"AdjustmentType": adjustment, "StepAdjustments": found, **changes}, 0)


@pytest.mark.parametrize(
    ("policy", "value", "wanted"),
    [
        # Of the documentation's example: a threshold of 50, ten instances.
        (step_policy("PercentChangeInCapacity", (0, 10, 0), (10, 20, 10), (20, None, 30)), 59, 10),
        (step_policy("PercentChangeInCapacity", (0, 10, 0), (10, 20, 10), (20, None, 30)), 60, 11),
        (step_policy("PercentChangeInCapacity", (0, 10, 0), (10, 20, 10), (20, None, 30)), 70, 13),
        (step_policy("PercentChangeInCapacity", (-10, 0, 0), (-20, -10, -10), (None, -20, -30)), 40, 9),
        (step_policy("PercentChangeInCapacity", (-10, 0, 0), (-20, -10, -10), (None, -20, -30)), 30, 7),
        (step_policy("PercentChangeInCapacity", (0, None, 1), MinAdjustmentMagnitude=2), 50, 12),
        (step_policy("PercentChangeInCapacity", (0, None, 1)), 50, 11),
        (step_policy("ChangeInCapacity", (0, None, -3)), 50, 7),
        (step_policy("ExactCapacity", (0, None, 4)), 50, 4),
        (step_policy("ExactCapacity", (5, None, 4)), 50, 10),
    ],
)
def test_a_step_is_chosen_by_how_far_the_value_is_from_the_threshold(policy: Policy, value: float, wanted: int) -> None:
    assert policy.wanted(10, Reading(value, 50, is_high=value >= 50)) == wanted


@given(st.integers(0, 50), st.floats(0, 1e4), st.floats(0.1, 100))
def test_target_tracking_gives_each_instance_no_more_than_its_target(
    capacity: int, value: float, target: float
) -> None:
    policy = Policy("p", "r", "TargetTrackingScaling", {"TargetValue": target}, 0)
    wanted = policy.wanted(capacity, Reading(value, target, is_high=True))
    assert wanted >= capacity
    assert wanted * target >= max(capacity, 1) * value * (1 - 1e-6) - 1e-6 * target
    assert policy.wanted(capacity, Reading(value, target * 0.9, is_high=False)) <= capacity
    if wanted > capacity:
        assert wanted == math.ceil(round(max(capacity, 1) * value / target, 6))
