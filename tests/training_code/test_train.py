from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

LINE = re.compile(r"^(train|validation) rmse=(\S+) mse=(\S+) r2=(\S+) mae=(\S+)$", re.MULTILINE)


def metrics_in(output: str) -> dict[str, dict[str, float]]:
    names = ("rmse", "mse", "r2", "mae")
    return {m[1]: dict(zip(names, map(float, m.groups()[1:]), strict=True)) for m in LINE.finditer(output)}


@pytest.fixture
def refusal(train: ModuleType, channels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Run on bad arguments or a bad channel and give the one line that says why."""

    def run(*extra: str, channel: str | bytes | None = None) -> str:
        folder = channels / "train"
        if channel is not None:
            folder = tmp_path / "channel"
            folder.mkdir(exist_ok=True)
            data = channel if isinstance(channel, bytes) else channel.encode()
            (folder / "train.csv").write_bytes(data)
        assert train.main([f"--train={folder}", f"--model-dir={tmp_path / 'model'}", *extra]) == 1
        captured = capsys.readouterr()
        assert captured.err.startswith("train.py: error: ")
        assert captured.err.count("\n") == 1
        assert not (tmp_path / "model").exists()
        return captured.err.removeprefix("train.py: error: ").rstrip("\n")

    return run


def test_a_training_job_reports_its_metrics_and_saves_the_model(scripts: Path, channels: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "SM_CHANNEL_TRAIN": str(channels / "train"),
        "SM_CHANNEL_VALIDATION": str(channels / "validation"),
        "SM_MODEL_DIR": str(tmp_path / "model"),
        "SM_OUTPUT_DATA_DIR": str(tmp_path / "data"),
    }
    # What the container makes of {"model": "ridge", "alpha": 0.1, "standardize": true}.
    options = ["--alpha", "0.1", "--model", "ridge", "--standardize", "True"]
    done = subprocess.run(
        [sys.executable, str(scripts / "train.py"), *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    metrics = metrics_in(done.stdout)
    assert set(metrics) == {"train", "validation"}
    assert 0.05 < metrics["validation"]["rmse"] < 0.2
    assert metrics["validation"]["mse"] == pytest.approx(metrics["validation"]["rmse"] ** 2)
    assert metrics["validation"]["r2"] > 0.99

    description = json.loads((tmp_path / "model/model.json").read_text())
    assert description["model"] == "ridge"
    assert description["hyperparameters"] == {"alpha": 0.1, "standardize": True}
    assert description["feature_count"] == 3
    assert set(description["versions"]) == {"python", "scikit-learn", "numpy", "joblib"}
    saved = json.loads((tmp_path / "data/metrics.json").read_text())
    assert saved["validation"]["rmse"] == pytest.approx(metrics["validation"]["rmse"])


def test_a_wrong_hyperparameter_makes_the_process_fail_with_one_line(
    scripts: Path, channels: Path, tmp_path: Path
) -> None:
    command = [sys.executable, str(scripts / "train.py"), f"--train={channels / 'train'}", "--alhpa=1"]
    environment = {**os.environ, "SM_OUTPUT_DIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    reason = (
        "train.py: error: unknown hyperparameter 'alhpa'; did you mean 'alpha'? Known are model, alpha, "
        "learning_rate, max_depth, min_samples_leaf, n_estimators, random_state, standardize, subsample"
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", reason + "\n")
    assert (tmp_path / "failure").read_text() == reason


def test_a_linear_model_imports_no_more_than_it_needs(scripts: Path, channels: Path, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(scripts)!r}); import train\n"
        f"assert train.main(['--train={channels / 'train'}', '--model-dir={tmp_path}']) == 0\n"
        "print('loaded', sorted({'sklearn.ensemble', 'sklearn.pipeline'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded []\n")


@pytest.mark.parametrize("model", ["linear", "ridge", "gradient_boosting"])
def test_every_model_learns_and_predicts_what_it_saved(
    train: ModuleType,
    inference: ModuleType,
    channels: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    model: str,
) -> None:
    folders = [f"--{name}={channels / name}" for name in ("train", "validation")]
    assert train.main([*folders, f"--model-dir={tmp_path}", f"--model={model}"]) == 0
    metrics = metrics_in(capsys.readouterr().out)
    assert metrics["validation"]["r2"] > 0.8

    rows = np.loadtxt(channels / "validation/validation.csv", delimiter=",")
    body = "\n".join(",".join(map(repr, row)) for row in rows[:, 1:].tolist())
    estimator = inference.model_fn(str(tmp_path))
    prediction = inference.predict_fn(inference.input_fn(body, "text/csv"), estimator)
    rmse = float(np.sqrt(np.mean((rows[:, 0] - prediction) ** 2)))
    assert rmse == pytest.approx(metrics["validation"]["rmse"])


def test_training_twice_gives_the_same_model(
    train: ModuleType, channels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [f"--train={channels / 'train'}", f"--model-dir={tmp_path}", "--model=gradient_boosting"]
    outputs = []
    for _ in range(2):
        assert train.main([*command, "--subsample=0.5", "--n_estimators=20"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


def test_without_a_validation_channel_only_train_metrics_are_reported(
    train: ModuleType, channels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([f"--train={channels / 'train'}", f"--model-dir={tmp_path}"]) == 0
    output = capsys.readouterr().out
    assert set(metrics_in(output)) == {"train"}
    assert "there is no validation channel: the metrics are those of the rows trained on" in output


def test_another_models_hyperparameter_is_warned_of_and_left_out(
    train: ModuleType, channels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [f"--train={channels / 'train'}", f"--model-dir={tmp_path}", "--model=linear", "--alpha=1"]
    assert train.main(command) == 0
    assert "warning: the hyperparameter alpha means nothing to the model linear" in capsys.readouterr().out
    assert json.loads((tmp_path / "model.json").read_text())["hyperparameters"] == {"standardize": False}


def test_metrics_are_those_of_the_textbook(train: ModuleType) -> None:
    actual, predicted = np.array([1.0, 2.0, 3.0, 6.0]), np.array([1.0, 2.0, 5.0, 4.0])
    metrics = train.measure(actual, predicted)
    assert metrics == pytest.approx({"rmse": 2**0.5, "mse": 2.0, "r2": 1 - 8 / 14, "mae": 1.0})
    assert np.isnan(train.measure(actual[:1], predicted[:1])["r2"])


def test_an_undefined_metric_is_nan_in_the_log_and_null_in_the_file(
    train: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "channel").mkdir()
    (tmp_path / "channel/train.csv").write_text("5,1\n5,2\n5,3\n")
    folders = [f"--train={tmp_path / 'channel'}", f"--model-dir={tmp_path}", f"--output-data-dir={tmp_path}"]
    assert train.main(folders) == 0
    assert " r2=nan " in capsys.readouterr().out
    assert json.loads((tmp_path / "metrics.json").read_text())["train"]["r2"] is None


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--model=forest", "argument --model: invalid choice: 'forest' (choose from"),
        ("--alpha=-1", "argument --alpha: '-1' is below 0"),
        ("--alpha=lots", "argument --alpha: 'lots' is not a number"),
        ("--alpha=nan", "argument --alpha: 'nan' is not finite"),
        ("--n_estimators=0", "argument --n_estimators: '0' is below 1"),
        ("--n_estimators=1.5", "argument --n_estimators: '1.5' is not a whole number"),
        ("--learning_rate=0", "argument --learning_rate: '0' is not above 0"),
        ("--subsample=1.1", "argument --subsample: '1.1' is above 1"),
        ("--standardize=maybe", "argument --standardize: 'maybe' is neither true nor false"),
        ("--epochs=3", "unknown hyperparameter 'epochs'; Known are model, alpha,"),
        ("stray", "unknown hyperparameter 'stray'"),
    ],
)
def test_a_wrong_hyperparameter_is_refused_with_the_reason(refusal, option: str, message: str) -> None:
    assert refusal(option).startswith(message)


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ("", "holds no data; give the channel a CSV file"),
        ("\n\n", "train.csv has no data rows"),
        ("y,a\n1,2\n", "train.csv is not CSV of numbers (could not convert string 'y' to float64 at row 0"),
        ("1,2\n3\n", "train.csv is not CSV of numbers (the number of columns changed from 2 to 1 at row 2"),
        ("1\n2\n", "train.csv has one column; it needs the target first"),
        ("1,2\n3,nan\n", "train.csv holds nan in row 1, column 1 (counted from 0)"),
        (b"1,\xff\n", "train.csv is not CSV of numbers ('utf-8' codec can't decode byte 0xff"),
        ("1,1e300\n2,1\n", "gradient_boosting cannot be fitted to this data: Input X contains infinity"),
    ],
)
def test_a_bad_channel_is_refused_with_the_reason(refusal, channel: str | bytes, message: str) -> None:
    assert message in refusal("--model=gradient_boosting", channel=channel)


def test_a_validation_channel_of_another_width_is_refused(refusal, tmp_path: Path) -> None:
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation/validation.csv").write_text("1,2\n")
    message = refusal(f"--validation={tmp_path / 'validation'}")
    assert message.startswith("the validation channel has 1 features and the train channel 3")


def test_nothing_to_train_on_is_refused(train: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main([]) == 1
    assert "neither --train nor SM_CHANNEL_TRAIN is set" in capsys.readouterr().err
