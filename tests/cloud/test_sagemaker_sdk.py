"""The SageMaker Python SDK, unchanged, trains against the local cloud: a data scientist's own scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud.local_cloud import LocalCloud
from tests.cloud.notebooks import run_notebook

TRAIN = """
    import argparse, json, os, pathlib
    import helper

    parser = argparse.ArgumentParser()
    parser.add_argument("--alpha", type=float)
    parser.add_argument("--layers")
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    arguments = parser.parse_args()
    rows = [path.read_text() for path in pathlib.Path(arguments.train).iterdir()]
    for epoch in (1, 2):
        print(f"epoch={epoch} loss={arguments.alpha / epoch};")
    print(helper.GREETING, rows, arguments.layers)
    pathlib.Path(arguments.model_dir, "model.json").write_text(json.dumps(rows))
"""
# Ordinary code of a notebook, with nothing in it of the local cloud.
NOTEBOOK = """
    import json, logging, sys
    import sagemaker
    from sagemaker.inputs import TrainingInput
    from sagemaker.sklearn.estimator import SKLearn

    session = sagemaker.Session()
    bucket = session.default_bucket()
    data = session.upload_data("rows.csv", bucket=bucket, key_prefix="sdk/data")
    estimator = SKLearn(
        entry_point="train.py",
        source_dir="src",
        dependencies=["lib/helper.py"],
        role=sagemaker.get_execution_role(),
        instance_type="ml.m5.large",
        framework_version="1.2-1",
        hyperparameters={"alpha": 0.5, "layers": [3, "x"]},
        metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
        output_path=f"s3://{bucket}/sdk/models",
        max_run=60,
        use_spot_instances=True,
        max_wait=60,
        checkpoint_s3_uri=f"s3://{bucket}/sdk/checkpoints",
        tags=[{"Key": "team", "Value": "data"}],
    )
    estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, wait=True, logs=True)
    job = session.describe_training_job(estimator.latest_training_job.name)
    again = SKLearn.attach(job["TrainingJobName"])
    frame = estimator.training_job_analytics.dataframe()
    failing = SKLearn(
        entry_point="fails.py", source_dir="src", role=estimator.role, instance_type="ml.m5.large",
        framework_version="1.2-1", py_version="py3",
    )
    try:
        failing.fit({"train": data}, logs=False)
    except sagemaker.exceptions.UnexpectedStatusException as error:
        failure = str(error)
    print("RESULT " + json.dumps({
        "bucket": bucket,
        "data": data,
        "status": job["TrainingJobStatus"],
        "model": estimator.model_data,
        "attached": again.model_data,
        "hyperparameters": estimator.hyperparameters(),
        "metrics": frame.to_dict("records"),
        "failure": failure,
    }))
"""


def test_a_notebook_trains_with_a_framework_s_estimator(cloud_of_aws_names: LocalCloud, tmp_path: Path) -> None:
    files = {
        "src/train.py": TRAIN,
        "src/fails.py": "raise ValueError('no rows')",
        "src/requirements.txt": "scikit-learn\n",
        "lib/helper.py": "GREETING = 'from the dependency'",
        "rows.csv": "1,2\n",
    }
    result, printed = run_notebook(cloud_of_aws_names, tmp_path, NOTEBOOK, files)
    assert result["bucket"] == "sagemaker-us-east-1-123456789012"
    assert result["data"] == f"s3://{result['bucket']}/sdk/data/rows.csv"
    assert result["status"] == "Completed"
    assert result["model"] == result["attached"]
    assert result["model"].endswith("/output/model.tar.gz")
    assert result["hyperparameters"]["alpha"] == "0.5"
    assert [row["metric_name"] for row in result["metrics"]] == ["loss"]
    assert result["metrics"][0]["value"] == pytest.approx(0.375)  # the mean of its minute
    assert "epoch=2 loss=0.25;" in printed
    assert "from the dependency ['1,2\\n'] [3, 'x']" in printed
    assert "Managed Spot Training savings: " in printed or "Billable seconds: 1" in printed
    assert 'ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: no rows"' in result["failure"]
