"""Which cloud the console looks at."""

from __future__ import annotations

from pathlib import Path

from switchyard.console.connection import Connection
from switchyard.console.context import Context
from tests.console.browser import Browser, serving
from tests.runs.conftest import ROOT


def test_a_console_says_which_cloud_it_shows(console: Browser) -> None:
    answer = console.get("/api/target").json()

    assert answer["is_up"]
    assert answer["is_local"]
    assert answer["problem"] is None
    assert answer["project"] == ROOT.name
    assert answer["name"].startswith("http://127.0.0.1:")


def test_a_page_is_told_of_the_cloud_by_itself(console: Browser) -> None:
    with console.live("target") as messages:
        first = next(messages)

    assert (first["topic"], first["kind"]) == ("target", "snapshot")
    assert first["data"] == console.get("/api/target").json()


def test_without_a_cloud_past_runs_can_still_be_looked_at(tmp_path: Path) -> None:
    with serving(Context(Connection(home=tmp_path), home=tmp_path, project=None)) as browser:
        answer = browser.get("/api/target").json()

    assert not answer["is_up"]
    assert "switchyard up" in answer["problem"]
