"""A failed run goes on after a redrive, at the state that failed; one that died outside its graph is cleaned up."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from switchyard.project import Project
from tests.cloud.local_cloud import wait_until
from tests.runs.conftest import TIMEOUT, Execution, Site, add_recipe

PATIENT = "59,2,32.1,101,157,93.2,38,4,4.8598,87"
# Serves only once the switch is thrown: an object in the data bucket.
SWITCHED = """

import os
import boto3

_load = model_fn


def model_fn(model_dir):
    objects = boto3.client("s3").list_objects_v2(Bucket="{bucket}", Prefix="{key}")
    if objects["KeyCount"] == 0:
        raise RuntimeError("the switch is off")
    return _load(model_dir)
"""


def redrive(execution: Execution) -> dict[str, Any]:
    client = execution.site.client("stepfunctions")
    client.redrive_execution(executionArn=execution.arn)

    def ended() -> dict[str, Any]:
        found: dict[str, Any] = client.describe_execution(executionArn=execution.arn)
        return {} if found["status"] == "RUNNING" else found

    return wait_until(ended, TIMEOUT)


def script(project: Project, name: str) -> str:
    return (project.root / "training_code/tabular_regression" / name).read_text()


def clean_ups(site: Site, of: str) -> list[dict[str, Any]]:
    client = site.client("stepfunctions")
    listed = client.list_executions(stateMachineArn=site.outputs["CleanUpStateMachineArn"])["executions"]
    described = [client.describe_execution(executionArn=each["executionArn"]) for each in listed]
    return [each for each in described if json.loads(each["input"])["executionArn"] == of]


def test_a_run_that_failed_after_training_is_deployed_by_a_redrive_without_training_again(
    site: Site, project: Project
) -> None:
    bucket, key = site.outputs["DataBucketName"], "switches/second-chance"
    switched = script(project, "inference.py") + SWITCHED.format(bucket=bucket, key=key)
    add_recipe(project, "second-chance", scripts={"inference.py": switched})
    site.publish(project, "second-chance")
    before = site.made()
    execution = site.start("second-chance", "second-chance-1")
    description = execution.wait()
    assert (description["status"], "the switch is off" in description["cause"]) == ("FAILED", True)
    assert site.made() == before

    failed_again = redrive(execution)
    assert (failed_again["status"], failed_again["redriveCount"]) == ("FAILED", 1)
    assert site.made() == before
    site.client("s3").put_object(Bucket=bucket, Key=key, Body=b"on")
    deployed = redrive(execution)

    assert (deployed["status"], deployed["redriveCount"]) == ("SUCCEEDED", 2)
    assert json.loads(deployed["output"])["status"] == "DEPLOYED"
    states = execution.states()
    assert states.count("Train model") == 1
    assert states.count("Create model") == 3
    assert float(site.invoke("second-chance", PATIENT)) > 0
    names = site.client("sagemaker").list_transform_jobs(NameContains="second-chance")["TransformJobSummaries"]
    assert {"switchyard-second-chance-1-2-0"} <= {each["TransformJobName"] for each in names}


@pytest.mark.parametrize(
    ("name", "again", "kept"),
    [("prepare.py", "Split data", "Prepare run"), ("train.py", "Train model", "Split data")],
)
def test_a_redrive_goes_on_at_the_job_that_failed(
    site: Site, project: Project, name: str, again: str, kept: str
) -> None:
    recipe = f"retried-{name.removesuffix('.py')}"
    bucket, key = site.outputs["DataBucketName"], f"switches/{recipe}"
    guard = (
        "import sys\nimport boto3\n"
        f"if boto3.client('s3').list_objects_v2(Bucket='{bucket}', Prefix='{key}')['KeyCount'] == 0:\n"
        "    sys.exit('the switch is off')\n"
    )
    text = script(project, name)
    head = text.index("from __future__ import annotations\n") + len("from __future__ import annotations\n")
    add_recipe(project, recipe, scripts={name: text[:head] + guard + text[head:]})
    site.publish(project, recipe)
    execution = site.start(recipe, f"{recipe}-1")
    assert execution.wait()["status"] == "FAILED"
    site.client("s3").put_object(Bucket=bucket, Key=key, Body=b"on")

    description = redrive(execution)

    assert json.loads(description["output"])["status"] == "DEPLOYED"
    assert execution.states().count(again) == 2
    assert execution.states().count(kept) == 1


def add_fault(site: Site, target: str, kind: str, execution: str) -> None:
    body = json.dumps({"target": target, "kind": kind, "execution": execution}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{site.url}/_switchyard/faults", data=body, method="POST")).close()


def clear_faults(site: Site) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{site.url}/_switchyard/faults", method="DELETE")).close()


def test_what_could_not_be_undone_is_undone_first(site: Site, project: Project) -> None:
    add_recipe(project, "stuck")
    site.publish(project, "stuck")
    site.start("stuck", "stuck-1").wait()
    for target, kind in (("Smoke test", "crash"), ("Roll back", "AccessDeniedException")):
        add_fault(site, target, kind, "stuck-2")
    execution = site.start("stuck", "stuck-2")
    assert execution.wait()["error"] == "Runtime.ExitError"
    endpoint = site.client("sagemaker").describe_endpoint(EndpointName="switchyard-stuck")
    assert endpoint["EndpointConfigName"] == "switchyard-stuck-2"  # nobody could take it back
    clear_faults(site)

    description = redrive(execution)

    assert json.loads(description["output"])["status"] == "DEPLOYED"
    states = execution.states()
    assert states.count("Roll back again") == 1
    assert states.count("Train model") == 1


def test_a_run_that_was_refused_begins_again(site: Site, project: Project) -> None:
    execution = site.start("late-comer", "late-comer-1")
    assert execution.wait()["error"] == "InvalidRun"
    add_recipe(project, "late-comer")
    site.publish(project, "late-comer")

    description = redrive(execution)

    assert json.loads(description["output"])["status"] == "DEPLOYED"


def test_a_run_that_is_stopped_while_it_deploys_is_cleaned_up(site: Site, project: Project) -> None:
    # The smoke test of the second run finds an endpoint that answers too slowly to be done before the stop.
    slow = script(project, "inference.py") + (
        "\n\nimport os\nimport threading\n\n_predict = predict_fn\n\n\ndef predict_fn(data, model):\n"
        "    if not os.environ.get('SAGEMAKER_BATCH') and len(data) == 1:\n        threading.Event().wait(6)\n"
        "    return _predict(data, model)\n"
    )
    add_recipe(project, "halted")
    site.publish(project, "halted")
    failed = site.start("halted", "halted-0", data="s3://nowhere/at-all")
    assert failed.wait()["status"] == "FAILED"
    site.start("halted", "halted-1").wait()
    answer, before = site.invoke("halted", PATIENT), site.made()
    add_recipe(project, "halted", scripts={"inference.py": slow})
    site.publish(project, "halted")
    execution = site.start("halted", "halted-2")
    wait_until(lambda: "Smoke test" in execution.states(), TIMEOUT)

    site.client("stepfunctions").stop_execution(executionArn=execution.arn, error="Enough", cause="it is late")

    (clean_up,) = wait_until(
        lambda: [each for each in clean_ups(site, execution.arn) if each["status"] != "RUNNING"], TIMEOUT
    )
    assert clean_up["status"] == "SUCCEEDED", clean_up
    assert site.made() == before
    endpoint = site.client("sagemaker").describe_endpoint(EndpointName="switchyard-halted")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "switchyard-halted-1")
    assert site.invoke("halted", PATIENT) == answer
    # One that fails within its graph has undone its doings there.
    assert clean_ups(site, failed.arn) == []
