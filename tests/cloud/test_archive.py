"""What an execution leaves behind is kept, each in a folder of its own and in no other."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.test_state_machines import create_machine

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}


def run(cloud: LocalCloud, name: str, event: dict[str, Any]) -> None:
    cloud.client("stepfunctions").start_execution(
        stateMachineArn=create_machine(cloud, PASS), name=name, input=json.dumps(event)
    )


def kept(cloud: LocalCloud, name: str) -> Path:
    with urllib.request.urlopen(f"{cloud.url}/_switchyard/runs/{name}", timeout=30) as answer:
        return Path(json.load(answer)["path"])


@pytest.mark.parametrize("name", ["../../precious", "a/b", "a b", "a:b", "x" * 81, "a*"])
def test_a_name_that_is_none_is_refused(cloud: LocalCloud, name: str) -> None:
    with pytest.raises(ClientError, match="InvalidName"):
        run(cloud, name, {})


@pytest.mark.parametrize("name", [".", "..", "..."])
def test_a_name_of_dots_stays_inside(cloud: LocalCloud, name: str) -> None:
    beside = cloud.home / "precious.txt"
    beside.write_text("still here")

    run(cloud, name, {"name": name})

    folders = cloud.home / "runs"

    def written() -> list[Path]:
        found = folders.glob("execution */input.json")
        return [path for path in found if json.loads(path.read_text()) == {"name": name}]

    (input_file,) = wait_until(written)
    assert input_file.parent.parent == folders
    assert beside.read_text() == "still here"


def test_two_machines_may_use_the_same_name(cloud: LocalCloud, name: str) -> None:
    run(cloud, name, {"who": "first"})
    first = kept(cloud, name)
    run(cloud, name, {"who": "second"})
    (second,) = wait_until(lambda: list((cloud.home / "runs").glob(f"* {name}")))

    assert json.loads((first / "input.json").read_text()) == {"who": "first"}
    assert json.loads((second / "input.json").read_text()) == {"who": "second"}


def test_an_execution_that_is_not_there_is_said_at_once(cloud: LocalCloud) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        kept(cloud, "nobody-started-this")
