from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.algorithms.xgboost.errors import UserError
from switchyard.algorithms.xgboost.hyperparameters import OBJECTIVES, validate


def test_each_is_read_as_its_kind() -> None:
    texts = {"num_round": "50", "eta": "0.2", "objective": "binary:logistic", "eval_metric": "auc, error@0.3"}
    texts |= {"max_depth": "5", "tree_method": "hist", "monotone_constraints": "(1, 0, -1)"}
    texts |= {"interaction_constraints": "[[1, 2], [3]]", "updater": "grow_histmaker,prune"}
    assert validate(texts) == {
        "num_round": 50,
        "eta": 0.2,
        "objective": "binary:logistic",
        "eval_metric": ["auc", "error@0.3"],
        "max_depth": 5,
        "tree_method": "hist",
        "monotone_constraints": (1, 0, -1),
        "interaction_constraints": [[1, 2], [3]],
        "updater": ["grow_histmaker", "prune"],
    }


def test_an_alias_stands_for_the_name() -> None:
    texts = {"num_round": "1", "learning_rate": "0.5", "reg_lambda": "2", "reg_alpha": "3", "min_split_loss": "4"}
    assert validate(texts) == {"num_round": 1, "eta": 0.5, "lambda": 2.0, "alpha": 3.0, "gamma": 4.0}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_is_taken(objective: str) -> None:
    classes = {"num_class": "3"} if objective.startswith("multi:") else {}
    assert validate({"num_round": "1", "objective": objective, **classes})["objective"] == objective


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({}, "Missing required hyperparameter: num_round"),
        ({"num_round": "0"}, "Hyperparameter num_round: 0 is not in [1, +inf)"),
        ({"num_round": "ten"}, "Hyperparameter num_round: could not parse value"),
        ({"max_depth": "2.5"}, "Hyperparameter max_depth: could not parse value"),
        ({"max_depth": "-1"}, "Hyperparameter max_depth: -1 is not in [0, +inf)"),
        ({"eta": "1.01"}, "Hyperparameter eta: 1.01 is not in [0, 1]"),
        ({"eta": "nan"}, "Hyperparameter eta: nan is not in [0, 1]"),
        ({"learning_rate": "-1"}, "Hyperparameter eta: -1.0 is not in [0, 1]"),
        ({"gamma": "-0.1"}, "Hyperparameter gamma: -0.1 is not in [0, +inf)"),
        ({"min_child_weight": "-1"}, "Hyperparameter min_child_weight: -1.0 is not in [0, +inf)"),
        ({"subsample": "0"}, "Hyperparameter subsample: 0.0 is not in (0, 1]"),
        ({"colsample_bytree": "1.5"}, "Hyperparameter colsample_bytree: 1.5 is not in (0, 1]"),
        ({"tweedie_variance_power": "2"}, "Hyperparameter tweedie_variance_power: 2.0 is not in (1, 2)"),
        ({"booster": "forest"}, "Hyperparameter booster: forest is not in ['gbtree', 'gblinear', 'dart']"),
        ({"objective": "reg:cubederror"}, "Hyperparameter objective: reg:cubederror is not in"),
        ({"tree_method": "fast"}, "Hyperparameter tree_method: fast is not in"),
        ({"csv_weights": "2"}, "Hyperparameter csv_weights: 2 is not in [0, 1]"),
        ({"verbosity": "4"}, "Hyperparameter verbosity: 4 is not in [0, 3]"),
        ({"eval_metric": "rmse,rsme"}, "Hyperparameter eval_metric: value ['rmse', 'rsme'] not in range"),
        ({"eval_metric": "rmse@3"}, "Hyperparameter eval_metric: value ['rmse@3'] not in range"),
        ({"eval_metric": "error@half"}, "Hyperparameter eval_metric: value ['error@half'] not in range"),
        ({"eval_metric": "auc"}, "Metric 'auc' can only be applied"),
        ({"eval_metric": "aft-nloglik"}, "Metric 'aft-nloglik' can only be applied"),
        ({"max_dept": "3"}, "Extraneous hyperparameter found: max_dept"),
        ({"silent": "0"}, "Extraneous hyperparameter found: silent"),
        ({"objective": "multi:softprob"}, "Require input for parameter 'num_class'"),
        ({"num_class": "3"}, "num_class"),
        ({"updater": "grow_everything"}, "Hyperparameter updater: value ['grow_everything'] not in range"),
        ({"updater": "grow_colmaker,grow_histmaker"}, "Only one tree grow plugin can be selected"),
        ({"updater": "prune", "booster": "gblinear"}, "Linear updater should be one of"),
        ({"updater": "sync", "process_type": "update"}, "process_type 'update' can only be used"),
        ({"updater": "shotgun"}, "Tree updater should be selected"),
        ({"monotone_constraints": "(1,)"}, "monotone_constraints can be used only when the tree_method"),
        ({"monotone_constraints": "(2,)", "tree_method": "hist"}, "monotone_constraints: value (2,) not in range"),
        ({"monotone_constraints": "__import__('os')"}, "Hyperparameter monotone_constraints: could not parse value"),
        ({"interaction_constraints": "[1]", "tree_method": "hist"}, "interaction_constraints: could not parse value"),
        ({"_kfold": "5"}, "_kfold: cross-validation inside the algorithm does not run on the local cloud"),
        ({"tree_method": "gpu_hist"}, "tree_method: gpu_hist needs a GPU"),
    ],
)
def test_a_wrong_one_is_refused_in_the_algorithms_words(texts: dict[str, str], message: str) -> None:
    required = {} if not texts or "num_round" in texts else {"num_round": "1"}
    with pytest.raises(UserError, match=re.escape(message)):
        validate({**required, **texts})


@given(st.dictionaries(st.sampled_from(["eta", "max_depth", "monotone_constraints", "eval_metric", "x"]), st.text()))
def test_any_text_is_read_or_refused(texts: dict[str, str]) -> None:
    with contextlib.suppress(UserError):
        assert validate({"num_round": "1", **texts})["num_round"] == 1
