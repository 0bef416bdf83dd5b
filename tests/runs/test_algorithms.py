"""A recipe without scripts, run whole: SageMaker's own algorithm trains, is checked, predicts and serves."""

from __future__ import annotations

import json
from typing import Any

import yaml

from switchyard.project import Project
from tests.runs.conftest import Execution, Site

CUSTOMER = "2,1,75.5,9.3,80,4,2,0,1,1"


def output_of(execution: Execution) -> dict[str, Any]:
    description = execution.wait()
    assert description["status"] == "SUCCEEDED", description
    return json.loads(description["output"])


def test_churn_is_classified_and_a_champion_is_compared_on_the_same_predictions(site: Site, project: Project) -> None:
    site.publish(project, "churn")
    output = output_of(site.start("churn", "churn-1"))
    assert output["status"] == "DEPLOYED"
    assert output["metrics"]["validation:auc"] > 0.8
    assert set(output["test_metrics"]) == {"auc", "logloss", "error", "accuracy"}
    assert output["test_metrics"]["auc"] > 0.75
    assert 0.5 < float(site.invoke("churn", CUSTOMER)) < 1

    path = project.root / "recipes" / "churn.yaml"
    recipe = yaml.safe_load(path.read_text())
    recipe["gate"][0]["margin"] = 0.001
    path.write_text(yaml.safe_dump(recipe))
    site.publish(project, "churn")
    again = output_of(site.start("churn", "churn-2"))
    assert again["status"] == "REJECTED"
    auc = output["test_metrics"]["auc"]
    assert f"auc {auc:.2f} is not better than the champion's {auc:.2f} by at least 0.001" in again["reasons"][0]


def test_a_hyperparameter_that_the_algorithm_refuses_fails_the_run_with_its_reason(
    site: Site, project: Project
) -> None:
    site.publish(project, "churn")
    execution = site.start("churn", "churn-refused", overrides={"hyperparameters": {"subsample": 0}})
    description = execution.wait()
    assert description["status"] == "FAILED"
    assert "Hyperparameter subsample: 0.0 is not in (0, 1]" in description["cause"]
