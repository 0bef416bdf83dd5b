"""Addresses that are pages, and addresses that are none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from switchyard.console import pages
from switchyard.console.connection import Connection
from switchyard.console.context import Context
from tests.console.browser import Browser, serving

PAGE = b"<!doctype html><title>Switchyard</title>"
NAVIGATION = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    built = tmp_path_factory.mktemp("static")
    (built / "index.html").write_bytes(PAGE)
    (built / "console.js").write_text("1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "BUILT", built)
        with serving(Context(Connection(), home=None, project=None)) as browser:
            yield browser


@pytest.mark.parametrize(
    "path", ["/", "/executions", "/executions/arn%3Aaws%3Astates%3Ax%2Fy", "/start?recipe=diabetes"]
)
def test_a_page_s_address_gives_the_page(browser: Browser, path: str) -> None:
    answer = browser.request("GET", path, headers=NAVIGATION)

    assert (answer.status, answer.body) == (200, PAGE)


@pytest.mark.parametrize("path", ["/nothing", "/workflows/more", "/models/a/b"])
def test_an_address_that_is_none_gives_the_page_that_says_so(browser: Browser, path: str) -> None:
    answer = browser.request("GET", path, headers=NAVIGATION)

    assert (answer.status, answer.body) == (404, PAGE)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/nothing", {"Accept": "*/*"}),
        ("/api/nothing", NAVIGATION),
        ("/static/nothing.js", NAVIGATION),
        ("/static/%2e%2e/pages.py", NAVIGATION),
    ],
)
def test_what_no_person_looks_at_is_told_as_a_problem(browser: Browser, path: str, headers: dict[str, str]) -> None:
    answer = browser.request("GET", path, headers=headers)

    assert answer.status == 404
    assert answer.json()["detail"].startswith("there is no /")
