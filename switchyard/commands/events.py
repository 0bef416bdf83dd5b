"""`switchyard events put`: send events to EventBridge."""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from switchyard.commands.shared import AsJson, connect, examples, print_json, target_of
from switchyard.errors import SwitchyardError, UsageError

app = typer.Typer(no_args_is_help=True)

# By PutEvents' name of a field: an event's own name of it.
_FIELDS = {
    "Source": "source",
    "DetailType": "detail-type",
    "Detail": "detail",
    "Resources": "resources",
    "Time": "time",
}
_ENTRY_ONLY = {"EventBusName", "TraceHeader"}
# What EventBridge itself writes into an event.
_WRITTEN_BY_EVENTBRIDGE = {"version", "id", "account", "region"}
_MOST_AT_ONCE = 10


@app.callback()
def events() -> None:
    """Send events to EventBridge."""


@app.command(
    epilog=examples(
        "switchyard events put tests/events/s3_object_created.json",
        """echo '{"source": "my.app", "detail-type": "Hello", "detail": {}}' | switchyard events put -""",
    )
)
def put(
    *,
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON: an event, or a list of them; - for standard input.")
    ],
    bus: Annotated[str | None, typer.Option(metavar="NAME", help="The event bus; the default one by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send events: each as PutEvents takes it (Source, DetailType, Detail), or whole, as a rule's target gets it.

    All are checked before the first is sent. An account refuses sources that begin with aws.
    The local cloud takes them, so that what AWS has sent can be sent again.
    """
    entries = read_entries(file, bus)
    client = connect(target_of(context)).client("events")
    answers: list[dict[str, Any]] = []
    for start in range(0, len(entries), _MOST_AT_ONCE):
        answers += client.put_events(Entries=entries[start : start + _MOST_AT_ONCE])["Entries"]
    refused = [_refusal(number, answer) for number, answer in enumerate(answers, start=1) if "ErrorCode" in answer]
    if as_json:
        print_json([{"event_id": answer.get("EventId"), "error": answer.get("ErrorCode")} for answer in answers])
    else:
        for entry, answer in zip(entries, answers, strict=True):
            if "EventId" in answer:
                print(f"{answer['EventId']}  {entry['Source']}  {entry['DetailType']}")
    if refused:
        raise SwitchyardError("\n".join(refused))


def read_entries(file: str, bus: str | None) -> list[dict[str, Any]]:
    """Read PutEvents' entries from a file, or from standard input.

    Raises
    ------
    UsageError
        When it cannot be read, or holds something else than events; the message says which one, and why.
    """
    name = "standard input" if file == "-" else file
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8 text") from None
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is not JSON: {error}") from None
    given = document if isinstance(document, list) else [document]
    if not given:
        raise UsageError(f"{name} holds no event: the list is empty")
    places = [name] if not isinstance(document, list) else [f"{name}, event {n}" for n in range(1, len(given) + 1)]
    entries = [_entry(event, place) for event, place in zip(given, places, strict=True)]
    return [{**entry, "EventBusName": bus} for entry in entries] if bus else entries


def _entry(event: Any, place: str) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise UsageError(f"{place}: an event is a JSON object, not {json.dumps(event)[:40]}")
    is_entry = not {"Source", "DetailType", "Detail"}.isdisjoint(event)
    names = {field: field if is_entry else own for field, own in _FIELDS.items()}
    known = {*names.values(), *(_ENTRY_ONLY if is_entry else _WRITTEN_BY_EVENTBRIDGE)}
    unknown = sorted(set(event) - known)
    if unknown:
        raise UsageError(f"{place}: an event has no field '{unknown[0]}' (it may have {', '.join(sorted(known))})")
    entry = {field: event[own] for field, own in names.items() if own in event}
    entry |= {field: event[field] for field in _ENTRY_ONLY & set(event)}
    for field in ("Source", "DetailType"):
        if not isinstance(entry.get(field), str) or not entry[field]:
            raise UsageError(f"{place}: '{names[field]}' is missing, or is no text")
    entry["Detail"] = _detail(entry.get("Detail"), names["Detail"], place)
    resources = entry.get("Resources", [])
    if not isinstance(resources, list) or not all(isinstance(each, str) for each in resources):
        raise UsageError(f"{place}: '{names['Resources']}' is no list of ARNs")
    if "Time" in entry:
        entry["Time"] = _time(entry["Time"], names["Time"], place)
    return entry


def _detail(detail: Any, name: str, place: str) -> str:
    if isinstance(detail, str):
        try:
            detail = json.loads(detail)
        except ValueError as error:
            raise UsageError(f"{place}: '{name}' is text, and that text is not JSON: {error}") from None
    if not isinstance(detail, dict):
        raise UsageError(f"{place}: '{name}' is missing, or is no JSON object")
    return json.dumps(detail, ensure_ascii=False)


def _time(value: Any, name: str, place: str) -> datetime.datetime:
    try:
        if isinstance(value, int | float):
            return datetime.datetime.fromtimestamp(value, tz=datetime.UTC)
        moment = datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError, OSError):
        raise UsageError(f"{place}: '{name}' is no time such as 2026-07-01T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _refusal(number: int, answer: dict[str, Any]) -> str:
    message = f"event {number} was not taken: {answer['ErrorCode']}: {answer.get('ErrorMessage', '')}"
    if answer["ErrorCode"] == "NotAuthorizedForSourceException":
        message += (
            " Only AWS's services may send what begins with aws.: give it a source of your own, or send it to the "
            "local cloud, which takes both."
        )
    return message
