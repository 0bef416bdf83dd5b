"""Endpoints as the console shows them, over a real one that answers."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from switchyard.aws.client import connect_local
from switchyard.console.connection import Connection
from switchyard.console.context import Context
from switchyard.launcher import RunningCloud
from tests.cloud.local_cloud import wait_until
from tests.console.browser import Browser, serving
from tests.fake_cloud import refusal
from tests.runs.conftest import Site

NAME = "switchyard-diabetes"
ROW = "0.05,0.05,0.06,0.02,-0.04,-0.03,-0.04,-0.002,0.02,-0.02"


@pytest.fixture(scope="module")
def deployed(site: Site, console: Browser) -> Browser:
    """Have an endpoint that serves `diabetes`."""
    site.start("diabetes", "console-endpoint").wait()
    return console


def page(console: Browser, **parameters: Any) -> dict[str, Any]:
    answer = console.get("/api/endpoint", name=NAME, **parameters)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def total(found: dict[str, Any], curve: str) -> float:
    (metrics,) = found["metrics"]
    return float(sum(point["value"] for point in metrics[curve]))


def test_every_endpoint_is_listed_with_its_variants(deployed: Browser) -> None:
    rows = {row["name"]: row for row in deployed.get("/api/endpoints").json()["endpoints"]}
    row = rows[NAME]
    assert (row["status"], row["reason"]) == ("InService", None)
    (variant,) = row["variants"]
    assert variant == {
        "name": "AllTraffic",
        "model": "switchyard-console-endpoint",
        "weight": 1.0,
        "desired_weight": 1.0,
        "instances": 1,
        "instance_type": "ml.m5.large",
        "is_serverless": False,
    }


def test_a_request_is_answered_and_counted_with_its_latency(deployed: Browser) -> None:
    before = total(page(deployed), "invocations")
    answer = deployed.post(
        "/api/endpoint/invocations", {"body": ROW, "content_type": "text/csv", "accept": "text/csv"}, name=NAME
    )
    assert answer.status == 200, answer.body
    invocation = answer.json()
    assert (invocation["status"], invocation["variant"]) == (200, "AllTraffic")
    assert math.isfinite(float(invocation["body"]))
    assert invocation["latency_ms"] > 0
    after = wait_until(lambda: total(found := page(deployed), "invocations") > before and found)
    (metrics,) = after["metrics"]
    assert metrics["variant"] == "AllTraffic"
    # Milliseconds, not the microseconds that CloudWatch has.
    assert 0 < metrics["latency_p50"][-1]["value"] < 5000
    assert metrics["latency_p50"][-1]["value"] <= metrics["latency_p99"][-1]["value"]
    assert len(metrics["invocations"]) == len(metrics["errors_5xx"])


def test_the_example_is_the_first_row_of_the_test_data_without_its_target(deployed: Browser, site: Site) -> None:
    found = page(deployed)
    assert found["content_type"] == "text/csv"
    assert len(found["example"].split(",")) == 10
    asked = {"body": found["example"], "content_type": found["content_type"], "accept": "text/csv"}
    answer = deployed.post("/api/endpoint/invocations", asked, name=NAME).json()
    # What the batch transform said of the same row.
    predictions = (site.home / "runs" / "console-endpoint" / "predictions" / "test.csv.out").read_text()
    assert float(answer["body"]) == pytest.approx(float(predictions.splitlines()[0].split(",")[1]))


def test_a_variant_can_be_chosen(deployed: Browser) -> None:
    asked = {"body": ROW, "content_type": "text/csv", "variant": "AllTraffic"}
    assert deployed.post("/api/endpoint/invocations", asked, name=NAME).json()["variant"] == "AllTraffic"
    refused = deployed.post("/api/endpoint/invocations", {**asked, "variant": "Other"}, name=NAME)
    assert refused.status == 400
    assert "Other" in refused.json()["detail"]


def test_the_models_own_refusal_is_an_answer_and_counted_as_an_error(deployed: Browser) -> None:
    before = total(page(deployed), "errors_4xx") + total(page(deployed), "errors_5xx")
    answer = deployed.post("/api/endpoint/invocations", {"body": "1,<b>x</b>", "content_type": "text/csv"}, name=NAME)
    assert answer.status == 200
    invocation = answer.json()
    assert invocation["status"] >= 400
    assert invocation["body"]
    wait_until(lambda: total(page(deployed), "errors_4xx") + total(page(deployed), "errors_5xx") > before)


def test_the_periods_of_a_window_are_counted_from_zero(deployed: Browser) -> None:
    found = page(deployed, window=900)
    assert (found["window_seconds"], found["period_seconds"]) == (900, 10)
    points = found["metrics"][0]["invocations"]
    assert all(later["at"] - earlier["at"] == 10 for earlier, later in itertools.pairwise(points))


@pytest.mark.parametrize("window", ["0", "61", "-1", "1e9", "9" * 400, "0000009001", "x"])
def test_a_window_is_one_of_a_few(deployed: Browser, window: str) -> None:
    answer = deployed.get("/api/endpoint", name=NAME, window=window)
    assert answer.status == 400
    assert "window must be one of 900, 3600" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["switchyard-nothing", "../../etc/passwd", "<script>"])
def test_an_endpoint_that_is_not_there_is_not_found(deployed: Browser, name: str) -> None:
    assert deployed.get("/api/endpoint", name=name).status == 404
    asked = {"body": ROW, "content_type": "text/csv"}
    answer = deployed.post("/api/endpoint/invocations", asked, name=name)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("field", ["content_type", "accept", "variant"])
def test_what_would_break_a_header_is_refused(deployed: Browser, field: str) -> None:
    asked = {"body": ROW, "content_type": "text/csv", field: "text/csv\r\nX-Other: 1"}
    answer = deployed.post("/api/endpoint/invocations", asked, name=NAME)
    assert answer.status == 400
    assert "cannot be sent" in answer.json()["detail"]


def test_a_page_sees_requests_come_in_by_itself(deployed: Browser) -> None:
    with deployed.live(f"endpoint:{NAME}#900") as messages:
        first = next(messages)
        assert first["kind"] == "snapshot"
        before = total(first["data"], "invocations")
        deployed.post("/api/endpoint/invocations", {"body": ROW, "content_type": "text/csv"}, name=NAME)
        assert any(total(message["data"], "invocations") > before for message in messages)


def test_a_page_is_told_when_there_is_no_such_endpoint(deployed: Browser) -> None:
    with deployed.live("endpoint:switchyard-nothing") as messages:
        first = next(messages)
    assert first["kind"] == "problem"
    assert "there is no endpoint 'switchyard-nothing'" in first["data"]["detail"]


def test_without_metrics_the_endpoint_is_shown_and_the_page_says_why(deployed: Browser, site: Site) -> None:
    cloud = connect_local(RunningCloud(site.url, site.pid))

    def refuse(**_: Any) -> None:
        raise refusal("AccessDenied", "no metrics for you", "GetMetricData")

    cloud.client("cloudwatch").meta.events.register("before-call.cloudwatch.GetMetricData", refuse)
    with serving(Context(Connection(cloud), home=None, project=None)) as console:
        found = console.get("/api/endpoint", name=NAME).json()
    assert found["row"]["status"] == "InService"
    assert found["metrics"] == []
    assert "no metrics for you" in found["problem"]
