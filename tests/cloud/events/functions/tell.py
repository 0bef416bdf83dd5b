"""Prints its event, and fails as the event says."""

from __future__ import annotations

import json
from typing import Any


class ToldToFailError(Exception):
    """The event wanted it."""


def handler(event: Any, context: Any) -> dict[str, Any]:
    print("told", json.dumps(event))
    if isinstance(event, dict) and event.get("fail"):
        raise ToldToFailError(context.aws_request_id)
    return {"request_id": context.aws_request_id}
