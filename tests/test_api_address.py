"""The address of a REST API: AWS's own, or the local cloud's for the same API."""

from __future__ import annotations

import pytest

from switchyard.aws.api import api_address

AWS = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/v1"


@pytest.mark.parametrize(
    ("url", "endpoint", "expected"),
    [
        (AWS, None, AWS),
        (AWS, "http://127.0.0.1:4599", "http://127.0.0.1:4599/_aws/execute-api/a1b2c3d4e5/v1"),
        (AWS, "http://127.0.0.1:4599/", "http://127.0.0.1:4599/_aws/execute-api/a1b2c3d4e5/v1"),
        (f"{AWS}.cn/v1".replace("/v1.cn", ".cn"), "http://x", "http://x/_aws/execute-api/a1b2c3d4e5/v1"),
        ("https://api.example.com/v1", "http://127.0.0.1:4599", "https://api.example.com/v1"),
    ],
)
def test_an_address_leads_to_where_the_api_answers(url: str, endpoint: str | None, expected: str) -> None:
    assert api_address(url, endpoint) == expected
