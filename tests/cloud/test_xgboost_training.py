from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import botocore.exceptions
import numpy as np
import pytest
import xgboost

from tests.cloud.jobs import channel, ended_training
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.xgboost_jobs import (
    REGRESSION,
    Container,
    artifact,
    as_csv,
    as_libsvm,
    booster,
    matrix,
    metrics,
    rows,
    start,
    train,
)

TRAIN, VALIDATION = rows(120), rows(40, seed=1)
CHANNELS = {"train": as_csv(TRAIN), "validation": as_csv(VALIDATION)}
LOG_GROUP = "/aws/sagemaker/TrainingJobs"


def direct(parameters: dict[str, object], rounds: int, data: xgboost.DMatrix) -> xgboost.Booster:
    """Train with the library itself."""
    return xgboost.train(parameters, data, num_boost_round=rounds)


def test_a_job_trains_the_model_that_the_library_trains(cloud: LocalCloud, name: str) -> None:
    given = {"num_round": "6", "max_depth": "3", "eta": "0.3", "gamma": "0.01", "min_child_weight": "2"}
    given |= {"subsample": "0.8", "colsample_bytree": "0.7", "lambda": "2", "alpha": "0.1", "seed": "7"}
    job = train(cloud, name, {**given, "objective": "reg:squarederror"}, CHANNELS)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    parameters = {key: float(value) for key, value in given.items() if key not in {"num_round", "max_depth", "seed"}}
    expected = direct({**parameters, "max_depth": 3, "seed": 7}, 6, matrix(TRAIN))
    files = artifact(cloud, job)
    assert list(files) == ["xgboost-model"]
    predicted = booster(files["xgboost-model"]).predict(matrix(VALIDATION))
    # XGBoost's reader of text rounds some numbers differently in the last of their 24 bits.
    np.testing.assert_allclose(predicted, expected.predict(matrix(VALIDATION)), rtol=1e-6)
    errors = predicted - np.array(VALIDATION)[:, 0]
    assert metrics(job)["validation:rmse"] == pytest.approx(float(np.sqrt(np.mean(errors**2))), abs=1e-5)


def test_its_log_has_the_lines_from_which_sagemaker_reads_the_standard_metrics(cloud: LocalCloud, name: str) -> None:
    job = train(cloud, name, {**REGRESSION, "eval_metric": "mae,rmse,mse"}, CHANNELS)
    lines = [line for line in cloud.log(LOG_GROUP, name) if line.startswith("[3]")]
    assert len(lines) == 1
    data = [part.split(":") for part in lines[0].split("#011")[1:]]
    found = {key.replace("-", ":", 1): float(value) for key, value in data}
    assert metrics(job) == found
    assert {f"{data}:{metric}" for data in ("train", "validation") for metric in ("mae", "rmse", "mse")} == set(found)
    assert found["train:mse"] == pytest.approx(found["train:rmse"] ** 2, abs=1e-4)
    names = {definition["Name"] for definition in job["AlgorithmSpecification"]["MetricDefinitions"]}
    assert set(found) < names


def test_metrics_of_ones_own_are_refused_as_sagemaker_refuses_them(cloud: LocalCloud, name: str) -> None:
    own = {"MetricDefinitions": [{"Name": "validation:rmse", "Regex": "rmse:(.*)"}]}
    with pytest.raises(botocore.exceptions.ClientError, match="You can't override the metric definitions"):
        start(cloud, name, REGRESSION, CHANNELS, AlgorithmSpecification=own)


def test_the_second_column_can_be_the_rows_weight(cloud: LocalCloud, name: str) -> None:
    weights = [1.0 if row[1] > 0.5 else 9.0 for row in TRAIN]
    weighted = [[row[0], weight, *row[1:]] for row, weight in zip(TRAIN, weights, strict=True)]
    job = train(cloud, name, {**REGRESSION, "csv_weights": "1"}, {"train": as_csv(weighted)})
    expected = direct({"max_depth": 2}, 4, matrix(TRAIN, weight=weights))
    predicted = booster(artifact(cloud, job)["xgboost-model"]).predict(matrix(VALIDATION))
    np.testing.assert_allclose(predicted, expected.predict(matrix(VALIDATION)), rtol=1e-5)
    unweighted = direct({"max_depth": 2}, 4, matrix(TRAIN)).predict(matrix(VALIDATION))
    assert not np.allclose(predicted, unweighted)


