"""Events delivered to real targets, tried again, and given up."""

from __future__ import annotations

import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.events.conftest import EventCloud
from tests.cloud.local_cloud import wait_until


def executions(events: EventCloud) -> list[dict[str, Any]]:
    return events.client("stepfunctions").list_executions(stateMachineArn=events.output("Machine"))["executions"]


def test_each_target_gets_the_event_in_its_own_way(events: EventCloud) -> None:
    identifier = events.put("trial.everywhere", {"name": "Ann"})

    message = events.message("Queue", lambda body: isinstance(body, dict) and body.get("id") == identifier)
    assert message["body"]["detail"] == {"name": "Ann"}
    assert message["body"]["account"] == "123456789012"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", message["body"]["time"])
    published = events.message("TopicQueue", lambda body: "Ann has come" in body["Message"])
    assert published["body"]["Message"] == f'"Ann has come to {events.resource("EverywhereRule")}"'
    assert wait_until(lambda: [line for line in events.log("/aws/events/trial") if identifier in line])
    assert wait_until(lambda: {"constant": True} in events.told())
    # By way of the other bus, whose rule sends the source alone.
    events.message("Queue", lambda body: body == "trial.everywhere")
    assert "from a disabled rule" not in [message["body"] for message in events.received("Queue")]


def test_text_that_is_no_unicode_arrives_as_it_was_escaped(events: EventCloud) -> None:
    identifier = events.put("trial.everywhere", {"name": "half \ud83d"})
    message = events.message("Queue", lambda body: isinstance(body, dict) and body.get("id") == identifier)
    assert message["body"]["detail"] == {"name": "half \ud83d"}


def test_a_machine_starts_with_a_part_of_the_event_and_a_name_of_eventbridge_s_own(events: EventCloud) -> None:
    identifier = events.put("trial.states", {"status": "ABORTED", "name": "n"})
    ignored = events.put("trial.states", {"status": "FAILED", "error": "Mine"})
    (found,) = wait_until(lambda: [each for each in executions(events) if each["name"].startswith(identifier)])
    described = events.client("stepfunctions").describe_execution(executionArn=found["executionArn"])
    assert json.loads(described["input"]) == {"status": "ABORTED", "name": "n"}
    assert [each for each in executions(events) if each["name"].startswith(ignored)] == []


def test_ten_events_at_once_are_ten_executions(events: EventCloud) -> None:
    with ThreadPoolExecutor(max_workers=10) as pool:
        details = [{"status": "TIMED_OUT", "number": number} for number in range(10)]
        identifiers = list(pool.map(lambda detail: events.put("trial.states", detail), details))

    def started() -> bool:
        names = [each["name"] for each in executions(events)]
        return all(any(name.startswith(identifier) for name in names) for identifier in identifiers)

    assert wait_until(started)


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("trial.nowhere", "NO_RESOURCE", "StateMachineDoesNotExist"),
        ("trial.untrusted", "FAILED_TO_ASSUME_ROLE", "is not authorized to assume the role"),
        ("trial.closed", "NO_PERMISSIONS", "is not authorized to perform sqs:SendMessage"),
        ("trial.quiet", "NO_PERMISSIONS", "is not authorized to perform lambda:InvokeFunction"),
    ],
)
def test_what_no_retry_can_help_goes_to_the_dead_letters_at_once(
    events: EventCloud, source: str, code: str, said: str
) -> None:
    identifier = events.put(source, {"lost": True})
    letter = events.message("DeadLetters", lambda body: body.get("id") == identifier)
    assert letter["body"]["detail"] == {"lost": True}
    assert letter["ERROR_CODE"] == code
    assert said in letter["ERROR_MESSAGE"]
    assert letter["RETRY_ATTEMPTS"] == "0"
    assert letter["RULE_ARN"].startswith("arn:aws:events:us-east-1:123456789012:rule/")
    assert letter["TARGET_ARN"].startswith("arn:aws:")


