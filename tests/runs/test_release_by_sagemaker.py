"""Releases whose traffic SageMaker itself moves, or copies."""

from __future__ import annotations

import pytest

from tests.cloud.local_cloud import wait_until
from tests.runs.conftest import Caller, Site
from tests.runs.releases import PATIENT, Models
from tests.runs.test_release import FAILING, NAN, SHIFTED, SLOW, copy_of_project, output_of

DOUBLED = "_predict = predict_fn\n\n\ndef predict_fn(data, model):\n    return _predict(data, model) * 2\n"
CANARY = {"strategy": "guardrails", "steps": [50, 100]}


@pytest.fixture(scope="module")
def models(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The models of a recipe whose endpoint is there."""
    return Models.train(site, copy_of_project(tmp_path_factory), "by-itself")


def test_sagemaker_releases_a_good_model_without_losing_a_request(models: Models) -> None:
    package = models.package(then=SHIFTED)
    before = float(models.site.invoke(models.recipe, PATIENT))
    with Caller(models.site, models.recipe, PATIENT) as caller:
        execution = models.release(package, **CANARY, bake_seconds=240)
        # Whoever takes its lease away while it bakes finds its work undone; it makes it again.
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


# A shadow


@pytest.fixture(scope="module")
def shadowed(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The models of a recipe that serves what it has trained: nothing else was released there."""
    return Models.train(site, copy_of_project(tmp_path_factory), "by-copies")


@pytest.mark.parametrize(
    ("code", "limit", "passes"), [("", 0.001, True), (DOUBLED, 0.1, False)], ids=["equal", "differing"]
)
def test_a_shadow_is_compared_and_serves_nobody(shadowed: Models, code: str, limit: float, passes: bool) -> None:
    current = shadowed.site.client("sagemaker").describe_endpoint(EndpointName=shadowed.group)["EndpointConfigName"]
    package, left, expected = (
        shadowed.package(then=code),
        shadowed.left(),
        shadowed.site.invoke(shadowed.recipe, PATIENT),
    )

    with Caller(shadowed.site, shadowed.recipe, PATIENT) as caller:
        execution = shadowed.release(
            package, strategy="shadow", bake_seconds=60, minimum_requests=20, shadow={"maximum_difference": limit}
        )
        output = output_of(execution.wait())

    assert output["status"] == "COMPARED"
    found = output["comparison"]
    assert found["passed"] is passes
    assert found["answers"] >= 20
    assert found["requests"] >= 20
    assert found["mean_difference"] == pytest.approx(0 if passes else 0.5, abs=1e-4)
    assert output["reasons"] == found["reasons"]
    assert passes or "differ by 50.00% on average" in output["reasons"][0]
    assert caller.errors == []
    assert {*caller.answers} == {expected}
    assert shadowed.endpoint()["EndpointConfigName"] == current
    assert shadowed.left() == left
    metadata = shadowed.metadata(package)
    assert (metadata["release"], metadata["status"]) == ("compared", "Approved")
    assert metadata["release_reason"].startswith("Passed" if passes else "Not passed")


def test_a_shadow_that_fails_is_not_waited_for_and_can_be_released_all_the_same(shadowed: Models) -> None:
    package = shadowed.package(then=FAILING)
    with Caller(shadowed.site, shadowed.recipe, PATIENT) as caller:
        output = output_of(shadowed.release(package, strategy="shadow", bake_seconds=3600).wait())
        again = output_of(shadowed.release(package, strategy="all-at-once", bake_seconds=0, minimum_requests=0).wait())
    assert (output["status"], output["comparison"]["passed"]) == ("COMPARED", False)
    assert "5xx" in " ".join(output["reasons"])
    assert again["status"] in {"RELEASED", "ROLLED_BACK"}
    assert caller.answers
