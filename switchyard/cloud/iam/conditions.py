"""The Condition element of a policy's statement: operators, keys that are missing, sets of values.

Source: IAM JSON policy elements: Condition operators; Single-valued vs. multivalued context keys (AWS IAM User Guide).
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from switchyard.cloud.iam.patterns import UnknownVariableError, arn_like, fill, like

Context = Mapping[str, "str | Sequence[str]"]
Test = Callable[[str, str], bool]


def _number(compare: Callable[[float, float], bool]) -> Test:
    return lambda wanted, given: compare(float(given), float(wanted))


def _date(compare: Callable[[float, float], bool]) -> Test:
    return lambda wanted, given: compare(_seconds(given), _seconds(wanted))


def _seconds(text: str) -> float:
    """Read a date: seconds since 1970, or ISO 8601 where no zone means UTC."""
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _in_network(wanted: str, given: str) -> bool:
    return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)


def _same_bytes(wanted: str, given: str) -> bool:
    return base64.b64decode(wanted, validate=True) == base64.b64decode(given, validate=True)


# Each tests one value of the request against one of the policy. The negated ones below hold where these do not.
_TESTS: dict[str, Test] = {
    "stringequals": lambda wanted, given: wanted == given,
    "stringequalsignorecase": lambda wanted, given: wanted.lower() == given.lower(),
    "stringlike": like,
    "numericequals": _number(lambda given, wanted: given == wanted),
    "numericlessthan": _number(lambda given, wanted: given < wanted),
    "numericlessthanequals": _number(lambda given, wanted: given <= wanted),
    "numericgreaterthan": _number(lambda given, wanted: given > wanted),
    "numericgreaterthanequals": _number(lambda given, wanted: given >= wanted),
    "dateequals": _date(lambda given, wanted: given == wanted),
    "datelessthan": _date(lambda given, wanted: given < wanted),
    "datelessthanequals": _date(lambda given, wanted: given <= wanted),
    "dategreaterthan": _date(lambda given, wanted: given > wanted),
    "dategreaterthanequals": _date(lambda given, wanted: given >= wanted),
    "bool": lambda wanted, given: wanted.lower() == given.lower(),
    "binaryequals": _same_bytes,
    "ipaddress": _in_network,
    "arnequals": arn_like,
    "arnlike": arn_like,
}
_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
    "arnnotequals": "arnlike",
    "arnnotlike": "arnlike",
}
_SET = re.compile(r"(forallvalues|foranyvalue):", re.IGNORECASE)


class Condition:
    """One operator, one key and its values.

    Parameters
    ----------
    operator : str
        As the policy spells it, such as ``ForAnyValue:StringLikeIfExists``.
    key : str
        The condition key, such as ``iam:PassedToService``; case does not matter.
    values : object
        One value or a list of them.

    Raises
    ------
    ValueError
        If there is no such operator.
    """

    def __init__(self, operator: str, key: str, values: Any) -> None:
        self.operator, self.key = operator, key
        self._values = [_text(value) for value in (values if isinstance(values, list) else [values])]
        name = operator.lower()
        found = _SET.match(name)
        self._set = found.group(1) if found else ""
        name = name[found.end() :] if found else name
        self._is_null = name == "null"
        self._if_exists = name.endswith("ifexists")
        name = name.removesuffix("ifexists")
        self._negated = name in _NEGATED
        name = _NEGATED.get(name, name)
        if not self._is_null and name not in _TESTS:
            raise ValueError(f"IAM has no condition operator {operator!r}")
        self._test = _TESTS.get(name, like)

    def holds(self, context: Context) -> bool:
        """Return whether a request with these keys, in lower case, meets the condition."""
        given = context.get(self.key.lower())
        values = [given] if isinstance(given, str) else list(given or ())
        if self._is_null:
            return any((wanted.lower() == "true") == (not values) for wanted in self._values)
        if not values:
            return self._if_exists or self._set == "forallvalues" or (self._negated and self._set != "foranyvalue")
        met = (self._one_holds(value, context) for value in values)
        # Without a set operator, a key of several values must be different from all that a negated test names.
        every = self._set == "forallvalues" or (not self._set and self._negated)
        return all(met) if every else any(met)

    def _one_holds(self, given: str, context: Context) -> bool:
        return self._negated != any(self._matches(wanted, given, context) for wanted in self._values)

    def _matches(self, wanted: str, given: str, context: Context) -> bool:
        try:
            return self._test(fill(wanted, context), given)
        except (UnknownVariableError, ValueError):
            return False  # not a number, a date, an address: it equals none


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
