"""What people do with an execution in the console: see how it stands, find out why it failed, act on it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import machines
from tests.browser.pages import node, open_execution, panel_of
from tests.runs.conftest import Site, add_recipe
from tests.runs.test_redrive import SWITCHED, script

Start = Callable[..., str]

FAILING = """
import sys
print("reading the rows")
def fit(rows):
    raise ValueError("column bmi of row 17 is not a number")
fit([])
"""


@pytest.fixture(scope="module")
def deployed(site: Site, cloud: Any) -> str:
    execution = site.start("diabetes", "browser-deployed")
    assert execution.wait()["status"] == "SUCCEEDED"
    return execution.arn


def test_a_deployed_run_is_green_all_along_its_path(page: Page, deployed: str) -> None:
    open_execution(page, deployed)
    expect(page.get_by_role("heading", level=1, name="browser-deployed")).to_be_visible()
    for name in ("Prepare run", "Train model", "Use model", "Wait for endpoint", "Register model"):
        expect(node(page, name)).to_have_accessible_name(re.compile("succeeded"))
    expect(node(page, "Roll back")).to_have_accessible_name(re.compile("not reached"))


def test_a_state_shows_its_documents_its_job_and_its_log(page: Page, deployed: str) -> None:
    open_execution(page, deployed)
    node(page, "Train model").click()
    expect(page).to_have_url(re.compile(r"[?&]state=\d+"))
    panel = panel_of(page, "Train model")
    expect(panel.get_by_role("heading", name="Train model")).to_be_visible()
    panel.get_by_role("tab", name=re.compile("Job")).click()
    expect(panel.get_by_text("Completed").first).to_be_visible()
    expect(panel.get_by_text("alpha").first).to_be_visible()
    panel.get_by_role("tab", name=re.compile("Log")).click()
    expect(panel.get_by_text(re.compile("validation rmse=")).first).to_be_visible()
    panel.get_by_role("tab", name=re.compile("Definition")).click()
    expect(panel.get_by_text(re.compile("createTrainingJob")).first).to_be_visible()


def test_the_table_has_every_state_with_its_bar(page: Page, deployed: str) -> None:
    open_execution(page, deployed, view="table")
    for name in ("Prepare run", "Split data", "Transform test data", "Notify deployment"):
        expect(page.get_by_role("table").get_by_text(name, exact=True).first).to_be_visible()


def test_events_are_filtered_and_opened(page: Page, deployed: str) -> None:
    open_execution(page, deployed, view="events")
    started = page.get_by_role("button", name="1 ExecutionStarted")
    expect(started).to_be_visible()
    page.get_by_role("searchbox").fill("TaskSubmitted")
    expect(started).to_have_count(0)
    page.get_by_role("button", name=re.compile("TaskSubmitted")).first.click()
    expect(page.get_by_text("resourceType").first).to_be_visible()


def test_a_failed_state_says_why(page: Page, site: Site, project: Any) -> None:
    add_recipe(project, "browser-failing", scripts={"train.py": FAILING})
    site.publish(project, "browser-failing")
    execution = site.start("browser-failing", "browser-failed")
    assert execution.wait()["status"] == "FAILED"
    open_execution(page, execution.arn)
    why = page.get_by_role("region", name="Why it failed")
    expect(why).to_contain_text("ValueError: column bmi of row 17 is not a number")
    expect(node(page, "Train model")).to_have_accessible_name(re.compile("failed|caught"))
    why.get_by_role("button", name="Train model").click()
    panel = panel_of(page, "Train model")
    panel.get_by_role("tab", name=re.compile("Attempts|Error")).click()
    expect(panel).to_contain_text("column bmi of row 17 is not a number")
    expect(node(page, "Roll back")).to_have_accessible_name(re.compile("succeeded"))


def test_a_rejected_run_says_what_it_fell_short_of(page: Page, site: Site, project: Any) -> None:
    gate = [{"metric": "rmse", "direction": "minimize", "threshold": 0.001}]
    add_recipe(project, "browser-strict", gate=gate)
    site.publish(project, "browser-strict")
    execution = site.start("browser-strict", "browser-rejected")
    assert execution.wait()["status"] == "SUCCEEDED"
    open_execution(page, execution.arn)
    expect(page.get_by_role("status").filter(has_text="Rejected")).to_be_visible()
    expect(page.get_by_role("region", name="Why the model was rejected")).to_contain_text("rmse")
    expect(node(page, "Create model")).to_have_accessible_name(re.compile("not reached"))


def test_a_failed_run_is_redriven_to_its_deployment(page: Page, site: Site, project: Any) -> None:
    bucket, key = site.outputs["DataBucketName"], "switches/browser"
    switched = script(project, "inference.py") + SWITCHED.format(bucket=bucket, key=key)
    add_recipe(project, "browser-switched", scripts={"inference.py": switched})
    site.publish(project, "browser-switched")
    execution = site.start("browser-switched", "browser-redriven")
    assert execution.wait()["status"] == "FAILED"
    open_execution(page, execution.arn)
    expect(page.get_by_role("region", name="Why it failed")).to_contain_text("the switch is off")
    site.client("s3").put_object(Bucket=bucket, Key=key, Body=b"on")
    page.get_by_role("button", name="Redrive", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Succeeded")).to_be_visible()
    expect(page.get_by_text("Redriven once")).to_be_visible()
    expect(node(page, "Smoke test")).to_have_accessible_name(re.compile("succeeded"))
    expect(page.get_by_role("region", name="Why it failed")).to_have_count(0)


def test_an_execution_is_stopped_after_a_question(page: Page, start: Start) -> None:
    open_execution(page, start("browser-waiting", machines.waiting(), until_ended=False))
    expect(node(page, "Wait for the night")).to_have_accessible_name(re.compile("running"))
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Stop it").click()
    expect(page.get_by_role("status").filter(has_text="Stopped")).to_be_visible()
    expect(node(page, "Wait for the night")).to_have_accessible_name(re.compile("stopped"))


def test_a_parallel_shows_which_branch_failed(page: Page, start: Start) -> None:
    open_execution(page, start("browser-branches", machines.failed_branch()))
    expect(page.get_by_role("region", name="Why it failed")).to_contain_text("column 3 of row 17 is not a number")
    expect(node(page, "Refuse the rows")).to_have_accessible_name(re.compile("failed"))
    expect(node(page, "Warm the cache")).to_have_accessible_name(re.compile("stopped"))
    inside = node(page, "Use model").locator("xpath=ancestor::*[contains(@class, 'graph-node')][1]").bounding_box()
    assert inside is not None
    for name in ("Warm the cache", "Refuse the rows"):
        box = node(page, name).bounding_box()
        assert box is not None
        assert inside["x"] <= box["x"]
        assert box["x"] + box["width"] <= inside["x"] + inside["width"]
        assert box["y"] + box["height"] <= inside["y"] + inside["height"]


def test_each_item_of_a_map_can_be_looked_at(page: Page, start: Start) -> None:
    arn = start("browser-map", machines.map_of_items(), {"items": list(range(40))})
    open_execution(page, arn)
    strip = page.get_by_role("group", name="Items of Score every region")
    expect(strip).to_contain_text("40 items: 40 succeeded")
    strip.get_by_role("button", name="Item 13, succeeded").click()
    expect(node(page, "Unlucky")).to_have_accessible_name(re.compile("succeeded"))
    expect(node(page, "Score region")).to_have_accessible_name(re.compile("not reached"))
    strip.get_by_role("button", name="Item 12, succeeded").click()
    expect(node(page, "Unlucky")).to_have_accessible_name(re.compile("not reached"))


def test_hostile_strings_stay_text(page: Page, start: Start) -> None:
    arn = start("browser-hostile", machines.hostile(), {machines.HOSTILE: machines.HOSTILE_SCRIPT})
    for view in ("graph", "table", "events"):
        open_execution(page, arn, view=view)
        expect(page.get_by_text(machines.HOSTILE).first).to_be_visible()
        assert page.locator("img").count() == 0
    open_execution(page, arn)
    node(page, machines.HOSTILE).click()
    panel = panel_of(page, machines.HOSTILE)
    for tab in panel.get_by_role("tab").all():
        tab.click()
        assert page.locator("img").count() == 0
    page.goto("/executions")
    expect(page.get_by_role("link", name=re.compile(arn.rsplit(":", 1)[-1]))).to_be_visible()
    page.goto("/workflows")
    expect(page.get_by_role("heading", name="browser-hostile")).to_be_visible()
    assert page.title() != "taken"
    assert page.locator("img").count() == 0


def test_a_report_opens_without_a_server(page: Page, chromium: Browser, deployed: str, tmp_path: Path) -> None:
    open_execution(page, deployed)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download report").click()
    path = tmp_path / "report.html"
    downloading.value.save_as(path)
    asked: list[str] = []
    complaints: list[str] = []
    alone = chromium.new_page()
    alone.on("request", lambda request: asked.append(request.url))
    alone.on("console", lambda message: complaints.append(message.text))
    try:
        alone.goto(path.as_uri())
        expect(alone.get_by_role("heading", level=1, name="browser-deployed")).to_be_visible()
        node(alone, "Train model").click()
        panel = panel_of(alone, "Train model")
        panel.get_by_role("tab", name=re.compile("Log")).click()
        expect(panel.get_by_text(re.compile("validation rmse=")).first).to_be_visible()
    finally:
        alone.close()
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert complaints == []


def test_a_history_is_downloaded(page: Page, deployed: str) -> None:
    open_execution(page, deployed)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download history").click()
    history = json.loads(downloading.value.path().read_text())
    assert history["events"][0]["type"] == "ExecutionStarted"


def test_an_execution_that_is_none(page: Page) -> None:
    open_execution(page, "arn:aws:states:us-east-1:123456789012:execution:nothing:nowhere")
    expect(page.get_by_role("main")).to_contain_text(re.compile("no execution|does not exist|unknown", re.IGNORECASE))
