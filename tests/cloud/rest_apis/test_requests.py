"""What a function gets of a request, and what a client gets of its answer."""

from __future__ import annotations

import base64
import http.client
import json
import math
from typing import Any
from urllib.parse import urlsplit

import pytest

from switchyard.cloud.apigateway.proxy import reply
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.rest_apis.conftest import Address
from tests.signed_http import Answer, send, send_signed


@pytest.fixture
def get(address: Address) -> Any:
    return lambda path, headers=None, method="GET", body=None: send(
        method, address("ImplicitApi", "Prod", path), body, headers
    )


def answer_of(get: Any, answer: Any) -> Answer:
    return get("/any", {"X-Answer": json.dumps(answer)})


def test_a_function_gets_the_whole_request(get: Any, rest_cloud: LocalCloud) -> None:
    api = rest_cloud.output("ImplicitApi")
    event = get("/things/a%20b?q=1&q=2&e=&p=a+b", {"X-Some-Thing": "v", "User-Agent": "trial"}).document
    assert event["resource"] == "/things/{thing}"
    assert event["path"] == "/things/a%20b"
    assert event["httpMethod"] == "GET"
    assert event["pathParameters"] == {"thing": "a%20b"}
    assert event["queryStringParameters"] == {"q": "2", "e": "", "p": "a b"}
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "2"], "e": [""], "p": ["a b"]}
    assert event["headers"]["X-Some-Thing"] == "v"
    assert event["multiValueHeaders"]["X-Some-Thing"] == ["v"]
    assert event["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert event["headers"]["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert event["stageVariables"] is None
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    context = event["requestContext"]
    assert (context["stage"], context["apiId"], context["accountId"]) == ("Prod", api, "123456789012")
    assert (context["path"], context["resourcePath"]) == ("/Prod/things/a%20b", "/things/{thing}")
    assert context["domainName"] == f"{api}.execute-api.us-east-1.amazonaws.com"
    assert context["identity"]["userAgent"] == "trial"
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userArn"] is None
    assert context["requestId"]


def test_a_request_without_anything_has_nulls(get: Any) -> None:
    event = get("/any").document
    for key in ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "body"):
        assert event[key] is None


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_any_stands_for_every_method(get: Any, method: str) -> None:
    assert get("/any", method=method).document["httpMethod"] == method


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/things/fixed", "/things/fixed", None),
        ("/things/fixed/", "/things/fixed", None),
        ("/things/other", "/things/{thing}", {"thing": "other"}),
        ("/rest/a", "/rest/{proxy+}", {"proxy": "a"}),
        ("/rest/a/b%2Fc/d", "/rest/{proxy+}", {"proxy": "a/b%2Fc/d"}),
    ],
)
def test_the_most_specific_resource_answers(get: Any, path: str, resource: str, parameters: Any) -> None:
    event = get(path).document
    assert (event["resource"], event["pathParameters"]) == (resource, parameters)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/rest"), ("DELETE", "/things/x"), ("GET", "/things")]
)
def test_what_is_not_there_lacks_a_token(get: Any, method: str, path: str) -> None:
    answer = get(path, method=method)
    assert (answer.status, answer.document) == (403, {"message": "Missing Authentication Token"})
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


@pytest.mark.parametrize("where", [("ImplicitApi", "prod"), ("ImplicitApi", "Prod%2F")])
def test_a_stage_that_is_not_there_is_forbidden(address: Address, where: tuple[str, str]) -> None:
    answer = send("GET", address(*where, "/any"))
    assert (answer.status, answer.document) == (403, {"message": "Forbidden"})


def test_an_api_that_is_not_there_is_forbidden(rest_cloud: LocalCloud) -> None:
    assert send("GET", f"{rest_cloud.url}/_aws/execute-api/nosuchapi0/Prod/any").status == 403


@pytest.mark.parametrize("suffix", ["amazonaws.com", "localhost:4599"])
def test_an_api_answers_by_its_host_name(rest_cloud: LocalCloud, suffix: str) -> None:
    host = f"{rest_cloud.output('ImplicitApi')}.execute-api.us-east-1.{suffix}"
    event = send("GET", f"{rest_cloud.url}/Prod/things/x?y=1", headers={"Host": host}).document
    assert (event["path"], event["queryStringParameters"]) == ("/things/x", {"y": "1"})


def test_another_site_s_page_cannot_call_an_api(address: Address) -> None:
    assert send("GET", address("ImplicitApi", "Prod", "/any"), headers={"Origin": "https://evil.example"}).status == 403


def test_text_arrives_as_text_and_a_binary_type_as_base64(get: Any, address: Address) -> None:
    posted = get("/things", {"Content-Type": "text/plain"}, "POST", "grün".encode()).document
    assert (posted["body"], posted["isBase64Encoded"]) == ("grün", False)
    image = {"Content-Type": "image/png"}
    posted = send("POST", address("SignedApi", "live", "/open"), b"\x89PNG\xff", image).document
    assert (base64.b64decode(posted["body"]), posted["isBase64Encoded"]) == (b"\x89PNG\xff", True)