def test_libsvm_is_the_format_without_a_content_type(cloud: LocalCloud, name: str) -> None:
    uri = cloud.put(f"{name}/data", as_libsvm(TRAIN))
    job = train(cloud, name, REGRESSION, {}, InputDataConfig=[channel("train", uri)])
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    predicted = booster(artifact(cloud, job)["xgboost-model"]).predict(matrix(VALIDATION))
    np.testing.assert_array_equal(predicted, direct({"max_depth": 2}, 4, matrix(TRAIN)).predict(matrix(VALIDATION)))


def test_parquet_is_read_with_pyarrow(cloud: LocalCloud, name: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    table = sys.modules["pyarrow"].table({key: column for key, *column in zip("yabc", *TRAIN, strict=True)})
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    job = train(cloud, name, REGRESSION, {"train": buffer.getvalue()}, "application/x-parquet")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    predicted = booster(artifact(cloud, job)["xgboost-model"]).predict(matrix(VALIDATION))
    np.testing.assert_array_equal(predicted, direct({"max_depth": 2}, 4, matrix(TRAIN)).predict(matrix(VALIDATION)))


def test_files_in_folders_are_read_in_the_order_of_their_names(cloud: LocalCloud, name: str) -> None:
    # Awkward names too: in an address of XGBoost's, ; # and ? have meanings.
    for key, part in {"a;1.csv": TRAIN[:50], "b/c #2?.csv": TRAIN[50:]}.items():
        cloud.put(f"{name}/data/{key}", as_csv(part))
    source = [channel("train", f"s3://{cloud.bucket}/{name}/data/", ContentType="csv")]
    hyperparameters = {**REGRESSION, "subsample": "0.5"}
    job = train(cloud, name, hyperparameters, {}, InputDataConfig=source)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    predicted = booster(artifact(cloud, job)["xgboost-model"]).predict(matrix(VALIDATION))
    expected = direct({"max_depth": 2, "subsample": 0.5}, 4, matrix(TRAIN))
    np.testing.assert_array_equal(predicted, expected.predict(matrix(VALIDATION)))


def test_early_stopping_keeps_the_best_round(cloud: LocalCloud, name: str) -> None:
    noise = [[float(index % 2), *row[1:]] for index, row in enumerate(TRAIN)]
    given = {"num_round": "50", "objective": "binary:logistic", "eval_metric": "auc,logloss"}
    other = {"train": as_csv(noise), "validation": as_csv([[1 - row[0], *row[1:]] for row in noise])}
    job = train(cloud, name, {**given, "early_stopping_rounds": "3"}, other)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert booster(artifact(cloud, job)["xgboost-model"]).num_boosted_rounds() == 1
    assert len([line for line in cloud.log(LOG_GROUP, name) if "#011train-logloss" in line]) == 4


def test_binary_classification_has_the_metrics_that_the_image_computes_itself(cloud: LocalCloud, name: str) -> None:
    table = rows(120, classes=2)
    wanted = "error,auc,accuracy,f1,precision,recall,balanced_accuracy"
    job = train(cloud, name, {"num_round": "2", "objective": "binary:logistic", "eval_metric": wanted}, {
        "train": as_csv(table), "validation": as_csv(table)
    })  # fmt: skip
    found = metrics(job)
    assert found["validation:accuracy"] == pytest.approx(1 - found["validation:error"], abs=1e-5)
    assert 0.5 < found["train:auc"] <= 1
    assert 0.5 < found["train:f1"] <= 1
    log = "\n".join(cloud.log(LOG_GROUP, name))
    assert all(f"validation-{metric}:" in log for metric in ("precision", "recall", "balanced_accuracy"))


@pytest.mark.parametrize(
    ("hyperparameters", "channels", "content_type", "reason"),
    [
        ({"num_round": "1", "eta": "2"}, CHANNELS, "text/csv", r"Hyperparameter eta: 2\.0 is not in \[0, 1\]"),
        (REGRESSION, {"validation": CHANNELS["train"]}, "text/csv", "Missing required channel: train"),
        (REGRESSION, {**CHANNELS, "test": "1,2\n"}, "text/csv", "Extraneous channel found: test"),
        (REGRESSION, CHANNELS, "application/json", "application/json is not an accepted ContentType"),
        (REGRESSION, CHANNELS, "text/csv;label_size=2", "label_size must be equal to 1"),
        (REGRESSION, CHANNELS, "application/x-recordio-protobuf", "recordio-protobuf does not run on the local cloud"),
        (REGRESSION, {"train": "1\n2\n"}, "text/csv", "Could not determine delimiter on line 1"),
        (REGRESSION, {"train": "nan,1\n2,3\n"}, "text/csv", "Label contains NaN"),
        (REGRESSION, {"train": "a b c\n"}, "text/libsvm", "is not 'LIBSVM' format"),
        (REGRESSION, {"train": b"PAR0"}, "application/x-parquet", "parquet"),
        (
            {**REGRESSION, "objective": "binary:logistic"},
            CHANNELS,
            "text/csv",
            r"UserError: .*label must be in \[0,1\]",
        ),
    ],
)
def test_what_cannot_be_trained_on_fails_with_the_algorithms_reason(
    cloud: LocalCloud,
    name: str,
    hyperparameters: dict[str, str],
    channels: dict[str, str],
    content_type: str,
    reason: str,
) -> None:
    job = train(cloud, name, hyperparameters, channels, content_type)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert job["FailureReason"].endswith(", exit code: 1")
    assert re.search(reason, job["FailureReason"], re.DOTALL), job["FailureReason"]


def test_a_header_is_warned_of(cloud: LocalCloud, name: str) -> None:
    train(cloud, name, REGRESSION, {"train": "y,a,b,c\n" + CHANNELS["train"]})
    assert any("CSV has no header" in line and "'y'" in line for line in cloud.log(LOG_GROUP, name))


def test_a_stopped_job_keeps_the_model_of_its_last_round_if_asked_to(cloud: LocalCloud, name: str) -> None:
    start(cloud, name, {**REGRESSION, "num_round": "1000000", "save_model_on_termination": "true"}, CHANNELS)
    wait_until(lambda: [line for line in cloud.log(LOG_GROUP, name) if line.startswith("[3]")])  # kept after it is told
    cloud.client("sagemaker").stop_training_job(TrainingJobName=name)
    job = ended_training(cloud, name)
    assert job["TrainingJobStatus"] == "Stopped"
    files = artifact(cloud, job)
    assert list(files) == ["xgboost-model"]
    assert booster(files["xgboost-model"]).num_boosted_rounds() >= 3


def test_an_interrupted_training_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    container = Container(tmp_path)
    container.put("input/data/train/data.csv", CHANNELS["train"])
    checkpoints = {"S3Uri": "s3://bucket/checkpoints", "LocalPath": "/opt/ml/checkpoints"}
    container.configure({**REGRESSION, "num_round": "8"}, checkpointconfig=checkpoints)
    assert container.train().returncode == 0
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        f"xgboost-checkpoint.{number}" for number in range(3, 8)
    ]
    container.configure({**REGRESSION, "num_round": "10"}, checkpointconfig=checkpoints)
    again = container.train()
    assert [line.split("\t")[0] for line in again.stdout.splitlines() if "train-rmse" in line] == ["[8]", "[9]"]
    model = booster((tmp_path / "model" / "xgboost-model").read_bytes())
    expected = direct({"max_depth": 2}, 10, matrix(TRAIN))
    np.testing.assert_array_equal(model.predict(matrix(VALIDATION)), expected.predict(matrix(VALIDATION)))


def test_a_missing_library_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml")
    container.put("input/data/train/data.csv", CHANNELS["train"])
    container.configure(REGRESSION)
    (tmp_path / "xgboost.py").write_text("raise ImportError")
    assert container.train(tmp_path).returncode == 1
    assert "pip install 'xgboost-cpu==3.0.5'" in container.failure()


def test_several_instances_are_refused(tmp_path: Path) -> None:
    container = Container(tmp_path)
    container.put("input/data/train/data.csv", CHANNELS["train"])
    container.configure(REGRESSION, resourceconfig={"hosts": ["algo-1", "algo-2"], "current_host": "algo-1"})
    assert container.train().returncode == 1
    assert "on 2 instances does not run on the local cloud" in container.failure()
