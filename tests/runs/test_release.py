"""Releases, end to end: real models behind a real endpoint that is asked all the while."""

from __future__ import annotations

import json
import re
import shutil
from itertools import pairwise
from typing import Any

import pytest

from switchyard.project import Project
from tests.cloud.local_cloud import wait_until
from tests.runs.conftest import ROOT, Caller, Execution, Site, add_recipe
from tests.runs.releases import PATIENT, QUICK, UNHURRIED, Models
from tests.runs.test_redrive import add_fault, clean_ups, clear_faults, redrive

# Another answer than the model's own, so that who answers can be seen.
SHIFTED = "_predict = predict_fn\n\n\ndef predict_fn(data, model):\n    return _predict(data, model) + 1\n"
SLOW = "import time\n\n" + SHIFTED.replace("    return", "    time.sleep(0.06)\n    return")
# Every third request of the caller's; the sample is another one.
FAILING = (
    "import itertools\n\n_count = itertools.count(1)\n_predict = predict_fn\n\n\ndef predict_fn(data, model):\n"
    "    if data[0][0] == 59 and next(_count) % 3 == 0:\n        raise RuntimeError('not every time')\n"
    "    return _predict(data, model)\n"
)
OTHER = PATIENT.replace("59", "60", 1)
NAN = "_predict = predict_fn\n\n\ndef predict_fn(data, model):\n    return _predict(data, model) * float('nan')\n"
DEAD = "def model_fn(model_dir):\n    raise RuntimeError('no model today')\n"


