"""The two sides that are compared: Switchyard's command line, and the same scripts by hand."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.processes import Ended, run, running
from switchyard.project import Project
from switchyard.recipes.loading import find_recipe

RECIPE = "diabetes"
BY_HAND = Path(__file__).parent / "by_hand"


class SideError(Exception):
    """When one side did not do what it was to do; the message says which and why."""


@dataclass(frozen=True)
class PlainRun:
    """The scripts run by hand.

    Parameters
    ----------
    seconds
        The whole process's wall time.
    prediction
        The server's answer about the first row of the test data.
    rows
        How many rows were predicted.
    """

    seconds: float
    prediction: float
    rows: int


@dataclass(frozen=True)
class SwitchyardRun:
    """One `switchyard run --json`.

    Parameters
    ----------
    execution_arn
        The execution.
    seconds
        The whole process's wall time.
    first_state_seconds
        From the process's start to the execution's first TaskStateEntered; None when the history is not kept.
    execution_seconds
        From the execution's start to its end.
    endpoint
        The endpoint that serves the model.
    features
        The row that it was asked about.
    prediction, rows
        As of a `PlainRun`.
    """

    execution_arn: str
    seconds: float
    first_state_seconds: float | None
    execution_seconds: float
    endpoint: str
    features: list[float]
    prediction: float
    rows: int


class Plain:
    """Runs a recipe's scripts by hand, each in a fresh Python process.

    Parameters
    ----------
    project
        Where the recipe is.
    folder
        Gets a copy of the scripts, so that the project stays as it is, and a folder for each run.
    """

    def __init__(self, project: Project, folder: Path) -> None:
        self._recipe = find_recipe(RECIPE, project.root)
        self._folder = folder
        self.source = folder / "source"
        self.model: Path | None = None
        shutil.copytree(
            project.training_code / self._recipe.code_folder, self.source, ignore=shutil.ignore_patterns("__pycache__")
        )
        (folder / "data").mkdir()
        shutil.copy(project.recipes / str(self._recipe.data.source), folder / "data")

    def run(self) -> PlainRun:
        """Run them all once.

        Raises
        ------
        SideError
            When one of them failed.
        """
        work = self._folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        plan = self._folder / "plan.json"
        plan.write_text(json.dumps(self._plan(work)), encoding="utf-8")
        ended = run([sys.executable, str(BY_HAND / "prepare_train_use.py"), str(plan)], directory=self._folder)
        if ended.exit_code:
            raise SideError(f"the plain script ended with exit code {ended.exit_code}: {_last_line(ended)}")
        self.model = work / "model"
        answer = json.loads(ended.output)
        return PlainRun(ended.seconds, answer["prediction"], answer["rows"])

    def _plan(self, work: Path) -> dict[str, Any]:
        data = self._recipe.data
        prepare = ["--input", str(self._folder / "data"), "--target", data.target, "--seed", str(data.seed)]
        prepare += ["--features", ",".join(data.features)] if data.features else []
        for name in ("train", "validation", "test"):
            prepare += [f"--{name}", str(work / name), f"--{name}-fraction", repr(getattr(data.split, name))]
        prepare += ["--report", str(work / "report")]
        train = ["--train", str(work / "train"), "--validation", str(work / "validation")]
        train += ["--model-dir", str(work / "model"), "--output-data-dir", str(work / "output")]
        for name, value in sorted(self._recipe.hyperparameters.items()):
            train += [f"--{name}", str(value)]
        return {"source": str(self.source), "work": str(work), "prepare": prepare, "train": train}

    @contextlib.contextmanager
    def serving(self) -> Iterator[int]:
        """Keep the plain server up with the last run's model; gives its port."""
        command = [sys.executable, str(BY_HAND / "serve.py"), str(self.source), str(self.model)]
        with running(command, directory=self._folder, output=subprocess.PIPE) as process:
            line = process.stdout.readline() if process.stdout else b""
            if not line:
                raise SideError("the plain server did not start")
            yield int(line)


class Switchyard:
    """Runs the recipe through the command line.

    Parameters
    ----------
    project
        Where the recipe is.
    home
        The state folder.
    """

    def __init__(self, project: Project, home: Path) -> None:
        self._root = project.root
        self._home = home
        self._environment = {"SWITCHYARD_HOME": str(home)}

    def run(self) -> SwitchyardRun:
        """Run the recipe once, in the cloud that is up or else in one of its own.

        Raises
        ------
        SideError
            When it failed.
        """
        command = [sys.executable, "-m", "switchyard", "run", RECIPE, "--json"]
        ended = run(command, directory=self._root, environment=self._environment)
        if ended.exit_code:
            raise SideError(f"`switchyard run` ended with exit code {ended.exit_code}: {_last_line(ended)}")
        answer = json.loads(ended.output)
        if not (answer.get("prediction") and answer.get("predictions") and answer.get("endpoint_name")):
            raise SideError(f"`switchyard run` gave no prediction: {ended.output[:500]}")
        return SwitchyardRun(
            execution_arn=answer["execution_arn"],
            seconds=ended.seconds,
            first_state_seconds=self._first_state(answer["execution_arn"].rpartition(":")[2], ended.started),
            execution_seconds=answer["duration_seconds"],
            endpoint=answer["endpoint_name"],
            features=answer["prediction"]["features"],
            prediction=answer["prediction"]["value"],
            rows=answer["predictions"]["rows"],
        )

    @contextlib.contextmanager
    def up(self) -> Iterator[tuple[str, int, float]]:
        """Keep `switchyard up` running; gives its address, its process, and the seconds until it was ready."""
        command = [sys.executable, "-m", "switchyard", "up", "--port", "0"]
        began = time.perf_counter()
        with running(command, directory=self._root, environment=self._environment, output=subprocess.PIPE) as process:
            if not (process.stdout and process.stdout.readline()):
                raise SideError(f"`switchyard up` did not start; see {self._home / 'cloud.log'}")
            seconds = time.perf_counter() - began
            state = json.loads((self._home / "cloud.json").read_text(encoding="utf-8"))
            yield state["endpoint_url"], state["pid"], seconds

    def _first_state(self, execution: str, started: float) -> float | None:
        try:
            history = json.loads((self._home / "runs" / execution / "history.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        for event in history["events"]:
            if event["type"] == "TaskStateEntered":
                return datetime.fromisoformat(event["timestamp"]).timestamp() - started
        return None


def _last_line(ended: Ended) -> str:
    lines = [line for line in ended.errors.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed no error"
