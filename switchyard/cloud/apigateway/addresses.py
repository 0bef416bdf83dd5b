"""Which API a request is for: told by its host name, or by its path on this port.

Apart from all else here, since each request to the port is looked at so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from switchyard.cloud.account import REGION

PREFIX = "/_aws/execute-api/"
_PATH = re.compile(rf"{PREFIX}([a-z0-9]+)/([^/?]+)(/[^?]*)?")
_HOST = re.compile(rf"([a-z0-9]+)\.execute-api\.{REGION}\.(?:[a-z0-9.-]*localhost|amazonaws\.com)(?::\d+)?")


@dataclass(frozen=True)
class Address:
    """Where a request goes.

    Parameters
    ----------
    path : str
        Behind the stage, as it was sent.
    """

    api_id: str
    stage: str
    path: str


def address(host: str, path: str) -> Address | None:
    """Return which API a request is for, by its host or its path; None when it is for none."""
    if match := _HOST.fullmatch(host):
        stage, slash, rest = path.lstrip("/").partition("/")
        return Address(match.group(1), stage, f"{slash}{rest}" or "/")
    if match := _PATH.fullmatch(path):
        return Address(match.group(1), match.group(2), match.group(3) or "/")
    return None
