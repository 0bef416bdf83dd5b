"""`python -m benchmarks.console`: how fast the console shows much, in this machine's Chromium, now."""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.processes import running
from switchyard.console.pages import BUILT
from tests.browser import machines
from tests.browser.chromium import QUIET, find_chromium

EXECUTIONS, STATES = 1_000, 200
# Six events an item, and a few around them: just below Step Functions' limit of 25,000.
ITEMS = 4_160
_TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: states.amazonaws.com}, Action: "sts:AssumeRole"}]
Outputs:
  RoleArn: {Value: !GetAtt Role.Arn}
"""
_ROUND_SECONDS = 60
_MAP = {
    "StartAt": "Each item",
    "States": {
        "Each item": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Take",
                "States": {"Take": {"Type": "Pass", "Next": "Give"}, "Give": {"Type": "Pass", "End": True}},
            },
            "End": True,
        }
    },
}
# How long the frames take while a list is scrolled from its top to its end.
_SCROLL = """
async (list) => {
  const frames = [];
  let last = performance.now();
  for (let step = 1; step <= 60; step++) {
    list.scrollTop = (list.scrollHeight - list.clientHeight) * step / 60;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames;
}
"""


@dataclass
class Figure:
    """Something that was measured, beside the most that it may be."""

    name: str
    most: float
    unit: str
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.values)


def main() -> None:
    """Measure, and print; the exit code says nothing about the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each page is opened (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    news = Console(stderr=True, highlight=False, soft_wrap=True)
    figures = [_bundle()]
    browser = find_chromium()
    if browser is None:
        news.print("not measured: pages, since there is no Chromium on this machine")
    else:
        with tempfile.TemporaryDirectory(prefix="switchyard-benchmark-", ignore_cleanup_errors=True) as folder:
            figures += _pages(Path(folder), browser, options.rounds, news)
    if options.json:
        print(json.dumps([{**figure.__dict__, "median": figure.median} for figure in figures], indent=2))
    else:
        _show(figures, Console())


def _bundle() -> Figure:
    size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in BUILT.iterdir() if path.is_file())
    return Figure("the page's bundle, gzipped", 120, "KB", [size / 1000])


def _pages(folder: Path, browser: str, rounds: int, news: Console) -> list[Figure]:
    from playwright.sync_api import sync_playwright

    with _up(folder) as (endpoint, console):
        news.print("making executions")
        site = _Site(endpoint)
        large = site.run(site.create("twenty-five-thousand", _MAP), {"items": list(range(ITEMS))})
        wide = site.run(site.create("two-hundred-states", machines.chain(STATES)), {})
        small = site.create("thousand", machines.chain(2))
        for number in range(EXECUTIONS):
            site.start(small, {"number": number})
        site.wait(small)
        news.print(f"the large one has {site.events(large):,} events; opening pages")
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser, args=list(QUIET))
            pages = _Pages(chromium, console, rounds)
            execution = f"/executions/{quote(large, safe='')}"
            return [
                pages.opened(
                    f"{EXECUTIONS:,} executions: first paint",
                    500,
                    "/executions",
                    ready="table a",
                    measure=_first_paint,
                ),
                pages.opened(f"{EXECUTIONS:,} executions: rows are there", 1000, "/executions", ready="table a"),
                pages.opened(
                    f"{STATES} states: laid out",
                    500,
                    f"/executions/{quote(wide, safe='')}",
                    ready="button[data-node]",
                    measure=_layout,
                ),
                pages.opened("25,000 events: graph is there", 2000, execution, ready="button[data-node]"),
                pages.opened("25,000 events: list is there", 2000, f"{execution}?view=events", ready=".event"),
                pages.scrolled("25,000 events: slowest frame in 20", 50, f"{execution}?view=events"),
            ]


