"""The console from the command line: real processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from switchyard.project import Project
from tests.cloud.local_cloud import wait_until
from tests.runs.conftest import ROOT

SECONDS = 180


@pytest.fixture
def whole_project(project: Project) -> Project:
    """Return a copy that has the functions and workflows as well."""
    for folder in ("lambdas", "workflows"):
        (project.root / folder).symlink_to(ROOT / folder)
    return project


class Command:
    """A command that goes on; what it has printed is in a file."""

    def __init__(self, project: Project, *words: str) -> None:
        self.opened = project.root / "opened"
        browser = project.root / "browser"
        if not browser.exists():
            browser.write_text(f'#!/bin/sh\necho "$1" >> {self.opened}\n')
            browser.chmod(0o755)
        self._output = project.root / f"{words[0]}.out"
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "switchyard", *words],
                cwd=project.root,
                env={**os.environ, "BROWSER": str(browser)},
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for(self, pattern: str) -> str:
        """Wait until it has printed that; give the first group."""

        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.output)
            assert found or self.process.poll() is None, self.output
            return found

        return wait_until(look, SECONDS)[1]

    def interrupt(self) -> int:
        """Press Ctrl-C; give the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(SECONDS)


@contextlib.contextmanager
def command(project: Project, *words: str) -> Iterator[Command]:
    running = Command(project, *words)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def ask(url: str, path: str) -> Any:
    with urllib.request.urlopen(url + path, timeout=SECONDS) as answer:
        return json.load(answer)


CONSOLE = r"The console is at (http://127\.0\.0\.1:\d+)\n"


def test_up_serves_the_console_and_others_use_it(whole_project: Project) -> None:
    with command(whole_project, "console", "--port", "0") as alone:
        other = alone.wait_for(CONSOLE)
        alone.wait_for("(No local cloud is up)")
        assert not ask(other, "/api/target")["is_up"]
        with command(whole_project, "up", "--port", "0", "--console-port", "0") as up:
            url = up.wait_for(CONSOLE)
            assert up.output.splitlines()[1] == f"The console is at {url}"
            cloud = ask(url, "/api/target")["name"]
            assert f"The local cloud is up at {cloud}" in up.output
            up.wait_for(r"(Ctrl-C ends)")
            wait_until((whole_project.state / "console.json").is_file)

            with command(whole_project, "start", "clean_up", "--name", "opened", "--open") as start:
                assert start.process.wait(SECONDS) == 0
                address = start.wait_for(r"Console: (\S+)")
            assert address.startswith(f"{url}/executions/arn%3A")
            assert unquote(address).endswith(":execution:switchyard-clean-up:opened")
            wait_until(lambda: start.opened.is_file() and start.opened.read_text() == f"{address}\n")
            wait_until(lambda: ask(url, "/api/executions?text=opened")["total"] == 1)
            # The other one has found the cloud by itself.
            wait_until(lambda: ask(other, "/api/executions?text=opened")["total"] == 1)
            assert up.interrupt() == 0
        assert not (whole_project.state / "console.json").exists()
        # What the run has left is there after the cloud's end.
        (row,) = wait_until(lambda: [row for row in ask(other, "/api/executions")["rows"] if row["is_past"]])
        assert row["name"] == "opened"
        assert alone.interrupt() == 0
        assert "Traceback" not in alone.output + up.output


def test_run_serves_a_console_of_its_own_until_ctrl_c(whole_project: Project) -> None:
    with command(whole_project, "run", "diabetes", "--name", "shown", "--open") as run:
        address = run.wait_for(r"Console: (\S+)")
        url = re.match(r"http://[^/]+", address)
        assert url is not None
        run.wait_for(r"(goes on until Ctrl-C)")
        (row,) = wait_until(lambda: [row for row in ask(url[0], "/api/executions")["rows"] if row["outcome"]])
        assert (row["name"], row["outcome"]) == ("shown", "DEPLOYED")
        assert run.interrupt() == 0
        assert run.opened.read_text() == f"{address}\n"
    # It has happened already: its page is shown from what it has left.
    with command(whole_project, "run", "diabetes", "--name", "shown", "--open") as again:
        address = again.wait_for(r"Console: (\S+)")
        again.wait_for(r"(goes on until Ctrl-C)")
        (row,) = ask(address.partition("/executions")[0], "/api/executions")["rows"]
        assert row["is_past"]
        assert again.interrupt() == 0


def switchyard(project: Project, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "switchyard", *words],
        cwd=project.root,
        env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true", **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_what_cannot_be_served_is_refused_before_anything_is_started(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for words, says in [
            (["console", "--port", port], f"the console cannot listen on port {port}"),
            (["up", "--port", "0", "--console-port", port], "choose another port, or 0 for any free one"),
            (["up", "--port", port, "--console-port", port], f"--port and --console-port are both {port}"),
            (["up", "--no-console", "--console-port", "0"], "give one of them"),
            (["console", "--host", "nowhere.invalid", "--port", "0"], "there is no such host"),
        ]:
            done = switchyard(project, *words)
            assert (done.returncode, done.stdout) == (2, ""), done.stderr
            assert says in done.stderr
    assert not (project.root / ".switchyard").exists()


def test_an_account_without_region_or_credentials_is_refused(project: Project, tmp_path: Path) -> None:
    nowhere = {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    clean = dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")

    profile = switchyard(project, "console", "--profile", "none", "--region", "eu-west-1", **nowhere, **clean)
    region = switchyard(project, "--aws", "console", **nowhere, **clean)
    credentials = switchyard(project, "--aws", "console", "--region", "eu-west-1", **nowhere, **clean)

    assert "The config profile (none) could not be found" in profile.stderr
    assert "no AWS region is set" in region.stderr
    assert "there are no AWS credentials" in credentials.stderr
    assert {profile.returncode, region.returncode} == {2}


def test_other_commands_do_not_import_the_server() -> None:
    code = (
        "import sys, switchyard.cli, switchyard.up\n"
        "print([name for name in ('starlette', 'uvicorn', 'sse_starlette') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
