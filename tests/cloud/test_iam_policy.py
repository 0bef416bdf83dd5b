"""Policy documents, evaluated as IAM's guide says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.iam.patterns import like
from switchyard.cloud.iam.policy import Policy, PolicyError, Principal, evaluate

BUCKET = "arn:aws:s3:::data"
ROLE = "arn:aws:iam::123456789012:role/job"
TEXT = st.text(st.characters(exclude_characters="*?$\ue000\ue001", exclude_categories=["Cs"]), max_size=12)


def policy(*statements, name="Jobs"):
    return Policy({"Version": "2012-10-17", "Statement": list(statements)}, name)


def allow(action="s3:*", resource="*", **more):
    return {"Sid": "Allowed", "Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action="s3:*", resource="*", **more):
    return {**allow(action, resource, **more), "Sid": "Denied", "Effect": "Deny"}


def meets(condition, context):
    return evaluate([policy(allow(Condition=condition))], "s3:GetObject", BUCKET, context).allowed


def test_what_no_statement_mentions_is_not_allowed():
    decision = evaluate([policy(allow("s3:GetObject", f"{BUCKET}/*"))], "s3:PutObject", f"{BUCKET}/a")
    assert (decision.allowed, decision.explicit, decision.statement) == (False, False, None)


def test_the_decision_names_its_statement():
    decision = evaluate([policy(allow("s3:GetObject", f"{BUCKET}/*"))], "s3:GetObject", f"{BUCKET}/a/b")
    assert decision.allowed
    assert str(decision.statement) == "Jobs/Allowed"


def test_a_statement_without_a_name_is_named_by_its_place():
    statement = allow()
    del statement["Sid"]
    assert str(evaluate([policy(statement)], "s3:GetObject", BUCKET).statement) == "Jobs/#1"


@pytest.mark.parametrize("statements", [[allow(), deny()], [deny(), allow()]])
def test_a_deny_wins_wherever_it_stands(statements):
    decision = evaluate([policy(one) for one in statements], "s3:GetObject", BUCKET)
    assert (decision.allowed, decision.explicit) == (False, True)
    assert str(decision.statement) == "Jobs/Denied"


def test_actions_are_the_same_in_every_case():
    assert evaluate([policy(allow("S3:getobject"))], "s3:GetObject", BUCKET).allowed


def test_not_action_and_not_resource_mean_all_others():
    others = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": f"{BUCKET}/secret*"}
    assert evaluate([policy(others)], "s3:GetObject", f"{BUCKET}/a").allowed
    assert not evaluate([policy(others)], "s3:GetObject", f"{BUCKET}/secret/a").allowed
    assert not evaluate([policy(others)], "iam:GetRole", ROLE).allowed


@given(TEXT, TEXT, TEXT)
def test_a_star_stands_for_anything(before, between, after):
    assert like(f"{before}*{after}", before + between + after)


@given(TEXT, st.characters(exclude_categories=["Cs"]), TEXT)
def test_a_question_mark_stands_for_one_character(before, one, after):
    assert like(f"{before}?{after}", before + one + after)
    assert not like(f"{before}?{after}", before + after)


@given(TEXT, TEXT)
def test_a_text_without_wildcards_matches_itself_alone(first, second):
    assert like(first, second) == (first == second)


def test_a_variable_is_the_request_s_value():
    home = policy(allow("s3:GetObject", f"{BUCKET}/${{aws:username}}/*"))
    assert evaluate([home], "s3:GetObject", f"{BUCKET}/ann/a", {"aws:username": "ann"}).allowed
    assert not evaluate([home], "s3:GetObject", f"{BUCKET}/bob/a", {"aws:username": "ann"}).allowed
    assert not evaluate([home], "s3:GetObject", f"{BUCKET}/bob/a", {"aws:username": "*"}).allowed
    assert not evaluate([home], "s3:GetObject", f"{BUCKET}//a").allowed


def test_a_variable_may_have_a_default_and_wildcards_may_be_literal():
    team = policy(allow("s3:GetObject", f"{BUCKET}/${{aws:PrincipalTag/team, 'all'}}/${{*}}"))
    assert evaluate([team], "s3:GetObject", f"{BUCKET}/all/*").allowed
    assert not evaluate([team], "s3:GetObject", f"{BUCKET}/all/a").allowed


@pytest.mark.parametrize(
    ("operator", "wanted", "given_value", "holds"),
    [
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a", "A", False),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringLike", "runs/*", "runs/1", True),
        ("StringNotLike", "runs/*", "runs/1", False),
        ("NumericEquals", 5, "5.0", True),
        ("NumericNotEquals", 5, "6", True),
        ("NumericLessThan", "5", "4", True),
        ("NumericLessThanEquals", "5", "5", True),
        ("NumericGreaterThan", "5", "5", False),
        ("NumericGreaterThanEquals", "5", "many", False),
        ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", True),
        ("DateGreaterThan", "1767225600", "2026-01-01T00:00:01Z", True),
        ("DateEquals", "2026-01-01", "1767225600", True),
        ("Bool", True, "true", True),
        ("Bool", "false", "true", False),
        ("BinaryEquals", "YWJj", "YWJj", True),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
        ("IpAddress", "10.0.0.0/8", "11.1.2.3", False),
        ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True),
        ("ArnLike", "arn:aws:events:*:*:rule/mine-*", "arn:aws:events:eu-west-1:1:rule/mine-1", True),
        ("ArnEquals", "arn:aws:events:*", "arn:aws:events:eu-west-1:1:rule/mine-1", False),
        ("ArnNotLike", "arn:aws:sns:*:*:mine", "arn:aws:sns:eu-west-1:1:other", True),
        ("Null", "true", "anything", False),
        ("Null", "false", "anything", True),
    ],
)
def test_operators(operator, wanted, given_value, holds):
    assert meets({operator: {"aws:Key": wanted}}, {"AWS:key": given_value}) is holds


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("StringEquals", False),
        ("StringEqualsIfExists", True),
        ("StringNotEquals", True),
        ("ArnNotLike", True),
        ("Null", False),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
    ],
)
def test_a_key_that_the_request_lacks(operator, holds):
    assert meets({operator: {"aws:Key": "false"}}, {}) is holds


@pytest.mark.parametrize(
    ("operator", "values", "holds"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "c"], False),
        ("ForAnyValue:StringEquals", ["a", "c"], True),
        ("ForAnyValue:StringEquals", ["c"], False),
        ("ForAllValues:StringNotEquals", ["c", "a"], False),
        ("ForAnyValue:StringNotEquals", ["c", "a"], True),
    ],
)
def test_keys_of_several_values(operator, values, holds):
    assert meets({operator: {"aws:TagKeys": ["a", "b"]}}, {"aws:TagKeys": values}) is holds


def test_every_condition_must_hold():
    both = {"StringEquals": {"aws:A": "1", "aws:B": "2"}}
    assert meets(both, {"aws:A": "1", "aws:B": "2"})
    assert not meets(both, {"aws:A": "1", "aws:B": "3"})


@pytest.mark.parametrize(
    ("named", "asks", "holds"),
    [
        ("*", Principal(), True),
        ({"AWS": "*"}, Principal(arns=(ROLE,)), True),
        ({"AWS": ROLE}, Principal(arns=(ROLE,)), True),
        ({"AWS": ["arn:aws:iam::123456789012:role/other"]}, Principal(arns=(ROLE,)), False),
        ({"AWS": "arn:aws:iam::123456789012:root"}, Principal((ROLE,), "123456789012"), True),
        ({"AWS": "123456789012"}, Principal((ROLE,), "210987654321"), False),
        ({"Service": "events.amazonaws.com"}, Principal(service="events.amazonaws.com"), True),
        ({"Service": ["sns.amazonaws.com"]}, Principal(service="events.amazonaws.com"), False),
        ({"Service": "events.amazonaws.com"}, Principal(arns=(ROLE,)), False),
    ],
)
def test_a_resource_s_policy_names_principals(named, asks, holds):
    statement = allow("sqs:SendMessage", Principal=named)
    assert evaluate([policy(statement)], "sqs:SendMessage", "*", principal=asks).allowed is holds


def test_not_principal_means_all_others():
    statement = deny(NotPrincipal={"AWS": ROLE})
    assert evaluate([policy(statement)], "s3:GetObject", BUCKET, principal=Principal(("other",))).explicit
    assert not evaluate([policy(statement)], "s3:GetObject", BUCKET, principal=Principal((ROLE,))).explicit


def test_a_trust_policy_has_no_resource():
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    service = Principal(service="lambda.amazonaws.com")
    assert evaluate([policy(trust)], "sts:AssumeRole", ROLE, principal=service).allowed


def test_a_document_may_be_json_with_one_statement():
    document = json.dumps({"Version": "2012-10-17", "Statement": allow()})
    assert evaluate([Policy(document)], "s3:GetObject", BUCKET).allowed


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "not JSON"),
        ({}, "no Statement"),
        ({"Statement": [{"Effect": "Maybe", "Action": "*"}]}, "Effect is 'Maybe'"),
        ({"Statement": [{"Effect": "Allow", "Resource": "*"}]}, "needs one of Action and NotAction"),
        ({"Statement": [allow(Condition={"StringSame": {"a": "b"}})]}, "no condition operator 'StringSame'"),
        ({"Statement": [allow(action=[1])]}, "neither a string nor a list"),
    ],
)
def test_a_bad_document_is_refused_with_its_reason(document, message):
    with pytest.raises(PolicyError, match=message):
        Policy(document)


@given(st.lists(st.sampled_from([allow(), allow("sns:*"), deny("s3:Put*"), deny("sns:*")]), min_size=1, max_size=6))
def test_the_order_of_statements_changes_nothing(statements):
    forwards, backwards = policy(*statements), policy(*statements[::-1])
    for action in ("s3:GetObject", "s3:PutObject", "sns:Publish"):
        first, second = (evaluate([one], action, "*") for one in (forwards, backwards))
        assert (first.allowed, first.explicit) == (second.allowed, second.explicit)


@given(st.sampled_from(["s3:GetObject", "s3:PutObject", "sns:Publish"]), TEXT)
def test_a_deny_of_everything_leaves_nothing(action, resource):
    assert evaluate([policy(allow("*"), deny("*"))], action, resource).explicit
