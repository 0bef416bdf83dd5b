"""Fits house prices, and serves the model: what SageMaker's scikit-learn container runs."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import GradientBoostingRegressor


def load(folder: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a channel's CSV files, the target in the first column."""
    rows = np.vstack([np.loadtxt(path, delimiter=",", ndmin=2) for path in sorted(Path(folder).glob("*.csv"))])
    return rows[:, 1:], rows[:, 0]


def rmse(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Return the root mean squared error."""
    return float(np.sqrt(np.mean((predicted - actual) ** 2)))


def main() -> None:
    """Train on one channel, and print the errors on both as the rounds go by."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--max-depth", type=int, default=3)
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--validation", default=os.environ.get("SM_CHANNEL_VALIDATION"))
    arguments = parser.parse_args()

    x, y = load(arguments.train)
    x_validation, y_validation = load(arguments.validation)
    model = GradientBoostingRegressor(
        n_estimators=arguments.rounds,
        learning_rate=arguments.learning_rate,
        max_depth=arguments.max_depth,
        subsample=0.8,
        random_state=0,
    ).fit(x, y)
    stages = zip(model.staged_predict(x), model.staged_predict(x_validation), strict=True)
    for number, (train, validation) in enumerate(stages, start=1):
        if number % 20 == 0 or number == arguments.rounds:
            error, validation_error = rmse(train, y), rmse(validation, y_validation)
            print(f"round={number} train_rmse={error:.4f}; validation_rmse={validation_error:.4f};", flush=True)
    joblib.dump(model, Path(arguments.model_dir, "model.joblib"))


def model_fn(model_dir: str) -> GradientBoostingRegressor:
    """Load the model."""
    return joblib.load(Path(model_dir, "model.joblib"))


if __name__ == "__main__":
    main()
