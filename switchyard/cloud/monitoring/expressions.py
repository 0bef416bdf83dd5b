"""Metric math: numbers, other queries' ids, operators and the plain functions.

Source: "Using math expressions with CloudWatch metrics" (Amazon CloudWatch User Guide). SEARCH, metrics queries
(``SELECT``), anomaly detection and the functions not in `FUNCTIONS` are refused by their names.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.monitoring.errors import MonitoringError

# One value a period, the oldest first; None where there is no data.
Points = list[float | None]
Value = float | Points
# A list of time series, as METRICS() and [m1, m2] give it.
Values = Value | list[Points]

FUNCTIONS = ("ABS", "AVG", "CEIL", "FILL", "FLOOR", "IF", "MAX", "METRICS", "MIN", "SUM")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_]\w*)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<operator>&&|\|\||==|!=|<=|>=|[-+*/^<>(),\[\]]))"
)
_PRECEDENCE = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6}
_POWER = 8
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "&&": lambda left, right: bool(left) and bool(right),
    "||": lambda left, right: bool(left) or bool(right),
}


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


def _raise(left: float, right: float) -> float | None:
    try:
        result = left**right
    except (OverflowError, ZeroDivisionError):
        return None
    return result if isinstance(result, float) and math.isfinite(result) else None


_ARITHMETIC: dict[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "^": _raise,
}


@dataclass(frozen=True)
class Expression:
    """One expression.

    Parameters
    ----------
    names : frozenset of str
        The ids that it refers to.
    """

    text: str
    names: frozenset[str]
    _tree: Any

    def evaluate(self, known: Mapping[str, Points], length: int) -> Points:
        """Compute its points from those of the ids.

        Parameters
        ----------
        known : mapping
            The points of every id; METRICS() is all of them.
        length : int
            How many points there are.
        """
        result = _Evaluation(known, length).of(self._tree)
        if isinstance(result, int | float):
            return [float(result)] * length
        if result and isinstance(result[0], list):
            raise MonitoringError(f"{self.text}: the expression must give a single time series")
        points: Points = result
        return points


def parse(text: str) -> Expression:
    """Parse an expression.

    Raises
    ------
    MonitoringError
        It is none, or needs a function that is not computed here; the message names it.
    """
    if re.match(r"\s*SELECT\b", text, re.IGNORECASE):
        raise MonitoringError(f"{text}: Metrics Insights queries are not evaluated by the local cloud")
    parser = _Parser(text)
    try:
        tree = parser.parse()
    except RecursionError:
        raise MonitoringError("Error in expression: it is nested too deeply") from None
    return Expression(text, frozenset(parser.names), tree)


class _Parser:
    """Precedence climbing over the tokens; a tree is nested tuples that begin with what they are."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        self.names: set[str] = set()
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._problem(f"'{text[at:].strip()[0]}' is not understood")
            kind = str(match.lastgroup)
            self._tokens.append((kind, match.group(kind)))
            at = match.end()
        self._tokens.append(("end", ""))

    def parse(self) -> Any:
        tree = self._binary(1)
        if self._tokens[0][0] != "end":
            raise self._problem(f"'{self._tokens[0][1]}' is one too many")
        return tree

    def _problem(self, what: str) -> MonitoringError:
        return MonitoringError(f"Error in expression '{self._text}': {what}")

    def _take(self, wanted: str | None = None) -> tuple[str, str]:
        token = self._tokens.pop(0)
        if wanted is not None and token[1] != wanted:
            raise self._problem(f"'{wanted}' is missing" + (f" before '{token[1]}'" if token[1] else ""))
        return token

    def _binary(self, least: int) -> Any:
        left = self._unary()
        while (precedence := _PRECEDENCE.get(self._tokens[0][1], 0)) >= least:
            _, symbol = self._take()
            left = ("operator", symbol, left, self._binary(precedence + 1))
        return left

    def _unary(self) -> Any:
        if self._tokens[0][1] == "-":
            self._take()
            return ("operator", "-", ("number", 0.0), self._unary())
        base = self._atom()
        if self._tokens[0][1] == "^":
            self._take()
            return ("operator", "^", base, self._unary())
        return base

    def _atom(self) -> Any:
        kind, text = self._take()
        if kind == "number":
            if not math.isfinite(float(text)):
                raise self._problem(f"{text} is too large")
            return ("number", float(text))
        if text == "(":
            tree = self._binary(1)
            self._take(")")
            return tree
        if text == "[":
            return ("list", self._items("]"))
        if kind == "text":
            return ("text", text[1:-1])
        if kind != "name":
            raise self._problem(f"'{text}' is unexpected" if text else "it ends too early")
        if self._tokens[0][1] != "(":
            if text not in {"REPEAT", "LINEAR"}:
                self.names.add(text)
            return ("name", text)
        if text.upper() not in FUNCTIONS:
            raise self._problem(f"the local cloud does not compute {text}; it does {', '.join(FUNCTIONS)}")
        self._take("(")
        return ("call", text.upper(), self._items(")"))

    def _items(self, end: str) -> list[Any]:
        items = []
        while self._tokens[0][1] != end:
            items.append(self._binary(1))
            if self._tokens[0][1] != end:
                self._take(",")
        self._take(end)
        return items


