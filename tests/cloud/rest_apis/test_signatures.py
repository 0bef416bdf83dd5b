"""Methods with IAM authorization answer who has signed, and may."""

from __future__ import annotations

import datetime
import json
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.apigateway.errors import GatewayError
from switchyard.cloud.apigateway.signature import Caller, Key, SignedRequest, authenticate
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.rest_apis.conftest import Address
from tests.signed_http import OWNER, Answer, send, send_signed, signed_headers


@pytest.fixture(scope="module")
def reader(rest_cloud: LocalCloud) -> Credentials:
    """A role's session; the role may GET /things/*."""
    keys = rest_cloud.client("sts").assume_role(RoleArn=rest_cloud.output("ReaderRoleArn"), RoleSessionName="trial")[
        "Credentials"
    ]
    return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


@pytest.fixture
def url(address: Address) -> str:
    return address("SignedApi", "live", "/things/x")


def said(answer: Answer) -> str:
    assert answer.status == 403
    words: str = answer.document["said"]
    return words


def test_the_account_s_owner_may_do_everything(url: str) -> None:
    event = send_signed("GET", url).document
    assert event["requestContext"]["identity"]["userArn"] == "arn:aws:iam::123456789012:root"


@pytest.mark.parametrize("path", ["/things/x", "/things/a%20b?q=1&b=%2F%3D&a=z&a=a&e", "/things/%E2%82%AC~-_.?x=a%2Bb"])
def test_a_role_s_session_is_told_to_the_function(address: Address, reader: Credentials, path: str) -> None:
    answer = send_signed("GET", address("SignedApi", "live", path), credentials=reader)
    assert answer.status == 200, answer.body
    identity = answer.document["requestContext"]["identity"]
    assert "assumed-role/apis-ReaderRole" in identity["userArn"]
    assert identity["userArn"].endswith("/trial")
    assert identity["accountId"] == "123456789012"
    assert identity["accessKey"] == reader.access_key


def test_a_role_may_call_what_its_policy_allows_and_no_more(address: Address, reader: Credentials) -> None:
    words = said(send_signed("GET", address("SignedApi", "live", "/slow"), credentials=reader))
    assert "is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:" in words
    assert words.count("/live/GET/slow") == 1


def test_nobody_signs_for_a_role_without_its_secret(url: str, reader: Credentials) -> None:
    forged = Credentials(reader.access_key, "another secret", reader.token)
    assert "signature we calculated does not match" in said(send_signed("GET", url, credentials=forged))
    no_token = Credentials(reader.access_key, reader.secret_key)
    assert "security token included in the request is invalid" in said(send_signed("GET", url, credentials=no_token))


@pytest.mark.parametrize("change", ["path", "query", "method", "body", "header"])
def test_what_was_changed_after_signing_is_refused(address: Address, reader: Credentials, change: str) -> None:
    url = address("SignedApi", "live", "/things/x")
    headers = signed_headers("GET", url, b"", {"X-Mine": "1"}, credentials=reader)
    method, body = ("HEAD" if change == "method" else "GET"), (b"more" if change == "body" else None)
    url = {"path": url + "y", "query": url + "?a=1"}.get(change, url)
    if change == "header":
        headers["X-Mine"] = "2"
    answer = send(method, url, body, headers)
    assert answer.status == 403
    if change not in {"method"}:
        assert answer.document["kind"] == "INVALID_SIGNATURE"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Bearer abc", "requires the algorithm AWS4-HMAC-SHA256"),
        ("AWS4-HMAC-SHA256 nonsense", "requires 'Credential' parameter. Authorization header requires 'Signature'"),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c", "five slash-delimited elements"),
        ("AWS4-HMAC-SHA256 =,=,==;;//", "requires 'Credential'"),
    ],
)
def test_an_authorization_that_is_none_is_explained(url: str, header: str, words: str) -> None:
    answer = send("GET", url, headers={"Authorization": header, "X-Amz-Date": "20260101T000000Z"})
    assert words in said(answer)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"service": "s3"}, "correct service: 'execute-api'"), ({"region": "eu-west-1"}, "not 'eu-west-1'")],
)
def test_a_signature_for_elsewhere_is_refused(url: str, options: dict[str, str], words: str) -> None:
    assert words in said(send_signed("GET", url, **options))


@pytest.mark.parametrize(("hours", "words"), [(-1, "Signature expired"), (1, "Signature not yet current")])
def test_an_old_signature_is_refused(url: str, monkeypatch: pytest.MonkeyPatch, hours: int, words: str) -> None:
    import botocore.auth

    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: moment.replace(tzinfo=None))
    assert words in said(send_signed("GET", url))


def test_a_presigned_address_answers_and_a_changed_one_does_not(url: str, reader: Credentials) -> None:
    request = AWSRequest("GET", f"{url}?a=1")
    SigV4QueryAuth(reader, "execute-api", "us-east-1", expires=60).add_auth(request)
    assert send("GET", request.url).document["queryStringParameters"]["a"] == "1"
    assert "does not match" in said(send("GET", request.url.replace("a=1", "a=2")))


