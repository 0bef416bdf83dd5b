"""Event patterns: each operator as EventBridge documents it, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.events.patterns import InvalidPatternError, Pattern, parse

ABSENT = object()


def takes(values: list[Any], value: Any) -> bool:
    """Whether the pattern ``{"detail": {"x": values}}`` takes an event with that value, or without any."""
    detail = {} if value is ABSENT else {"x": value}
    return Pattern({"detail": {"x": values}}).matches({"source": "trial", "detail": detail})


@pytest.mark.parametrize(
    ("values", "taken", "left"),
    [
        (["a", "b"], ["a", "b", ["c", "b"]], ["c", "A", 1, None, ABSENT, {"a": "a"}, []]),
        ([""], [""], [None, ABSENT, " "]),
        ([None], [None], ["", 0, False, ABSENT]),
        ([100], [100], [100.0, "100", True, ABSENT]),
        ([True], [True], ["true", 1, False]),
        ([{"prefix": "us-"}], ["us-east-1", ["eu", "us-x"]], ["US-east", "eu-us-", 5, ABSENT]),
        ([{"prefix": {"equals-ignore-case": "EventB"}}], ["eventbridge", "EVENTB"], ["event", 1]),
        ([{"suffix": ".png"}], ["a.png", ".png"], ["a.PNG", "png", 1]),
        ([{"suffix": {"equals-ignore-case": ".png"}}], ["a.PNG"], ["a.pn"]),
        ([{"equals-ignore-case": "ALICE"}], ["alice", "Alice"], ["alic", 1]),
        ([{"anything-but": "initializing"}], ["stopped", 1, None], ["initializing", ABSENT]),
        ([{"anything-but": ["a", "b"]}], ["c"], ["a", "b"]),
        ([{"anything-but": [100, 200]}], [300], [100, 200]),
        ([{"anything-but": {"prefix": "init"}}], ["stopped"], ["initializing"]),
        ([{"anything-but": {"prefix": ["a", "b"]}}], ["c"], ["ax", "bx"]),
        ([{"anything-but": {"suffix": "/"}}], ["incoming/a.csv"], ["incoming/"]),
        ([{"anything-but": {"wildcard": "*/lib/*"}}], ["/src/a"], ["/a/lib/b"]),
        ([{"anything-but": {"equals-ignore-case": ["Init", "Stop"]}}], ["run"], ["INIT", "stop"]),
        ([{"numeric": [">", 0, "<=", 5]}], [1, 5, 4.5], [0, 5.1, "3", True, None]),
        ([{"numeric": ["=", 301.8]}], [301.8], [301]),
        ([{"numeric": [">", 0]}], [1], [0, -1, ABSENT]),
        ([{"exists": True}], ["", None, 0, [1]], [ABSENT, {"y": 1}, []]),
        ([{"exists": False}], [ABSENT], ["", None, 0]),
        ([{"exists": False}, "a"], [ABSENT, "a"], ["b"]),
        ([{"cidr": "10.0.0.0/24"}], ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "x", 1, "::1"]),
        ([{"cidr": "2001:db8::/32"}], ["2001:db8::1"], ["10.0.0.1"]),
        ([{"wildcard": "dir/*.png"}], ["dir/a/b.png", "dir/.png"], ["dir/a.jpg", "xdir/a.png"]),
        ([{"wildcard": "a\\*b\\\\"}], ["a*b\\"], ["axb\\", "a*b"]),
        ([{"wildcard": "a.c*"}], ["a.c"], ["abc"]),
    ],
)
def test_an_operator_takes_what_it_should(values: list[Any], taken: list[Any], left: list[Any]) -> None:
    assert [value for value in taken if not takes(values, value)] == []
    assert [value for value in left if takes(values, value)] == []


def test_all_fields_have_to_match_and_one_of_each_array() -> None:
    pattern = Pattern({"source": ["a", "b"], "detail": {"state": ["on"], "count": [{"numeric": [">", 1]}]}})
    assert pattern.matches({"source": "b", "detail": {"state": "on", "count": 2, "more": 1}})
    assert not pattern.matches({"source": "b", "detail": {"state": "on", "count": 1}})
    assert not pattern.matches({"source": "b"})


def test_or_takes_either_beside_what_all_need() -> None:
    pattern = Pattern(
        {
            "source": ["aws.states"],
            "$or": [
                {"detail": {"status": ["TIMED_OUT", "ABORTED"]}},
                {"detail": {"status": ["FAILED"], "error": ["States.Runtime"]}},
            ],
        }
    )
    assert pattern.matches({"source": "aws.states", "detail": {"status": "ABORTED"}})
    assert pattern.matches({"source": "aws.states", "detail": {"status": "FAILED", "error": "States.Runtime"}})
    assert not pattern.matches({"source": "aws.states", "detail": {"status": "FAILED", "error": "Mine"}})
    assert not pattern.matches({"source": "mine", "detail": {"status": "ABORTED"}})


def test_or_within_an_object_and_within_an_or() -> None:
    pattern = Pattern({"detail": {"$or": [{"a": [1]}, {"$or": [{"b": [2]}, {"c": [3]}]}], "d": [4]}})
    assert pattern.matches({"detail": {"c": 3, "d": 4}})
    assert not pattern.matches({"detail": {"c": 3}})
    assert not pattern.matches({"detail": {"d": 4}})


def test_fields_of_one_object_are_looked_for_in_one_element_of_an_array() -> None:
    pattern = Pattern({"detail": {"items": {"kind": ["a"], "size": [1]}}})
    assert pattern.matches({"detail": {"items": [{"kind": "b", "size": 2}, {"kind": "a", "size": 1}]}})
    assert not pattern.matches({"detail": {"items": [{"kind": "a", "size": 2}, {"kind": "b", "size": 1}]}})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be an object or an array"),
        ("{}", "Empty objects"),
        ('{"source": "a"}', '"source" must be an object or an array'),
        ('{"source": []}', 'Empty arrays are not allowed at "source"'),
        ('{"detail": {"x": [{"sounds-like": "a"}]}}', 'Unrecognized match type sounds-like at "detail.x"'),
        ('{"x": [{"prefix": "a", "suffix": "b"}]}', "one match type"),
        ('{"x": [{"prefix": 1}]}', "must be a string"),
        ('{"x": [{"prefix": {"wildcard": "a"}}]}', "prefix takes a string"),
        ('{"x": [{"numeric": [">"]}]}', "one or two comparisons"),
        ('{"x": [{"numeric": ["<", 5, ">", 1]}]}', "numeric range"),
        ('{"x": [{"numeric": [">", 5, "<", 1]}]}', "less than its top"),
        ('{"x": [{"numeric": ["~", 5]}]}', "range operator ~"),
        ('{"x": [{"numeric": [">", 6e9]}]}', "5.0e9"),
        ('{"x": [{"exists": "yes"}]}', "true or false"),
        ('{"x": [{"cidr": "10.0.0.0/33"}]}', "Malformed CIDR"),
        ('{"x": [{"wildcard": "a**"}]}', "Consecutive"),
        ('{"x": [{"wildcard": "a\\\\b"}]}', "Invalid escape"),
        ('{"x": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}', "anything-but takes one of"),
        ('{"x": [{"anything-but": [1, "a"]}]}', "only strings, or only numbers"),
        ('{"x": [{"anything-but": []}]}', "Empty arrays"),
        ('{"$or": [{"a": [1]}]}', "two or more"),
        ('{"$or": {"a": [1]}}', "two or more"),
        ('{"x": [[1]]}', "Arrays are not allowed in arrays"),
        (json.dumps({"x": ["a" * 5000]}), "more than 4096"),
    ],
)
def test_a_wrong_pattern_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidPatternError) as refused:
        parse(text)
    assert reason in str(refused.value)


SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8)
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.dictionaries(st.text(max_size=4), inner, max_size=4), max_leaves=12)
EVENTS = st.dictionaries(st.text(max_size=4).filter(lambda key: key != "$or"), DOCUMENTS, min_size=1, max_size=4)


def exact(document: Any) -> Any:
    """The pattern that takes this very document."""
    if isinstance(document, dict):
        return {key: exact(value) for key, value in document.items() if value != {}}
    return [document]


def has_empty(document: Any) -> bool:
    return isinstance(document, dict) and (
        not document or "$or" in document or any(has_empty(each) for each in document.values())
    )


@given(EVENTS.filter(lambda event: not has_empty(event)))
def test_an_event_as_a_pattern_takes_the_event(event: dict[str, Any]) -> None:
    assert Pattern(exact(event)).matches(event)


@given(EVENTS.filter(lambda event: not has_empty(event)), EVENTS)
def test_a_pattern_takes_no_more_events_with_a_further_field(event: dict[str, Any], other: dict[str, Any]) -> None:
    narrow = {**exact(event), "further": [1]}
    assert not Pattern(narrow).matches({**other, "further": 2})


@given(st.text(max_size=20), st.text(max_size=20))
def test_anything_but_is_the_opposite_of_its_operator(text: str, argument: str) -> None:
    for name in ("prefix", "suffix", "equals-ignore-case"):
        assert takes([{name: argument}], text) is not takes([{"anything-but": {name: argument}}], text)
    assert takes([argument], text) is not takes([{"anything-but": argument}], text)


@given(st.lists(st.text(alphabet="ab*\\.", max_size=4), min_size=1, max_size=4), st.text(alphabet="ab.", max_size=3))
def test_a_wildcard_takes_what_its_parts_are_joined_with(parts: list[str], joint: str) -> None:
    escaped = [part.replace("\\", "\\\\").replace("*", "\\*") for part in parts if part]
    text = joint.join(part for part in parts if part)
    assert takes([{"wildcard": "*".join(escaped)}], text)


@given(
    st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=20)
)
def test_any_document_is_a_pattern_or_is_refused(document: Any) -> None:
    try:
        pattern = parse(json.dumps(document))
    except InvalidPatternError:
        return
    assert pattern.matches({}) in (True, False)
