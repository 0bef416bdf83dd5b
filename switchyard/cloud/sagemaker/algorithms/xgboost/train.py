"""Train a model: the program of a training job without a script of its own.

It reads ``/opt/ml/input``, prints a line of metrics after each round, and leaves ``/opt/ml/model/xgboost-model``.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from switchyard.algorithms.xgboost.errors import UserError
from switchyard.algorithms.xgboost.hyperparameters import DEFAULT_OBJECTIVE, validate
from switchyard.algorithms.xgboost.metrics import is_maximized
from switchyard.cloud.sagemaker.algorithms.xgboost import checkpoints
from switchyard.cloud.sagemaker.algorithms.xgboost.channels import check_channels, read_channel
from switchyard.cloud.sagemaker.algorithms.xgboost.errors import (
    XGBOOST,
    AlgorithmError,
    MissingLibraryError,
)
from switchyard.cloud.sagemaker.algorithms.xgboost.evaluation import evaluation, is_own
from switchyard.cloud.sagemaker.algorithms.xgboost.formats import format_of
from switchyard.cloud.sagemaker.algorithms.xgboost.model import MODEL_NAME, save

LOG = logging.getLogger(__name__)
# What the library says of data or settings that only the user can mend.
_USERS_FAULTS = (
    "label must be in [0,1] for logistic regression",
    "label must be in [0, num_class)",
    "Target is multiclass but average='binary'",
    "feature_names mismatch",
    "preds.size() == info.labels",
    "the dataset only contains pos or neg samples",
    "base_score must be in (0,1)",
    "label must be nonnegative",
    "should be greater equal to 0",
)


def main() -> int:
    """Run the program.

    Returns
    -------
    int
        The exit code: 0, or 1 with the reason in ``/opt/ml/output/failure``.
    """
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="[%(asctime)s:%(levelname)s] %(message)s",
        datefmt="%Y-%m-%d:%H:%M:%S",
    )
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    try:
        train(base)
    except MissingLibraryError as error:
        return _fail(base, str(error))
    except UserError as error:
        return _fail(base, f"framework error: \nsagemaker_algorithm_toolkit.exceptions.UserError: {error}")
    except AlgorithmError as error:
        return _fail(base, f"framework error: \nsagemaker_algorithm_toolkit.exceptions.AlgorithmError: {error}")
    return 0


def train(base: Path) -> None:
    """Train on the channels of a container.

    Parameters
    ----------
    base : Path
        What stands for ``/opt/ml``.

    Raises
    ------
    UserError, AlgorithmError, MissingLibraryError
        There is no model; the message says why.
    """
    LOG.info("Running XGBoost Sagemaker in algorithm mode")
    hyperparameters = validate(_read_json(base, "hyperparameters.json"))
    channels = _read_json(base, "inputdataconfig.json")
    check_channels(channels)
    hosts = _read_json(base, "resourceconfig.json").get("hosts", ["algo-1"])
    if len(hosts) > 1:
        raise UserError(
            f"Distributed training on {len(hosts)} instances does not run on the local cloud; use one instance"
        )
    try:
        import xgboost  # noqa: F401
    except ImportError:
        raise MissingLibraryError("XGBoost, the library of this algorithm,", XGBOOST) from None
    data = _read_channels(base, channels, csv_weights=hyperparameters.pop("csv_weights", 0) == 1)
    booster = fit(hyperparameters, data, base, _checkpoint_folder(base))
    save(booster, base / "model" / MODEL_NAME, scratch=base)


def fit(
    hyperparameters: dict[str, Any], data: list[tuple[Any, str]], base: Path, checkpoint_folder: Path | None
) -> Any:
    """Fit a model.

    Parameters
    ----------
    hyperparameters : dict
        As `validate` gives them.
    data : list
        Matrices with the names of their channels, the one to train on first.
    base : Path
        What stands for ``/opt/ml``.
    checkpoint_folder : Path or None
        Where checkpoints are read and written; None for a job without them.

    Returns
    -------
    xgboost.Booster
        The model, up to its best round when it stopped early.

    Raises
    ------
    UserError, AlgorithmError
        The library refuses it.
    """
    import xgboost

    parameters = dict(hyperparameters)
    rounds = parameters.pop("num_round")
    patience = parameters.pop("early_stopping_rounds", None)
    keeps_each_round = parameters.pop("save_model_on_termination", "false") == "true"
    parameters.pop("use_dask_gpu_training", None)
    for name, separator in {"updater": ",", "monotone_constraints": None, "interaction_constraints": None}.items():
        if name in parameters:
            parameters[name] = separator.join(parameters[name]) if separator else str(parameters[name])
    wanted, watched = _metrics_of(parameters)
    own = [metric for metric in wanted if is_own(metric)]
    if theirs := [metric for metric in wanted if metric not in own]:
        parameters["eval_metric"] = theirs
    objective = parameters.get("objective", DEFAULT_OBJECTIVE)

    started, done = checkpoints.latest(checkpoint_folder) if checkpoint_folder else (None, 0)
    if started is not None:
        LOG.info("Checkpoint loaded from %s", started)
        LOG.info("Resuming from iteration %d", done)
    hooks = [_monitor(done)]
    if checkpoint_folder is not None:
        hooks.append(_after_each_round(_checkpointer(checkpoint_folder, base, done)))
    if keeps_each_round:
        hooks.append(_after_each_round(lambda model, _: save(model, base / "model" / MODEL_NAME, scratch=base)))
        signal.signal(signal.SIGTERM, _leave)
    if stopping := _early_stopping(patience, watched, [name for _, name in data]):
        hooks.append(stopping)
    try:
        return xgboost.train(
            parameters,
            data[0][0],
            num_boost_round=rounds - done,
            evals=data,
            custom_metric=evaluation(own, objective) if own else None,
            callbacks=[_in_order(hooks)],
            xgb_model=started,
            verbose_eval=False,
        )
    except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
        reason = str(error).partition("\nStack trace")[0].strip()
        if any(fault in reason for fault in _USERS_FAULTS):
            raise UserError(reason) from error
        raise AlgorithmError(f"XGB train call failed with exception:\n {reason}") from error


def _metrics_of(parameters: dict[str, Any]) -> tuple[list[str], str | None]:
    """Take the metrics out: all that are to be computed, and the one that early stopping looks at."""
    given: list[str] = parameters.pop("eval_metric", [])
    objective_metric = parameters.pop("_tuning_objective_metric", None)
    if objective_metric is None:
        return given, given[-1] if given else None
    tuned = objective_metric.partition(":")[2]
    return sorted({*given, tuned}), tuned


def _early_stopping(patience: int | None, metric: str | None, names: list[str]) -> Any:
    if patience is None:
        return None
    if metric is None or "validation" not in names:
        LOG.warning("early_stopping_rounds has no effect: it needs an eval_metric and a validation channel.")
        return None
    import xgboost

    return xgboost.callback.EarlyStopping(
        rounds=patience,
        data_name="validation",
        metric_name=metric,
        maximize=is_maximized(metric),
        save_best=True,
    )


def _monitor(done: int) -> Any:
    import xgboost

    def show(line: str) -> None:
        number, _, rest = line.strip().removeprefix("[").partition("]")
        print(f"[{int(number) + done}]{rest}", flush=True)

    return xgboost.callback.EvaluationMonitor(logger=show)


def _in_order(callbacks: list[Any]) -> Any:
    """Call all of them after each round, in order: the library calls a set of them, and none after one that stops."""
    from xgboost.callback import TrainingCallback

    class InOrder(TrainingCallback):
        def before_training(self, model: Any) -> Any:
            for callback in callbacks:
                model = callback.before_training(model)
            return model

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            stops = [callback.after_iteration(model, epoch, evals_log) for callback in callbacks]
            return any(stops)

        def after_training(self, model: Any) -> Any:
            for callback in callbacks:
                model = callback.after_training(model)
            return model

    return InOrder()


def _after_each_round(action: Callable[[Any, int], None]) -> Any:
    from xgboost.callback import TrainingCallback

    class AfterEachRound(TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
            action(model, epoch)
            return False

    return AfterEachRound()


def _checkpointer(folder: Path, base: Path, done: int) -> Callable[[Any, int], None]:
    def keep(model: Any, epoch: int) -> None:
        save(model, checkpoints.path_of(folder, done + epoch), scratch=base)
        checkpoints.prune(folder)

    return keep


def _read_channels(base: Path, channels: dict[str, Any], *, csv_weights: bool) -> list[tuple[Any, str]]:
    # The image reads both channels in the format of the first.
    form = format_of(channels["train"].get("ContentType"))
    data: list[tuple[Any, str]] = []
    for name in ("train", "validation"):
        if name not in channels:
            continue
        matrix = read_channel(base / "input" / "data" / name, form, csv_weights=csv_weights)
        if matrix is None:
            which = "training" if name == "train" else "validation"
            raise UserError(f"No data in {which} channel path /opt/ml/input/data/{name}")
        data.append((matrix, name))
    LOG.info("Single node training.")
    train_matrix = data[0][0]
    LOG.info("Train matrix has %d rows and %d columns", train_matrix.num_row(), train_matrix.num_col())
    if len(data) > 1:
        LOG.info("Validation matrix has %d rows", data[1][0].num_row())
    return data


def _checkpoint_folder(base: Path) -> Path | None:
    settings = _read_json(base, "checkpointconfig.json")
    if "LocalPath" not in settings:
        return None
    folder = base / str(settings["LocalPath"]).removeprefix("/opt/ml").lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _read_json(base: Path, name: str) -> dict[str, Any]:
    path = base / "input" / "config" / name
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return document


def _leave(*_: object) -> NoReturn:
    """End at once: the model of the last round lies in its place."""
    os._exit(0)


def _fail(base: Path, reason: str) -> int:
    LOG.error("Reporting training FAILURE")
    LOG.error(reason)
    folder = base / "output"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "failure").write_text(reason, encoding="utf-8")
    return 1


if __name__ == "__main__":
    sys.exit(main())
