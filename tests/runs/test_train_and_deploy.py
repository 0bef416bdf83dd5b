"""The main workflow, end to end: real jobs, a real endpoint, real data."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tarfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from switchyard.project import Project
from tests.cloud.local_cloud import wait_until
from tests.runs.conftest import TIMEOUT, Caller, Site, add_recipe

PATIENT = "59,2,32.1,101,157,93.2,38,4,4.8598,87"


def objects(site: Site, bucket: str, prefix: str) -> dict[str, bytes]:
    s3 = site.client("s3")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in listed}


def rows(body: bytes) -> list[list[float]]:
    return [[float(value) for value in row] for row in csv.reader(io.StringIO(body.decode()))]


def cause_of(description: dict[str, Any]) -> str:
    return description["error"] + " " + description["cause"]


def test_a_good_model_is_deployed_and_answers(site: Site, project: Project) -> None:
    add_recipe(project, "good")
    site.publish(project, "good")
    execution = site.start("good", "good-1")

    description = execution.wait()

    assert description["status"] == "SUCCEEDED"
    output = json.loads(description["output"])
    assert output["status"] == "DEPLOYED"
    assert output["endpoint_name"] == "switchyard-good"
    bucket = site.outputs["ArtifactBucketName"]
    (test_rows,) = objects(site, bucket, "runs/good-1/splits/test/").values()
    (predictions,) = objects(site, bucket, "runs/good-1/predictions/").values()
    expected = rows(test_rows)
    predicted = rows(predictions)
    # What is gated is what was predicted: targets beside predictions, one for each test row, in order.
    assert [row[0] for row in predicted] == [row[0] for row in expected]
    errors = [target - prediction for target, prediction in predicted]
    assert output["test_metrics"]["rmse"] == pytest.approx(math.sqrt(math.fsum(e * e for e in errors) / len(errors)))
    with pytest.raises(ClientError) as refused:
        site.invoke("good", "1,2")
    assert refused.value.response["OriginalStatusCode"] == 400
    assert "expects 10 features a row, but 2 were given" in refused.value.response["OriginalMessage"]
    # The endpoint gives the very predictions that the transform gave.
    features = ",".join(str(value) for value in expected[0][1:])
    assert float(site.invoke("good", features)) == pytest.approx(predicted[0][1])


def test_a_run_leaves_a_readable_folder(site: Site, project: Project) -> None:
    add_recipe(project, "kept")
    site.publish(project, "kept")
    execution = site.start("kept", "kept-1")
    execution.wait()

    kept = execution.kept
    assert json.loads((kept / "input.json").read_text()) == {"recipe": "kept"}
    assert json.loads((kept / "output.json").read_text())["status"] == "DEPLOYED"
    assert json.loads((kept / "execution.json").read_text())["status"] == "SUCCEEDED"
    assert json.loads((kept / "history.json").read_text())["events"][-1]["type"] == "ExecutionSucceeded"
    assert "validation rmse=" in (kept / "logs" / "Train model.log").read_text()
    assert "Prepare run" in {path.stem for path in (kept / "logs").iterdir()}
    with tarfile.open(kept / "model.tar.gz") as archive:
        assert "model.joblib" in archive.getnames()
    assert len(rows((kept / "predictions" / "test.csv.out").read_bytes())) == 66
    assert {path.name for path in (kept / "jobs").iterdir()} == {
        "processing-job-switchyard-kept-1-0-0.json",
        "training-job-switchyard-kept-1-0-0.json",
        "transform-job-switchyard-kept-1-0-0.json",
    }


def test_a_model_below_the_gate_is_rejected_and_nothing_is_deployed(site: Site, project: Project) -> None:
    add_recipe(project, "strict", gate=[{"metric": "rmse", "direction": "minimize", "threshold": 1.0}])
    site.publish(project, "strict")
    before = site.made()

    description = site.start("strict", "strict-1").wait()

    output = json.loads(description["output"])
    assert description["status"] == "SUCCEEDED"
    assert output["status"] == "REJECTED"
    assert "rmse 48.8" in output["reasons"][0]
    assert site.made() == before
    package = site.client("sagemaker").describe_model_package(ModelPackageName=output["model_package_arn"])
    assert package["ModelApprovalStatus"] == "Rejected"


def test_the_last_line_of_a_training_script_s_traceback_reaches_the_user(site: Site, project: Project) -> None:
    add_recipe(project, "raises", scripts={"train.py": "raise RuntimeError('the disk of patience is full')\n"})
    site.publish(project, "raises")
    before = site.made()

    description = site.start("raises", "raises-1").wait()

    assert description["status"] == "FAILED"
    assert "RuntimeError: the disk of patience is full" in cause_of(description)
    assert site.made() == before


def test_a_transform_that_fails_takes_the_new_endpoint_away(site: Site, project: Project) -> None:
    inference = (project.root / "training_code/tabular_regression/inference.py").read_text()
    broken = inference.replace("def predict_fn(", "def _predict(") + (
        "\n\nimport os\n\n\ndef predict_fn(data, model):\n"
        "    if os.environ.get('SAGEMAKER_BATCH'):\n        raise RuntimeError('no batches today')\n"
        "    return _predict(data, model)\n"
    )
    add_recipe(project, "no-batch", scripts={"inference.py": broken})
    site.publish(project, "no-batch")
    before = site.made()

    description = site.start("no-batch", "no-batch-1").wait()

    assert description["status"] == "FAILED"
    assert "no batches today" in cause_of(description)
    assert site.made() == before


def test_a_model_that_breaks_at_load_leaves_the_old_one_serving(site: Site, project: Project) -> None:
    add_recipe(project, "steady")
    site.publish(project, "steady")
    site.start("steady", "steady-1").wait()
    served = site.invoke("steady", PATIENT)
    before = site.made()
    add_recipe(
        project, "steady", scripts={"inference.py": "def model_fn(model_dir):\n    raise OSError('bad model')\n"}
    )
    site.publish(project, "steady")

    with Caller(site, "steady", PATIENT) as caller:
        description = site.start("steady", "steady-2").wait()

    assert description["status"] == "FAILED"
    assert "bad model" in cause_of(description)
    assert site.made() == before
    assert caller.errors == []
    assert set(caller.answers) == {served}
    endpoint = site.client("sagemaker").describe_endpoint(EndpointName="switchyard-steady")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "switchyard-steady-1")


def test_a_second_run_updates_the_endpoint_without_losing_a_request(site: Site, project: Project) -> None:
    add_recipe(project, "fresh")
    site.publish(project, "fresh")
    site.start("fresh", "fresh-1").wait()
    first = site.invoke("fresh", PATIENT)

    with Caller(site, "fresh", PATIENT) as caller:
        description = site.start("fresh", "fresh-2", overrides={"hyperparameters": {"alpha": 20}}).wait()
    second = site.invoke("fresh", PATIENT)

    assert description["status"] == "SUCCEEDED"
    assert caller.errors == []
    assert first != second
    assert set(caller.answers) <= {first, second}
    endpoint = site.client("sagemaker").describe_endpoint(EndpointName="switchyard-fresh")
    assert endpoint["EndpointConfigName"] == "switchyard-fresh-2"


def test_runs_at_the_same_time_take_turns_at_the_endpoint(site: Site, project: Project) -> None:
    add_recipe(project, "crowd")
    site.publish(project, "crowd")
    site.start("crowd", "crowd-0").wait()

    executions = [site.start("crowd", f"crowd-{number}") for number in (1, 2, 3)]
    ends = [execution.wait() for execution in executions]

    # Each is deployed, or says that another has taken its place; the endpoint serves one that was deployed.
    deployed = [end["name"] for end in ends if end["status"] == "SUCCEEDED"]
    overtaken = [end["cause"] for end in ends if end["status"] != "SUCCEEDED"]
    assert all("another run has taken the endpoint over" in cause for cause in overtaken)
    endpoint = site.client("sagemaker").describe_endpoint(EndpointName="switchyard-crowd")
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] in {f"switchyard-{name}" for name in deployed}


def test_the_same_name_twice_is_the_same_run(site: Site, project: Project) -> None:
    add_recipe(project, "once")
    site.publish(project, "once")

    first = site.start("once", "once-1")
    again = site.start("once", "once-1")
    first.wait()

    assert first.arn == again.arn
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        site.start("once", "once-1")
    jobs = site.client("sagemaker").list_training_jobs(NameContains="once-1")["TrainingJobSummaries"]
    assert len(jobs) == 1


def test_a_stopped_run_ends_its_training_process(site: Site, project: Project) -> None:
    endless = "import os, threading\nprint('pid', os.getpid())\nthreading.Event().wait()\n"
    add_recipe(project, "endless", scripts={"train.py": endless})
    site.publish(project, "endless")
    execution = site.start("endless", "endless-1")
    pid = pid_in_log(site, "/aws/sagemaker/TrainingJobs", "switchyard-endless-1-0-0/")

    site.client("stepfunctions").stop_execution(executionArn=execution.arn, error="Enough", cause="it is late")

    description = execution.wait()
    assert (description["status"], description["error"]) == ("ABORTED", "Enough")

    def job() -> dict[str, Any]:
        return site.client("sagemaker").describe_training_job(TrainingJobName="switchyard-endless-1-0-0")

    wait_until(lambda: job()["TrainingJobStatus"] == "Stopped", TIMEOUT)
    assert job()["SecondaryStatus"] == "Stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_data_that_is_split_already_is_not_split_again(site: Site, project: Project) -> None:
    add_recipe(project, "split")
    site.publish(project, "split")
    site.start("split", "split-1").wait()
    uri = f"s3://{site.outputs['ArtifactBucketName']}/runs/split-1/splits/"

    execution = site.start("split", "split-2", data=uri)

    assert execution.wait()["status"] == "SUCCEEDED"
    assert "Split data" not in execution.states()


def test_an_unknown_recipe_is_named_with_its_neighbours(site: Site, project: Project) -> None:
    add_recipe(project, "neighbour")
    site.publish(project, "neighbour")

    description = site.start("neighbor", "neighbor-1").wait()

    assert description["error"] == "InvalidRun"
    assert "neighbour" in description["cause"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("bmi,progression\n1,2\n", "row", id="one row"),
        pytest.param("bmi,bp\n" + "1,2\n" * 9, "progression", id="no target column"),
        pytest.param("bmi,progression\n" + "1,2\n" * 9 + "tall,3\n", "tall", id="text in a numeric column"),
        pytest.param("bmi,progression\n" + "1,2\n" * 9 + "1,nan\n", "progression", id="NaN target"),
        pytest.param("bmi,bmi,progression\n" + "1,2,3\n" * 9, "bmi", id="duplicate header"),
    ],
)
def test_bad_data_fails_with_its_reason(site: Site, project: Project, text: str, reason: str, request: Any) -> None:
    name = request.node.callspec.id.replace(" ", "-").lower()
    recipe = f"bad-{name}"[:32]
    data = {
        "format": "csv",
        "target": "progression",
        "split": {"train": 0.7, "validation": 0.15, "test": 0.15},
        "seed": 1,
    }
    add_recipe(project, recipe, data=data)
    site.publish(project, recipe)
    key = f"datasets/{recipe}/data.csv"
    site.client("s3").put_object(Bucket=site.outputs["DataBucketName"], Key=key, Body=text.encode())
    before = site.made()

    description = site.start(recipe, f"{recipe}-1", data=f"s3://{site.outputs['DataBucketName']}/{key}").wait()

    assert description["status"] == "FAILED"
    assert reason in description["cause"]
    assert site.made() == before


def pid_in_log(site: Site, group: str, prefix: str) -> int:
    """Return the process id that a job has printed, as soon as it has."""

    def lines() -> list[str]:
        try:
            answer = site.client("logs").filter_log_events(logGroupName=group, logStreamNamePrefix=prefix)
        except ClientError:
            return []
        return [event["message"] for event in answer["events"] if event["message"].startswith("pid ")]

    return int(wait_until(lines, TIMEOUT)[0].split()[1])
