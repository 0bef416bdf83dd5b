"""Requests are checked before a function sees them, and refusals are worded as the API wants."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cloud.rest_apis.conftest import Address
from tests.signed_http import Answer, send, send_signed

JSON = {"Content-Type": "application/json", "X-Clerk": "me"}


def post(address: Address, body: bytes | str, headers: dict[str, str] | None = None, query: str = "?shop=1") -> Answer:
    return send("POST", address("PlainApi", "first", f"/orders{query}"), body, JSON if headers is None else headers)


@pytest.mark.parametrize("body", ['{"amount": 1}', '{"amount": 2.5, "kind": "new"}'])
def test_what_fits_the_model_passes(address: Address, body: str) -> None:
    answer = post(address, body)
    assert (answer.status, answer.document["body"]) == (200, body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{}", 'object has missing required properties (["amount"])'),
        ('{"amount": 0}', "numeric instance is lower than the required minimum (minimum: 1, found: 0)"),
        ('{"amount": "1"}', 'instance type (string) does not match any allowed primitive type (allowed: ["number"])'),
        ('{"amount": 1, "x": 2}', 'object instance has properties which are not allowed by the schema: ["x"]'),
        ('{"amount": 1, "kind": "odd"}', 'instance value ("odd") not found in enum (possible values: ["new","old"])'),
        ('{"amount": 1, "kind": "older"}', 'string "older" is too long (length: 5, maximum allowed: 3)'),
        ("{", "Unable to parse JSON"),
        ("", "instance type (null)"),
        ("[" * 100_000, "Unable to parse JSON"),
        ('{"amount": NaN}', "Unable to parse JSON"),
        ('{"amount": Infinity}', "Unable to parse JSON"),
        ('{"amount": 1}'.encode("utf-16"), "Unable to parse JSON"),
        (f'{{"amount": {"9" * 4000}}}', "a number is too large to be checked"),
        ('{"amount": 1e999}', "a number is too large to be checked"),
        ('{"amount": 1, "kind": ' + "[" * 900 + "]" * 900 + "}", ""),
    ],
)
def test_what_does_not_fit_is_refused_in_the_api_s_own_words(address: Address, body: bytes | str, why: str) -> None:
    answer = post(address, body)
    assert answer.status == 422
    assert why in answer.document["why"]


def test_a_content_type_without_a_model_is_not_looked_at(address: Address) -> None:
    assert post(address, "free text", {"Content-Type": "text/plain", "X-Clerk": "me"}).status == 200


@pytest.mark.parametrize(
    ("query", "headers", "missing"),
    [
        ("", JSON, "shop"),
        ("?shop=", JSON, "shop"),
        ("?shop=1", {"Content-Type": "application/json"}, "X-Clerk"),
        ("", {"Content-Type": "application/json"}, "shop, X-Clerk"),
    ],
)
def test_a_required_parameter_that_is_missing_is_named(
    address: Address, query: str, headers: dict[str, str], missing: str
) -> None:
    answer = post(address, '{"amount": 1}', headers, query)
    assert (answer.status, answer.document) == (
        400,
        {"message": f"Missing required request parameters: [{missing}]"},
    )


def test_a_function_that_takes_too_long_is_a_time_out(address: Address) -> None:
    answer = post(address, '{"amount": 1}', {**JSON, "X-Answer": "sleep"})
    assert (answer.status, answer.document) == (504, {"message": "Endpoint request timed out"})


def test_a_refusal_has_the_status_headers_and_words_of_the_api(address: Address) -> None:
    answer = send("GET", address("SignedApi", "live", "/things/x"), headers={"X-Ask": 'why "so"'})
    assert answer.status == 403
    assert answer.document == {
        "said": "Missing Authentication Token",
        "kind": "MISSING_AUTHENTICATION_TOKEN",
        "stage": "live",
        "colour": "blue",
    }
    assert (answer.headers["X-Kind"], answer.headers["X-Asked"]) == ("refused", 'why "so"')


def test_requests_over_the_stage_s_rate_are_throttled(address: Address) -> None:
    answers: list[Any] = [send_signed("GET", address("SignedApi", "live", "/slow")) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert answers[-1].document["said"] == "Too Many Requests"