@contextlib.contextmanager
def _up(folder: Path) -> Iterator[tuple[str, str]]:
    template = folder / "template.yaml"
    template.write_text(_TEMPLATE)
    home = folder / "state"
    command = [sys.executable, "-m", "switchyard", "up", "--port", "0", "--console-port", "0"]
    command += ["--template", str(template)]
    environment = {"SWITCHYARD_HOME": str(home)}
    with running(command, directory=folder, environment=environment, output=subprocess.PIPE) as process:
        if not (process.stdout and process.stdout.readline()):
            raise SystemExit("`switchyard up` did not start")
        until = time.monotonic() + _ROUND_SECONDS
        while not (home / "console.json").is_file() and time.monotonic() < until:
            time.sleep(0.05)
        cloud = json.loads((home / "cloud.json").read_text(encoding="utf-8"))
        yield cloud["endpoint_url"], json.loads((home / "console.json").read_text(encoding="utf-8"))["url"]


class _Site:
    """State machines and executions in the local cloud."""

    def __init__(self, endpoint: str) -> None:
        import boto3

        def client(service: str) -> Any:
            return boto3.client(
                service,
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106 - made up
            )

        self._states = client("stepfunctions")
        stack = client("cloudformation").describe_stacks(StackName="switchyard")["Stacks"][0]
        self._role = stack["Outputs"][0]["OutputValue"]

    def create(self, name: str, definition: dict[str, Any]) -> str:
        made = self._states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=self._role)
        return str(made["stateMachineArn"])

    def start(self, machine_arn: str, event: Any) -> str:
        return str(self._states.start_execution(stateMachineArn=machine_arn, input=json.dumps(event))["executionArn"])

    def run(self, machine_arn: str, event: Any) -> str:
        arn = self.start(machine_arn, event)
        self.wait(machine_arn)
        return arn

    def wait(self, machine_arn: str) -> None:
        while self._states.list_executions(stateMachineArn=machine_arn, statusFilter="RUNNING")["executions"]:
            time.sleep(0.2)

    def events(self, arn: str) -> int:
        last = self._states.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=1)
        return int(last["events"][0]["id"])


class _Pages:
    """Opens pages, each time in a browser that has never seen them."""

    def __init__(self, chromium: Any, console: str, rounds: int) -> None:
        self._chromium = chromium
        self._console = console
        self._rounds = rounds

    def opened(
        self, name: str, most: float, path: str, *, ready: str, measure: Callable[[Any], float] | None = None
    ) -> Figure:
        """Open a page until something is there; give milliseconds since it was asked for."""
        figure = Figure(name, most, "ms")
        for _ in range(self._rounds):
            with self._page() as page:
                page.goto(self._console + path, wait_until="commit")
                page.locator(ready).first.wait_for()
                figure.values.append(measure(page) if measure else page.evaluate("performance.now()"))
        return figure

    def scrolled(self, name: str, most: float, path: str) -> Figure:
        """Scroll a list from its top to its end; give the time of the slowest frame but a twentieth."""
        figure = Figure(name, most, "ms")
        for _ in range(self._rounds):
            with self._page() as page:
                page.goto(self._console + path, wait_until="commit")
                page.locator(".event").first.wait_for()
                frames = sorted(page.get_by_role("region", name="Events").evaluate(_SCROLL))
                figure.values.append(frames[int(len(frames) * 0.95)])
        return figure

    @contextlib.contextmanager
    def _page(self) -> Iterator[Any]:
        context = self._chromium.new_context(viewport={"width": 1440, "height": 900})
        try:
            yield context.new_page()
        finally:
            context.close()


def _first_paint(page: Any) -> float:
    return float(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))


def _layout(page: Any) -> float:
    return float(page.evaluate("performance.getEntriesByName('graph layout').at(-1).duration"))


def _show(figures: list[Figure], console: Console) -> None:
    console.print(machine.line(machine.describe()), soft_wrap=True, highlight=False)
    table = Table("The console", box=SIMPLE_HEAD, pad_edge=False)
    for column in ("median (min-max)", "at most"):
        table.add_column(column, justify="right")
    for figure in figures:
        low, high = min(figure.values), max(figure.values)
        spread = f" ({low:,.0f}-{high:,.0f})" if len(figure.values) > 1 else ""
        table.add_row(figure.name, f"{figure.median:,.0f}{spread} {figure.unit}", f"{figure.most:,.0f} {figure.unit}")
    console.print(table)


if __name__ == "__main__":
    main()
