"""Who may speak to the console."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchyard.console.connection import Connection
from switchyard.console.context import Context
from switchyard.console.listening import listen
from switchyard.console.serve import ConsoleServer
from tests.console.aws import MACHINE, Account
from tests.console.browser import TIMEOUT, Browser, serving

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    account = Account()
    account.add("<img src=x onerror=alert(1)>")
    with serving(Context(Connection(account.cloud("http://127.0.0.1:9")), home=None, project=None)) as browser:
        yield browser


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Browser]:
    """Serve to everybody who has the token."""
    listener = listen("0.0.0.0", 0)
    context = Context(Connection(home=tmp_path), home=tmp_path, project=None)
    server = ConsoleServer(context, listener)
    server.start()
    yield Browser(listener, context)
    server.stop()


@pytest.mark.parametrize("path", ["/", "/api/target", "/static/console.js", "/api/live?topic=target", "/nowhere"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1", "192.168.1.2:{port}", ""], ids=str
)
def test_another_host_s_name_is_refused(browser: Browser, path: str, host: str) -> None:
    answer = browser.request("GET", path, headers={"Host": host.format(port=browser.port)})

    assert answer.status == 403
    assert browser.url in answer.json()["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_its_own_names_are_taken(browser: Browser, host: str) -> None:
    assert browser.request("GET", "/api/target", headers={"Host": host.format(port=browser.port)}).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**JSON, "Origin": "http://evil.example"}, 403),
        ({**JSON, "Origin": "http://localhost:1"}, 403),
        ({**JSON, "Origin": "null"}, 403),
        ({**JSON, "Origin": "https://127.0.0.1:{port}"}, 403),
        ({**JSON, "Origin": "http://localhost:{port}"}, 403),  # not the name that was asked
        ({**JSON, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**JSON, "Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({}, 415),
        ({**JSON, "Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}, 404),
        ({"Content-Type": "application/json; charset=utf-8"}, 404),
    ],
    ids=str,
)
def test_another_site_cannot_start_or_stop_anything(browser: Browser, headers: dict[str, str], status: int) -> None:
    own = {name: value.format(port=browser.port) for name, value in headers.items()}

    answer = browser.request("POST", f"/api/execution/stop?arn={MACHINE}", b"", own)

    assert answer.status == status


def test_another_site_cannot_read_or_watch(browser: Browser) -> None:
    for path in ("/api/executions", "/api/live?topic=target"):
        assert browser.request("GET", path, headers={"Sec-Fetch-Site": "cross-site"}).status == 403
    # A link from elsewhere may lead here.
    assert browser.request("GET", "/executions", headers={"Sec-Fetch-Site": "cross-site"}).status in (200, 503)


@pytest.mark.parametrize(
    "path", ["/", "/executions/arn%3Aaws%3Ax%2Fy", "/api/target", "/api/nowhere", "/static/none.js", "/api/model"]
)
def test_every_answer_says_what_a_page_may_do(browser: Browser, path: str) -> None:
    headers = browser.get(path).headers

    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy
    assert not re.search(r"https?:|\*", policy)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_no_path_leads_out_of_the_page_s_files(browser: Browser) -> None:
    for path in ("../schema.py", "..%2fschema.py", "%2e%2e/schema.py", "/etc/passwd", "..\\schema.py", "%00"):
        assert browser.request("GET", f"/static/{path}").status == 404


def test_an_unknown_address_is_a_problem_and_a_page_s_is_the_page(browser: Browser) -> None:
    assert browser.get("/api/nowhere").json()["detail"] == "there is no /api/nowhere"
    assert browser.get("/api/nowhere").status == browser.get("/nowhere/at/all").status == 404
    assert browser.request("POST", "/api/target", b"{}", JSON).status == 405
    page = browser.get("/")
    for path in ("/workflows", "/executions", "/models/diabetes", "/endpoints/x", "/start"):
        assert browser.get(path).body == page.body


def test_a_page_that_has_not_changed_is_not_sent_again(browser: Browser) -> None:
    first = browser.get("/")
    if first.status == 503:
        pytest.skip("the page has not been built")
    again = browser.request("GET", "/", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status, again.body) == (304, b"")
    assert first.headers["cache-control"] == "no-cache"


def test_what_a_run_says_is_sent_as_json_alone(browser: Browser) -> None:
    answer = browser.get("/api/executions")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["rows"][0]["name"] == "<img src=x onerror=alert(1)>"


def test_too_large_a_body_is_refused(browser: Browser) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=TIMEOUT)
    connection.request("POST", "/api/executions", b" " * (8 * 1024 * 1024 + 1), JSON)
    answer = connection.getresponse()
    assert answer.status == 413
    connection.close()


def test_elsewhere_a_browser_needs_the_token_once(guarded: Browser) -> None:
    host = f"127.0.0.1:{guarded.port}"  # an address, not a name, is taken when it listens on all of them
    address = guarded.listener.address("/executions/x%2Fy")
    token = address.partition("?token=")[2]
    assert guarded.request("GET", "/", headers={"Host": host}).status == 401
    assert guarded.request("GET", "/?token=wrong", headers={"Host": host}).status == 401
    assert guarded.request("GET", f"/api/target?token={token}x", headers={"Host": host}).status == 401

    admitted = guarded.request("GET", f"/executions/x%2Fy?view=table&token={token}", headers={"Host": host})

    assert admitted.status == 200
    assert admitted.headers["refresh"] == "0; url=/executions/x%2Fy?view=table"
    cookie = admitted.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    pair = cookie.partition(";")[0]
    assert guarded.request("GET", "/api/target", headers={"Host": host, "Cookie": pair}).status == 200
    assert guarded.request("GET", "/api/target", headers={"Host": host, "Cookie": pair + "x"}).status == 401
    posted = guarded.request("POST", f"/api/execution/stop?token={token}", b"", {**JSON, "Host": host})
    assert posted.status == 401


def test_elsewhere_another_name_is_refused_all_the_same(guarded: Browser) -> None:
    token = guarded.listener.address().partition("?token=")[2]
    answer = guarded.request("GET", f"/?token={token}", headers={"Host": f"evil.example:{guarded.port}"})

    assert answer.status == 403


def test_the_token_leads_nowhere_else(guarded: Browser) -> None:
    token = guarded.listener.address().partition("?token=")[2]
    answer = guarded.request("GET", f"//evil.example/?token={token}", headers={"Host": f"127.0.0.1:{guarded.port}"})

    assert answer.headers["refresh"] == "0; url=/evil.example/"
