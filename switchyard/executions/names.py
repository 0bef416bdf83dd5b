"""The names of executions: new ones, and whether Step Functions takes one."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

from switchyard.errors import UsageError


def new_name(recipe: str) -> str:
    """Make the name of a new execution: what, when, and a few letters so that no two are the same.

    Examples
    --------
    >>> new_name("diabetes")
    'diabetes-20260412-093011-3fa9'
    """
    return f"{recipe}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def check_name(name: str | None) -> str | None:
    """Refuse a name that Step Functions refuses.

    Raises
    ------
    UsageError
        When it is not 1 to 80 letters, digits, '-' and '_'.
    """
    if name is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
        raise UsageError(f"--name {name!r} cannot be an execution's name: use 1 to 80 letters, digits, '-' and '_'")
    return name
