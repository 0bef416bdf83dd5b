"""Train a regression on tabular data: the script of a Training job (SageMaker's script mode).

The channels ``train`` and, if there is one, ``validation`` hold CSV without a header, the target first.
Hyperparameters are the options of the command line. One line a channel reports the metrics:
``validation rmse=… mse=… r2=… mae=…``.
"""

from __future__ import annotations

import argparse
import difflib
import json
import math
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Which hyperparameters each model takes, with their defaults.
MODELS: dict[str, dict[str, Any]] = {
    "linear": {"standardize": False},
    "ridge": {"alpha": 1.0, "standardize": False},
    "gradient_boosting": {
        "n_estimators": 100,
        "learning_rate": 0.1,
        "max_depth": 3,
        "min_samples_leaf": 1,
        "subsample": 1.0,
        "random_state": 0,
    },
}


class TrainingError(Exception):
    """When the data or a hyperparameter cannot be used; the message is what the user reads."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script.

    Parameters
    ----------
    argv
        The command line without the script's name; by default the process's own.

    Returns
    -------
    int
        The exit code: 0, or 1 when the data or a hyperparameter cannot be used. The reason is then the
        last line on stderr, and the job's failure reason.
    """
    try:
        train(parse_arguments(argv))
    except (TrainingError, OSError) as error:
        reason = f"train.py: error: {error}".replace("\n", " ")
        write_failure(reason)
        print(reason, file=sys.stderr)
        return 1
    return 0


def train(arguments: argparse.Namespace) -> None:
    """Fit the model, report its metrics, and save it.

    Raises
    ------
    TrainingError
        When the data cannot be used.
    """
    hyperparameters = resolve_hyperparameters(arguments)
    target, features = read_channel(arguments.train)
    channels = {"train": (target, features)}
    if arguments.validation is not None:
        channels["validation"] = read_channel(arguments.validation)
        expected, given = features.shape[1], channels["validation"][1].shape[1]
        if given != expected:
            raise TrainingError(
                f"the validation channel has {given} features and the train channel {expected}; "
                "split both from the same table"
            )

    estimator = build_estimator(arguments.model, hyperparameters)
    try:
        # What overflows turns up as a ValueError, or as a metric that is not finite.
        with np.errstate(over="ignore", invalid="ignore"):
            estimator.fit(features, target)
            metrics = {name: measure(y, estimator.predict(x)) for name, (y, x) in channels.items()}
    except ValueError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise TrainingError(f"{arguments.model} cannot be fitted to this data: {reason}") from error

    for name, values in metrics.items():
        print(name, *(f"{metric}={value:.10g}" for metric, value in values.items()), flush=True)
    if "validation" not in metrics:
        print("there is no validation channel: the metrics are those of the rows trained on", flush=True)
    save(estimator, arguments, hyperparameters=hyperparameters, metrics=metrics)


def build_estimator(model: str, hyperparameters: dict[str, Any]) -> Any:
    """Make the estimator, importing no more of scikit-learn than it needs."""
    parameters = {name: value for name, value in hyperparameters.items() if name != "standardize"}
    if model == "gradient_boosting":
        from sklearn.ensemble import GradientBoostingRegressor

        return GradientBoostingRegressor(**parameters)
    if model == "ridge":
        from sklearn.linear_model import Ridge

        estimator = Ridge(**parameters)
    else:
        from sklearn.linear_model import LinearRegression

        estimator = LinearRegression(**parameters)
    if not hyperparameters["standardize"]:
        return estimator

    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), estimator)


