from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.intrinsics import Scope, TemplateError, references

FUNCTIONS = {"Ref", "Condition"}
plain_keys = st.text(max_size=8).filter(lambda key: key not in FUNCTIONS and not key.startswith("Fn::"))
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_keys, inner, max_size=4),
    max_leaves=20,
)
TEMPLATE = {
    "Mappings": {"Sizes": {"small": {"Memory": 128}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Stage"}, "test"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
    },
}


@pytest.fixture
def scope() -> Scope:
    scope = Scope(TEMPLATE, {"Stage": "test", "Zones": ["a", "b"], "AWS::Region": "us-east-1"})
    scope.add("Bucket", "my-bucket", {"Arn": "arn:aws:s3:::my-bucket"}.__getitem__)
    return scope


@given(plain)
def test_what_holds_no_function_stays_as_it_is(value: Any) -> None:
    assert Scope({}, {}).resolve(value) == value


@given(plain)
def test_what_holds_no_function_refers_to_nothing(value: Any) -> None:
    assert list(references(value)) == []


@given(st.text().filter(lambda text: "${" not in text))
def test_text_without_a_placeholder_is_not_changed_by_sub(text: str) -> None:
    assert Scope({}, {}).resolve({"Fn::Sub": text}) == text


@given(st.dictionaries(st.from_regex(r"[A-Za-z]\w{0,8}", fullmatch=True), st.text(), min_size=1, max_size=4))
def test_sub_puts_each_value_in_its_place(values: dict[str, str]) -> None:
    text = "|".join(f"${{{name}}}" for name in values)
    assert Scope({}, values).resolve({"Fn::Sub": text}) == "|".join(values.values())


@given(st.lists(st.text(alphabet="abc"), min_size=1))
def test_split_undoes_join(words: list[str]) -> None:
    joined = {"Fn::Join": [",", words]}
    assert Scope({}, {}).resolve({"Fn::Split": [",", joined]}) == words


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Ref": "Stage"}, "test"),
        ({"Ref": "Bucket"}, "my-bucket"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::my-bucket"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:aws:s3:::my-bucket"),
        ({"Fn::Sub": "${Bucket.Arn}/${!Literal}/${Stage}"}, "arn:aws:s3:::my-bucket/${Literal}/test"),
        ({"Fn::Sub": ["${Own}-${Stage}", {"Own": {"Ref": "Bucket"}}]}, "my-bucket-test"),
        ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "us-east-1a"),
        ({"Fn::FindInMap": ["Sizes", "small", "Memory"]}, 128),
        ({"Fn::Base64": {"Ref": "Stage"}}, "dGVzdA=="),
        ({"Fn::ToJsonString": {"a": {"Ref": "Stage"}}}, json.dumps({"a": "test"})),
        ({"Fn::Length": {"Ref": "Zones"}}, 2),
        ({"Fn::If": ["Yes", "y", "n"]}, "y"),
        ({"Fn::If": ["No", "y", "n"]}, "n"),
        ({"Fn::If": ["Both", "y", "n"]}, "n"),
        ({"Fn::If": ["Either", "y", "n"]}, "y"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": 1}, {"b": 1}),
        ([{"Ref": "AWS::NoValue"}, 1], [1]),
        ({"a": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}}, {}),
        (
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ),
    ],
)
def test_each_function_gives_what_cloudformation_gives(scope: Scope, given: Any, expected: Any) -> None:
    assert scope.resolve(given) == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"Ref": "Nothing"}, "Ref names 'Nothing', which is neither a parameter nor a resource"),
        ({"Fn::GetAtt": ["Nothing", "Arn"]}, "Fn::GetAtt names 'Nothing', which is not a resource"),
        ({"Fn::GetAtt": ["Bucket", "Size"]}, "'Bucket' has no attribute 'Size'"),
        ({"Fn::Sub": "${Nothing}"}, "'Nothing'"),
        ({"Fn::Sub": "${Bucket.Size}"}, "'Bucket' has no attribute 'Size'"),
        ({"Fn::Transform": {}}, "the function Fn::Transform is not supported"),
        ({"Fn::FindInMap": ["Sizes", "large", "Memory"]}, "the mapping Sizes has no large.Memory"),
        ({"Fn::FindInMap": ["Colours", "red", "dark"]}, "the mapping Colours has no red.dark"),
        ({"Fn::If": ["Perhaps", 1, 2]}, "there is no condition named 'Perhaps'"),
        ({"Fn::Select": [7, {"Ref": "Zones"}]}, "Fn::Select"),
        ({"Fn::Select": ["first", {"Ref": "Zones"}]}, "Fn::Select"),
        ({"Fn::Split": [",", {"Ref": "Zones"}]}, "Fn::Split"),
        ({"Fn::Base64": 7}, "Fn::Base64"),
        ({"Fn::If": ["No", 1]}, "Fn::If"),
        ({"Fn::Sub": [1]}, "Fn::Sub"),
    ],
)
def test_what_stands_for_nothing_is_named(scope: Scope, given: Any, reason: str) -> None:
    with pytest.raises(TemplateError) as refused:
        scope.resolve({"a": {"b": [given]}})
    assert reason in str(refused.value)


def test_a_condition_that_names_itself_is_refused() -> None:
    scope = Scope({"Conditions": {"A": {"Condition": "B"}, "B": {"Condition": "A"}}}, {})
    with pytest.raises(TemplateError, match="refers to itself"):
        scope.condition("A")


def test_references_are_found_wherever_they_are() -> None:
    value = {
        "a": [{"Ref": "One"}],
        "b": {"Fn::GetAtt": "Two.Arn"},
        "c": {"Fn::GetAtt": ["Three", "Arn"]},
        "d": {"Fn::Sub": ["${Four} ${Own} ${Five.Arn} ${!Six}", {"Own": {"Ref": "Seven"}}]},
        "e": {"Fn::If": ["Yes", {"Ref": "Eight"}, 1]},
    }
    assert set(references(value)) == {"One", "Two", "Three", "Four", "Five", "Seven", "Eight"}