def test_a_function_s_answer_is_the_response(get: Any) -> None:
    answer = answer_of(
        get,
        {
            "statusCode": "418",
            "headers": {"X-One": "1", "X-Both": "a", "Content-Length": "999", "Server": "own"},
            "multiValueHeaders": {"X-Two": ["a", "b"], "X-Both": ["a", "c"]},
            "body": "short and stout",
        },
    )
    assert (answer.status, answer.body) == (418, b"short and stout")
    assert answer.headers["X-One"] == "1"
    assert answer.headers.get_all("X-Two") == ["a", "b"]
    assert answer.headers.get_all("X-Both") == ["a", "c"]
    assert answer.headers["Content-Length"] == "15"
    assert answer.headers["x-amzn-Remapped-Server"] == "own"
    assert answer.content_type == "application/json"
    assert answer.headers["x-amzn-RequestId"]


@pytest.mark.parametrize(("accept", "expected"), [("image/png", b"\x00\xff"), ("text/plain", b"AP8=")])
def test_base64_is_decoded_for_who_accepts_a_binary_type(address: Address, accept: str, expected: bytes) -> None:
    binary = json.dumps({"statusCode": 200, "body": "AP8=", "isBase64Encoded": True})
    url = address("SignedApi", "live", "/open")
    assert send("POST", url, headers={"X-Answer": binary, "Accept": accept}).body == expected


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        [],
        {},
        {"statusCode": "fine"},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "headers": []},
        {"statusCode": 200, "multiValueHeaders": {"X": "no list"}},
        {"statusCode": 200, "colour": "red"},
        {"statusCode": 101},
        {"statusCode": 600},
        {"statusCode": math.inf},
        {"statusCode": 200, "headers": {"X-One\r\nX-Two": "2"}},
        {"statusCode": 200, "headers": {"": "2"}},
    ],
)
def test_an_answer_that_is_none_is_a_bad_gateway(get: Any, rest_cloud: LocalCloud, answer: Any) -> None:
    got = answer_of(get, answer)
    assert (got.status, got.document) == (502, {"message": "Internal server error"})
    assert "Malformed Lambda proxy response" in (rest_cloud.home / "cloud.log").read_text()


def test_half_a_character_is_replaced() -> None:
    assert reply(b'{"statusCode": 200, "body": "a\\ud800b"}', "*/*", ()).body == b"a?b"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_leaves_the_connection_usable(address: Address, status: int) -> None:
    parts = urlsplit(address("ImplicitApi", "Prod", "/any"))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    wanted = {"X-Answer": json.dumps({"statusCode": status, "body": "HTTP/1.1 500 Not Yours"})}
    connection.request("GET", parts.path, headers=wanted)
    response = connection.getresponse()
    assert (response.status, response.read()) == (status, b"")
    connection.request("GET", parts.path)
    assert connection.getresponse().status == 200
    connection.close()


def test_a_function_that_fails_is_a_bad_gateway_that_tells_nothing(get: Any, rest_cloud: LocalCloud) -> None:
    answer = get("/any", {"X-Answer": "raise"})
    assert (answer.status, answer.document) == (502, {"message": "Internal server error"})
    assert wait_until(lambda: "the function's own affair" in (rest_cloud.home / "cloud.log").read_text())


def test_a_body_over_the_limit_is_too_large(get: Any) -> None:
    for size in (10 * 1024 * 1024 + 1, 7 * 1024 * 1024):
        answer = get("/things", {"Content-Type": "text/plain"}, "POST", b"x" * size)
        assert (answer.status, answer.document) == (413, {"message": "Request Too Long"})


def test_a_preflight_request_is_answered_without_a_function(address: Address) -> None:
    answer = send("OPTIONS", address("SignedApi", "live", "/things/x"))
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://example.com"
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]


def test_an_integration_that_is_not_there_is_told_in_the_log(address: Address, rest_cloud: LocalCloud) -> None:
    assert send("PATCH", address("PlainApi", "first", "/orders/1")).status == 500
    assert "not HTTP_PROXY" in (rest_cloud.home / "cloud.log").read_text()


def test_a_function_that_the_api_may_not_invoke_is_not_invoked(address: Address, rest_cloud: LocalCloud) -> None:
    answer = send_signed("GET", address("PlainApi", "first", "/orders/1"))
    assert (answer.status, answer.document) == (500, {"message": "Internal server error"})
    assert "unpermitted has no AWS::Lambda::Permission" in (rest_cloud.home / "cloud.log").read_text()
    assert rest_cloud.log("/aws/lambda/unpermitted") == []


def test_stage_variables_reach_the_function(address: Address) -> None:
    event = send_signed("GET", address("SignedApi", "live", "/things/x")).document
    assert event["stageVariables"] == {"colour": "blue"}
