"""A report: one file that holds an execution and the page that shows it, and lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from benchmarks.histories import DEFINITION as MAP_DEFINITION
from benchmarks.histories import long_history
from switchyard.cli import app
from switchyard.console import report
from switchyard.console.report import GENERATOR
from tests.console.browser import Browser, home_with_runs, serving
from tests.console.test_execution import HOSTILE, arn_of, describe, past_console
from tests.recorded import recorded, recorded_definition

INDEX = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Switchyard</title>
    <script type="module" blocking="render" src="/static/console.js"></script>
    <link rel="stylesheet" href="/static/console.css">
  </head>
  <body>
    <div id="app"></div>
  </body>
</html>
"""
SCRIPT = r'const end = "</script><!-- </SCRIPT>"; const back = "\1 \\x \u2028";'
STYLE = 'a::before { content: "</style>"; }'


class Page(HTMLParser):
    """What a browser makes of a page: its elements, and the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.is_open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")

        self.is_open = True

    def handle_endtag(self, tag: str) -> None:
        self.is_open = False

    def handle_data(self, data: str) -> None:
        if self.is_open:
            self.texts[-1] += data

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(found[1], text) for found, text in zip(self.elements, self.texts, strict=True) if found[0] == tag]

    @property
    def report(self) -> Any:
        ((_, text),) = [found for found in self.all("script") if found[0].get("id") == "report"]
        return json.loads(text)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A page as Vite builds it, with all in its files that could end an element."""
    folder = tmp_path_factory.mktemp("built")
    for name, text in {"index.html": INDEX, "console.js": SCRIPT, "console.css": STYLE}.items():
        (folder / name).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "BUILT", folder)
        yield folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hostile = json.loads(json.dumps(recorded("training_failed")).replace("Train model", json.dumps(HOSTILE)[1:-1]))
    return home_with_runs(
        tmp_path_factory.mktemp("home"),
        {
            "good": {
                "execution.json": describe("good", output='{"status": "DEPLOYED"}'),
                "history.json": recorded("deployed"),
                "definition.json": recorded_definition("deployed"),
            },
            "bad<b>&": {
                "execution.json": describe("bad<b>&", "FAILED", cause=HOSTILE),
                "history.json": hostile,
                "definition.json": {"States": {HOSTILE: {"Type": "Task"}}},
            },
            "long": {
                "execution.json": describe("long"),
                "history.json": {"events": long_history()},
                "definition.json": MAP_DEFINITION,
            },
        },
    )


@pytest.fixture(scope="module")
def past(home: Path, built: Path) -> Iterator[Browser]:
    with serving(past_console(home)) as browser:
        yield browser


def page_of(past: Browser, name: str) -> Page:
    answer = past.get("/api/execution/report.html", arn=arn_of(name))
    assert answer.status == 200, answer.body
    return Page(answer.body.decode())


def test_it_holds_all_that_the_page_shows(past: Browser) -> None:
    found = page_of(past, "good").report
    whole = past.get("/api/execution", arn=arn_of("good")).json()
    assert found["execution"] == whole
    assert set(found["states"]) == {str(visit["id"]) for visit in whole["visits"]}
    assert set(found["events"]) == {str(event["id"]) for event in whole["events"]}
    for visit in whole["visits"]:
        state = found["states"][str(visit["id"])]
        query = {"arn": arn_of("good"), "visit": visit["id"]}
        assert state["detail"] == past.get("/api/execution/state", **query).json()
        if visit["job"]:
            assert state["job"] == past.get("/api/execution/job", **query).json()
    assert found["events"]["1"] == past.get("/api/execution/event", arn=arn_of("good"), id=1).json()["event"]
    assert found["cost"]["total_usd"] > 0
    assert found["made_by"].startswith("Switchyard ")
    assert found["notes"] == []