class _Evaluation:
    def __init__(self, known: Mapping[str, Points], length: int) -> None:
        self._known = known
        self._length = length

    def of(self, tree: Any) -> Any:
        kind = tree[0]
        if kind == "number":
            return tree[1]
        if kind == "name":
            return list(self._known[tree[1]])
        if kind == "list":
            return [self._series(self.of(item)) for item in tree[1]]
        if kind == "operator":
            return self._apply(tree[1], self.of(tree[2]), self.of(tree[3]))
        if kind == "call":
            return self._call(tree[1], tree[2])
        raise MonitoringError(f"'{tree[1]}' is out of place in an expression")

    def _series(self, value: Any) -> Points:
        return value if isinstance(value, list) else [float(value)] * self._length

    def _apply(self, symbol: str, left: Any, right: Any) -> Any:
        compute = _COMPARISONS.get(symbol) or _ARITHMETIC[symbol]

        def one(first: float | None, second: float | None) -> float | None:
            if first is None or second is None:
                return None
            result = compute(first, second)
            return float(result) if result is not None and math.isfinite(result) else None

        if isinstance(left, list) or isinstance(right, list):
            pairs = zip(self._series(left), self._series(right), strict=True)
            return [one(first, second) for first, second in pairs]
        return one(left, right) or 0.0

    def _call(self, name: str, arguments: list[Any]) -> Any:
        counts = {"FILL": 2, "IF": (2, 3), "METRICS": (0, 1)}.get(name, 1)
        if len(arguments) not in (counts if isinstance(counts, tuple) else (counts,)):
            raise MonitoringError(f"{name} does not take {len(arguments)} arguments")
        if name == "METRICS":
            part = arguments[0][1] if arguments else ""
            return [list(points) for id_, points in sorted(self._known.items()) if part in id_]
        if name == "FILL":
            return self._fill(self._series(self.of(arguments[0])), arguments[1])
        values = [self.of(argument) for argument in arguments]
        if name == "IF":
            return self._choose(*values)
        if name in {"ABS", "CEIL", "FLOOR"}:
            functions: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
            compute = functions[name]
            return [None if point is None else float(compute(point)) for point in self._series(values[0])]
        return self._aggregate(name, values[0])

    def _fill(self, points: Points, filler: Any) -> Points:
        if filler == ("name", "REPEAT"):
            filled: Points = []
            for point in points:
                filled.append(point if point is not None else (filled[-1] if filled else None))
            return filled
        if filler == ("name", "LINEAR"):
            raise MonitoringError("the local cloud does not compute FILL(..., LINEAR)")
        others = self._series(self.of(filler))
        return [other if point is None else point for point, other in zip(points, others, strict=True)]

    def _choose(self, condition: Any, then: Any, otherwise: Any = None) -> Points:
        rest: Points = [None] * self._length if otherwise is None else self._series(otherwise)
        chosen: Points = []
        for test, yes, no in zip(self._series(condition), self._series(then), rest, strict=True):
            chosen.append(None if test is None else (yes if test else no))
        return chosen

    def _aggregate(self, name: str, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        if value and isinstance(value[0], list):  # of several time series: one value a period
            return [
                _total(name, [point for point in points if point is not None]) for points in zip(*value, strict=True)
            ]
        return _total(name, [point for point in value if point is not None]) or 0.0


def _total(name: str, points: Iterable[float | None]) -> float | None:
    values = [point for point in points if point is not None]
    if not values:
        return None
    return {"SUM": sum(values), "AVG": sum(values) / len(values), "MIN": min(values), "MAX": max(values)}[name]
