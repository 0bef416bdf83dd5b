"""Recipes without scripts: the image's own algorithm trains and serves."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from switchyard.errors import RecipeError, UsageError
from switchyard.project import Project
from switchyard.recipes.algorithms import as_text
from switchyard.recipes.images import image_uri
from switchyard.recipes.loading import Recipe, apply_set, find_recipe, load_recipe
from switchyard.recipes.schema import recipe_schema
from tests.sample_project import SampleProject, recipe_document

ROOT = Path(__file__).parents[1]
XGBOOST: dict[str, Any] = {
    "image": "xgboost:3.0-5",
    "source": None,
    "metrics": None,
    "hyperparameters": {"objective": "binary:logistic", "num_round": 5, "eval_metric": ["logloss", "auc"]},
    "gate": [{"metric": "validation:auc", "direction": "maximize", "threshold": 0.7}],
}


@pytest.fixture
def project(tmp_path: Path) -> SampleProject:
    project = SampleProject.make(tmp_path)
    project.write("training_code/tabular_regression/prepare.py", "print('prepare.py')\n")
    return project


def with_hyperparameters(**changes: Any) -> dict[str, Any]:
    changed = {**XGBOOST["hyperparameters"], **changes}
    return {"hyperparameters": {key: value for key, value in changed.items() if value is not None}}


def test_a_recipe_of_an_algorithm_has_neither_source_nor_metrics(project: SampleProject) -> None:
    recipe = load_recipe(project.write_recipe(**XGBOOST))
    assert (recipe.source, recipe.metrics, recipe.code_folder) == (None, [], "tabular_regression")
    Draft202012Validator(json.loads(recipe_schema())).validate(recipe_document(**XGBOOST))


@pytest.mark.parametrize("name", ["churn", "housing-xgboost"])
def test_the_projects_own_are_in_order(name: str) -> None:
    recipe = find_recipe(name, ROOT)
    uri = image_uri(recipe.image, "us-east-1", recipe.instances.training.type)
    assert uri == "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
    assert recipe.source is None


def test_the_sample_of_churn_is_what_its_script_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "recipes" / "data"))
    import churn

    made = io.StringIO()
    churn.main(made)
    assert made.getvalue() == (ROOT / "recipes/data/churn.csv").read_text()
    sys.modules.pop("churn")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": "scikit-learn:1.4-2"}, "source: it is required: the image scikit-learn:1.4-2 has no algorithm"),
        (
            {"image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"},
            "source: it is required: the image 123456789012.dkr",
        ),
        ({"entry_points": {"train": "fit.py"}}, "entry_points: there is no source for these scripts"),
        ({"metrics": [{"name": "rmse", "regex": "(a)"}]}, "metrics: SageMaker takes no metrics for its own algorithms"),
        (with_hyperparameters(num_round=None), "hyperparameters: Missing required hyperparameter: num_round"),
        (with_hyperparameters(eta=2), "hyperparameters: Hyperparameter eta: 2.0 is not in [0, 1]"),
        (with_hyperparameters(max_dept=2), "hyperparameters: Extraneous hyperparameter found: max_dept"),
        (
            with_hyperparameters(objective="multi:softprob", num_class=3, eval_metric="mlogloss"),
            "hyperparameters: objective multi:softprob predicts a row of probabilities",
        ),
        (
            {"gate": [{"metric": "auc", "direction": "maximize", "threshold": 0.7}]},
            "gate[0].metric: 'auc' is not one of the algorithm's metrics train:accuracy",
        ),
        (
            {"gate": [{"metric": "validation:error", "direction": "minimize", "threshold": 0.7}]},
            "gate[0].metric: the training reports logloss, auc, not error: add it to hyperparameters.eval_metric",
        ),
        (
            with_hyperparameters(eval_metric=None),
            "gate[0].metric: the training reports logloss, not auc: add it to hyperparameters.eval_metric",
        ),
    ],
)
def test_what_the_algorithm_would_refuse_is_told_before_a_run(
    project: SampleProject, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(project.write_recipe(**{**XGBOOST, **changes}))
    [error] = str(caught.value).splitlines()
    assert error.startswith(f"recipes/trees.yaml: {message}")


def test_a_script_may_use_the_image_as_well(project: SampleProject) -> None:
    recipe = load_recipe(project.write_recipe(image="xgboost:3.0-5"))
    assert recipe.source == "regression"


def test_an_override_is_checked_by_the_algorithm_too() -> None:
    recipe = Recipe.model_validate(recipe_document(**XGBOOST))
    changed = apply_set(recipe, ["hyperparameters.num_round=7", "hyperparameters.eval_metric=[auc]"])
    assert changed == {"hyperparameters": {"num_round": 7, "eval_metric": ["auc"]}}
    with pytest.raises(UsageError, match=r"num_round: 0 is not in \[1, \+inf\)"):
        apply_set(recipe, ["hyperparameters.num_round=0"])


def test_a_missing_script_for_splitting_is_named(tmp_path: Path) -> None:
    project = SampleProject.make(tmp_path)
    with pytest.raises(RecipeError, match="no folder training_code/tabular_regression; its"):
        load_recipe(project.write_recipe(**XGBOOST))


@pytest.mark.parametrize(
    ("value", "text"),
    [("auc", "auc"), (["auc", "error"], "auc,error"), (0.1, "0.1"), (5, "5"), (True, "true"), ([[1, 2]], "[[1, 2]]")],
)
def test_hyperparameters_are_written_as_the_function_writes_them(value: Any, text: str) -> None:
    from prepare_run import _as_text

    assert as_text(value) == _as_text(value) == text


def test_only_the_script_that_splits_is_published(project: SampleProject) -> None:
    from switchyard.publishing.publish import _plan

    project.write("training_code/tabular_regression/train.py", "print('train.py')\n")
    recipe = load_recipe(project.write_recipe(**XGBOOST))
    plan = _plan(Project(project.root), recipe, "artifacts", "data", "eu-west-1")
    code = [item.key.rpartition("/")[2] for item in plan.objects if item.key.startswith("code/")]
    assert code == ["prepare.py", "sourcedir.tar.gz"]
    assert plan.document["image_uri"].endswith(".eu-west-1.amazonaws.com/sagemaker-xgboost:3.0-5")
    assert (plan.document["source"], plan.document["metrics"]) == (None, [])