def test_it_is_saved_under_the_executions_name(past: Browser) -> None:
    answer = past.get("/api/execution/report.html", arn=arn_of("bad<b>&"))
    assert answer.headers["content-disposition"] == 'attachment; filename="bad_b__.html"'
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("name", ["good", "bad<b>&"])
def test_nothing_but_the_pages_own_script_can_run(past: Browser, name: str) -> None:
    page = page_of(past, name)
    scripts = page.all("script")
    assert [attributes.get("type") for attributes, _ in scripts] == ["module", "application/json"]
    assert [tag for tag, _ in page.elements if tag in ("img", "b", "iframe", "link", "base")] == []
    assert all("src" not in attributes and "href" not in attributes for _, attributes in page.elements)
    ((_, style),) = page.all("style")
    policies = [
        attributes["content"]
        for attributes, _ in page.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == [
        f"default-src 'none'; script-src '{digest(scripts[0][1])}'; style-src '{digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    ]
    # It comes before all that it is about.
    tags = [tag for tag, _ in page.elements]
    assert tags.index("meta") + 1 < tags.index("script")
    assert next(text for _, text in page.all("title")).startswith(f"{name} ")


def digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def test_script_and_style_say_the_same_as_before(past: Browser) -> None:
    page = page_of(past, "good")
    script = page.all("script")[0][1]
    assert script == r'const end = "\x3c/script>\x3c!-- \x3c/SCRIPT>"; const back = "\1 \\x \u2028";'
    assert page.all("style")[0][1] == r'a::before { content: "<\/style>"; }'


def test_hostile_text_stays_text(past: Browser) -> None:
    answer = past.get("/api/execution/report.html", arn=arn_of("bad<b>&"))
    text = answer.body.decode()
    data = text[text.index('id="report">') : text.rindex("</script>")]
    assert not set("<&\u2028\u2029") & set(data)
    assert data.count(">") == 1
    shown = HOSTILE.replace("\ud800", "?")
    found = Page(text).report
    assert found["execution"]["cause"] == shown
    assert shown in [visit["name"] for visit in found["execution"]["visits"]]


def test_a_long_execution_makes_a_report_of_some_megabytes_that_says_what_is_missing(past: Browser) -> None:
    answer = past.get("/api/execution/report.html", arn=arn_of("long"))
    assert len(answer.body) < 40 * 2**20
    found = Page(answer.body.decode()).report
    assert len(found["execution"]["events"]) > 24_900
    assert 0 < len(found["events"]) < len(found["execution"]["events"])
    assert 0 < len(found["states"]) < len(found["execution"]["visits"])
    notes = " ".join(found["notes"])
    assert f"The details of {len(found['execution']['events']) - len(found['events']):,} of" in notes
    assert "The logs of" in notes


def test_the_newest_lines_of_a_long_log_are_in_it(home: Path, tmp_path: Path, built: Path) -> None:
    shutil.copytree(home / "runs" / "good", tmp_path / "runs" / "good")
    (tmp_path / "runs" / "good" / "logs").mkdir()
    lines = "".join(f"line {number}\n" for number in range(3000))
    (tmp_path / "runs" / "good" / "logs" / "Train model.log").write_text(lines)
    with serving(past_console(tmp_path)) as browser:
        found = page_of(browser, "good").report
    (state,) = (each for each in found["states"].values() if each["detail"]["visit"]["name"] == "Train model")
    assert [state["log"]["lines"][0]["text"], len(state["log"]["lines"])] == ["line 1000", 2000]
    assert state["log"]["is_cut"]
    assert found["notes"] == ["Of what 'Train model' logged, the newest 2,000 lines are here."]


def test_without_a_built_page_there_is_none(past: Browser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(report, "BUILT", tmp_path)
    answer = past.get("/api/execution/report.html", arn=arn_of("good"))
    assert [answer.status, "make console" in answer.json()["detail"]] == [503, True]
    (tmp_path / "index.html").write_text("<html></html>")
    (tmp_path / "console.js").write_text("")
    (tmp_path / "console.css").write_text("")
    assert past.get("/api/execution/report.html", arn=arn_of("good")).status == 503


def test_no_execution_has_no_report(past: Browser) -> None:
    assert past.get("/api/execution/report.html", arn=arn_of("nobody")).status == 404


# From the command line


@pytest.fixture
def place(tmp_path: Path, home: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with past runs and no cloud."""
    monkeypatch.setenv("SWITCHYARD_HOME", str(home))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *arguments])


def test_a_past_run_is_written_under_its_own_name(place: Path) -> None:
    result = run("good")
    assert result.exit_code == 0, result.output
    assert result.stdout == "good.html\n"
    assert Page((place / "good.html").read_text()).report["execution"]["row"]["name"] == "good"
    assert [path.name for path in place.iterdir()] == ["good.html"]


def test_it_is_written_where_it_is_told_to(place: Path) -> None:
    (place / "folder").mkdir()
    for given, path in (("x.html", place / "x.html"), ("folder", place / "folder" / "good.html")):
        assert run(arn_of("good"), "-o", given).exit_code == 0
        assert GENERATOR in path.read_text()


def test_standard_output_takes_it_too(place: Path) -> None:
    result = run("good", "-o", "-")
    assert result.stdout.startswith("<!doctype html>")
    assert Page(result.stdout).report["execution"]["row"]["name"] == "good"
    assert list(place.iterdir()) == []


def test_a_report_is_overwritten_and_nothing_else_is(place: Path) -> None:
    assert run("good", "-o", "a.html").exit_code == 0
    assert run("good", "-o", "a.html").exit_code == 0
    (place / "b.html").write_text("my thesis")
    refused = run("good", "-o", "b.html")
    assert refused.exit_code != 0
    assert (place / "b.html").read_text() == "my thesis"
    assert "is there already and is no report" in str(refused.exception)
    assert run("good", "-o", "b.html", "--force").exit_code == 0
    assert GENERATOR in (place / "b.html").read_text()


def test_what_cannot_be_written_is_said(place: Path) -> None:
    assert "there is no folder" in str(run("good", "-o", "nowhere/x.html").exception)
    assert "there is no execution 'goof'" in str(run("goof").exception)
    assert "good" in str(run("goof").exception)
    assert "give --json or --output" in str(run("good", "--json", "-o", "x").exception)
    assert list(place.iterdir()) == []


def test_what_it_would_hold_can_be_had_as_json(place: Path) -> None:
    assert json.loads(run("good", "--json").stdout)["execution"]["row"]["status"] == "SUCCEEDED"


def test_what_is_left_out_is_said_beside_it(place: Path) -> None:
    result = run("long", "-o", "-")
    assert "were left out" in result.stderr
    assert "were left out: a report holds 8 MB of them, from the first one on" in result.stderr
