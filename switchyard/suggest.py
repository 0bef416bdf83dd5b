"""Nearest names, for messages about a name that does not exist."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def suggest(name: str, known: Iterable[str], *, limit: int = 12) -> str:
    """Tell which known name was probably meant, or else which ones there are.

    Examples
    --------
    >>> suggest("diabets", ["housing", "diabetes"])
    "did you mean 'diabetes'?"
    >>> suggest("zzz", ["housing", "diabetes"])
    'known: diabetes, housing'
    """
    return _suggested(name, tuple(sorted(known)), limit)


@cache
def _suggested(name: str, names: tuple[str, ...], limit: int) -> str:
    if near := get_close_matches(name, names, n=2, cutoff=0.6):
        return f"did you mean {' or '.join(map(repr, near))}?"
    if not names:
        return "there are none"
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"known: {', '.join(names[:limit])}{more}"
