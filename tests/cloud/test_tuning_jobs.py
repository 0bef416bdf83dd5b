"""Hyperparameter tuning: training jobs by the values that a strategy finds, and the best of them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.sagemaker.tuning.bayesian import choose
from switchyard.cloud.sagemaker.tuning.ranges import Categorical, Numeric
from switchyard.cloud.sagemaker.tuning.strategies import Bayesian, Random, Values
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.machines import failure, run
from tests.cloud.tuning_jobs import KIND, N, X, ended_tuning, tuning_request

_numbers = itertools.count(1)
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
HANG = "import threading; threading.Event().wait()"


@pytest.fixture
def name() -> str:
    """A name for a tuning job: of at most 32 characters."""
    return f"tuning-{next(_numbers)}"


def start(cloud: LocalCloud, request: dict[str, Any]) -> str:
    """Start a tuning job and return its name."""
    cloud.client("sagemaker").create_hyper_parameter_tuning_job(**request)
    return str(request["HyperParameterTuningJobName"])


def tried(cloud: LocalCloud, name: str, **options: Any) -> list[dict[str, Any]]:
    """Return the training jobs of a tuning job."""
    pages = cloud.client("sagemaker").get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    found = pages.paginate(HyperParameterTuningJobName=name, **options)
    return [summary for page in found for summary in page["TrainingJobSummaries"]]


def loss(values: Values) -> float:
    x, n = float(values["rate"]), int(values["size"])
    return (x - 0.3) ** 2 + (n - 4) ** 2 / 100 + (values["kind"] != "b") + 1.5


def test_values_are_tried_at_random_and_the_best_is_found(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    start(cloud, tuning_request(cloud, name))
    job = ended_tuning(cloud, name)
    assert job["HyperParameterTuningJobStatus"] == "Completed", (job["FailureReason"], tried(cloud, name))
    assert job["TrainingJobStatusCounters"]["Completed"] == 4
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    found = tried(cloud, name, SortBy="FinalObjectiveMetricValue", SortOrder="Ascending", MaxResults=3)
    objectives = [each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for each in found]
    assert objectives == sorted(objectives)
    assert objectives == pytest.approx([loss(each["TunedHyperParameters"]) for each in found])
    assert job["BestTrainingJob"] == found[0]
    for each in found:
        values = each["TunedHyperParameters"]
        assert -1 <= float(values["rate"]) <= 1
        assert int(values["size"]) in range(1, 10)
        assert values["kind"] in "abc"
        made = client.describe_training_job(TrainingJobName=each["TrainingJobName"])
        assert made["TuningJobArn"] == job["HyperParameterTuningJobArn"]
        assert made["HyperParameters"]["_tuning_objective_metric"] == "loss"
        assert made["HyperParameters"].items() >= {**values, "bias": "1.5"}.items()
        assert client.list_tags(ResourceArn=each["TrainingJobArn"])["Tags"] == [{"Key": "team", "Value": "data"}]
    numbers = sorted(each["TrainingJobName"].removeprefix(f"{name}-").partition("-")[0] for each in found)
    assert numbers == ["001", "002", "003", "004"]
    (listed,) = client.list_hyper_parameter_tuning_jobs(NameContains=name)["HyperParameterTuningJobSummaries"]
    assert (listed["HyperParameterTuningJobStatus"], listed["Strategy"]) == ("Completed", "Random")
    client.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    with pytest.raises(ClientError, match="can't find a tuning job"):
        tried(cloud, name)


def test_a_gaussian_process_tries_better_values_than_chance(cloud: LocalCloud, name: str) -> None:
    # One at a time: what is tried next would otherwise depend on which one ends first.
    limits = {"MaxNumberOfTrainingJobs": 14, "MaxParallelTrainingJobs": 1}
    chosen = start(cloud, tuning_request(cloud, name, Strategy="Bayesian", ResourceLimits=limits))
    job = ended_tuning(cloud, chosen)
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    objectives = [
        each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
        for each in tried(cloud, chosen, SortBy="Name", SortOrder="Ascending")
    ]
    assert len(objectives) == 14
    # The first are at random; of the last ones, most have learned that kind must be b, which costs 1 otherwise.
    assert np.median(objectives[-6:]) < np.median(objectives[:3])
    assert min(objectives) == job["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] < 2.0


def test_a_grid_has_each_combination_once(cloud: LocalCloud, name: str) -> None:
    sizes = {"Name": "size", "Values": ["1", "4"]}
    xs = {"Name": "rate", "Values": ["0.3"]}
    ranges = {"CategoricalParameterRanges": [KIND, sizes, xs]}
    limits = {"MaxParallelTrainingJobs": 3}
    start(cloud, tuning_request(cloud, name, Strategy="Grid", ParameterRanges=ranges, ResourceLimits=limits))
    job = ended_tuning(cloud, name)
    combinations = [tuple(sorted(each["TunedHyperParameters"].items())) for each in tried(cloud, name)]
    assert len(combinations) == len(set(combinations)) == 6
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"kind": "b", "rate": "0.3", "size": "4"}


def test_instances_can_be_given_as_the_sdk_gives_them(cloud: LocalCloud, name: str) -> None:
    request = tuning_request(cloud, name)
    definition = request["TrainingJobDefinition"]
    del definition["ResourceConfig"]
    with pytest.raises(ClientError, match="HyperParameterTuningResourceConfig is required"):
        start(cloud, request)
    size = {"InstanceCount": 1, "VolumeSizeInGB": 3}
    configs = [{"InstanceType": kind, **size} for kind in ("ml.m4.xlarge", "ml.m5.large")]
    definition["HyperParameterTuningResourceConfig"] = {"InstanceConfigs": configs, "AllocationStrategy": "Prioritized"}
    start(cloud, request)
    job = ended_tuning(cloud, name)
    assert job["TrainingJobDefinition"]["ResourceConfig"] == configs[0]
    best = job["BestTrainingJob"]["TrainingJobName"]
    assert cloud.client("sagemaker").describe_training_job(TrainingJobName=best)["ResourceConfig"] == configs[0]


def test_an_algorithm_s_own_metrics_are_told_as_if_they_had_been_given(cloud: LocalCloud, name: str) -> None:
    objective = {"Type": "Minimize", "MetricName": "validation:rmse"}
    depth = {"IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "2"}]}
    limits = {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}
    request = tuning_request(
        cloud, name, HyperParameterTuningJobObjective=objective, ParameterRanges=depth, ResourceLimits=limits
    )
    definition = request["TrainingJobDefinition"]
    definition["AlgorithmSpecification"] = {"TrainingImage": XGBOOST, "TrainingInputMode": "File"}
    definition["StaticHyperParameters"] = {"num_round": "1"}
    start(cloud, request)
    job = ended_tuning(cloud, name)  # it has no data, so it fails
    metrics = job["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"]
    assert "validation:rmse" in [metric["Name"] for metric in metrics]


def test_a_tuning_job_tells_of_its_status(cloud: LocalCloud, name: str) -> None:
    events, sqs = cloud.client("events"), cloud.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    service = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}
    policy = {"Version": "2012-10-17", "Statement": [{**service, "Action": "sqs:SendMessage", "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    pattern = {
        "detail-type": ["SageMaker HyperParameter Tuning Job State Change"],
        "detail": {"HyperParameterTuningJobName": [name]},
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    limits = {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}
    start(cloud, tuning_request(cloud, name, ResourceLimits=limits))
    told: dict[str, Any] = {}

    def look() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            detail = json.loads(message["Body"])["detail"]
            told[detail["HyperParameterTuningJobStatus"]] = detail
        return set(told) == {"InProgress", "Completed"}

    wait_until(look)
    assert told["Completed"]["BestTrainingJob"]["TrainingJobName"].startswith(f"{name}-001-")


def test_a_job_that_is_good_enough_ends_the_tuning(cloud: LocalCloud, name: str) -> None:
    limits = {"MaxNumberOfTrainingJobs": 50, "MaxParallelTrainingJobs": 1}
    criteria = {"TargetObjectiveMetricValue": 100.0}
    start(cloud, tuning_request(cloud, name, ResourceLimits=limits, TuningJobCompletionCriteria=criteria))
    assert ended_tuning(cloud, name)["TrainingJobStatusCounters"]["Completed"] == 1


def test_a_tuning_job_that_is_stopped_stops_its_training_jobs(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    request = tuning_request(cloud, name, HANG)
    start(cloud, request)
    wait_until(lambda: len(tried(cloud, name)) == 2)
    with pytest.raises(ClientError, match="must be unique within an AWS account and region"):
        start(cloud, request)
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    job = ended_tuning(cloud, name)
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert job["TrainingJobStatusCounters"]["Stopped"] == 2
    assert {each["TrainingJobStatus"] for each in tried(cloud, name)} == {"Stopped"}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("raise SystemExit(3)", "All training jobs failed."),
        ("print('nothing of the kind')", "No objective metrics found after running 4 training jobs."),
    ],
)
def test_a_tuning_job_without_an_objective_fails(cloud: LocalCloud, name: str, script: str, reason: str) -> None:
    start(cloud, tuning_request(cloud, name, script))
    job = ended_tuning(cloud, name)
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(reason)
    assert job["ObjectiveStatusCounters"]["Failed"] == 4
    assert "BestTrainingJob" not in job


def test_a_state_machine_waits_for_the_best(cloud: LocalCloud, name: str) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createHyperParameterTuningJob.sync",
        "Parameters": tuning_request(cloud, name),
        "End": True,
    }
    output = run(cloud, {"StartAt": "Tune", "States": {"Tune": state}})
    assert output["HyperParameterTuningJobStatus"] == "Completed"
    assert output["BestTrainingJob"]["TrainingJobName"].startswith(name)
    state["Parameters"] = tuning_request(cloud, f"{name}-failing", "raise SystemExit(1)")
    error, cause = failure(cloud, {"StartAt": "Tune", "States": {"Tune": state}})
    assert error == "States.TaskFailed"
    assert json.loads(cause)["FailureReason"].startswith("All training jobs failed.")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"ParameterRanges": {}}, "At least one hyperparameter range"),
        (
            {"ParameterRanges": {"ContinuousParameterRanges": [{**X, "MinValue": "2"}]}},
            "must be less than its MaxValue",
        ),
        ({"ParameterRanges": {"ContinuousParameterRanges": [{**X, "MinValue": "low"}]}}, "must each be a number"),
        ({"ParameterRanges": {"IntegerParameterRanges": [{**N, "MinValue": "1.5"}]}}, "must each be a integer"),
        ({"ParameterRanges": {"ContinuousParameterRanges": [X, X]}}, "more than one range"),
        ({"ParameterRanges": {"ContinuousParameterRanges": [{**X, "Name": "bias"}]}}, "as static and as tunable"),
        (
            {"ParameterRanges": {"ContinuousParameterRanges": [{**X, "ScalingType": "Logarithmic"}]}},
            "Logarithmic scaling needs a MinValue above 0",
        ),
        (
            {"ParameterRanges": {"ContinuousParameterRanges": [{**X, "ScalingType": "ReverseLogarithmic"}]}},
            "ReverseLogarithmic scaling needs",
        ),
        ({"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "gain"}}, "objective metric 'gain'"),
        (
            {"ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 2}},
            "cannot be greater than MaxNumberOfTrainingJobs",
        ),
        (
            {"ResourceLimits": {"MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 11}},
            "number of parallel training jobs per hyperparameter tuning job is limited to 10; 11 were asked for",
        ),
        (
            {"ResourceLimits": {"MaxNumberOfTrainingJobs": 751, "MaxParallelTrainingJobs": 1}},
            "number of training jobs per hyperparameter tuning job is limited to 750",
        ),
        ({"Strategy": "Grid"}, "Grid search takes only categorical ranges"),
        ({"Strategy": "Guess"}, "enum value set"),
        ({"Strategy": "Hyperband"}, "Strategy Hyperband is not run by the local cloud"),
        ({"TrainingJobEarlyStoppingType": "Auto"}, "TrainingJobEarlyStoppingType Auto is not run by the local cloud"),
    ],
)
def test_what_cannot_be_tuned_is_refused(cloud: LocalCloud, name: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        start(cloud, tuning_request(cloud, name, **config))


@given(
    least=st.floats(-1e6, 1e6),
    width=st.floats(1e-3, 1e6),
    place=st.floats(0, 1),
    scaling=st.sampled_from(["Linear", "Logarithmic"]),
)
def test_a_value_is_within_its_range_and_has_its_place(least: float, width: float, place: float, scaling: str) -> None:
    least = abs(least) + 1e-3 if scaling == "Logarithmic" else least
    numbers = Numeric("x", least, least + width, scaling, is_integer=False)
    value = numbers.value(place)
    assert least <= float(value) <= least + width
    assert numbers.place(value)[0] == pytest.approx(place, abs=1e-4)


@pytest.mark.parametrize("scaling", ["Linear", "Logarithmic"])
def test_each_whole_number_of_a_range_comes(scaling: str) -> None:
    numbers = Numeric("n", 1, 5, scaling, is_integer=True)
    assert {numbers.value(place) for place in np.linspace(0, 1, 200)} == {"1", "2", "3", "4", "5"}


def test_a_reversed_logarithm_looks_closest_at_one() -> None:
    numbers = Numeric("momentum", 0.0, 0.999, "ReverseLogarithmic", is_integer=False)
    assert [float(numbers.value(place)) for place in (0, 0.5, 1)] == pytest.approx([0, 0.968, 0.999], abs=1e-3)
    assert numbers.place("0.999") == pytest.approx([1])


def test_the_process_learns_where_the_least_lies() -> None:
    ranges = [Numeric("x", -5, 5, "Linear", is_integer=False), Categorical("kind", ("a", "b"))]

    def cost(values: Values) -> float:
        return (float(values["x"]) - 1.7) ** 2 + 5 * (values["kind"] == "a")

    def program(text: str) -> str:
        told = {key: np.array(value) for key, value in json.loads(text).items()}
        return str(choose(told["tried"], told["objectives"], told["running"], told["candidates"], int(told["seed"])))

    def best(strategy: Random, count: int = 12) -> float:
        known: list[tuple[Values, float]] = []
        running: Sequence[Values] = [{"x": "0.0", "kind": "a"}]
        for _ in range(count):
            values = strategy.propose(known, running)
            known.append((values, cost(values)))
        return min(found for _, found in known)

    by_model = [best(Bayesian(ranges, seed, program)) for seed in range(2)]
    by_chance = [best(Random(ranges, seed)) for seed in range(2)]
    assert max(by_model) < 0.2
    assert sum(by_model) < sum(by_chance) / 5