@pytest.fixture(scope="module")
def models(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The models of a recipe whose endpoint is there."""
    return Models.train(site, copy_of_project(tmp_path_factory), "stepped")


def copy_of_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    for name in ("recipes", "training_code"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", root)
    return Project(root)


def output_of(description: dict[str, Any]) -> dict[str, Any]:
    assert description["status"] == "SUCCEEDED", f"{description.get('error')}: {description.get('cause')}"
    output: dict[str, Any] = json.loads(description["output"])
    return output


@pytest.mark.parametrize(
    ("strategy", "shares"),
    [
        ({"strategy": "canary", "steps": [20, 100]}, [20, 100]),
        ({"strategy": "blue-green"}, [100]),
        ({"strategy": "all-at-once", "bake_seconds": 0, "minimum_requests": 0}, [100]),
    ],
    ids=["canary", "blue-green", "all-at-once"],
)
def test_a_good_model_is_released_without_losing_a_request(
    models: Models, strategy: dict[str, Any], shares: list[int]
) -> None:
    package = models.package(then=SHIFTED)
    before = float(models.site.invoke(models.recipe, PATIENT))

    with Caller(models.site, models.recipe, PATIENT) as caller:
        execution = models.release(package, **{**QUICK, **strategy})
        output = output_of(execution.wait())

    assert output["status"] == "RELEASED"
    assert [step["share"] for step in output["steps"]] == shares
    assert all(step["requests"] >= {**QUICK, **strategy}["minimum_requests"] for step in output["steps"])
    assert caller.errors == []
    endpoint = models.endpoint()
    assert [(each["VariantName"], each["CurrentWeight"]) for each in endpoint["ProductionVariants"]] == [
        ("AllTraffic", 1.0)
    ]
    assert endpoint["EndpointConfigName"] == f"switchyard-release-{execution.name}"
    metadata = models.metadata(package)
    assert (metadata["release"], metadata["release_execution"]) == ("released", execution.name)
    assert metadata["released_endpoint"] == models.group
    parameter = models.site.client("ssm").get_parameter(Name=f"/switchyard/{models.recipe}/endpoint")["Parameter"]
    assert parameter["Value"] == models.group
    made, alarms = models.left()
    assert alarms == []
    assert f"switchyard-release-{execution.name}-shared" not in made["configs"]
    assert float(models.site.invoke(models.recipe, PATIENT)) == pytest.approx(before + 1, abs=1.5)


@pytest.mark.parametrize(
    ("code", "settings", "reason", "is_seen"),
    [
        # What the alarm sees the look itself may have missed: it reads the figures first.
        (SLOW, {"limits": {"latency_ms": 40}}, r"ms on average, more than 40 ms|-latency' is raised", True),
        (
            FAILING,
            {"samples": [{"body": OTHER}], "minimum_requests": 50},
            r"were 5xx, more than 1 %|-5xx' is raised",
            True,
        ),
        (NAN, {}, "answered nan, which is not finite", False),
        (SHIFTED, {"samples": [{"body": PATIENT, "maximum": 1}]}, "above the expected maximum 1", False),
        (DEAD, {}, "did not pass the ping health check", False),
    ],
    ids=["slow", "failing", "NaN", "out of range", "never healthy"],
)
def test_a_bad_model_is_taken_back_by_itself(
    models: Models, code: str, settings: dict[str, Any], reason: str, is_seen: bool
) -> None:
    package = models.package(then=code)
    before, left = models.endpoint(), models.left()

    with Caller(models.site, models.recipe, PATIENT) as caller:
        execution = models.release(package, strategy="canary", increment=50, **{**QUICK, **settings})
        output = output_of(execution.wait())

    assert output["status"] == "ROLLED_BACK"
    assert re.search(reason, output["reasons"][0])
    assert ("Shift traffic" in execution.states()) == is_seen
    metadata = models.metadata(package)
    assert (metadata["release"], metadata["status"]) == ("rolled-back", "Rejected")
    assert re.search(reason, metadata["why"])
    assert models.left() == left
    after = models.endpoint()
    assert after["EndpointConfigName"] == before["EndpointConfigName"]
    assert after["EndpointStatus"] == "InService"
    # Only what the candidate itself failed to answer is lost.
    assert caller.errors == [] if code != FAILING else all("ModelError" in str(error) for error in caller.errors)
    assert caller.answers


def test_the_first_model_of_a_recipe_gets_an_endpoint(models: Models, project: Project) -> None:
    add_recipe(project, "newborn", release={"strategy": "canary", "bake_seconds": 20})
    models.site.publish(project, "newborn")
    models.site.client("sagemaker").create_model_package_group(ModelPackageGroupName="switchyard-newborn")
    bad, good = (models.package(group="switchyard-newborn", then=code) for code in (DEAD, ""))
    left = models.left()

    assert output_of(models.release(bad).wait())["status"] == "ROLLED_BACK"
    assert models.left() == left
    output = output_of(models.release(good).wait())

    assert (output["status"], output["endpoint_name"]) == ("RELEASED", "switchyard-newborn")
    assert float(models.site.invoke("newborn", PATIENT)) > 0


def test_two_releases_of_one_endpoint_take_turns(models: Models) -> None:
    packages = [models.package(), models.package()]

    with Caller(models.site, models.recipe, PATIENT) as caller:
        # None is a way back, however late it is prepared.
        first, second, again = (
            models.release(package, reason="approval", strategy="blue-green", **QUICK)
            for package in (*packages, packages[0])
        )
        outputs = [output_of(each.wait()) for each in (first, second, again)]

    assert sorted(output["status"] for output in outputs) == ["NOTHING_TO_RELEASE", "RELEASED", "RELEASED"]
    assert caller.errors == []
    # None began before the other had ended.
    spans = sorted(span for each in (first, second, again) if (span := at_work(each)))
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))


def at_work(execution: Execution) -> tuple[Any, Any] | None:
    """Return when a release began to change the endpoint, and when it was about to give it free."""
    client = execution.site.client("stepfunctions")
    events = client.get_execution_history(executionArn=execution.arn, maxResults=1000)["events"]
    entered = {e["stateEnteredEventDetails"]["name"]: e["timestamp"] for e in events if "stateEnteredEventDetails" in e}
    if "Deploy candidate" not in entered:
        return None
    return entered["Deploy candidate"], entered["Record release"]


def test_too_few_requests_take_a_release_back(models: Models) -> None:
    package = models.package()
    settings = {"strategy": "canary", "bake_seconds": 20, "patience_seconds": 60, "minimum_requests": 5}

    output = output_of(models.release(package, **settings).wait())

    assert output["status"] == "ROLLED_BACK"
    assert "has answered 0 of the 5 requests" in output["reasons"][0]


def test_an_alarm_of_the_account_takes_a_release_back(models: Models) -> None:
    cloudwatch = models.site.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="orders-are-down", Namespace="Shop", MetricName="Orders", Statistic="Sum", Period=86400,
        EvaluationPeriods=1, Threshold=0, ComparisonOperator="LessThanThreshold", TreatMissingData="ignore",
    )  # fmt: skip
    package, before = models.package(), models.endpoint()["EndpointConfigName"]
    execution = models.release(package, strategy="blue-green", bake_seconds=3600, alarms=["orders-are-down"])
    wait_until(lambda: "Bake" in execution.states())

    cloudwatch.set_alarm_state(AlarmName="orders-are-down", StateValue="ALARM", StateReason="nobody buys")

    output = output_of(execution.wait())
    assert output["status"] == "ROLLED_BACK"
    assert "'orders-are-down' is raised: nobody buys" in output["reasons"][0]
    assert models.endpoint()["EndpointConfigName"] == before
    # Raised as it is, it would take any release back at once.
    refused = models.release(models.package(), alarms=["orders-are-down"]).wait()
    assert (refused["status"], refused["error"]) == ("FAILED", "InvalidRelease")
    cloudwatch.delete_alarms(AlarmNames=["orders-are-down"])


def test_a_release_that_is_stopped_is_undone_and_goes_on_at_its_step_when_it_is_redriven(models: Models) -> None:
    package, before, left = models.package(then=SHIFTED), models.endpoint(), models.left()
    # Each step is four looks, time enough to stop the second one.
    settings = {"strategy": "canary", "steps": [20, 60, 100], "bake_seconds": 240, "minimum_requests": 5}
    with Caller(models.site, models.recipe, PATIENT) as caller:
        execution = models.release(package, **settings)
        wait_until(lambda: 60 in shares(execution, "Bake"))

        models.site.client("stepfunctions").stop_execution(executionArn=execution.arn, error="Enough", cause="late")

        (clean_up,) = wait_until(lambda: [each for each in clean_ups(models.site, execution.arn) if is_over(each)])
        assert clean_up["status"] == "SUCCEEDED", clean_up
        after = models.endpoint()
        assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", before["EndpointConfigName"])
        assert models.left() == left
        assert models.metadata(package)["release"] == "requested"
        another = models.release(models.package(), bake_seconds=0, minimum_requests=0)
        assert output_of(another.wait())["status"] == "RELEASED"  # nothing is in its way

        description = redrive(execution)

    output = output_of(description)
    assert output["status"] == "RELEASED"
    # The first step was done before the stop, and is not made again.
    assert [step["share"] for step in output["steps"]] == [20, 60, 100]
    assert shares(execution) == [20, 60, 60, 100]
    assert caller.errors == []
    assert models.metadata(package)["release"] == "released"


def shares(execution: Execution, entered: str = "Wait for shift") -> list[int]:
    """Return the candidate's share of each step that began: each time that a state was entered."""
    client = execution.site.client("stepfunctions")
    events = client.get_execution_history(executionArn=execution.arn, maxResults=1000)["events"]
    details = [e["stateEnteredEventDetails"] for e in events if "stateEnteredEventDetails" in e]
    return [json.loads(each["input"])["step"]["share"] for each in details if each["name"] == entered]


def is_over(description: dict[str, Any]) -> bool:
    return bool(description["status"] != "RUNNING")


def test_a_release_that_failed_is_undone_and_goes_on_at_its_step_when_it_is_redriven(models: Models) -> None:
    package, before, left = models.package(then=SHIFTED), models.endpoint(), models.left()
    name = "interrupted-1"
    add_fault(models.site, "Serve candidate alone", "crash", name)
    with Caller(models.site, models.recipe, PATIENT) as caller:
        execution = models.release(package, name, strategy="canary", steps=[50, 100], **QUICK)
        failed = execution.wait()
        clear_faults(models.site)
        assert (failed["status"], failed["error"]) == ("FAILED", "Runtime.ExitError")
        assert models.endpoint()["EndpointConfigName"] == before["EndpointConfigName"]
        assert models.left() == left
        assert models.metadata(package)["status"] == "Approved"  # it was no fault of the model's

        description = redrive(execution)

    assert output_of(description)["status"] == "RELEASED"
    assert shares(execution) == [50, 100, 100]
    assert caller.errors == []


def test_an_approval_starts_a_release(models: Models, project: Project) -> None:
    add_recipe(project, "approved", release={"bake_seconds": 0, "limits": UNHURRIED})
    models.site.publish(project, "approved")
    sagemaker = models.site.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="switchyard-approved")
    package = models.package(status="PendingManualApproval", group="switchyard-approved")

    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")

    wait_until(lambda: models.metadata(package).get("release") == "released")
    assert float(models.site.invoke("approved", PATIENT)) > 0
    # What the release writes into the package is no approval: it starts no other one.
    states = models.site.client("stepfunctions")
    listed = states.list_executions(stateMachineArn=models.site.outputs["ReleaseStateMachineArn"])["executions"]
    inputs = [states.describe_execution(executionArn=each["executionArn"])["input"] for each in listed]
    assert [json.loads(each) for each in inputs if package in each] == [
        {"model_package": package, "reason": "approval"}
    ]


