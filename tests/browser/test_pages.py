"""The console's pages: a run from its form to green, everybody can use them, a server that goes and comes back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from switchyard.console.connection import Connection
from switchyard.console.context import Context
from switchyard.project import Project
from tests.browser import machines
from tests.browser.pages import node, open_execution
from tests.cloud.local_cloud import wait_until
from tests.console.browser import serving
from tests.runs.conftest import ROOT, Site
from tests.runs.releases import UNHURRIED

Start = Callable[..., str]


@pytest.fixture(scope="module")
def deployed(site: Site, cloud: Any) -> str:
    execution = site.start("diabetes", "pages-deployed")
    assert execution.wait()["status"] == "SUCCEEDED"
    return execution.arn


def test_a_run_is_started_from_its_form_and_turns_green(page: Page, cloud: Any) -> None:
    page.goto("/start?recipe=diabetes")
    page.get_by_label("alpha").fill("3")
    page.get_by_label("Execution name").fill("from-the-form")
    page.get_by_role("button", name=re.compile("^Start")).click()
    expect(page).to_have_url(re.compile("/executions/.*from-the-form"))
    expect(page.get_by_role("heading", level=1, name="from-the-form")).to_be_visible()
    expect(node(page, "Prepare run")).to_have_accessible_name(re.compile("succeeded"))
    expect(page.get_by_role("status").filter(has_text="Succeeded")).to_be_visible()
    expect(node(page, "Register model")).to_have_accessible_name(re.compile("succeeded"))
    page.get_by_role("tab", name="Input").first.click()
    expect(page.get_by_text("overrides")).to_be_visible()


def test_what_the_form_would_not_take_is_said_beside_its_field(page: Page, cloud: Any) -> None:
    page.goto("/start?recipe=diabetes")
    page.get_by_label("Training data").fill("/etc/passwd")
    page.get_by_role("button", name=re.compile("^Start")).click()
    expect(page.get_by_label("Training data")).to_have_attribute("aria-invalid", "true")
    expect(page).to_have_url(re.compile("/start"))


def test_executions_are_found_by_their_name(page: Page, deployed: str) -> None:
    page.goto("/executions")
    page.get_by_role("searchbox").fill("pages-deployed")
    expect(page.get_by_role("link", name="pages-deployed")).to_be_visible()
    expect(page.get_by_role("table", name="Executions").get_by_role("link")).to_have_count(1)
    expect(page).to_have_url(re.compile("text=pages-deployed"))


def test_a_new_execution_appears_by_itself(page: Page, start: Start) -> None:
    page.goto("/executions")
    expect(page.get_by_role("heading", level=1, name="Executions")).to_be_visible()
    arn = start("browser-new", machines.failed_branch())
    row = page.get_by_role("row").filter(has_text=arn.rsplit(":", 1)[-1])
    expect(row).to_contain_text("Failed")


def test_a_model_is_approved_on_its_page_and_its_release_begins(page: Page, site: Site, cloud: Any) -> None:
    release = {"approval": "manual", "bake_seconds": 0, "minimum_requests": 0, "limits": UNHURRIED}
    waiting = site.start("diabetes", "pages-waiting", overrides={"release": release})
    assert waiting.wait()["status"] == "SUCCEEDED"
    page.goto(f"/models/diabetes?run={quote(waiting.arn)}")
    package = page.get_by_role("region", name="Model package")
    expect(package.get_by_text("Pending manual approval")).to_be_visible()
    package.get_by_role("button", name="Approve").click()
    page.get_by_label("Reason (optional)").fill("Checked by hand")
    page.get_by_role("button", name="Approve it").click()
    expect(package.get_by_text("Approved", exact=True)).to_be_visible()
    expect(package.get_by_text("Checked by hand")).to_be_visible()
    expect(package.get_by_role("button")).to_have_count(0)
    package.get_by_role("list", name="Releases").get_by_role("link").click()
    expect(node(page, "Prepare release")).to_have_accessible_name(re.compile("succeeded"))
    expect(page.get_by_role("status").filter(has_text="Succeeded")).to_be_visible()
    page.goto(f"/models/diabetes?run={quote(waiting.arn)}")
    expect(package.get_by_text("Released", exact=True)).to_be_visible()
    expect(package.get_by_role("link", name="switchyard-diabetes")).to_be_visible()


def test_a_model_is_shown_against_its_gate(page: Page, deployed: str) -> None:
    page.goto("/models/diabetes")
    expect(page.get_by_role("heading", level=1, name="diabetes")).to_be_visible()
    expect(page.get_by_text(re.compile("gate ≤ 60")).first).to_be_visible()
    expect(page.get_by_text(re.compile("champion", re.IGNORECASE)).first).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("Lineage"))).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("Cost"))).to_be_visible()


def test_an_endpoint_is_asked_from_its_page(page: Page, deployed: str) -> None:
    page.goto("/endpoints")
    page.get_by_role("link", name="switchyard-diabetes").click()
    expect(page.get_by_role("heading", level=1, name="switchyard-diabetes")).to_be_visible()
    page.get_by_role("textbox", name="Body").fill("59,2,32.1,101,157,93.2,38,4,4.8598,87")
    page.get_by_role("button", name=re.compile("^(Send|Invoke)")).click()
    expect(page.locator(".request-answer")).to_contain_text(re.compile(r"\d\d\d\.\d"))
    page.get_by_role("textbox", name="Body").fill("not,numbers")
    page.get_by_role("button", name=re.compile("^(Send|Invoke)")).click()
    expect(page.locator(".request-answer")).to_contain_text("400")


@pytest.mark.parametrize(
    ("scheme", "width", "options"),
    [
        ("light", 1440, {}),
        # In the dark it is the same page, in other colours; a narrow one has the same colours in other places.
        ("dark", 1440, {"runOnly": ["color-contrast"]}),
        ("light", 900, {"rules": {"color-contrast": {"enabled": False}}}),
    ],
    ids=["light", "dark", "narrow"],
)
def test_everybody_can_use_every_page(
    page: Page, deployed: str, scheme: Any, width: int, options: dict[str, Any]
) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    execution = f"/executions/{quote(deployed, safe='')}"
    addresses = ["/workflows", "/executions", "/models", "/models/diabetes", "/endpoints"]
    addresses += ["/endpoints/switchyard-diabetes", "/start?recipe=diabetes"]
    addresses += [f"{execution}?view={view}" for view in ("graph", "table", "events")]
    found = {}
    for address in addresses:
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".loading")).to_have_count(0)
        for fault in Axe().run(page, options=options).response["violations"]:
            if fault["impact"] in ("serious", "critical"):
                found[f"{address}: {fault['id']}"] = [each["html"][:200] for each in fault["nodes"][:3]]
    assert found == {}


def test_no_page_is_wider_than_the_window(page: Page, deployed: str) -> None:
    page.set_viewport_size({"width": 900, "height": 900})
    for address in ("/workflows", "/executions", "/models/diabetes", "/endpoints", "/start?recipe=diabetes"):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        # Plots find their width once they are in their place.
        wait_until(lambda: page.evaluate("document.documentElement.scrollWidth") <= 900)


def test_the_graph_is_walked_by_keyboard(page: Page, deployed: str) -> None:
    open_execution(page, deployed)
    node(page, "Prepare run").focus()
    page.keyboard.press("ArrowDown")
    focused = page.locator("button[data-node]:focus")
    expect(focused).to_have_accessible_name(re.compile("Is the data split"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Is the data split?")).to_be_visible()


def test_a_server_that_goes_away_is_said_and_comes_back_by_itself(
    chromium: Chromium, site: Site, cloud: Any, deployed: str
) -> None:
    def context() -> Context:
        return Context(Connection(cloud), home=site.home, project=Project(ROOT))

    window = chromium.new_context()
    page = window.new_page()
    try:
        with serving(context()) as server:
            port = server.port
            page.goto(f"{server.url}/executions/{quote(deployed, safe='')}")
            expect(node(page, "Prepare run")).to_be_visible()
        banner = page.get_by_text(re.compile("server does not answer"))
        expect(banner).to_be_visible()
        expect(node(page, "Prepare run")).to_be_visible()
        with serving(context(), port=port):
            expect(banner).to_have_count(0)
    finally:
        window.close()