def test_another_kind_of_authorizer_lets_nobody_in(address: Address) -> None:
    assert send("PUT", address("PlainApi", "first", "/orders/1")).status == 500


def test_a_method_without_authorization_asks_for_none(address: Address) -> None:
    assert send("POST", address("SignedApi", "live", "/open"), "x", {"Content-Type": "text/plain"}).status == 200


def test_each_request_is_in_the_access_log(rest_cloud: LocalCloud, url: str) -> None:
    send_signed("GET", url, credentials=OWNER)
    send("GET", url)

    def lines() -> Any:
        found = [json.loads(line) for line in rest_cloud.log("/trial/signed-api")]
        return {(line["status"], line["who"], line["error"], line["path"]) for line in found}

    wanted = {
        ("200", "arn:aws:iam::123456789012:root", "-", "/things/{thing}"),
        ("403", "-", "MISSING_AUTHENTICATION_TOKEN", "/things/{thing}"),
    }
    assert wait_until(lambda: wanted <= lines())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/open", 200), ("GET", "/secret", 403), ("GET", "/abroad", 403), ("PUT", "/open", 403)],
)
def test_an_api_s_own_policy_decides_for_everybody(address: Address, method: str, path: str, status: int) -> None:
    answer = send(method, address("GuardedApi", "live", path))
    assert answer.status == status
    if status == 403:
        assert "User: anonymous is not authorized" in answer.document["message"]
        assert ("explicit deny" in answer.document["message"]) == (method == "GET")


def test_an_api_s_own_policy_may_allow_what_a_role_s_does_not(address: Address, reader: Credentials) -> None:
    url = address("GuardedApi", "live", "/signed")
    assert send("GET", url).status == 403
    assert send_signed("GET", url, credentials=reader).status == 200


def test_a_slash_at_the_end_gets_nobody_past_a_deny(address: Address) -> None:
    assert send("GET", address("GuardedApi", "live", "/open/")).status == 200
    for path in ("/secret", "/secret/", "/secret//"):
        assert send("GET", address("GuardedApi", "live", path)).status == 403


@pytest.mark.parametrize(
    ("moment", "signature"),
    [("99991231T235959Z", "0"), ("00010101T000000Z", "0"), (None, "\xe9"), (None, "")],
)
def test_a_signature_is_refused_whatever_it_is_made_of(moment: str | None, signature: str) -> None:
    now = datetime.datetime.now(datetime.UTC)
    date = moment or now.strftime("%Y%m%dT%H%M%SZ")
    credential = f"AKIA/{date[:8]}/us-east-1/execute-api/aws4_request"
    header = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature={signature}"
    request = SignedRequest("GET", "/", "", [("host", "h"), ("x-amz-date", date), ("authorization", header)], b"")
    with pytest.raises(GatewayError) as refused:
        authenticate(request, lambda _: SIGNED, now)
    assert refused.value.status == 403


PARTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
SIGNED = Key(Caller("AKIA", "1", "arn", "id"), "secret")


@given(
    path=st.lists(PARTS, max_size=4),
    query=st.lists(st.tuples(PARTS, PARTS), max_size=4),
    header=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    body=st.binary(max_size=50),
    presigned=st.booleans(),
)
def test_whatever_botocore_signs_is_recognized(
    path: list[str], query: list[tuple[str, str]], header: str, body: bytes, presigned: bool
) -> None:
    url = f"http://127.0.0.1:4599/{'/'.join(quote(part, safe='') for part in path)}?{urlencode(query, quote_via=quote)}"
    if presigned:
        body = b""  # botocore moves a body into a presigned address's query
    request = AWSRequest("POST", url.rstrip("?"), data=body, headers={"X-Mine": header})
    signer = SigV4QueryAuth if presigned else SigV4Auth
    signer(Credentials("AKIA", "secret"), "execute-api", "us-east-1").add_auth(request)
    parts = urlsplit(request.url)
    headers = [(name.lower(), value) for name, value in request.headers.items()]
    given_request = SignedRequest("POST", parts.path, parts.query, [*headers, ("host", "127.0.0.1:4599")], body)
    assert authenticate(given_request, lambda _: SIGNED, datetime.datetime.now(datetime.UTC)) == SIGNED.caller


@given(header=st.text(max_size=80), date=st.text(max_size=20), query=st.text(max_size=60))
def test_no_authorization_that_is_none_is_more_than_refused(header: str, date: str, query: str) -> None:
    headers = [("authorization", f"AWS4-HMAC-SHA256 {header}"), ("x-amz-date", date), ("host", "h")]
    for given_headers in (headers, headers[1:]):
        request = SignedRequest("GET", "/", f"X-Amz-Signature=1&X-Amz-Credential={query}&{query}", given_headers, b"")
        with pytest.raises(GatewayError) as refused:
            authenticate(request, lambda _: SIGNED, datetime.datetime.now(datetime.UTC))
        assert refused.value.status == 403
