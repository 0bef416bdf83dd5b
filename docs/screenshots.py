"""Takes the screenshots of docs/images/ anew: `make screenshots`. Everything in them has really run."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser import machines  # noqa: E402 - found only now
from tests.browser.chromium import QUIET, find_chromium  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1440, "height": 900}
ROW = "59,2,32.1,101,157,93.2,38,4,4.8598,87"
# What is run: a name, and what is changed of the recipe.
RUNS = (
    ("nightly-1", ["hyperparameters.alpha=30"]),
    ("nightly-2", ["hyperparameters.alpha=10"]),
    ("nightly-3", ["hyperparameters.alpha=100000"]),
    ("nightly-4", ["hyperparameters.alpha=3"]),
    ("nightly-5", ["hyperparameters.model=gradient_bosting"]),
    ("nightly-6", ["hyperparameters.alpha=1"]),
)


def main() -> None:
    """Run what is to be seen, and take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="switchyard-screenshots-") as folder, _up(Path(folder)) as (cloud, console):
        arns = _run(Path(folder), cloud)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(QUIET))
            for theme in ("light", "dark"):
                _take(browser, console, arns, theme)


@contextlib.contextmanager
def _up(home: Path) -> Iterator[tuple[str, str]]:
    command = [sys.executable, "-m", "switchyard", "up", "--port", "0", "--console-port", "0"]
    environment = {**os.environ, "SWITCHYARD_HOME": str(home)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        while not (home / "console.json").is_file():
            time.sleep(0.1)
        cloud = json.loads((home / "cloud.json").read_text())["endpoint_url"]
        yield cloud, json.loads((home / "console.json").read_text())["url"]
    finally:
        process.terminate()
        process.wait()


def _run(home: Path, cloud: str) -> dict[str, str]:
    environment = {**os.environ, "SWITCHYARD_HOME": str(home)}
    for name, settings in RUNS:
        changes = [word for setting in settings for word in ("--set", setting)]
        command = [sys.executable, "-m", "switchyard", "run", "diabetes", "--name", name, *changes]
        subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=False)
    states = _client("stepfunctions", cloud)
    train = next(
        machine["stateMachineArn"]
        for machine in states.list_state_machines()["stateMachines"]
        if machine["name"].endswith("train-and-deploy")
    )
    role = states.describe_state_machine(stateMachineArn=train)["roleArn"]
    regions = states.create_state_machine(
        name="score-regions", definition=json.dumps(machines.map_of_items()), roleArn=role
    )["stateMachineArn"]
    states.start_execution(stateMachineArn=regions, name="regions-1", input=json.dumps({"items": list(range(40))}))
    endpoint = _client("sagemaker-runtime", cloud)
    for number in range(240):
        body = ROW if number % 12 else "59,2,thirty"
        with contextlib.suppress(endpoint.exceptions.ModelError):
            endpoint.invoke_endpoint(EndpointName="switchyard-diabetes", ContentType="text/csv", Body=body)
        time.sleep(0.25)
    execution = train.replace(":stateMachine:", ":execution:")
    arns = {name: f"{execution}:{name}" for name, _ in RUNS}
    return {**arns, "regions-1": f"{regions.replace(':stateMachine:', ':execution:')}:regions-1"}


def _client(service: str, endpoint_url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - made up
    )


def _take(browser: Browser, console: str, arns: dict[str, str], theme: Any) -> None:
    context = browser.new_context(base_url=console, viewport=SIZE, color_scheme=theme, reduced_motion="reduce")
    page = context.new_page()

    def shot(name: str, address: str, *, state: str = "", tab: str = "") -> None:
        page.goto(address)
        page.get_by_role("heading", level=1).wait_for()
        if state:
            page.locator("button[data-node]").filter(has=page.get_by_text(state, exact=True)).click()
        if tab:
            page.get_by_role("region", name=state, exact=True).get_by_role("tab", name=tab).click()
        _settle(page)
        page.screenshot(path=IMAGES / f"console-{name}-{theme}.png")

    def execution(name: str) -> str:
        return f"/executions/{quote(arns[name], safe='')}"

    shot("workflows", "/workflows")
    shot("executions", "/executions")
    shot("execution", execution("nightly-6"), state="Train model", tab="Job")
    shot("failed", execution("nightly-5"), state="Train model", tab="Attempts")
    shot("table", f"{execution('nightly-6')}?view=table")
    shot("map", execution("regions-1"))
    shot("model", "/models/diabetes")
    shot("endpoint", "/endpoints/switchyard-diabetes")
    shot("start", "/start?recipe=diabetes")
    context.close()


def _settle(page: Page) -> None:
    """Wait until nothing loads any more and the fonts, plots and the graph have their places."""
    page.locator(".loading").first.wait_for(state="detached")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1200)


if __name__ == "__main__":
    main()
