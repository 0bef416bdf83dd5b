"""Releases whose traffic SageMaker itself moves, or copies."""

from __future__ import annotations

import pytest

from tests.cloud.local_cloud import wait_until
from tests.runs.conftest import Caller, Site
from tests.runs.releases import PATIENT, Models
from tests.runs.test_release import NAN, SHIFTED, SLOW, copy_of_project, output_of

CANARY = {"strategy": "guardrails", "steps": [50, 100]}


@pytest.fixture(scope="module")
def models(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The models of a recipe whose endpoint is there."""
    return Models.train(site, copy_of_project(tmp_path_factory), "by-itself")


def test_sagemaker_releases_a_good_model_without_losing_a_request(models: Models) -> None:
    package = models.package(then=SHIFTED)
    before = float(models.site.invoke(models.recipe, PATIENT))
    with Caller(models.site, models.recipe, PATIENT) as caller:
        execution = models.release(package, **CANARY, bake_seconds=60)
        # Whoever takes its lease away finds its work undone; it makes it again.
        wait_until(lambda: models.endpoint()["EndpointStatus"] == "Updating")
        wait_until(lambda: "Wait for guardrails" in execution.states())
        key = {"endpoint": {"S": models.group}}
        models.site.client("dynamodb").delete_item(TableName="switchyard-locks", Key=key)
        output = output_of(execution.wait())
    assert output["status"] == "RELEASED"
    assert caller.errors == []
    assert {"Clear the way", "Try endpoint"} <= set(execution.states())
    endpoint = models.endpoint()
    assert endpoint["EndpointConfigName"] == f"switchyard-release-{execution.name}"
    routing = endpoint["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (routing["Type"], routing["CanarySize"]["Value"]) == ("CANARY", 50)
    assert models.metadata(package)["release"] == "released"
    assert models.left()[1] == []
    assert float(models.site.invoke(models.recipe, PATIENT)) == pytest.approx(before + 1, abs=1e-6)


@pytest.mark.parametrize(
    ("code", "settings", "reason"),
    [
        (
            SLOW,
            {"limits": {"latency_ms": 40}, "bake_seconds": 3600},
            "SageMaker took the candidate back: The deployment",
        ),
        (NAN, {"bake_seconds": 0}, "answered nan, which is not finite"),
    ],
    ids=["by an alarm", "by its samples"],
)
def test_a_bad_model_is_taken_back(models: Models, code: str, settings: dict[str, object], reason: str) -> None:
    package = models.package(then=code)
    before, left = models.endpoint(), models.left()
    with Caller(models.site, models.recipe, PATIENT) as caller:
        output = output_of(models.release(package, **CANARY, **settings).wait())
    assert output["status"] == "ROLLED_BACK"
    assert reason in output["reasons"][0]
    assert caller.errors == []
    assert models.metadata(package)["status"] == "Rejected"
    assert models.left() == left
    after = models.endpoint()
    assert (after["EndpointConfigName"], after["EndpointStatus"]) == (before["EndpointConfigName"], "InService")
