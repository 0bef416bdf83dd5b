"""What a run would cost, reckoned by hand beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from switchyard.console.costs import cost_if_known, cost_of, list_prices, memory_in_logs
from switchyard.console.schema import Cost, CostItem
from tests.recorded import Events, recorded

MINUTE_MS = 60_000


def items(cost: Cost) -> dict[str, CostItem]:
    return {item.what: item for item in cost.items}


def job(kind: str, instance: str, count: int = 1, *, minutes: float | None = None, **more: Any) -> Events:
    """A history with one job in it; the time of its state is three seconds."""
    cluster = {"InstanceType": instance, "InstanceCount": count}
    resources: dict[str, Any] = {
        "Training": {"ResourceConfig": cluster},
        "Processing": {"ProcessingResources": {"ClusterConfig": cluster}},
        "Transform": {"TransformResources": cluster},
    }[kind]
    events = Events()
    events.add("ExecutionStarted")
    events.add("TaskStateEntered", name="Work")
    action = {"resourceType": "sagemaker", "resource": f"create{kind}Job.sync"}
    events.add("TaskScheduled", **action, parameters=json.dumps({**resources, **more}))
    events.add("TaskStarted", **action)
    events.add("TaskSubmitted", **action)
    times = {} if minutes is None else {f"{kind}StartTime": 1e12, f"{kind}EndTime": 1e12 + minutes * MINUTE_MS}
    events.add("TaskSucceeded", **action, output=json.dumps(times))
    events.add("TaskStateExited", name="Work")
    return events


@pytest.mark.parametrize("kind", ["Training", "Processing", "Transform"])
def test_a_job_costs_its_instances_from_its_own_start_to_its_end(kind: str) -> None:
    item = items(cost_of(job(kind, "ml.m5.xlarge", 2, minutes=30).events, region="us-east-1"))[f"{kind}: Work"]
    assert item.usd == pytest.approx(2 * 0.5 * 0.23)
    assert item.basis == "2 x ml.m5.xlarge, 1,800 s at 0.23 USD an hour"


def test_a_job_that_does_not_say_when_it_ran_costs_the_time_of_its_state() -> None:
    item = items(cost_of(job("Transform", "ml.m5.large").events, region="us-east-1"))["Transform: Work"]
    assert item.usd == pytest.approx(2 * 0.115 / 3600, abs=1e-8)


def test_what_sagemaker_bills_goes_before_what_the_clock_says() -> None:
    events = job("Training", "ml.m5.large", minutes=30)
    events.events[5]["taskSucceededEventDetails"]["output"] = json.dumps({"BillableTimeInSeconds": 360})
    assert items(cost_of(events.events, region="us-east-1"))["Training: Work"].usd == pytest.approx(0.0115)


def test_an_instance_without_a_known_price_has_none_and_a_note_says_so() -> None:
    cost = cost_of(job("Training", "ml.x99.huge", minutes=30).events, region="us-east-1")
    assert items(cost)["Training: Work"].usd is None
    assert cost.total_usd == pytest.approx(0.000025)
    assert any("price is not known: Training: Work" in note for note in cost.notes)


def test_spot_and_another_region_are_noted() -> None:
    cost = cost_of(
        job("Training", "ml.m5.large", EnableManagedSpotTraining=True).events,
        region="eu-west-1",
    )
    assert any("spot" in note for note in cost.notes)
    assert any("eu-west-1" in note for note in cost.notes)


def test_every_attempt_of_a_function_is_a_request_and_every_retry_a_transition() -> None:
    events = Events()
    events.add("ExecutionStarted")
    events.add("TaskStateEntered", name="Check")
    call = {"resourceType": "lambda", "resource": "invoke"}
    parameters = json.dumps({"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:check"})
    for ending in ("TaskFailed", "TaskSucceeded"):
        events.add("TaskScheduled", **call, parameters=parameters)
        events.add("TaskStarted", **call)
        events.add(ending, **call)
    events.add("TaskStateExited", name="Check")
    cost = cost_of(events.events, region="us-east-1", memory_of={"check": 512}.get)
    functions = items(cost)["Functions"]
    assert functions.basis == "2 requests, 1 GB-seconds"  # two seconds with half a GB
    assert functions.usd == pytest.approx(0.0000166667 + 2 * 0.2 / 1e6, abs=1e-8)
    assert items(cost)["State machine"].usd == pytest.approx(2 * 0.025 / 1000)


def test_a_function_whose_memory_is_not_known_costs_its_requests_and_says_so() -> None:
    functions = items(cost_of(recorded("deployed"), region="us-east-1"))["Functions"]
    assert "memory is not known" in functions.basis
    assert functions.usd is not None


def deployed() -> list[dict[str, Any]]:
    """A recorded run, with the instances that its recording leaves out."""
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    more: dict[str, Any] = {
        "createProcessingJob.sync": {"ProcessingResources": {"ClusterConfig": cluster}},
        "createTrainingJob.sync": {"ResourceConfig": cluster},
        "createTransformJob.sync": {"TransformResources": cluster},
        "createEndpointConfig": {"ProductionVariants": [{"InstanceType": "ml.m5.large", "InitialInstanceCount": 2}]},
    }
    events = recorded("deployed")
    for event in events:
        details = event.get("taskScheduledEventDetails")
        if details and details["resource"] in more:
            details["parameters"] = json.dumps({**json.loads(details["parameters"]), **more[details["resource"]]})
    return events


def test_a_deployed_run_has_its_jobs_functions_and_the_endpoint_by_the_hour() -> None:
    cost = cost_of(deployed(), region="us-east-1", memory_of=lambda _: 256)
    kinds = [item.what.split(":")[0] for item in cost.items]
    assert kinds == ["Processing", "Training", "Transform", "Functions", "State machine", "Endpoint, each hour"]
    endpoint = cost.items[-1]
    assert (endpoint.usd, endpoint.is_recurring) == (0.23, True)
    assert cost.total_usd == pytest.approx(sum(item.usd or 0 for item in cost.items[:-1]))
    assert any("estimate" in note for note in cost.notes)


def test_a_run_that_was_found_wanting_after_all_leaves_no_endpoint_to_pay() -> None:
    events = deployed()
    events[-1]["executionSucceededEventDetails"]["output"] = json.dumps({"status": "REJECTED", "endpoint_name": None})
    assert not any(item.is_recurring for item in cost_of(events, region="us-east-1").items)


@pytest.mark.parametrize("history", ["training_failed", "branch_failed", "stopped"])
def test_a_run_that_did_not_end_well_leaves_no_endpoint_to_pay(history: str) -> None:
    cost = cost_of(recorded(history), region="us-east-1")
    assert not any(item.is_recurring for item in cost.items)
    assert cost.total_usd > 0


def test_a_run_that_is_not_over_costs_what_it_has_taken_so_far() -> None:
    events = recorded("deployed")
    begun = next(i for i, event in enumerate(events) if event["type"] == "TaskSubmitted")
    cost = cost_of(events[: begun + 1], region="us-east-1")
    assert [item.what for item in cost.items][:1] == ["Processing: Split data"]


def test_a_redriven_task_is_counted_once_more() -> None:
    events = job("Training", "ml.m5.large")
    events.events[5]["type"] = "TaskFailed"
    events.add("ExecutionFailed", after=6)
    events.add("ExecutionRedriven")
    action = {"resourceType": "sagemaker", "resource": "createTrainingJob.sync"}
    parameters = {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}, "TrainingJobName": "again"}
    events.add("TaskScheduled", **action, parameters=json.dumps(parameters))
    events.add("TaskSucceeded", **action, output=json.dumps({"BillableTimeInSeconds": 3600}))
    cost = cost_of(events.events, region="us-east-1")
    assert [item.usd for item in cost.items if item.what.startswith("Training")] == pytest.approx(
        [2 * 0.115 / 3600, 0.115], abs=1e-8
    )
    assert items(cost)["State machine"].basis.startswith("2 state transitions")


@pytest.mark.parametrize(
    "broken",
    [
        {"parameters": json.dumps({"ProcessingResources": "none", "ResourceConfig": ["a"]})},
        {"parameters": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"},
        {"parameters": '{"ProcessingResources": {"ClusterConfig": {"InstanceCount": 1e999}}}'},
    ],
    ids=["types", "depth", "infinity"],
)
def test_a_history_that_no_api_would_write_costs_nothing_or_says_why(broken: dict[str, str]) -> None:
    events = job("Processing", "ml.m5.large")
    events.events[2]["taskScheduledEventDetails"] |= broken
    cost, problem = cost_if_known(events.events, region="us-east-1")
    assert (cost is None) == (problem is not None)


def test_the_cost_of_a_history_without_times_is_not_known() -> None:
    cost, problem = cost_if_known([{"id": 1, "type": "ExecutionStarted"}], region="us-east-1")
    assert cost is None
    assert "cannot be reckoned" in str(problem)


def test_the_memory_of_functions_is_read_from_their_logs() -> None:
    logs = {"notify": ["{}", "REPORT RequestId: 1\tDuration: 9 ms\tMemory Size: 256 MB"], "quiet": ["nothing"]}
    assert memory_in_logs(logs) == {"notify": 256}


def test_the_prices_say_of_which_day_and_region_they_are() -> None:
    prices = list_prices()
    assert prices["region"] == "us-east-1"
    assert prices["noted_on"].startswith("20")
    assert prices["instance_usd_per_hour"]["ml.m5.large"] == 0.115
