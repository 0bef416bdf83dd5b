from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from switchyard import launcher
from switchyard.errors import SwitchyardError, UsageError
from switchyard.launcher import ChildCloud, find_home, frameworks_of, free_port
from tests.sample_project import SampleProject

ENDS_WITH_ITS_INPUT = "import sys; sys.stdin.read()"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("SWITCHYARD_HOME", raising=False)


def child(code: str) -> ChildCloud:
    errors = tempfile.TemporaryFile()  # noqa: SIM115
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
    )
    return ChildCloud(process, errors)


# The child


def test_a_child_is_ready_when_it_says_where_it_listens():
    line = '{"endpoint_url": "http://127.0.0.1:1", "pid": 7, "stack_name": "s", "unsupported": ["X (Y)"]}'
    cloud = child(f"print('''{line}''', flush=True); {ENDS_WITH_ITS_INPUT}")
    running = cloud.wait_until_ready()
    assert (running.endpoint_url, running.pid, running.stack_name) == ("http://127.0.0.1:1", 7, "s")
    assert running.unsupported == ("X (Y)",)
    assert cloud.wait_until_ready() is running
    cloud.stop()
    assert cloud.process.returncode == 0


def test_stopping_twice_does_no_harm():
    cloud = child(ENDS_WITH_ITS_INPUT)
    cloud.stop()
    cloud.stop()


@pytest.mark.parametrize(("exit_code", "error"), [(1, SwitchyardError), (2, UsageError)])
def test_a_child_that_refuses_says_why(exit_code: int, error: type[SwitchyardError]):
    cloud = child(f"""print('{{"error": "port 4599 is taken"}}'); raise SystemExit({exit_code})""")
    with pytest.raises(SwitchyardError, match=r"^port 4599 is taken$") as caught:
        cloud.wait_until_ready()
    assert type(caught.value) is error


def test_a_child_that_breaks_shows_its_standard_error():
    cloud = child("raise ValueError('broken')")
    with pytest.raises(SwitchyardError, match=r"did not start: it ended with exit code 1\n(?s:.*)ValueError: broken"):
        cloud.wait_until_ready()


def test_a_child_that_talks_nonsense_is_told():
    cloud = child("print('hello')")
    with pytest.raises(SwitchyardError, match=r"it printed b'hello\\n'"):
        cloud.wait_until_ready()


# What is where


def test_a_port_is_free_until_somebody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not free_port(port)
    assert free_port(port)


def test_the_state_folder_belongs_to_the_project(tmp_path: Path):
    project = SampleProject.make(tmp_path / "project")
    (project.root / "recipes" / "deep").mkdir()
    assert find_home(project.root / "recipes" / "deep") == project.state


def test_the_state_folder_is_found_again_outside_of_a_project(tmp_path: Path):
    assert find_home(tmp_path) == tmp_path / ".switchyard"
    (tmp_path / ".switchyard").mkdir()
    (tmp_path / "below").mkdir()
    assert find_home(tmp_path / "below") == tmp_path / ".switchyard"


def test_the_state_folder_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SWITCHYARD_HOME", str(tmp_path / "elsewhere"))
    assert find_home(tmp_path) == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("text", "frameworks"),
    [
        ("name: a\nimage: scikit-learn:1.4-2\n", ["scikit-learn"]),
        ("image: 'xgboost:1.7-1'", ["xgboost"]),
        ("image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1", []),
        ("description: |\n  image: x:1\n", []),
        ("", []),
    ],
)
def test_the_framework_to_warm_is_read_from_the_recipe(text: str, frameworks: list[str]):
    assert frameworks_of(text) == frameworks


# Starting early


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Path, list[str]]]:
    """The clouds that `prestart` starts, in a sample project; none is really started."""
    project = SampleProject.make(tmp_path)
    monkeypatch.chdir(project.root)
    clouds: list[tuple[Path, list[str]]] = []

    def start_cloud(home: Path, template: Path, *, warm: list[str]) -> None:
        assert template == project.template
        clouds.append((home, warm))

    monkeypatch.setattr(launcher, "start_cloud", start_cloud)
    monkeypatch.setattr(launcher, "_prestarted", [])
    return clouds


@pytest.mark.parametrize(
    "arguments",
    [
        ["trees"],
        ["trees", "--json"],
        ["--data", "x.csv", "trees"],
        ["trees", "--set", "hyperparameters.alpha=1", "--set=data.seed=3"],
        ["trees", "--name", "nightly"],
    ],
)
def test_a_plain_run_starts_its_cloud_early(started: list[tuple[Path, list[str]]], arguments: list[str]):
    launcher.prestart(arguments)
    assert started == [(Path.cwd() / ".switchyard", ["scikit-learn"])]


@pytest.mark.parametrize(
    "arguments",
    [[], ["--help"], ["trees", "--help"], ["no-such-recipe"], ["trees", "more"], ["trees", "--data"], ["../trees"]],
)
def test_anything_else_is_left_to_the_command_line(started: list[tuple[Path, list[str]]], arguments: list[str]):
    launcher.prestart(arguments)
    assert started == []


def test_nothing_is_started_when_an_endpoint_is_set(
    started: list[tuple[Path, list[str]]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    launcher.prestart(["trees"])
    assert started == []


def test_nothing_is_started_for_a_run_that_has_happened(started: list[tuple[Path, list[str]]]):
    Path(".switchyard/runs/nightly").mkdir(parents=True)
    launcher.prestart(["trees", "--name", "nightly"])
    assert started == []


def test_a_cloud_that_nobody_takes_is_stopped(monkeypatch: pytest.MonkeyPatch):
    cloud = child(ENDS_WITH_ITS_INPUT)
    monkeypatch.setattr(launcher, "_prestarted", [cloud])
    launcher.stop_prestarted()
    assert cloud.process.returncode is not None
    assert launcher.take_prestarted() is None
