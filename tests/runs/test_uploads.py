"""Runs that an upload or a schedule starts, through the project's own template."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from switchyard.project import Project
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.runs.conftest import ROOT, Execution, Site, add_recipe

DATA = (ROOT / "recipes" / "data" / "diabetes.csv").read_bytes()
EVENT = json.loads((ROOT / "tests" / "events" / "s3_object_created.json").read_text())


def upload(site: Site, key: str, body: bytes = DATA) -> dict[str, Any]:
    answer: dict[str, Any] = site.client("s3").put_object(Bucket=site.outputs["DataBucketName"], Key=key, Body=body)
    return answer


def runs_of(site: Site, prefix: str) -> list[Execution]:
    """Return the executions whose names begin so."""
    machine = site.outputs["TrainAndDeployStateMachineArn"]
    pages = site.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=machine)
    found = [each for page in pages for each in page["executions"] if each["name"].startswith(prefix)]
    return [Execution(site, each["executionArn"], each["name"]) for each in found]


def run_of(site: Site, prefix: str) -> Execution:
    (found,) = wait_until(lambda: runs_of(site, prefix))
    return found


def put_events(site: Site, *events: dict[str, Any]) -> None:
    """Send events with the command line."""
    done = subprocess.run(
        [sys.executable, "-m", "switchyard", "events", "put", "-"],
        input=json.dumps(list(events)),
        env={**ENVIRONMENT, "AWS_ENDPOINT_URL": site.url},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(events)


ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


_dead_letters: dict[str, list[dict[str, Any]]] = {}  # what was read, by the cloud's address


def dead_letters(site: Site) -> list[dict[str, Any]]:
    """Return all that has been found in the queue since the cloud is up; it is taken out of it."""
    sqs, known = site.client("sqs"), _dead_letters.setdefault(site.url, [])
    url = sqs.get_queue_url(QueueName="switchyard-start-run-dead-letters")["QueueUrl"]
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            known.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return known


def test_an_upload_starts_a_run_that_deploys(site: Site, project: Project) -> None:
    add_recipe(project, "uploaded")
    site.publish(project, "uploaded")
    key = "incoming/uploaded/2026 july/data 1+2 für %41 数据.csv"
    upload(site, key)

    run = run_of(site, "uploaded-data-1-2-f-r-41-")
    description = run.wait()

    assert description["status"] == "SUCCEEDED"
    output = json.loads(description["output"])
    assert output["status"] == "DEPLOYED"
    state = json.loads((run.kept / "input.json").read_text())
    assert state["detail"]["object"]["key"] == key
    assert re.fullmatch(r"uploaded-data-1-2-f-r-41-[0-9a-f]{12}", run.name)


def test_the_same_version_s_event_again_is_the_same_run(site: Site) -> None:
    put = upload(site, "incoming/twice/data.csv")
    run = run_of(site, "twice-")
    described = {"key": "incoming/twice/data.csv", "etag": put["ETag"].strip('"'), "version-id": put["VersionId"]}
    detail = {**EVENT["detail"], "bucket": {"name": site.outputs["DataBucketName"]}}
    again = {**EVENT, "detail": {**detail, "object": {**described, "size": len(DATA), "sequencer": "00"}}}
    marker = {**again, "detail": {**detail, "object": {**described, "size": 1, "version-id": "other"}}}

    put_events(site, again, again, marker)

    # The other version's run is started after the deliveries before it, and then the first is still alone.
    runs = wait_until(lambda: found if len(found := runs_of(site, "twice-")) > 1 else None)
    assert len(runs) == 2
    assert run.name in [each.name for each in runs]
    upload(site, "incoming/twice/data.csv")
    assert len(wait_until(lambda: found if len(found := runs_of(site, "twice-")) > 2 else None)) == 3


def test_ten_files_at_once_are_ten_runs(site: Site) -> None:
    with ThreadPoolExecutor(max_workers=10) as pool:
        list(pool.map(lambda number: upload(site, f"incoming/burst/part-{number}.csv", b"1"), range(10)))

    def all_ten() -> list[str]:
        names = sorted(run.name.rpartition("-")[0] for run in runs_of(site, "burst-"))
        return names if len(names) >= 10 else []

    assert wait_until(all_ten) == [f"burst-part-{number}" for number in range(10)]


def test_an_unknown_recipe_is_told_where_people_look(site: Site, project: Project) -> None:
    add_recipe(project, "known")
    site.publish(project, "known")
    upload(site, "incoming/knwn/data.csv")
    description = run_of(site, "knwn-data-").wait()
    assert description["status"] == "FAILED"
    assert "Recipe 'knwn' is not published. Did you mean 'known'" in description["cause"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "incoming/known/gone.csv"}, "does not exist any more: it was deleted before the run read it"),
        ({"key": "incoming/known/new.csv", "etag": "0" * 32}, "was replaced before the run read it"),
    ],
)
def test_an_object_that_is_not_what_was_uploaded_any_more_ends_the_run(
    site: Site, project: Project, change: dict[str, str], said: str
) -> None:
    add_recipe(project, "known")
    site.publish(project, "known")
    bucket = site.outputs["DataBucketName"]
    if "etag" in change:
        upload(site, change["key"])
    described = {**EVENT["detail"]["object"], "version-id": "of-old", **change}
    put_events(site, {**EVENT, "detail": {**EVENT["detail"], "bucket": {"name": bucket}, "object": described}})

    def failed() -> list[str]:
        runs = runs_of(site, f"known-{Path(change['key']).stem}-")
        described = [site.client("stepfunctions").describe_execution(executionArn=run.arn) for run in runs]
        return [each["cause"] for each in described if each["status"] == "FAILED"]

    causes = wait_until(failed)
    assert [said in cause for cause in causes] == [True]


def test_an_event_that_starts_nothing_is_kept_with_its_reason(site: Site) -> None:
    bucket = site.outputs["DataBucketName"]
    described = {"key": "incoming/no-folder.csv", "size": 5, "etag": "e"}
    wrong = {**EVENT, "detail": {**EVENT["detail"], "bucket": {"name": bucket}, "object": described}}
    put_events(site, wrong)

    def kept() -> list[dict[str, Any]]:
        letters = [letter for letter in dead_letters(site) if "responsePayload" in letter]
        return [letter for letter in letters if letter["requestPayload"]["detail"]["object"] == described]

    (record,) = wait_until(kept)
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorType"] == "InvalidRun"
    assert "starts no run: expected a key incoming/<recipe>/<file>" in record["responsePayload"]["errorMessage"]


def test_what_is_no_data_starts_nothing(site: Site) -> None:
    upload(site, "incoming/quiet/folder/", b"")
    upload(site, "incoming/quiet/empty.csv", b"")
    upload(site, "elsewhere/quiet/data.csv")
    upload(site, "incoming/quiet/last.csv", b"1")
    assert run_of(site, "quiet-").name.startswith("quiet-last-")
    assert not [letter for letter in dead_letters(site) if "quiet" in json.dumps(letter)]


@pytest.fixture
def scheduled(tmp_path: Path) -> Iterator[LocalCloud]:
    parameters = ("DiabetesSchedule=rate(1 day)", "ScheduleTimezone=Asia/Tokyo")
    arguments = [word for parameter in parameters for word in ("--parameter", parameter)]
    cloud = LocalCloud(tmp_path / "home", ROOT / "template.yaml", "--stack", "switchyard", *arguments)
    yield cloud
    assert cloud.close() == 0


def test_a_schedule_runs_its_recipe(scheduled: LocalCloud) -> None:
    schedules = scheduled.client("scheduler").list_schedules()["Schedules"]
    assert [each["Name"] for each in schedules] == ["switchyard-diabetes"]
    described = scheduled.client("scheduler").get_schedule(Name="switchyard-diabetes")
    assert described["ScheduleExpressionTimezone"] == "Asia/Tokyo"
    states, machine = scheduled.client("stepfunctions"), scheduled.output("TrainAndDeployStateMachineArn")
    (run,) = wait_until(lambda: states.list_executions(stateMachineArn=machine)["executions"])
    assert json.loads(states.describe_execution(executionArn=run["executionArn"])["input"]) == {"recipe": "diabetes"}


def test_schedules_are_off_unless_they_are_asked_for(site: Site) -> None:
    assert site.client("scheduler").list_schedules()["Schedules"] == []
