"""Reads state machines' definitions, whatever they are."""

from __future__ import annotations

import json
from typing import Any


def read_definition(text: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """Read a definition in Amazon States Language.

    Returns
    -------
    tuple
        The definition, or else why it is none.
    """
    if not text:
        return None, "there is no definition"
    try:
        definition = json.loads(text)
    except (ValueError, RecursionError) as error:
        return None, f"the definition is not JSON: {error}"
    if not isinstance(definition, dict) or not isinstance(definition.get("States"), dict):
        return None, "the definition has no States"
    return definition, None
