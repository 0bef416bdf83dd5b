"""Where the console listens, and how others find it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchyard.console.connection import Connection
from switchyard.console.context import Context
from switchyard.console.listening import Listener, execution_path, find_console, listen, noted
from switchyard.errors import UsageError
from tests.console.aws import Account
from tests.console.browser import Browser, serving

CLOUD = "http://127.0.0.1:9"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with serving(Context(Connection(Account().cloud(CLOUD)), home=tmp_path, project=None)) as browser:
        yield browser


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = listen(port=0)
    yield listener
    listener.socket.close()


def test_a_console_is_found_while_it_is_there_and_shows_the_same_cloud(browser: Browser, tmp_path: Path) -> None:
    assert find_console(tmp_path, CLOUD) is None
    with noted(tmp_path, browser.listener):
        assert find_console(tmp_path, CLOUD) == browser.url
        assert find_console(tmp_path, "http://127.0.0.1:10") is None
    assert find_console(tmp_path, CLOUD) is None
    assert list(tmp_path.glob("*.json")) == []


@pytest.mark.parametrize("note", ["", "[]", '{"url": 3}', '{"url": "http://["}', '{"url": "http://127.0.0.1:1"}'])
def test_what_a_dead_console_has_left_is_nothing(browser: Browser, tmp_path: Path, note: str) -> None:
    (tmp_path / "console.json").write_text(note)

    assert find_console(tmp_path, CLOUD) is None
    with noted(tmp_path, browser.listener):
        assert find_console(tmp_path, CLOUD) == browser.url


def test_one_that_answers_stays_noted_unless_another_lasts_longer(
    browser: Browser, tmp_path: Path, listener: Listener
) -> None:
    def url() -> str:
        return str(json.loads((tmp_path / "console.json").read_text())["url"])

    with noted(tmp_path, browser.listener):
        with noted(tmp_path, listener):
            assert url() == browser.url
        assert url() == browser.url
        with noted(tmp_path, listener, before_others=True):
            assert url() == listener.url


def test_the_usual_port_gives_way_and_one_that_was_asked_for_does_not(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("switchyard.console.listening.DEFAULT_PORT", listener.port)

    other = listen()
    assert other.port != listener.port
    other.socket.close()
    with pytest.raises(UsageError, match=f"cannot listen on port {listener.port} of 127.0.0.1: .*; choose another"):
        listen(port=listener.port)


def test_a_token_is_for_those_who_come_from_elsewhere(listener: Listener) -> None:
    assert listener.token is None
    assert listener.address("/x") == f"http://127.0.0.1:{listener.port}/x"
    everywhere = listen("0.0.0.0", 0)
    everywhere.socket.close()
    assert everywhere.token
    assert everywhere.address() == f"http://{socket.gethostname()}:{everywhere.port}/?token={everywhere.token}"


def test_an_execution_s_address_keeps_its_arn_together() -> None:
    assert execution_path("arn:aws:states:x:1:execution:m:a/b?c#d") == (
        "/executions/arn%3Aaws%3Astates%3Ax%3A1%3Aexecution%3Am%3Aa%2Fb%3Fc%23d"
    )
