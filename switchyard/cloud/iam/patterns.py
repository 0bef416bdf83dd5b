"""Wildcards and variables in policies.

Source: IAM JSON policy elements: Resource; Policy variables (AWS IAM User Guide).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULT = re.compile(r"(.*?)\s*,\s*'(.*)'\s*", re.DOTALL)
# What ${*}, ${?} and ${$} stand for until the pattern is read; no ARN and no value has these characters.
_LITERALS = {"*": "\ue000", "?": "\ue001", "$": "$"}
_LITERAL_CHARACTERS = {"\ue000": r"\*", "\ue001": r"\?"}


class UnknownVariableError(LookupError):
    """A policy's variable that the request gives no value, and that has no default: nothing matches it."""


def fill(text: str, context: Mapping[str, str | Sequence[str]]) -> str:
    """Put the request's values in the place of variables such as ``${aws:username, 'nobody'}``.

    Raises
    ------
    UnknownVariableError
        If a variable has neither a value nor a default.
    """
    return _VARIABLE.sub(lambda found: _value(found.group(1), context), text) if "${" in text else text


def _value(variable: str, context: Mapping[str, str | Sequence[str]]) -> str:
    if variable in _LITERALS:
        return _LITERALS[variable]
    with_default = _DEFAULT.fullmatch(variable)
    name, default = with_default.groups() if with_default else (variable, None)
    value = context.get(name.strip().lower(), default)
    if not isinstance(value, str):
        raise UnknownVariableError(f"no value for ${{{variable}}}")
    # A wildcard in a value of the request is that character, not a wildcard.
    return value.replace("*", _LITERALS["*"]).replace("?", _LITERALS["?"])


@lru_cache(maxsize=4096)
def wildcard(pattern: str) -> re.Pattern[str]:
    """Return the regular expression for a text with ``*`` and ``?``."""
    special = {"*": ".*", "?": ".", **_LITERAL_CHARACTERS}
    return re.compile("".join(special.get(character) or re.escape(character) for character in pattern), re.DOTALL)


def like(pattern: str, text: str) -> bool:
    """Return whether `text` is what the wildcards of `pattern` allow."""
    return wildcard(pattern).fullmatch(text) is not None


def arn_like(pattern: str, arn: str) -> bool:
    """Return whether each of an ARN's six parts is what that part of `pattern` allows."""
    wanted, given = pattern.split(":", 5), arn.split(":", 5)
    if len(wanted) != len(given):
        return pattern == "*"
    return all(map(like, wanted, given))
