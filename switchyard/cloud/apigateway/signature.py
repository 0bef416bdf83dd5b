"""Checks AWS Signature Version 4 on requests to methods with IAM authorization.

Source: "Create a signed AWS API request", "Troubleshoot signed AWS API requests" (AWS IAM User Guide).
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from switchyard.cloud.account import REGION
from switchyard.cloud.apigateway.errors import GatewayError

SERVICE = "execute-api"
_ALGORITHM = "AWS4-HMAC-SHA256"
_CLOCK_SKEW = datetime.timedelta(minutes=5)
_LONGEST_PRESIGNED = datetime.timedelta(days=7)
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_UNRESERVED = "-_.~"


@dataclass(frozen=True)
class Caller:
    """Who has signed a request.

    Parameters
    ----------
    arn : str
        Of the user or the role's session.
    role_arn : str
        The role's, when it is one's session; empty otherwise.
    is_owner : bool
        Whether it is the account's owner, who may do everything.
    """

    access_key_id: str
    account: str
    arn: str
    user_id: str
    role_arn: str = ""
    is_owner: bool = False


@dataclass(frozen=True)
class Key:
    """An access key of this cloud.

    Parameters
    ----------
    secret : str or None
        None when nobody knows it, so that a signature cannot be checked.
    token : str
        The session token that belongs to it, or nothing.
    """

    caller: Caller
    secret: str | None = None
    token: str = ""
    expires: datetime.datetime | None = None


FindKey = Callable[[str], Key | None]


@dataclass(frozen=True)
class SignedRequest:
    """What of a request takes part in its signature.

    Parameters
    ----------
    path : str
        As it was sent.
    query : str
        As it was sent, without the question mark.
    headers : sequence of tuple
        Names in lower case.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's values, joined as they are signed."""
        return ",".join(value for given, value in self.headers if given == name)


