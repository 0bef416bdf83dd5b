"""`switchyard events put`: what it reads, sends and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from switchyard.aws import client
from switchyard.cli import app
from switchyard.commands.events import read_entries
from switchyard.errors import SwitchyardError, UsageError

EVENT = Path(__file__).parent / "events" / "s3_object_created.json"


class Bus:
    """Takes all but events of AWS's own sources, as an account does."""

    def __init__(self) -> None:
        self.requests: list[list[dict[str, Any]]] = []

    def client(self, service: str) -> Bus:
        assert service == "events"
        return self

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.requests.append(Entries)
        refused = {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
        answers = [refused if entry["Source"].startswith("aws.") else {"EventId": "id"} for entry in Entries]
        return {"FailedEntryCount": sum("ErrorCode" in each for each in answers), "Entries": answers}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    bus = Bus()
    monkeypatch.setattr(client, "connect", lambda *_arguments, **_options: bus)
    return bus


def put(document: Any, *options: str) -> Any:
    text = document if isinstance(document, str) else json.dumps(document)
    return CliRunner().invoke(app, ["events", "put", "-", *options], input=text)


def entry(number: int = 1) -> dict[str, Any]:
    return {"source": "my.app", "detail-type": f"Number {number}", "detail": {"number": number}}


def test_a_whole_event_becomes_what_put_events_takes() -> None:
    (read,) = read_entries(str(EVENT), None)
    event = json.loads(EVENT.read_text())
    assert json.loads(read.pop("Detail")) == event["detail"]
    assert read.pop("Time").isoformat() == "2026-07-01T12:00:00+00:00"
    assert read == {"Source": "aws.s3", "DetailType": "Object Created", "Resources": event["resources"]}


def test_put_events_own_form_is_taken_with_its_detail_as_text_or_not(bus: Bus) -> None:
    given = {"Source": "my.app", "DetailType": "T", "Resources": ["arn"], "EventBusName": "other", "Time": 0}
    result = put([{**given, "Detail": {"a": 1}}, {**given, "Detail": '{"a": 1}'}])
    assert result.exit_code == 0, result.output
    first, second = bus.requests[0]
    assert first == second
    assert (first["Detail"], first["EventBusName"]) == ('{"a": 1}', "other")


def test_many_events_go_ten_at_a_time_to_the_bus_that_is_named(bus: Bus) -> None:
    result = put([entry(number) for number in range(23)], "--bus", "other", "--json")
    assert [len(request) for request in bus.requests] == [10, 10, 3]
    assert {each["EventBusName"] for request in bus.requests for each in request} == {"other"}
    assert json.loads(result.stdout) == [{"event_id": "id", "error": None}] * 23


def test_each_event_s_id_is_printed(bus: Bus) -> None:
    assert put(entry(7)).stdout == "id  my.app  Number 7\n"


def test_what_an_account_refuses_is_said_with_what_to_do(bus: Bus) -> None:
    result = put([entry(), {**entry(), "source": "aws.s3"}])
    assert result.stdout.splitlines() == ["id  my.app  Number 1"]
    assert isinstance(result.exception, SwitchyardError)
    assert "event 2 was not taken: NotAuthorizedForSourceException" in str(result.exception)
    assert "send it to the local cloud" in str(result.exception)
    assert result.exception.exit_code == 1


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "standard input is not JSON"),
        ("", "standard input is not JSON"),
        ([], "holds no event"),
        (5, "an event is a JSON object, not 5"),
        ([entry(), "x"], 'event 2: an event is a JSON object, not "x"'),
        ({**entry(), "sauce": 1}, "an event has no field 'sauce' (it may have account, detail, detail-type"),
        ({**entry(), "Source": "s"}, "an event has no field 'detail' (it may have Detail, DetailType"),
        ({**entry(), "source": ""}, "'source' is missing, or is no text"),
        ({"source": "s", "detail": {}}, "'detail-type' is missing, or is no text"),
        ({"source": "s", "detail-type": "t"}, "'detail' is missing, or is no JSON object"),
        ({**entry(), "detail": "{"}, "'detail' is text, and that text is not JSON"),
        ({**entry(), "detail": [1]}, "'detail' is missing, or is no JSON object"),
        ({**entry(), "resources": "arn"}, "'resources' is no list of ARNs"),
        ({**entry(), "time": "yesterday"}, "'time' is no time such as"),
        ({**entry(), "time": 1e30}, "'time' is no time such as"),
    ],
)
def test_what_is_no_event_is_refused_before_anything_is_sent(bus: Bus, document: Any, said: str) -> None:
    result = put(document)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert result.exception.exit_code == 2
    assert bus.requests == []


def test_a_file_that_cannot_be_read_is_named(bus: Bus, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.json cannot be read: No such file"):
        read_entries(str(tmp_path / "nothing.json"), None)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        read_entries(str(binary), None)
