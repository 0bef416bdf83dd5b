"""What a failed state says of itself, in words."""

from __future__ import annotations

import json

MAX_REASON = 2000


def readable_cause(cause: str) -> str:
    """Find the reason in a failed task's cause.

    It is JSON when a function raised (``errorMessage``) or a SageMaker job failed (the description,
    with ``FailureReason``), and else plain text.

    Returns
    -------
    str
        At most 2,000 characters, and dots in place of the rest.
    """
    try:
        document = json.loads(cause)
    except ValueError:
        document = None
    if isinstance(document, dict):
        cause = next((str(document[key]) for key in ("errorMessage", "FailureReason") if document.get(key)), cause)
    return cause if len(cause) <= MAX_REASON else f"{cause[:MAX_REASON]} ..."
