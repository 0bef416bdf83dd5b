"""Addresses of REST APIs, which on AWS are host names of their own and here are paths of the one port."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_HOST = re.compile(r"(?P<api>[a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")


def api_address(url: str, endpoint_url: str | None) -> str:
    """Give the address under which a REST API answers.

    Parameters
    ----------
    url
        Its address on AWS, as the stack's output has it.
    endpoint_url
        Of the local cloud; None for AWS itself.

    Examples
    --------
    >>> api_address("https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/v1", "http://127.0.0.1:4599")
    'http://127.0.0.1:4599/_aws/execute-api/a1b2c3d4e5/v1'
    """
    parts = urlsplit(url)
    match = _HOST.fullmatch(parts.hostname or "")
    if endpoint_url is None or match is None:
        return url
    return f"{endpoint_url.rstrip('/')}/_aws/execute-api/{match['api']}{parts.path}"
