"""The hyperparameters of the built-in algorithm: which there are, what each takes, and what does not go together.

Source: "XGBoost hyperparameters" (Amazon SageMaker Developer Guide), and the ranges of the image
sagemaker-xgboost 3.0-5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from switchyard.algorithms.xgboost.errors import UserError
from switchyard.algorithms.xgboost.metrics import MAXIMIZED, MINIMIZED, EvaluationMetrics
from switchyard.algorithms.xgboost.ranges import (
    Hyperparameter,
    Interval,
    choice,
    groups,
    integer,
    numbers,
    real,
    words,
)

DEFAULT_OBJECTIVE = "reg:squarederror"
OBJECTIVES = (
    *("binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson", "multi:softmax", "multi:softprob"),
    *("rank:pairwise", "rank:ndcg", "rank:map", "reg:linear", "reg:squarederror", "reg:logistic", "reg:gamma"),
    *("reg:pseudohubererror", "reg:squaredlogerror", "reg:absoluteerror", "reg:tweedie"),
    *("survival:aft", "survival:cox"),
)
_TREE_BUILDERS = ("grow_colmaker", "distcol", "grow_histmaker", "grow_quantile_histmaker")
_TREE_UPDATERS = (*_TREE_BUILDERS, "grow_skmaker", "sync", "refresh", "prune")
_LINEAR_UPDATERS = ("shotgun", "coord_descent")
_TABLE: tuple[Hyperparameter, ...] = (
    integer("num_round", 1),
    integer("csv_weights", 0, 1),
    integer("early_stopping_rounds", 1),
    choice("booster", "gbtree", "gblinear", "dart"),
    integer("verbosity", 0, 3),
    integer("nthread", 1),
    real("eta", 0, 1),
    real("gamma", 0),
    integer("max_depth", 0),
    real("min_child_weight", 0),
    real("max_delta_step", 0),
    real("subsample", 0, 1, open_low=True),
    real("colsample_bytree", 0, 1, open_low=True),
    real("colsample_bylevel", 0, 1, open_low=True),
    real("colsample_bynode", 0, 1, open_low=True),
    real("lambda", 0),
    real("alpha", 0),
    choice("tree_method", "auto", "exact", "approx", "hist", "gpu_hist"),
    real("sketch_eps", 0, 1, open_low=True, open_high=True),
    real("scale_pos_weight", 0, open_low=True),
    words("updater", [*_TREE_UPDATERS, *_LINEAR_UPDATERS]),
    choice("dsplit", "row", "col"),
    integer("refresh_leaf", 0, 1),
    choice("process_type", "default", "update"),
    choice("grow_policy", "depthwise", "lossguide"),
    integer("max_leaves", 0),
    integer("max_bin", 0),
    choice("predictor", "auto", "cpu_predictor", "gpu_predictor"),
    numbers("monotone_constraints", [-1, 0, 1]),
    groups("interaction_constraints", Interval(1)),
    choice("sample_type", "uniform", "weighted"),
    choice("normalize_type", "tree", "forest"),
    real("rate_drop", 0, 1),
    integer("one_drop", 0, 1),
    real("skip_drop", 0, 1),
    real("lambda_bias", 0, 1),
    real("tweedie_variance_power", 1, 2, open_low=True, open_high=True),
    choice("objective", *OBJECTIVES),
    integer("num_class", 2),
    real("base_score", 0),
    choice("_tuning_objective_metric", *(f"validation:{metric}" for metric in (*MAXIMIZED, *MINIMIZED))),
    words("eval_metric", EvaluationMetrics()),
    integer("seed", -(2**31) + 1, 2**31 - 2),
    integer("num_parallel_tree", 1),
    choice("save_model_on_termination", "true", "false"),
    choice("aft_loss_distribution", "normal", "logistic", "extreme"),
    real("aft_loss_distribution_scale", 0),
    choice("deterministic_histogram", "true", "false"),
    choice("sampling_method", "uniform", "gradient_based"),
    integer("prob_buffer_row", 2),
    choice("use_dask_gpu_training", "true", "false"),
)
_BY_NAME = {hyperparameter.name: hyperparameter for hyperparameter in _TABLE}
_ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}
_REQUIRED = ("num_round",)
# The algorithm has them; what they ask for is not done here, and must not be taken for done.
_NOT_RUN = {
    "_kfold": "cross-validation inside the algorithm",
    "_num_cv_round": "cross-validation inside the algorithm",
}


def validate(given: Mapping[str, str]) -> dict[str, Any]:
    """Read a job's hyperparameters.

    Parameters
    ----------
    given : mapping
        Texts by name, as CreateTrainingJob has them.

    Returns
    -------
    dict
        Their values, by their own names: an alias is gone.

    Raises
    ------
    UserError
        One is missing, unknown, of another kind, out of its range, or does not go with another.
    """
    texts = {_ALIASES.get(name, name): text for name, text in given.items()}
    for name in _REQUIRED:
        if name not in texts:
            raise UserError(f"Missing required hyperparameter: {name}")
    values = {}
    for name, text in texts.items():
        if name in _NOT_RUN:
            raise UserError(f"Hyperparameter {name}: {_NOT_RUN[name]} does not run on the local cloud")
        if name not in _BY_NAME:
            raise UserError(f"Extraneous hyperparameter found: {name}")
        values[name] = _BY_NAME[name].read(str(text))
    for name, value in values.items():
        _BY_NAME[name].check(value)
    _check_objective(values)
    _check_constraints(values)
    if "updater" in values:
        _check_updaters(values["updater"], values)
    _check_hardware(values)
    return values


def _check_objective(values: Mapping[str, Any]) -> None:
    objective = values.get("objective", DEFAULT_OBJECTIVE)
    if objective.startswith("multi:") and "num_class" not in values:
        raise UserError("Require input for parameter 'num_class' for multi-classification")
    if "objective" not in values and "num_class" in values:
        raise UserError(
            "Parameter 'num_class' is for multi-classification: it needs objective multi:softmax or softprob"
        )
    metrics = values.get("eval_metric", [])
    if "auc" in metrics and not objective.startswith(("binary:", "rank:")):
        raise UserError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise UserError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")


def _check_constraints(values: Mapping[str, Any]) -> None:
    methods = {"monotone_constraints": ("exact", "hist"), "interaction_constraints": ("exact", "hist", "approx")}
    for name, known in methods.items():
        if name in values and values.get("tree_method") not in known:
            raise UserError(f"{name} can be used only when the tree_method parameter is set to one of {list(known)}.")


def _check_updaters(updaters: list[str], values: Mapping[str, Any]) -> None:
    if values.get("booster") == "gblinear":
        if len(updaters) != 1 or updaters[0] not in _LINEAR_UPDATERS:
            raise UserError(f"Linear updater should be one of these options: {list(_LINEAR_UPDATERS)}")
    elif values.get("process_type") == "update":
        if not set(updaters) <= {"refresh", "prune"}:
            raise UserError("process_type 'update' can only be used with updater 'refresh' and 'prune'")
    elif not set(updaters) <= set(_TREE_UPDATERS):
        raise UserError(f"Tree updater should be selected from these options: {list(_TREE_UPDATERS)}")
    elif len([updater for updater in updaters if updater in _TREE_BUILDERS]) > 1:
        raise UserError(f"Only one tree grow plugin can be selected. Choose one from {list(_TREE_BUILDERS)}")


def _check_hardware(values: Mapping[str, Any]) -> None:
    for name, value in {
        "tree_method": "gpu_hist",
        "predictor": "gpu_predictor",
        "use_dask_gpu_training": "true",
    }.items():
        if values.get(name) == value:
            raise UserError(f"Hyperparameter {name}: {value} needs a GPU, and the local cloud trains on CPUs")
