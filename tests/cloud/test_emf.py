from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.monitoring.emf import extract
from switchyard.cloud.monitoring.store import Metric
from tests.cloud.jobs import ended_training, start_training
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.metric_queries import metrics, total

NOW = 1_700_000_000.0


def line(*directives: dict[str, Any], timestamp: int | None = None, **members: Any) -> str:
    metadata: dict[str, Any] = {"CloudWatchMetrics": list(directives)}
    if timestamp is not None:
        metadata["Timestamp"] = timestamp
    return json.dumps({"_aws": metadata, **members})


def directive(*names: str, dimensions: list[list[str]] | None = None, **options: Any) -> dict[str, Any]:
    given = {} if dimensions is None else {"Dimensions": dimensions}
    return {"Namespace": "Shop", "Metrics": [{"Name": name, **options} for name in names], **given}


def test_each_set_of_dimensions_is_a_metric_of_its_own() -> None:
    text = line(directive("sold", dimensions=[["shop", "town"], ["shop"], []]), shop="s", town="t", sold=2)
    assert [(one.metric, one.values) for one in extract(text, NOW)] == [
        (Metric("Shop", "sold", (("shop", "s"), ("town", "t"))), (2.0,)),
        (Metric("Shop", "sold", (("shop", "s"),)), (2.0,)),
        (Metric("Shop", "sold"), (2.0,)),
    ]


def test_without_dimensions_a_metric_has_none() -> None:
    (one,) = extract(line(directive("sold"), sold=1), NOW)
    assert one.metric == Metric("Shop", "sold")


def test_values_units_and_times_are_taken_as_they_are_given() -> None:
    text = line(directive("took", Unit="Seconds", StorageResolution=1), timestamp=1_600_000_000_500, took=[1, 2.5])
    (one,) = extract(text, NOW)
    assert (one.unit, one.timestamp, one.values) == ("Seconds", 1_600_000_000.5, (1.0, 2.5))
    (other,) = extract(line(directive("took"), took=3), NOW)
    assert (other.unit, other.timestamp) == ("None", NOW)


def test_several_directives_are_all_followed() -> None:
    other = {"Namespace": "Bank", "Metrics": [{"Name": "paid"}]}
    found = extract(line(directive("sold"), other, sold=1, paid=2), NOW)
    assert [one.metric.namespace for one in found] == ["Shop", "Bank"]


@pytest.mark.parametrize(
    "text",
    [
        'plain text that names "CloudWatchMetrics"',
        line(directive("sold")),
        line(directive("sold"), sold="many"),
        line(directive("sold"), sold=True),
        line(directive("sold"), sold=[1] * 101),
        line(directive("sold", dimensions=[["shop"]]), sold=1),
        line(directive("sold", dimensions=[["shop"]]), sold=1, shop=7),
        line(directive(*(f"m{number}" for number in range(101))), **{f"m{number}": 1 for number in range(101)}),
        line({"Metrics": [{"Name": "sold"}]}, sold=1),
        line({"Namespace": "Shop"}, sold=1),
        '{"_aws": {"CloudWatchMetrics": 3}}',
        '{"_aws": null, "x": "\\"CloudWatchMetrics\\""}',
        line(directive("sold"), sold=1) + "}",
        line(directive("sold"), sold=10**400),
        line(directive("sold"), timestamp=10**400, sold=1),
        line(directive("sold"), timestamp=10**30, sold=1),
        line(directive("sold"), timestamp=math.nan, sold=1),  # type: ignore[arg-type]
        line(directive("sold"), timestamp=math.inf, sold=1),  # type: ignore[arg-type]
        '{"_aws": {"CloudWatchMetrics": ' + "[" * 100_000,
    ],
)
def test_a_line_that_is_not_as_specified_has_no_metric(text: str) -> None:
    assert extract(text, NOW) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Namespace", "Metrics", "Name"]), inner)
    ),
    max_leaves=8,
)


@given(JSON)
def test_no_line_makes_trouble(document: Any) -> None:
    extract(json.dumps({"_aws": {"CloudWatchMetrics": document}}), NOW)


def test_what_a_function_logs_becomes_metrics(cloud: LocalCloud) -> None:
    lines = [
        line(
            directive("sold", dimensions=[["shop"], []], Unit="Count"),
            timestamp=int(time.time() * 1000),
            shop="s",
            sold=[2, 4],
        ),
        "nothing to count",
        line(directive("sold", dimensions=[["shop"], []], Unit="Count"), shop="s", sold=6),
        '{"_aws": {"CloudWatchMetrics": broken',
    ]
    payload = json.dumps({"lines": lines}).encode()
    assert cloud.client("lambda").invoke(FunctionName="counting", Payload=payload)["Payload"].read() == b"4"
    wait_until(lambda: total(cloud, "Shop", "sold") == 12)
    assert total(cloud, "Shop", "sold", "SampleCount", shop="s") == 3
    assert total(cloud, "Shop", "sold", "p50", shop="s") == 4
    assert metrics(cloud, "Shop") == {("sold", (("shop", "s"),)), ("sold", ())}


def test_what_a_job_and_a_client_log_becomes_metrics_too(cloud: LocalCloud, name: str) -> None:
    script = f"print({line({'Namespace': 'Job', 'Metrics': [{'Name': 'steps'}]}, steps=7)!r})"
    start_training(cloud, name, script)
    assert ended_training(cloud, name)["TrainingJobStatus"] == "Completed"
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    text = line({"Namespace": "Client", "Metrics": [{"Name": "calls"}]}, calls=1)
    event = {"timestamp": int(time.time() * 1000), "message": text}
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[event])
    assert total(cloud, "Client", "calls") == 1
    wait_until(lambda: total(cloud, "Job", "steps") == 7)
