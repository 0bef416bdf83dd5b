"""The examples run unchanged, and what they print is what there is."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.environments import ROOT, python_of

EXAMPLES = ROOT / "examples"
BUCKET = "sagemaker-us-east-1-123456789012"


def run_example(cloud: LocalCloud, home: Path, name: str, *arguments: str) -> str:
    """Run an example as its first lines say; return what it printed."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PYTHONDONTWRITEBYTECODE": "1",
        **cloud.state["https"],
    }
    command = [str(python_of("author")), str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def left_behind(cloud: LocalCloud) -> dict[str, list[str]]:
    """What costs money, or stands in the way of the next one: names by kind."""
    sagemaker = cloud.client("sagemaker")
    objects = cloud.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    machines = cloud.client("stepfunctions").list_state_machines()["stateMachines"]
    return {
        "endpoints": [found["EndpointName"] for found in sagemaker.list_endpoints()["Endpoints"]],
        "configurations": [
            found["EndpointConfigName"] for found in sagemaker.list_endpoint_configs()["EndpointConfigs"]
        ],
        "models": [found["ModelName"] for found in sagemaker.list_models()["Models"]],
        "functions": [found["FunctionName"] for found in cloud.client("lambda").list_functions()["Functions"]],
        "roles": [found["RoleName"] for found in cloud.client("iam").list_roles()["Roles"]],
        "machines": [found["name"] for found in machines],
        "objects": [found["Key"] for found in objects],
    }


def numbers(text: str, pattern: str) -> list[float]:
    """Return the number in each place of a pattern."""
    return [float(found) for found in re.findall(pattern, text)]


@pytest.fixture
def clean(cloud_of_aws_names: LocalCloud) -> Any:
    """Sees that nothing is left behind that was not there before."""
    cloud = cloud_of_aws_names
    cloud.client("sts").get_caller_identity()  # makes the owner's role, which stays
    cloud.client("s3").create_bucket(Bucket=BUCKET)  # so does the account's default bucket
    before = left_behind(cloud)
    yield cloud
    with contextlib.suppress(AssertionError):  # what is deleted last may take a moment
        wait_until(lambda: left_behind(cloud) == before)
    assert left_behind(cloud) == before  # says what is left


def test_house_prices_by_xgboost(clean: LocalCloud, tmp_path: Path) -> None:
    printed = run_example(clean, tmp_path, "boston_housing_xgboost.py")
    (train,), (validation,) = numbers(printed, r"train:rmse: (\S+)"), numbers(printed, r"validation:rmse: (\S+)")
    ((test, rows),) = re.findall(r"test rmse: (\S+) of (\d+) districts", printed)
    (baseline,) = numbers(printed, r"the mean's rmse: (\S+)")
    assert train < validation
    assert float(test) < baseline / 2
    assert int(rows) == 85
    predictions = re.findall(r"predicted (\S+), actual (\S+)", printed)
    assert len(predictions) == 5
    assert all(abs(float(predicted) - float(actual)) < 3 * float(test) for predicted, actual in predictions)
    assert "as the transform has it: True" in printed
    # The log was shown while it ran: a line a round, and the last metrics are those of its last line.
    logged = re.findall(r"train-rmse:(\S+)#011validation-rmse:(\S+)", printed)
    assert float(logged[-1][0]) == pytest.approx(train, abs=1e-3)
    assert float(logged[-1][1]) == pytest.approx(validation, abs=1e-3)


def test_a_workflow_of_the_data_science_sdk_in_three_forms(clean: LocalCloud, tmp_path: Path) -> None:
    printed = run_example(clean, tmp_path, "sklearn_workflow.py", "chain", "parallel", "waiting")
    assert re.findall(r"(\w+): SUCCEEDED", printed) == ["chain", "parallel", "waiting"]
    errors = numbers(printed, r"validation:rmse (\S+)")
    assert len(errors) == 3
    assert all(0 < error < 3 for error in errors)
    predicted = re.findall(r"predicted \['(.+?)', '(.+?)', '(.+?)'\]", printed)
    transformed = re.findall(r"transformed \['(.+?)', '(.+?)', '(.+?)'\] and 53 more", printed)
    assert predicted == transformed
    assert len(predicted) == 3
    assert printed.count("the function says: InService") == 1


def test_metrics_of_cloudwatch(clean: LocalCloud, tmp_path: Path) -> None:
    printed = run_example(clean, tmp_path, "cloudwatch_metrics.py")
    logged = numbers(printed, r"validation_rmse=(\S+);")
    assert len(logged) == 5
    assert f"validation:rmse {logged[-1]:.4f}" in printed
    # SageMaker's analytics show a minute's mean; two where the minute has changed meanwhile.
    shown = numbers(printed, r"\d+\.0 validation:rmse (\S+)")
    assert min(logged) <= min(shown) <= sum(logged) / 5 + 1e-4
    assert sum(numbers(printed, r"data points of validation:rmse: (\d+)")) == 5
    assert "a bad request: ModelError" in printed
    endpoint = {name: float(value) for name, value in re.findall(r"^  (\w+) (?:Sum|Average) (\d+)$", printed, re.M)}
    assert endpoint["Invocations"] == 21
    assert endpoint["Invocation4XXErrors"] + endpoint["Invocation5XXErrors"] == 1
    assert endpoint["OverheadLatency"] > 0
    assert endpoint["ModelLatency"] > 0


def test_nothing_in_an_example_knows_where_it_runs() -> None:
    scripts = sorted(EXAMPLES.rglob("*.py"))
    assert {"boston_housing_xgboost.py", "cloudwatch_metrics.py", "sklearn_workflow.py"} <= {
        path.name for path in scripts
    }
    for path in scripts:
        words = re.search(r"endpoint_url|localhost|127\.0\.0\.1|switchyard|local", path.read_text(), re.IGNORECASE)
        assert words is None, f"{path}: {words}"