def measure(actual: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    """Compute the metrics.

    Parameters
    ----------
    actual, predicted
        One value a row, in the target's unit.

    Returns
    -------
    dict
        ``rmse`` and ``mae`` in the target's unit, ``mse`` in its square, ``r2`` at most 1 and NaN where
        it is not defined: for one row, or where all targets are the same.
    """
    errors = actual - predicted
    mse = float(np.mean(errors**2))
    total = float(np.sum((actual - actual.mean()) ** 2))
    r2 = 1 - float(np.sum(errors**2)) / total if total > 0 else math.nan
    mae = float(np.mean(np.abs(errors)))
    return {"rmse": math.sqrt(mse), "mse": mse, "r2": r2, "mae": mae}


def read_channel(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read the CSV files of a channel, one after the other.

    Returns
    -------
    tuple
        The target, shape (rows,), and the features, shape (rows, columns - 1).

    Raises
    ------
    TrainingError
        When they are not numbers of one shape.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    if not files:
        raise TrainingError(f"the channel folder {folder} holds no data; give the channel a CSV file")
    parts = [read_csv(path) for path in files]
    for path, part in zip(files, parts, strict=True):
        if part.shape[1] != parts[0].shape[1]:
            raise TrainingError(
                f"{path} has {part.shape[1]} columns and {files[0].name} {parts[0].shape[1]}; "
                "all files of a channel need the same columns"
            )
    values = np.concatenate(parts)
    return values[:, 0], values[:, 1:]


def read_csv(path: Path) -> NDArray[np.float64]:
    """Read one file: no header, the target first."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        if not any(lines):
            raise TrainingError(f"{path} has no data rows; give the channel one line a row")
        values = np.loadtxt(lines, delimiter=",", quotechar='"', comments=None, ndmin=2)
    except ValueError as error:
        reason = str(error).partition(";")[0].rstrip(".")
        raise TrainingError(
            f"{path} is not CSV of numbers ({reason}, rows counted from 0); "
            "a channel's files have no header, and the target first"
        ) from None
    if values.shape[1] < 2:
        raise TrainingError(f"{path} has one column; it needs the target first, then the features")
    if not np.isfinite(values).all():
        row, column = (int(index[0]) for index in np.nonzero(~np.isfinite(values)))
        raise TrainingError(
            f"{path} holds {values[row, column]} in row {row}, column {column} (counted from 0); "
            "give it a value, or remove the row"
        )
    return values


def save(
    estimator: Any,
    arguments: argparse.Namespace,
    *,
    hyperparameters: dict[str, Any],
    metrics: dict[str, dict[str, float]],
) -> None:
    """Write the model, what it is, and its metrics as a job's output data."""
    import joblib
    import sklearn

    arguments.model_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(estimator, arguments.model_dir / "model.joblib")
    description = {
        "model": arguments.model,
        "hyperparameters": hyperparameters,
        "feature_count": int(estimator.n_features_in_),
        # A pickled estimator is only safe in the version that wrote it.
        "versions": {
            "python": platform.python_version(),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "joblib": joblib.__version__,
        },
    }
    write_json(arguments.model_dir / "model.json", description)
    if arguments.output_data_dir is not None:
        arguments.output_data_dir.mkdir(parents=True, exist_ok=True)
        # JSON knows neither NaN nor infinity.
        document = {
            channel: {name: value if math.isfinite(value) else None for name, value in values.items()}
            for channel, values in metrics.items()
        }
        write_json(arguments.output_data_dir / "metrics.json", document)


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON document for people to read as well."""
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line: folders come from the environment unless given, the rest is hyperparameters.

    Raises
    ------
    TrainingError
        When an option is unknown or its value wrong, or there is nothing to train on.
    """
    parser = ArgumentParser(prog="train.py", description=__doc__.partition("\n")[0], allow_abbrev=False)
    folders = parser.add_argument_group("folders")
    folders.add_argument("--train", type=Path, default=folder_from("SM_CHANNEL_TRAIN"), metavar="DIR")
    folders.add_argument("--validation", type=Path, default=folder_from("SM_CHANNEL_VALIDATION"), metavar="DIR")
    folders.add_argument("--model-dir", type=Path, default=folder_from("SM_MODEL_DIR"), metavar="DIR")
    folders.add_argument("--output-data-dir", type=Path, default=folder_from("SM_OUTPUT_DATA_DIR"), metavar="DIR")

    options = parser.add_argument_group("hyperparameters")
    options.add_argument("--model", choices=sorted(MODELS), default="linear")
    options.add_argument("--standardize", type=boolean, help="scale each feature to mean 0, deviation 1")
    options.add_argument("--alpha", type=non_negative_number, help="of the L2 penalty")
    options.add_argument("--n_estimators", type=positive_integer, help="how many trees")
    options.add_argument("--learning_rate", type=positive_number, help="the weight of each tree")
    options.add_argument("--max_depth", type=positive_integer, help="of each tree")
    options.add_argument("--min_samples_leaf", type=positive_integer, help="rows in each leaf, at least")
    options.add_argument("--subsample", type=share, help="of the rows that each tree sees")
    options.add_argument("--random_state", type=non_negative_integer, help="the seed of subsample")

    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        raise TrainingError(describe_unknown(unknown[0]))
    for name, variable in (("train", "SM_CHANNEL_TRAIN"), ("model_dir", "SM_MODEL_DIR")):
        if getattr(arguments, name) is None:
            option = name.replace("_", "-")
            raise TrainingError(f"neither --{option} nor {variable} is set; pass --{option} DIR")
    return arguments


class ArgumentParser(argparse.ArgumentParser):
    """Reports a wrong command line the way every other error is reported."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting with code 2."""
        raise TrainingError(message)


def resolve_hyperparameters(arguments: argparse.Namespace) -> dict[str, Any]:
    """Take the model's hyperparameters out of the command line, with its defaults for the rest."""
    known = MODELS[arguments.model]
    everything = {name for defaults in MODELS.values() for name in defaults}
    given = {name: getattr(arguments, name) for name in everything if getattr(arguments, name) is not None}
    # Not an error: switching a recipe's model by an override leaves the other model's options behind.
    for name in sorted(given.keys() - known.keys()):
        print(f"warning: the hyperparameter {name} means nothing to the model {arguments.model}")
    return {name: given.get(name, default) for name, default in known.items()}


def describe_unknown(argument: str) -> str:
    """Say that a hyperparameter is unknown, and which one was meant."""
    known = ["model", *sorted({name for defaults in MODELS.values() for name in defaults})]
    name = argument.lstrip("-").partition("=")[0]
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    return f"unknown hyperparameter {name!r}; {hint}Known are {', '.join(known)}"


def folder_from(variable: str) -> Path | None:
    """Read a folder from the environment of SageMaker's script mode."""
    value = os.environ.get(variable)
    return Path(value) if value else None


def boolean(text: str) -> bool:
    """Parse true or false, in Python's spelling or JSON's."""
    if text.lower() not in {"true", "false"}:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def non_negative_number(text: str) -> float:
    """Parse a finite number of 0 or more."""
    value = number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is below 0")
    return value


def positive_number(text: str) -> float:
    """Parse a finite number above 0."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value


def share(text: str) -> float:
    """Parse a number above 0 and at most 1."""
    value = positive_number(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is above 1")
    return value


def number(text: str) -> float:
    """Parse a finite number."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not finite")
    return value


def positive_integer(text: str) -> int:
    """Parse a whole number of 1 or more."""
    value = non_negative_integer(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is below 1")
    return value


def non_negative_integer(text: str) -> int:
    """Parse a whole number of 0 or more; 100.0 counts as one, as a tuning job may write it."""
    value = non_negative_number(text)
    if not value.is_integer():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(value)


def write_failure(reason: str) -> None:
    """Leave the reason where SageMaker picks a Training job's FailureReason up, if that place exists.

    Source: "How Amazon SageMaker Signals Algorithm Success and Failure": the first 1,024 characters of
    /opt/ml/output/failure.
    """
    folder = folder_from("SM_OUTPUT_DIR")
    if folder is None:
        return
    try:
        (folder / "failure").write_text(reason[:1024], encoding="utf-8")
    except OSError:
        return  # Not in a container: stderr says it all the same.


if __name__ == "__main__":
    sys.exit(main())
