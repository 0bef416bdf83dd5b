"""The gate on predictions for the test data: the limit itself, and the margin over the champion."""

from __future__ import annotations

import json
from typing import Any

import yaml

from switchyard.project import Project
from tests.runs.conftest import Caller, Execution, Site, add_recipe

PATIENT = "59,2,32.1,101,157,93.2,38,4,4.8598,87"
LIMIT = {"metric": "rmse", "direction": "minimize", "threshold": 60}
# Ridge regression this strong hardly looks at the data.
WEAK = {"hyperparameters": {"model": "ridge", "alpha": 5000}}


def output_of(execution: Execution) -> dict[str, Any]:
    description = execution.wait()
    assert description["status"] == "SUCCEEDED", description
    return json.loads(description["output"])


def decision_on(site: Site, output: dict[str, Any]) -> tuple[str, str]:
    package = site.client("sagemaker").describe_model_package(ModelPackageName=output["model_package_arn"])
    return package["ModelApprovalStatus"], package["ApprovalDescription"]


def test_predictions_below_the_limit_are_a_rejection_and_the_earlier_model_serves_on(
    site: Site, project: Project
) -> None:
    add_recipe(project, "held-out", gate=[LIMIT])
    site.publish(project, "held-out")
    first = output_of(site.start("held-out", "held-out-1"))
    # Between what the model reaches on the validation data and what it reaches on the test data.
    between = (first["metrics"]["rmse"] + first["test_metrics"]["rmse"]) / 2
    assert first["metrics"]["rmse"] < between < first["test_metrics"]["rmse"]
    add_recipe(project, "held-out", gate=[{**LIMIT, "threshold": between}])
    site.publish(project, "held-out")
    before, answer = site.made(), site.invoke("held-out", PATIENT)

    with Caller(site, "held-out", PATIENT) as caller:
        output = output_of(site.start("held-out", "held-out-2"))

    assert output["status"] == "REJECTED"
    assert f"rmse {first['test_metrics']['rmse']:.2f} is above the limit {between:.2f}" in output["reasons"][0]
    assert decision_on(site, output) == ("Rejected", output["reasons"][0])
    assert site.made() == before
    assert caller.errors == []
    assert site.invoke("held-out", PATIENT) == answer
    endpoint = site.client("sagemaker").describe_endpoint(EndpointName="switchyard-held-out")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "switchyard-held-out-1")


def test_a_margin_is_held_against_the_champion_on_the_same_test_data(site: Site, project: Project) -> None:
    add_recipe(project, "contest", gate=[{**LIMIT, "threshold": 100, "margin": 5}])
    site.publish(project, "contest")
    weak = output_of(site.start("contest", "contest-1", overrides=WEAK))  # nobody is there to be beaten
    assert weak["status"] == "DEPLOYED"

    strong = site.start("contest", "contest-2")
    better = output_of(strong)
    again = site.start("contest", "contest-3")
    same = output_of(again)

    assert better["status"] == "DEPLOYED"
    assert better["test_metrics"]["rmse"] + 5 < weak["test_metrics"]["rmse"]
    assert "Transform with champion" in strong.states()
    assert same["status"] == "REJECTED"
    rmse = f"{better['test_metrics']['rmse']:.2f}"
    assert f"rmse {rmse} is not better than the champion's {rmse} by at least 5" in same["reasons"][0]
    # The copy of the champion that predicted is gone; what serves is the champion itself.
    models = [name for name in site.made()["models"] if name.startswith("switchyard-contest")]
    assert models == ["switchyard-contest-1", "switchyard-contest-2"]
    endpoint = site.client("sagemaker").describe_endpoint(EndpointName="switchyard-contest")
    assert endpoint["EndpointConfigName"] == "switchyard-contest-2"


def test_a_champion_that_cannot_predict_the_data_of_today_is_not_beaten(site: Site, project: Project) -> None:
    add_recipe(project, "grown", gate=[{**LIMIT, "margin": 0}], data=diabetes_data(project, features=["bmi", "bp"]))
    site.publish(project, "grown")
    assert output_of(site.start("grown", "grown-1"))["status"] == "DEPLOYED"
    add_recipe(project, "grown", gate=[{**LIMIT, "margin": 0}], data=diabetes_data(project, features=["bmi"]))
    site.publish(project, "grown")

    output = output_of(site.start("grown", "grown-2"))

    assert output["status"] == "REJECTED"
    assert "rmse of the champion is unknown" in output["reasons"][0]
    assert [name for name in site.made()["models"] if "grown" in name] == ["switchyard-grown-1"]


def diabetes_data(project: Project, **changes: Any) -> dict[str, Any]:
    return {**yaml.safe_load((project.root / "recipes/diabetes.yaml").read_text())["data"], **changes}
