"""Answers with its event, or as the request's header `x-answer` says."""

from __future__ import annotations

import json
import time
from typing import Any


def handler(event: dict[str, Any], _context: Any) -> Any:
    headers = {name.lower(): value for name, value in (event["headers"] or {}).items()}
    wanted = headers.get("x-answer")
    if wanted == "raise":
        raise ValueError("the function's own affair")
    if wanted == "sleep":
        time.sleep(5)
    if wanted is not None and wanted != "sleep":
        return json.loads(wanted)
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}