def test_an_event_pattern_can_be_tried_and_a_wrong_one_is_refused(events: EventCloud) -> None:
    client = events.client("events")
    event = {"id": "1", "account": "1", "source": "a", "time": "t", "region": "r", "resources": [], "detail-type": "T"}
    assert client.test_event_pattern(EventPattern='{"source": ["a"]}', Event=json.dumps(event))["Result"] is True
    assert client.test_event_pattern(EventPattern='{"source": ["b"]}', Event=json.dumps(event))["Result"] is False
    with pytest.raises(client.exceptions.InvalidEventPatternException, match="Unrecognized match type like"):
        client.put_rule(Name="wrong", EventPattern='{"source": [{"like": "a"}]}')


def test_a_target_with_two_inputs_is_refused(events: EventCloud) -> None:
    client = events.client("events")
    client.put_rule(Name="two-inputs", EventPattern='{"source": ["nobody"]}')
    with pytest.raises(ClientError, match="Only one of Input, InputPath, or InputTransformer"):
        client.put_targets(
            Rule="two-inputs",
            Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:123456789012:q", "Input": "1", "InputPath": "$"}],
        )


def put_events(events: EventCloud, entries: list[dict[str, Any]]) -> Any:
    """Send entries as they are: an SDK sends none of a wrong type."""
    signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/events/aws4_request, SignedHeaders=host, Signature=0"
    headers = {
        "Authorization": signed,
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AWSEvents.PutEvents",
    }
    body = json.dumps({"Entries": entries}).encode()
    with urllib.request.urlopen(urllib.request.Request(events.url, body, headers)) as answer:
        return json.load(answer)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"Source": "", "DetailType": "T", "Detail": "{}"}, "InvalidArgument"),
        ({"Source": "s", "Detail": "{}"}, "InvalidArgument"),
        ({"Source": 5, "DetailType": "T", "Detail": "{}"}, "InvalidArgument"),
        ({"Source": "s", "DetailType": "T", "Detail": {"not": "text"}}, "InvalidArgument"),
        ({"Source": "s", "DetailType": "T", "Detail": "{}", "Time": "yesterday"}, "InvalidArgument"),
        ({"Source": "s", "DetailType": "T", "Detail": "{}", "Time": 1e30}, "InvalidArgument"),
        ({"Source": "s", "DetailType": "T", "Detail": "{}", "Resources": "not a list"}, "InvalidArgument"),
        ({"Source": "s", "DetailType": "T", "Detail": "{"}, "MalformedDetail"),
        ({"Source": "s", "DetailType": "T", "Detail": "[1]"}, "MalformedDetail"),
        ({"Source": "s", "DetailType": "T", "Detail": '{"a": NaN}'}, "MalformedDetail"),
        ({"Source": "s", "DetailType": "T", "Detail": '{"a":' * 100_000}, "MalformedDetail"),
    ],
)
def test_a_wrong_entry_is_refused_and_the_others_are_taken(
    events: EventCloud, entry: dict[str, Any], code: str
) -> None:
    answer = put_events(events, [entry, {"Source": "nobody", "DetailType": "T", "Detail": "{}"}])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == code
    assert "EventId" in answer["Entries"][1]


def test_an_archive_keeps_events_and_a_replay_brings_them_again(events: EventCloud) -> None:
    client = events.client("events")
    bus = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    kept = client.create_archive(
        ArchiveName="kept", EventSourceArn=bus, EventPattern='{"source": ["trial.kept", "trial.everywhere"]}'
    )
    identifier = events.put("trial.everywhere", {"name": "Bob"})
    assert wait_until(lambda: client.describe_archive(ArchiveName="kept")["EventCount"])
    client.start_replay(
        ReplayName="again",
        EventSourceArn=kept["ArchiveArn"],
        EventStartTime=0,
        EventEndTime=2**31,
        Destination={"Arn": bus},
    )

    def both() -> bool:
        bodies = [message["body"] for message in events.received("Queue")]
        bobs = [body for body in bodies if isinstance(body, dict) and body.get("detail") == {"name": "Bob"}]
        said = sorted(("replay-name" in body, body["id"] == identifier) for body in bobs)  # a queue keeps no order
        return said == [(False, True), (True, False)]

    assert wait_until(both)