def test_an_earlier_model_is_released_again(models: Models, project: Project) -> None:
    add_recipe(project, "returned")
    models.site.publish(project, "returned")
    group = "switchyard-returned"
    models.site.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)
    first, second = models.package(group=group), models.package(group=group, then=SHIFTED)
    at_once = {"strategy": "all-at-once", "bake_seconds": 0, "minimum_requests": 0}
    for package in (first, second):
        assert output_of(models.release(package, **at_once).wait())["status"] == "RELEASED"
    shifted = float(models.site.invoke("returned", PATIENT))
    # Somebody sees that it is no good, and says so.
    models.site.client("sagemaker").update_model_package(ModelPackageArn=second, ModelApprovalStatus="Rejected")

    back = output_of(models.release(first, **at_once).wait())

    assert back["status"] == "RELEASED"
    assert float(models.site.invoke("returned", PATIENT)) == pytest.approx(shifted - 1, abs=1e-6)
    serves = models.site.client("ssm").get_parameter(Name="/switchyard/returned/model-package")["Parameter"]["Value"]
    assert serves == first
    # An approval is no way back, and what serves is not released once more.
    models.site.client("sagemaker").update_model_package(ModelPackageArn=second, ModelApprovalStatus="Approved")
    nothing = output_of(models.release(second, reason="approval", **at_once).wait())
    assert nothing["status"] == "NOTHING_TO_RELEASE"
    before = models.left()
    once_more = output_of(models.release(first, **at_once).wait())
    assert once_more["status"] == "NOTHING_TO_RELEASE"
    assert "is released already by execution" in once_more["reasons"][0]
    assert models.left() == before
    # A way back that fails leaves both what they were.
    failed = models.release(second, **{**at_once, "bake_seconds": 3600, "minimum_requests": 1})
    wait_until(lambda: "Bake" in failed.states())
    models.site.client("stepfunctions").stop_execution(executionArn=failed.arn)
    wait_until(lambda: models.metadata(second)["release"] == "released")
    assert "release_before" not in models.metadata(second)
    wait_until(lambda: [each for each in clean_ups(models.site, failed.arn) if is_over(each)])
    assert models.left() == before
    # Its endpoint is gone: it comes back.
    models.site.client("sagemaker").delete_endpoint(EndpointName=group)
    assert output_of(models.release(first, **at_once).wait())["status"] == "RELEASED"


def test_an_endpoint_that_is_deleted_in_mid_release_fails_it(models: Models, project: Project) -> None:
    add_recipe(project, "doomed")
    models.site.publish(project, "doomed")
    models.site.client("sagemaker").create_model_package_group(ModelPackageGroupName="switchyard-doomed")
    first, second = (models.package(group="switchyard-doomed") for _ in range(2))
    output_of(models.release(first, bake_seconds=0).wait())
    left = models.left()
    execution = models.release(second, strategy="canary", bake_seconds=60)
    wait_until(lambda: "Bake" in execution.states())
    wait_until(lambda: models.site.alarm("switchyard-release-failures") == "OK")  # whatever failed before
    before = models.site.alarms("switchyard-release-failures")

    models.site.client("sagemaker").delete_endpoint(EndpointName="switchyard-doomed")

    description = execution.wait()
    assert (description["status"], description["error"]) == ("FAILED", "EndpointFailed")
    assert "in mid-release" in description["cause"]
    made, alarms = models.left()
    assert alarms == []
    assert made["models"] == left[0]["models"]
    assert models.metadata(second)["release"] == "requested"
    wait_until(lambda: models.site.alarms("switchyard-release-failures") > before)
