"""The command line as a user meets it: real processes, a real local cloud, real exit codes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from switchyard.project import Project
from tests.runs.conftest import TIMEOUT, Site, add_recipe

HOUSING = ["crim", "zn", "indus", "chas", "nox", "age", "rm", "dis", "rad", "tax", "ptratio", "lstat", "medv"]


def switchyard(project: Project, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "switchyard", *words],
        cwd=project.root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_logs_follow_a_run_until_it_has_ended(site: Site, project: Project) -> None:
    seen = project.root / "followed"
    train = (
        "import pathlib, time\n\nprint('first line', flush=True)\n"
        f"while not pathlib.Path({str(seen)!r}).exists():\n    time.sleep(0.02)\n"
        "raise SystemExit('the last line')\n"
    )
    add_recipe(project, "followed", scripts={"train.py": train})
    site.publish(project, "followed")
    execution = site.start("followed", "followed-1")
    with subprocess.Popen(
        [sys.executable, "-m", "switchyard", "logs", "--follow"],
        cwd=project.root,
        env={**os.environ, "AWS_ENDPOINT_URL": site.url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        # The run ends only when somebody follows it.
        assert following.stderr is not None
        says = following.stderr.readline()
        seen.touch()
        output, errors = following.communicate(timeout=TIMEOUT)
    assert following.returncode == 0, errors
    assert (says, errors) == ("following followed-1\n", "")
    lines = output.splitlines()
    training = [line for line in lines if line.startswith("[Train model] ")]
    # Before it, the job says which versions run here.
    assert "[Train model] first line" in training[:2]
    assert "the last line" in training[-1]
    states = list(dict.fromkeys(line.partition("]")[0].lstrip("[") for line in lines))
    assert states[0] == "Prepare run"
    assert "Train model" in states
    assert [line for line in lines if "_aws" in line or "RequestId" in line] == []
    assert execution.wait()["status"] == "FAILED"
    again = switchyard(project, "logs", "-f", "followed-1", "Train model", AWS_ENDPOINT_URL=site.url)
    assert (again.returncode, again.stdout.splitlines()) == (0, training)
    nothing = switchyard(project, "logs", "-f", AWS_ENDPOINT_URL=site.url)
    assert nothing.returncode == 1
    assert "no execution runs now" in nothing.stderr


@pytest.fixture
def whole_project(project: Project) -> Project:
    """Return a copy that has the functions and workflows as well: all that `switchyard run` loads."""
    root = Path(__file__).resolve().parents[2]
    for folder in ("lambdas", "workflows"):
        (project.root / folder).symlink_to(root / folder)
    return project


def test_run_starts_a_cloud_of_its_own_and_leaves_no_process(whole_project: Project) -> None:
    done = switchyard(whole_project, "run", "diabetes", "--name", "cold", "--json")

    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert set(result) == {
        *("execution_arn", "status", "output", "metrics", "endpoint_name", "prediction", "predictions", "model"),
        *("duration_seconds", "error"),
    }
    assert (result["status"], result["output"]["status"], result["error"]) == ("SUCCEEDED", "DEPLOYED", None)
    assert result["predictions"]["rows"] == 66
    assert (whole_project.root / result["predictions"]["path"]).is_file()
    assert (whole_project.root / result["model"]["path"]).is_file()
    assert isinstance(result["prediction"]["value"], float)
    assert not (whole_project.root / ".switchyard" / "cloud.json").exists()
    assert "Traceback" not in done.stderr


def test_a_past_run_is_shown_again_not_repeated(whole_project: Project) -> None:
    first = switchyard(whole_project, "run", "diabetes", "--name", "again", "--json")
    second = switchyard(whole_project, "run", "diabetes", "--name", "again", "--json")

    assert (first.returncode, second.returncode) == (0, 0)
    assert json.loads(first.stdout)["execution_arn"] == json.loads(second.stdout)["execution_arn"]
    assert json.loads(first.stdout)["metrics"] == json.loads(second.stdout)["metrics"]
    listed = switchyard(whole_project, "ls")
    assert listed.stdout.count("again") == 1


def test_a_rejected_model_is_exit_code_1(whole_project: Project) -> None:
    add_recipe(whole_project, "strict", gate=[{"metric": "rmse", "direction": "minimize", "threshold": 1.0}])

    done = switchyard(whole_project, "run", "strict")

    assert done.returncode == 1
    assert "REJECTED" in done.stdout
    assert "rmse" in done.stdout


def test_a_training_script_that_raises_shows_its_last_line(whole_project: Project) -> None:
    add_recipe(whole_project, "raises", scripts={"train.py": "raise RuntimeError('out of patience')\n"})

    done = switchyard(whole_project, "run", "raises", "--json")

    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["state"] == "Train model"
    assert "RuntimeError: out of patience" in error["cause"]


@pytest.mark.parametrize("recipe", ["housing", "housing-xgboost"])
def test_housing_runs_on_a_csv_of_one_s_own(whole_project: Project, tmp_path: Path, recipe: str) -> None:
    draw = random.Random(7)
    lines = [",".join(HOUSING)]
    for _ in range(400):
        features = [draw.uniform(0, 10) for _ in HOUSING[:-1]]
        target = 20 + 3 * features[6] - 2 * features[11] + draw.gauss(0, 1)
        lines.append(",".join(f"{value:.4f}" for value in [*features, target]))
    data = tmp_path / "houses.csv"
    data.write_text("\n".join(lines) + "\n")

    done = switchyard(whole_project, "run", recipe, "--data", str(data), "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["predictions"]["rows"] == 60


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["run", "diabets"], "did you mean 'diabetes'"),
        (["run", "diabetes", "--set", "hyperparameters.alfa=1"], "hyperparameters.alpha"),
        (["run", "housing"], "--data"),
        (["run", "housing", "--data", "nowhere.csv"], "nowhere.csv"),
        (["run", "diabetes", "--data", "text.csv"], "line 12, column 'bmi': 'tall' is not a number"),
        (["run", "diabetes", "--data", "nan.csv"], "line 12, column 'progression': 'nan' is not a number"),
        (["start", "TrainAndDeploy", "--input", '{"recipe": '], "line 1"),
        (["start", "TrainAndDeploy", "--input", "@large.json"], "256"),
    ],
)
def test_a_wrong_call_is_exit_code_2_and_leaves_nothing(whole_project: Project, words: list[str], named: str) -> None:
    (whole_project.root / "large.json").write_text(json.dumps({"recipe": "x" * 300_000}))
    header, *patients = (whole_project.root / "recipes/data/diabetes.csv").read_text().splitlines()
    for file, column, value in (("text.csv", 2, "tall"), ("nan.csv", 10, "nan")):
        cells = patients[10].split(",")
        cells[column] = value
        lines = [header, *patients[:10], ",".join(cells), *patients[11:]]
        (whole_project.root / file).write_text("\n".join(lines) + "\n")

    done = switchyard(whole_project, *words)

    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not (whole_project.root / ".switchyard" / "runs").exists()


def test_a_run_can_be_told_to_fail(whole_project: Project) -> None:
    words = ["--fault", "Train model:Failed", "--fault", "Smoke test:crash", "--name", "told", "--json"]
    done = switchyard(whole_project, "run", "diabetes", *words)

    assert done.returncode == 1, done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["state"] == "Train model"
    assert "[injected: the fault 'Train model:Failed' of the local cloud]" in error["cause"]
    assert "The fault Smoke test:crash has struck nothing in this run" in done.stderr


def test_a_fault_that_cannot_be_starts_nothing(whole_project: Project) -> None:
    done = switchyard(whole_project, "run", "diabetes", "--fault", "Train modl:Failed", "--name", "typo")

    assert done.returncode == 2
    assert "there is no state and no function 'Train modl'; did you mean 'Train model'" in done.stderr
    assert not (whole_project.root / ".switchyard" / "runs" / "typo").exists()
