"""The console in a real browser: the Chromium of this machine, over a real local cloud."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chromium import QUIET, find_chromium
from tests.cloud.local_cloud import wait_until
from tests.console.conftest import cloud, console
from tests.runs.conftest import Site, project, site

__all__ = ["cloud", "console", "project", "site"]
# A page may be slow where much else runs; Playwright's own five seconds then say nothing about it.
PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; ended with its tests, since its event loop would be in the way of others."""
    path = find_chromium()
    if path is None:
        if os.environ.get("SWITCHYARD_BROWSER") == "required":
            pytest.fail("there is no Chromium on this machine, and SWITCHYARD_BROWSER says that one is required")
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, console: Any) -> Iterator[Page]:
    """A new page, at 1440 pixels; whatever the page complains of, or asks elsewhere, fails the test."""
    context = chromium.new_context(
        base_url=console.url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce", locale="en-GB"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    elsewhere: list[str] = []
    page.on("request", lambda asked: None if asked.url.startswith(console.url) else elsewhere.append(asked.url))
    yield page
    context.close()
    assert complaints == []
    assert [url for url in elsewhere if not url.startswith(("data:", "blob:"))] == []


@pytest.fixture
def start(site: Site) -> Callable[..., str]:
    """Starts an execution of a machine of the test's own, and returns its ARN."""
    states = site.client("stepfunctions")
    role = states.describe_state_machine(stateMachineArn=site.outputs["TrainAndDeployStateMachineArn"])["roleArn"]

    def start(name: str, definition: dict[str, Any], event: Any = None, *, until_ended: bool = True) -> str:
        machine = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
        arn: str = states.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(event or {}))[
            "executionArn"
        ]
        if until_ended:
            wait_until(lambda: states.describe_execution(executionArn=arn)["status"] != "RUNNING")
        return arn

    return start
