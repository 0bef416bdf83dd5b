"""What targets get of an event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.events.transform import InvalidInputError, check, render

RULE = "arn:aws:events:us-east-1:123456789012:rule/trial"
EVENT: dict[str, Any] = {
    "version": "0",
    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "time": "2015-11-11T21:29:54Z",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789"],
    "detail": {"instance-id": "i-0123456789", "state": 'RUN"NING', "tags": [{"k": "a"}, {"k": "b"}], "count": 3},
}
PATHS = {
    "instance": "$.detail.instance-id",
    "state": "$.detail.state",
    "resource": "$.resources[0]",
    "tags": "$.detail.tags[*].k",
    "detail": "$.detail",
    "count": "$.detail.count",
    "none": "$.detail.nothing",
}


def transformed(template: str) -> str:
    target = {"Id": "t", "InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": template}}
    check(target)
    return render(target, EVENT, RULE, "2015-11-11T21:30:00Z")


def test_without_settings_the_event_itself_is_sent() -> None:
    assert json.loads(render({}, EVENT, RULE, "")) == EVENT


def test_a_constant_input_is_sent_as_it_is() -> None:
    assert render({"Input": '{"a":  1}'}, EVENT, RULE, "") == '{"a":  1}'


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", EVENT),
        ("$.detail", EVENT["detail"]),
        ("$.detail.count", 3),
        ("$.detail-type", EVENT["detail-type"]),
        ("$.resources[0]", EVENT["resources"][0]),
        ("$.detail.tags[1].k", "b"),
        ("$.detail.tags[*].k", ["a", "b"]),
        ("$.detail.nothing", None),
        ("$.resources[7]", None),
    ],
)
def test_an_input_path_sends_a_part(path: str, value: Any) -> None:
    assert json.loads(render({"InputPath": path}, EVENT, RULE, "")) == value


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('"instance <instance> has <count>"', '"instance i-0123456789 has 3"'),
        ('"state \\"<state>\\""', '"state \\"RUN\\"NING\\""'),
        ('{"i": <instance>, "n": <count>}', '{"i": "i-0123456789", "n": 3}'),
        ('{"i": "<instance>", "all": "is <state>"}', '{"i": "i-0123456789", "all": "is RUN\\"NING"}'),
        ('{"list": [9, <count>, true, <tags>]}', '{"list": [9, 3, true, ["a", "b"]]}'),
        ('{"rule": <aws.events.rule-arn>}', f'{{"rule": "{RULE}"}}'),
        ('"<aws.events.rule-name> triggered"', '"trial triggered"'),
        ('{"at": <aws.events.event.ingestion-time>}', '{"at": "2015-11-11T21:30:00Z"}'),
        ('{"is": "<none>", "was": <none>}', '{"is": "", "was": ""}'),
        ('"tags: <tags>"', '"tags: [a, b]"'),
        ('"one <instance>"\n"two <count>"', '"one i-0123456789"\n"two 3"'),
    ],
)
def test_a_transformer_fills_its_template(template: str, text: str) -> None:
    assert transformed(template) == text


def test_the_predefined_variables_hold_the_event_with_and_without_its_detail() -> None:
    sent = json.loads(transformed('{"whole": <aws.events.event.json>, "rest": <aws.events.event>}'))
    assert sent["whole"] == EVENT
    assert sent["rest"] == {key: value for key, value in EVENT.items() if key != "detail"}


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ({"Input": "{"}, "JSON syntax error"),
        ({"Input": "1", "InputPath": "$"}, "Only one of"),
        ({"InputPath": "detail"}, "begins with $"),
        ({"InputPath": "$.detail[?(@.a)]"}, "Invalid InputPath"),
        ({"InputTransformer": {"InputTemplate": ""}}, "InputTemplate is required"),
        ({"InputTransformer": {"InputTemplate": '"<who>"'}}, "invalid placeholder who"),
        ({"InputTransformer": {"InputTemplate": "<a> is", "InputPathsMap": {"a": "$.id"}}}, "Invalid InputTemplate"),
        ({"InputTransformer": {"InputTemplate": '"x"', "InputPathsMap": {"aws.x": "$.id"}}}, "reserved name"),
        ({"InputTransformer": {"InputTemplate": '"x"', "InputPathsMap": {"a": "id"}}}, "begins with $"),
    ],
)
def test_wrong_settings_are_refused_with_their_reason(target: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check({"Id": "t", **target})
    assert reason in str(refused.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_what_is_filled_into_json_is_json_whatever_it_is(value: Any) -> None:
    template = '{"bare": <x>, "within": "a <x> b", "beside": ["<x>", <x>]}'
    target = {"Id": "t", "InputTransformer": {"InputPathsMap": {"x": "$.detail"}, "InputTemplate": template}}
    sent = json.loads(render(target, {"detail": value}, RULE, ""))
    assert sent["bare"] == value
    assert sent["beside"][1] == value
    assert isinstance(sent["within"], str)
    if isinstance(value, str):
        assert sent["within"] == f"a {value} b"
