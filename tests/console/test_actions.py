"""What a page can do: start, stop, redrive; and what it is told when that cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from switchyard.console.connection import Connection
from switchyard.console.context import Context
from switchyard.project import Project
from tests.cloud.local_cloud import wait_until
from tests.console.aws import MACHINE, Account, execution_arn
from tests.console.browser import Answer, Browser, home_with_runs, serving
from tests.fake_cloud import refusal
from tests.runs.conftest import Site


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def browser(account: Account) -> Iterator[Browser]:
    with serving(Context(Connection(account.cloud("http://127.0.0.1:9")), home=None, project=None)) as browser:
        yield browser


def refused(answer: Answer, status: int) -> str:
    """See that it is a problem document of that status, and give its detail."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return str(answer.json()["detail"])


def wait_for_end(console: Browser, name: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        rows = console.get("/api/executions", text=name).json()["rows"]
        is_over = rows and rows[0]["status"] != "RUNNING" and (rows[0]["outcome"] or rows[0]["reason"])
        return rows[0] if is_over else None

    return wait_until(ended)


def test_a_recipe_is_run_from_its_form(console: Browser) -> None:
    forms = console.get("/api/recipes").json()
    diabetes = next(recipe for recipe in forms["recipes"] if recipe["name"] == "diabetes")
    assert forms["workflow_arn"].endswith(":stateMachine:switchyard-train-and-deploy")
    assert diabetes["problem"] is None
    asked = {"recipe": "diabetes", "name": "from-the-form", "overrides": {"hyperparameters": {"alpha": 3}}}

    started = console.post("/api/runs", asked)

    assert started.status == 200, started.body
    assert started.json()["name"] == "from-the-form"
    row = wait_for_end(console, "from-the-form")
    assert (row["status"], row["outcome"], row["recipe"]) == ("SUCCEEDED", "DEPLOYED", "diabetes")
    # The same again is the same run; with something else it is refused.
    assert console.post("/api/runs", asked).json() == started.json()
    detail = refused(console.post("/api/runs", {"recipe": "diabetes", "name": "from-the-form"}), 409)
    assert "there is a run 'from-the-form' already, with another input" in detail


def test_an_execution_is_started_stopped_and_redriven(console: Browser, site: Site) -> None:
    workflow = site.outputs["TrainAndDeployStateMachineArn"]
    started = console.post("/api/executions", {"workflow_arn": workflow, "name": "bad", "input": '{"recipe": "none"}'})
    arn = started.json()["arn"]
    assert wait_for_end(console, "bad")["status"] == "FAILED"

    assert "has ended already (FAILED)" in refused(console.post("/api/execution/stop", arn=arn), 409)
    assert console.post("/api/execution/redrive", arn=arn).json() == started.json()

    wait_until(lambda: console.get("/api/executions", text="bad").json()["rows"][0]["redrives"] == 1)


def test_a_running_execution_is_stopped(account: Account, browser: Browser) -> None:
    arn = account.add("long", "RUNNING")

    assert browser.post("/api/execution/stop", arn=arn).json() == {"arn": arn, "name": "long"}

    row = wait_for_end(browser, "long")
    assert (row["status"], row["reason"]) == ("ABORTED", "Stopped in Switchyard's console.")


def test_an_execution_that_succeeded_cannot_be_redriven(account: Account, browser: Browser) -> None:
    arn = account.add("good")

    detail = refused(browser.post("/api/execution/redrive", arn=arn), 409)

    assert detail == "good cannot be redriven: Execution is SUCCEEDED and cannot be redriven"


@pytest.mark.parametrize("action", ["stop", "redrive"])
def test_what_is_not_there_cannot_be_stopped_or_redriven(browser: Browser, action: str) -> None:
    assert "the query needs arn" in refused(browser.post(f"/api/execution/{action}"), 400)
    for arn in (execution_arn("nothing"), "long", "arn:nonsense", "../../etc/passwd"):
        assert arn in refused(browser.post(f"/api/execution/{action}", arn=arn), 404)


def test_a_past_run_cannot_be_redriven(account: Account, tmp_path: Path) -> None:
    gone = {
        "executionArn": execution_arn("gone"),
        "status": "FAILED",
        "startDate": "2025-12-31T23:00:00+00:00",
        "stopDate": "2025-12-31T23:00:02+00:00",
    }
    home = home_with_runs(tmp_path, {"gone": {"execution.json": gone}})
    with serving(Context(Connection(account.cloud("http://127.0.0.1:9")), home=home, project=None)) as browser:
        wait_until(lambda: browser.get("/api/executions").json()["total"] == 1)
        detail = refused(browser.post("/api/execution/redrive", arn=execution_arn("gone")), 409)
    assert "past run" in detail


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"workflow_arn": MACHINE, "input": "{"}, "the input is not JSON"),
        ({"workflow_arn": MACHINE, "input": "NaN"}, "NaN is not a JSON value"),
        ({"workflow_arn": MACHINE, "input": "@/etc/passwd"}, "the input is not JSON"),
        ({"workflow_arn": MACHINE, "input": json.dumps("x" * 300_000)}, "Step Functions takes 262,144"),
        ({"workflow_arn": MACHINE, "input": "[" * 100_000}, "nested too deeply"),
        ({"workflow_arn": MACHINE, "name": "two words"}, "use 1 to 80 letters"),
        ({"workflow_arn": "train_and_deploy"}, "is not the ARN of a workflow"),
        ({"workflow_arn": MACHINE + "-none"}, "there is no workflow"),
        ({"workflow_arn": MACHINE, "extra": 1}, "extra"),
        ({"name": "x"}, "workflow_arn"),
        ([], "dict"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_execution_that_cannot_be_started_says_why(account: Account, browser: Browser, body: Any, says: str) -> None:
    assert says in refused(browser.post("/api/executions", body), 400)
    assert account.executions == {}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"recipe": "none"}, "no recipe 'none'"),
        ({"recipe": "../recipes/diabetes"}, "no recipe '../recipes/diabetes'"),
        ({"recipe": "diabetes", "data": "/etc/passwd"}, "'/etc/passwd' is not an S3 URI"),
        ({"recipe": "diabetes", "data": "s3://"}, "is not an S3 URI"),
        ({"recipe": "diabetes", "name": "../up"}, "cannot be an execution's name"),
        ({"recipe": "diabetes", "overrides": {"gate": []}}, "gate is not for one run to change"),
        ({"recipe": "diabetes", "overrides": {"hyperparameters": {"alpha": "x"}}}, "give a number"),
        ({"recipe": "diabetes", "overrides": []}, "overrides"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_run_that_cannot_be_started_says_why(console: Browser, body: Any, says: str) -> None:
    assert says in refused(console.post("/api/runs", body), 400)


def test_outside_of_a_project_there_are_no_recipes(browser: Browser) -> None:
    assert browser.get("/api/recipes").json()["recipes"] == []
    assert "outside of a project" in refused(browser.post("/api/runs", {"recipe": "diabetes"}), 409)


def test_a_broken_recipe_does_not_hide_the_others(account: Account, project: Project) -> None:
    (project.recipes / "broken.yaml").write_text("name: broken\n")
    connection = Connection(account.cloud("http://127.0.0.1:9"))
    with serving(Context(connection, home=None, project=project)) as browser:
        recipes = {recipe["name"]: recipe for recipe in browser.get("/api/recipes").json()["recipes"]}

    assert "recipes/broken.yaml: image: it is required" in recipes["broken"]["problem"]
    assert recipes["diabetes"]["problem"] is None


def test_what_aws_refuses_is_said(account: Account, browser: Browser) -> None:
    account.refuses["start_execution"] = refusal("AccessDeniedException", "no", "StartExecution")

    assert "AWS denied StartExecution" in refused(browser.post("/api/executions", {"workflow_arn": MACHINE}), 502)


def test_without_a_cloud_nothing_is_started(tmp_path: Path) -> None:
    with serving(Context(Connection(home=tmp_path), home=tmp_path, project=None)) as browser:
        assert "switchyard up" in refused(browser.post("/api/executions", {"workflow_arn": MACHINE}), 502)