@dataclass(frozen=True)
class _Claim:
    """What a request says of its signature."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: list[str]
    signature: str
    time: str
    token: str
    query: str
    lifetime: datetime.timedelta


def authenticate(request: SignedRequest, find_key: FindKey, now: datetime.datetime) -> Caller:
    """Find out who has signed a request.

    Raises
    ------
    GatewayError
        Nobody has, or not as AWS demands it; or the signature is old, or wrong.
    """
    claim = _claim(request)
    _check_scope(claim, now)
    key = find_key(claim.access_key_id)
    if key is None or (key.token and key.token != claim.token):
        raise _refused("ACCESS_DENIED", "The security token included in the request is invalid.", "UnrecognizedClient")
    if key.expires is not None and now > key.expires:
        raise _refused("EXPIRED_TOKEN", "The security token included in the request is expired", "ExpiredToken")
    if key.secret is not None and not _is_signed(request, claim, key.secret):
        raise _refused(
            "INVALID_SIGNATURE",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
            "InvalidSignature",
        )
    return key.caller


def _claim(request: SignedRequest) -> _Claim:
    header = request.header("authorization")
    query = dict(_pairs(request.query))
    if header:
        return _claim_of_header(request, header)
    if "X-Amz-Signature" in query:
        return _claim_of_query(query, request.query)
    raise _refused("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token", "MissingAuthenticationToken")


def _claim_of_header(request: SignedRequest, header: str) -> _Claim:
    digest = base64.b64encode(hashlib.sha256(header.encode()).digest()).decode()
    hashed = f"(Hashed with SHA-256 and encoded with Base64) Authorization={digest}"
    algorithm, _, rest = header.partition(" ")
    if algorithm != _ALGORITHM:
        raise _incomplete(f"Authorization header requires the algorithm {_ALGORITHM}. {hashed}")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    time = request.header("x-amz-date")
    lacking = [name for name in ("Credential", "Signature", "SignedHeaders") if not fields.get(name)]
    problems = [f"Authorization header requires '{name}' parameter." for name in lacking]
    if not time:
        problems.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if problems:
        raise _incomplete(f"{' '.join(problems)} {hashed}")
    token = request.header("x-amz-security-token")
    return _make(fields, time, token, request.query, _CLOCK_SKEW)


def _claim_of_query(query: dict[str, str], raw: str) -> _Claim:
    lacking = [
        name
        for name in ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires")
        if not query.get(name)
    ]
    if lacking:
        raise _incomplete(f"AWS query-string parameters must include '{lacking[0]}'.")
    unsigned = "&".join(part for part in raw.split("&") if not part.startswith("X-Amz-Signature="))
    fields = {name: query.get(f"X-Amz-{name}", "") for name in ("Credential", "Signature", "SignedHeaders")}
    if not query["X-Amz-Expires"].isdecimal():
        raise _incomplete("X-Amz-Expires should be a number")
    lifetime = min(datetime.timedelta(seconds=int(query["X-Amz-Expires"][:9])), _LONGEST_PRESIGNED)
    return _make(fields, query["X-Amz-Date"], query.get("X-Amz-Security-Token", ""), unsigned, lifetime)


def _make(fields: dict[str, str], time: str, token: str, query: str, lifetime: datetime.timedelta) -> _Claim:
    scope = fields["Credential"].split("/")
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise _incomplete("Credential must have five slash-delimited elements, and end in 'aws4_request'.")
    signed = fields["SignedHeaders"].lower().split(";")
    if "host" not in signed:
        raise _refused(
            "INVALID_SIGNATURE", "'Host' must be a 'SignedHeader' in the AWS Authorization.", "InvalidSignature"
        )
    key, date, region, service, _ = scope
    return _Claim(key, date, region, service, signed, fields["Signature"], time, token, query, lifetime)


def _check_scope(claim: _Claim, now: datetime.datetime) -> None:
    try:
        signed_at = datetime.datetime.strptime(claim.time, _TIME_FORMAT).replace(tzinfo=datetime.UTC)
    except ValueError:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{claim.time[:40]}'.") from None
    if claim.region != REGION:
        problem = f"Credential should be scoped to a valid region, not '{claim.region}'."
    elif claim.service != SERVICE:
        problem = f"Credential should be scoped to correct service: '{SERVICE}'."
    elif claim.date != claim.time[:8]:
        problem = f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: '{claim.time}'."
    elif signed_at < now - claim.lifetime:  # the other way round, the year 9999 would be exceeded
        oldest = (now - claim.lifetime).strftime(_TIME_FORMAT)
        problem = (
            f"Signature expired: {claim.time} is now earlier than {oldest} ({now.strftime(_TIME_FORMAT)} - 5 min.)"
        )
    elif signed_at > now + _CLOCK_SKEW:
        latest = (now + _CLOCK_SKEW).strftime(_TIME_FORMAT)
        problem = f"Signature not yet current: {claim.time} is still later than {latest}"
    else:
        return
    raise _refused("INVALID_SIGNATURE", problem, "InvalidSignature")


def _is_signed(request: SignedRequest, claim: _Claim, secret: str) -> bool:
    # As bytes: texts are only compared in constant time when they are ASCII, and anybody may send others.
    return hmac.compare_digest(_signature(request, claim, secret).encode(), claim.signature.encode())


def _signature(request: SignedRequest, claim: _Claim, secret: str) -> str:
    lines = [f"{name}:{_trimmed(request.header(name))}\n" for name in claim.signed_headers]
    payload = request.header("x-amz-content-sha256") if "x-amz-content-sha256" in claim.signed_headers else ""
    if payload != "UNSIGNED-PAYLOAD":
        payload = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join(
        [
            request.method,
            quote(_normalized(request.path), safe=f"/{_UNRESERVED}"),
            _canonical_query(claim.query),
            "".join(lines),
            ";".join(claim.signed_headers),
            payload,
        ]
    )
    scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{_ALGORITHM}\n{claim.time}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (claim.date, claim.region, claim.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def _normalized(path: str) -> str:
    """Return a path without what leads nowhere: empty segments, ``.`` and ``..``."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    ending = "/" if kept and not segments[-1] else ""
    return f"/{'/'.join(kept)}{ending}"


def _canonical_query(query: str) -> str:
    pairs = sorted((quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in _pairs(query))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _pairs(query: str) -> list[tuple[str, str]]:
    # Not `parse_qsl`, which takes a plus for a space: AWS does not.
    parts = [part.partition("=") for part in query.split("&") if part]
    return [(unquote(name), unquote(value)) for name, _, value in parts]


def _trimmed(value: str) -> str:
    return re.sub(r" +", " ", value.strip())


def _incomplete(message: str) -> GatewayError:
    return _refused("INVALID_SIGNATURE", message, "IncompleteSignature")


def _refused(response_type: str, message: str, error: str) -> GatewayError:
    return GatewayError(response_type, message, f"{error}Exception")
