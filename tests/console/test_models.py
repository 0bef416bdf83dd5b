"""Models over their runs: real runs of a recipe, one that is deployed, one that is rejected, one that fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from switchyard.aws.client import connect_local
from switchyard.console.connection import Connection
from switchyard.console.context import Context
from switchyard.launcher import RunningCloud
from switchyard.project import Project
from tests.cloud.local_cloud import wait_until
from tests.console.browser import Browser, home_with_runs, serving
from tests.fake_cloud import refusal
from tests.runs.conftest import ROOT, Execution, Site, add_recipe

RECIPE = "console-models"
# Its coefficients are all but nothing: it predicts the mean, which the gate does not let through.
USELESS = {"hyperparameters": {"alpha": 1e9}}


@dataclass
class Runs:
    """The runs, and a console that shows them."""

    console: Browser
    site: Site
    deployed: Execution
    rejected: Execution
    failed: Execution

    def page(self, **parameters: Any) -> dict[str, Any]:
        answer = self.console.get("/api/model", recipe=RECIPE, **parameters)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json()
        return found

    def approve(self, package_arn: str, status: str, **metadata: str) -> None:
        self.site.client("sagemaker").update_model_package(
            ModelPackageArn=package_arn, ModelApprovalStatus=status, CustomerMetadataProperties=metadata
        )


@pytest.fixture(scope="module")
def runs(site: Site, console: Browser, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Have a run of each outcome, the deployed one first."""
    root = tmp_path_factory.mktemp("project")
    for name in ("recipes", "training_code"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", root)
    project = Project(root)
    add_recipe(project, RECIPE)
    site.publish(project, RECIPE)
    deployed = site.start(RECIPE, "models-deployed")
    assert deployed.wait()["status"] == "SUCCEEDED"
    rejected = site.start(RECIPE, "models-rejected", overrides=USELESS)
    assert rejected.wait()["status"] == "SUCCEEDED"
    failed = site.start(RECIPE, "models-failed", overrides={"hyperparameters": {"model": "no-such-model"}})
    assert failed.wait()["status"] == "FAILED"
    return Runs(console, site, deployed, rejected, failed)


@pytest.fixture
def rejected_is_deployed(runs: Runs) -> Iterator[None]:
    """Somebody puts the rejected model into service for a while."""
    arn = runs.page(run=runs.rejected.arn)["lineage"]["model_package_arn"]
    ssm = runs.site.client("ssm")
    serves = {"Name": f"/switchyard/{RECIPE}/model-package", "Type": "String", "Overwrite": True}
    before = ssm.get_parameter(Name=serves["Name"])["Parameter"]["Value"]
    runs.approve(arn, "Approved", release="deployed")
    ssm.put_parameter(**serves, Value=arn)
    yield
    ssm.put_parameter(**serves, Value=before)
    runs.approve(arn, "Rejected", release="rolled-back", release_reason="It was useless")


def test_a_recipe_is_listed_with_its_champion_and_its_newest_run(runs: Runs) -> None:
    (row,) = (row for row in runs.console.get("/api/models").json()["models"] if row["recipe"] == RECIPE)
    assert (row["runs"], row["versions"], row["group"]) == (3, 2, f"switchyard-{RECIPE}")
    assert row["champion"]["name"] == "models-deployed"
    assert row["newest"]["name"] == "models-failed"
    assert row["endpoint"] == f"switchyard-{RECIPE}"


def test_the_runs_have_their_metrics_versions_and_approvals(runs: Runs) -> None:
    deployed, rejected, failed = runs.page()["runs"]
    assert [run["name"] for run in (deployed, rejected, failed)] == [
        "models-deployed",
        "models-rejected",
        "models-failed",
    ]
    assert (deployed["version"], deployed["approval"], deployed["is_champion"]) == (1, "Approved", True)
    assert (rejected["version"], rejected["approval"], rejected["is_champion"]) == (2, "Rejected", False)
    assert (failed["version"], failed["approval"], failed["metrics"]) == (None, None, {})
    assert deployed["metrics"]["rmse"] == pytest.approx(48.886, abs=1e-3)
    assert deployed["test_metrics"]["rmse"] == pytest.approx(52.666, abs=1e-3)
    assert rejected["metrics"]["rmse"] > 60


def test_the_gate_is_the_one_that_runs_were_held_to(runs: Runs) -> None:
    gate = runs.page()["gate"]
    assert gate[0] == {"metric": "rmse", "direction": "minimize", "threshold": 60.0, "margin": None}
    assert gate[1]["direction"] == "maximize"


def test_the_residuals_give_the_very_metrics_that_the_run_was_judged_by(runs: Runs) -> None:
    found = runs.page(run=runs.deployed.arn)
    evaluation = found["evaluation"]
    judged = next(run for run in found["runs"] if run["arn"] == runs.deployed.arn)["test_metrics"]
    assert evaluation["problem"] is None
    assert evaluation["rows"] == len(evaluation["points"]) == 66
    assert evaluation["rmse"] == pytest.approx(judged["rmse"])
    assert evaluation["mae"] == pytest.approx(judged["mae"])
    squares = [(point["actual"] - point["predicted"]) ** 2 for point in evaluation["points"]]
    assert (sum(squares) / 66) ** 0.5 == pytest.approx(judged["rmse"])
    assert sum(bar["count"] for bar in evaluation["residuals"]) == 66


def test_the_lineage_says_what_a_model_was_made_from(runs: Runs) -> None:
    lineage = runs.page(run=runs.deployed.arn)["lineage"]
    assert lineage["data_uri"].endswith("diabetes.csv")
    assert all(lineage[f"{part}_hash"] for part in ("data", "code", "recipe"))
    assert lineage["model_uri"].endswith("model.tar.gz")
    assert "sagemaker-scikit-learn" in lineage["image"]
    assert lineage["execution_arn"] == runs.deployed.arn
    assert lineage["parent"] is None


def test_the_parent_is_the_champion_that_a_model_was_held_against(runs: Runs) -> None:
    deployed = runs.page(run=runs.deployed.arn)["lineage"]
    assert runs.page(run=runs.rejected.arn)["lineage"]["parent"] == deployed["model_package_arn"]


def test_the_champions_run_is_shown_unless_another_one_is_asked_for(runs: Runs) -> None:
    assert runs.page()["selected"] == runs.deployed.arn
    assert runs.page(run="models-rejected")["selected"] == runs.rejected.arn


def test_the_package_of_a_run_says_what_became_of_it(runs: Runs) -> None:
    package = runs.page(run=runs.deployed.arn)["package"]
    assert (package["name"], package["approval"]) == (f"switchyard-{RECIPE}/1", "Approved")
    assert (package["release"], package["can_decide"], package["releases"]) == ("deployed", False, [])
    assert package["reason"] == "Every rule of the gate holds"
    assert runs.page(run=runs.rejected.arn)["package"]["approval"] == "Rejected"
    assert runs.page(run=runs.failed.arn)["package"] is None


@pytest.mark.usefixtures("rejected_is_deployed")
def test_whatever_serves_is_the_champion(runs: Runs) -> None:
    def champion() -> str:
        return next(run["name"] for run in runs.page()["runs"] if run["is_champion"])

    wait_until(lambda: champion() == "models-rejected")
    assert next(run for run in runs.page()["runs"] if run["name"] == "models-rejected")["approval"] == "Approved"


def test_a_run_without_predictions_says_why(runs: Runs) -> None:
    for run in (runs.rejected, runs.failed):
        evaluation = runs.page(run=run.arn)["evaluation"]
        assert "ended before its batch transform" in evaluation["problem"]
        assert evaluation["points"] == []


def test_a_run_costs_what_its_durations_say(runs: Runs) -> None:
    cost = runs.page(run=runs.deployed.arn)["cost"]
    by_name = {item["what"]: item for item in cost["items"]}
    assert by_name["Endpoint, each hour"]["usd"] == 0.115
    assert "GB-seconds" in by_name["Functions"]["basis"]
    assert 0 < cost["total_usd"] < 0.01
    failed = runs.page(run=runs.failed.arn)["cost"]
    assert not any(item["is_recurring"] for item in failed["items"])


@pytest.mark.parametrize(
    ("recipe", "run", "reason"),
    [
        ("nothing", None, "there is no run of a recipe 'nothing'"),
        ("<img src=x>", None, "there is no run of a recipe '<img src=x>'"),
        (RECIPE, "../../etc/passwd", "has no run '../../etc/passwd'"),
        (RECIPE, "arn:aws:states:us-east-1:1:execution:x:y", "has no run"),
    ],
)
def test_what_is_not_there_is_not_found(runs: Runs, recipe: str, run: str | None, reason: str) -> None:
    answer = runs.console.get("/api/model", recipe=recipe, **({"run": run} if run else {}))
    assert answer.status == 404
    assert reason in answer.json()["detail"]


def test_past_runs_are_there_without_their_cloud(runs: Runs, tmp_path: Path) -> None:
    for run in (runs.deployed, runs.rejected, runs.failed):
        shutil.copytree(run.kept, tmp_path / "runs" / run.name)
    with serving(Context(Connection(home=tmp_path), home=tmp_path, project=None)) as console:
        found = console.get("/api/model", recipe=RECIPE).json()
        (row,) = console.get("/api/models").json()["models"]
    assert found["selected"] == runs.deployed.arn
    assert [run["is_champion"] for run in found["runs"]] == [True, False, False]
    assert [run["approval"] for run in found["runs"]] == ["Approved", "Rejected", None]
    assert found["evaluation"]["rmse"] == pytest.approx(52.666, abs=1e-3)
    assert found["lineage"]["code_hash"]
    assert "GB-seconds" in next(item for item in found["cost"]["items"] if item["what"] == "Functions")["basis"]
    assert (row["versions"], row["endpoint"]) == (2, None)


def test_a_past_run_that_is_broken_or_hostile_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    arn = "arn:aws:states:us-east-1:123456789012:execution:machine"
    described = {"status": "SUCCEEDED", "startDate": "2026-11-21T00:00:00+00:00", "input": '{"recipe": "r"}'}
    outputs = {
        "list": "[1]",
        "cut": '{"metrics": {"rmse"',
        "strange": '{"status": 7, "metrics": {"a": "<b>", "b": NaN, "c": true, "d": 1}, "model_package_arn": {}}',
        "large": '{"metrics": {"rmse": 1' + "0" * 400 + "}}",
    }
    broken = {"events": [{"type": "no id"}, {"id": 2, "type": "TaskScheduled", "taskScheduledEventDetails": "x"}]}
    home = home_with_runs(
        tmp_path,
        {
            name: {
                "history.json": broken,
                "execution.json": {**described, "executionArn": f"{arn}:{name}", "name": name, "output": output},
            }
            for name, output in outputs.items()
        },
    )
    with serving(Context(Connection(home=home), home=home, project=None)) as console:
        answer = console.get("/api/model", recipe="r")
        assert answer.status == 200, answer.body
        metrics = {run["name"]: run["metrics"] for run in answer.json()["runs"]}
        assert console.get("/api/models").status == 200
    assert metrics == {"list": {}, "cut": {}, "strange": {"d": 1.0}, "large": {}}


def test_without_the_registry_the_runs_tell_what_they_can_and_the_page_says_why(runs: Runs, site: Site) -> None:
    cloud = connect_local(RunningCloud(site.url, site.pid))

    def refuse(**_: Any) -> None:
        raise refusal("AccessDeniedException", "not you", "ListModelPackages")

    cloud.client("sagemaker").meta.events.register("before-call.sagemaker.ListModelPackages", refuse)
    with serving(Context(Connection(cloud), home=None, project=None)) as console:

        def read_all() -> Any:
            """Runs are described one after the other; the page tells of each as soon as it is."""
            page = console.get("/api/model", recipe=RECIPE).json()
            return page if [run["approval"] for run in page["runs"]] == ["Approved", "Rejected", None] else None

        found = wait_until(read_all)
        listed = console.get("/api/models").json()
    assert "AWS denied ListModelPackages: not you" in found["problem"]
    assert listed["problem"] == found["problem"]
    assert [run["version"] for run in found["runs"]] == [1, 2, None]


WAITING = "console-waiting"


@pytest.fixture(scope="module")
def waiting(site: Site, console: Browser) -> dict[str, Any]:
    """Have a model that waits for approval, by a run of which nothing but its output is there."""
    sagemaker = site.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=f"switchyard-{WAITING}")
    arns = [
        sagemaker.create_model_package(
            ModelPackageGroupName=f"switchyard-{WAITING}",
            InferenceSpecification={
                "Containers": [{"Image": "image", "ModelDataUrl": "s3://bucket/model.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            CustomerMetadataProperties={"recipe": WAITING, "release": "requested", "release_strategy": "canary"},
        )["ModelPackageArn"]
        for _ in range(2)
    ]
    return {"arns": arns, "console": console, "site": site}


def decided(waiting: dict[str, Any], index: int) -> tuple[str, str]:
    found = waiting["site"].client("sagemaker").describe_model_package(ModelPackageName=waiting["arns"][index])
    return found["ModelApprovalStatus"], found.get("ApprovalDescription", "")


def test_a_model_is_rejected_from_its_page_with_a_reason_and_only_once(waiting: dict[str, Any]) -> None:
    console, arn = waiting["console"], waiting["arns"][0]
    without = console.post("/api/package/reject", {"reason": " "}, arn=arn)
    assert (without.status, "needs a reason" in without.json()["detail"]) == (400, True)
    assert decided(waiting, 0)[0] == "PendingManualApproval"

    answer = console.post("/api/package/reject", {"reason": "biased"}, arn=arn)

    assert (answer.status, answer.json()["approval"]) == (200, "Rejected")
    assert decided(waiting, 0) == ("Rejected", "biased")
    again = console.post("/api/package/approve", {}, arn=arn)
    assert (again.status, "was rejected" in again.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("arn", "status", "said"),
    [
        ("switchyard-console-waiting/2", 400, "is not the ARN of a model package"),
        ("arn:aws:sagemaker:us-east-1:123456789012:model-package/other-x/1", 400, "is another project's"),
        ("arn:aws:sagemaker:us-east-1:123456789012:model-package/switchyard-none/1", 400, "there is no model package"),
        ("", 400, "the query needs arn"),
    ],
)
def test_what_is_no_package_of_this_project_is_not_decided_about(
    waiting: dict[str, Any], arn: str, status: int, said: str
) -> None:
    answer = waiting["console"].post("/api/package/approve", {}, arn=arn)
    assert (answer.status, said in answer.json()["detail"]) == (status, True), answer.body
