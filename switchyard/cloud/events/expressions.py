"""Schedule expressions: ``rate(...)``, ``cron(...)`` and ``at(...)``, and when they fall due.

Source: "Schedule types in EventBridge Scheduler" (EventBridge Scheduler User Guide); "Cron expressions reference"
(Amazon EventBridge User Guide).
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_SATURDAY = 7


class InvalidExpressionError(ValueError):
    """When an expression is none that EventBridge takes."""


class Expression(Protocol):
    """When something is due."""

    def next_after(self, moment: datetime.datetime, anchor: datetime.datetime) -> datetime.datetime | None:
        """Return the first time after a moment, or None if there is none any more.

        Parameters
        ----------
        anchor : datetime
            From when the periods of a rate are counted.
        """


def parse(text: str, timezone: str = "UTC") -> Expression:
    """Read an expression.

    Raises
    ------
    InvalidExpressionError
        It is none; the message says which part.
    """
    zone = _zone(timezone)
    match = re.fullmatch(r"(rate|cron|at)\((.*)\)", text.strip())
    if match is None:
        raise InvalidExpressionError(f"Invalid Schedule Expression {text}: it is none of rate(), cron() and at().")
    kind, inner = match.groups()
    try:
        if kind == "rate":
            return _rate(inner)
        return _at(inner, zone) if kind == "at" else Cron(inner, zone)
    except ValueError as error:
        raise InvalidExpressionError(f"Invalid Schedule Expression {text}: {error}.") from None


def _zone(name: str) -> datetime.tzinfo:
    if name == "UTC":
        return datetime.UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidExpressionError(f"Invalid Time Zone {name}: it is none of the IANA database.") from None


@dataclass(frozen=True)
class Rate:
    """Every so many seconds."""

    seconds: int

    def next_after(self, moment: datetime.datetime, anchor: datetime.datetime) -> datetime.datetime | None:
        """See `Expression`."""
        if moment < anchor:
            return anchor
        periods = (moment - anchor) // datetime.timedelta(seconds=self.seconds) + 1
        return anchor + periods * datetime.timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class At:
    """Once."""

    moment: datetime.datetime

    def next_after(self, moment: datetime.datetime, anchor: datetime.datetime) -> datetime.datetime | None:  # noqa: ARG002
        """See `Expression`."""
        return self.moment if moment < self.moment else None


def _rate(inner: str) -> Rate:
    match = re.fullmatch(r"\s*(\d+)\s+(minute|hour|day)s?\s*", inner)
    if match is None or int(match.group(1)) == 0:
        raise ValueError("a rate is a positive number and minutes, hours or days")
    return Rate(int(match.group(1)) * _UNITS[match.group(2)])


def _at(inner: str, zone: datetime.tzinfo) -> At:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", inner.strip()):
        raise ValueError("a time is yyyy-mm-ddThh:mm:ss")
    local = datetime.datetime.fromisoformat(inner.strip()).replace(tzinfo=zone)
    return At(local.astimezone(datetime.UTC))


class Cron:
    """By the calendar of a time zone.

    A time that daylight saving leaves out is left out; one that comes twice is due the first time.

    Parameters
    ----------
    text : str
        Minutes, hours, day of month, month, day of week, year.
    """

    def __init__(self, text: str, zone: datetime.tzinfo) -> None:
        fields = text.split()
        if len(fields) != 6:
            raise ValueError(f"a cron expression has six fields, not {len(fields)}")
        minutes, hours, days, months, weekdays, years = (field.upper() for field in fields)
        if (days == "?") == (weekdays == "?"):
            raise ValueError("one of the day of month and the day of week is ?, the other is not")
        self._zone = zone
        self._minutes = sorted(_values(minutes, 0, 59, {}))
        self._hours = sorted(_values(hours, 0, 23, {}))
        self._months = sorted(_values(months, 1, 12, _MONTHS))
        self._years = sorted(_values(years, _FIRST_YEAR, _LAST_YEAR, {}))
        self._rule = _day_of_month(days) if weekdays == "?" else _day_of_week(weekdays)

    def next_after(self, moment: datetime.datetime, anchor: datetime.datetime) -> datetime.datetime | None:  # noqa: ARG002
        """See `Expression`."""
        first = moment.astimezone(self._zone).date()
        for day in self._days_from(first):
            for hour in self._hours:
                for minute in self._minutes:
                    local = datetime.datetime.combine(day, datetime.time(hour, minute), tzinfo=self._zone)
                    due = local.astimezone(datetime.UTC)
                    exists = due.astimezone(self._zone).replace(tzinfo=None) == local.replace(tzinfo=None)
                    if exists and due > moment:
                        return due
        return None

    def _days_from(self, first: datetime.date) -> Iterator[datetime.date]:
        for year in self._years:
            if year < first.year:
                continue
            for month in self._months:
                if (year, month) < (first.year, first.month):
                    continue
                for day in sorted(self._rule.days(year, month)):
                    date = datetime.date(year, month, day)
                    if date >= first:
                        yield date


class _Days(Protocol):
    def days(self, year: int, month: int) -> set[int]: ...


@dataclass(frozen=True)
class _DaysOfMonth:
    plain: frozenset[int]
    nearest_weekdays: frozenset[int]
    last: bool

    def days(self, year: int, month: int) -> set[int]:
        length = calendar.monthrange(year, month)[1]
        found = {day for day in self.plain if day <= length}
        found |= {_nearest_weekday(year, month, day, length) for day in self.nearest_weekdays if day <= length}
        return found | {length} if self.last else found


@dataclass(frozen=True)
class _DaysOfWeek:
    plain: frozenset[int]
    last: frozenset[int]
    numbered: frozenset[tuple[int, int]]

    def days(self, year: int, month: int) -> set[int]:
        length = calendar.monthrange(year, month)[1]
        found = set()
        for day in range(1, length + 1):
            weekday = datetime.date(year, month, day).isoweekday() % 7 + 1
            is_last = weekday in self.last and day + 7 > length
            if weekday in self.plain or is_last or (weekday, (day - 1) // 7 + 1) in self.numbered:
                found.add(day)
        return found


def _nearest_weekday(year: int, month: int, day: int, length: int) -> int:
    weekday = datetime.date(year, month, day).isoweekday()
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 7:
        return day + 1 if day < length else day - 2
    return day


def _day_of_month(field: str) -> _Days:
    plain: set[int] = set()
    nearest: set[int] = set()
    last = False
    for part in field.split(","):
        if part == "L":
            last = True
        elif match := re.fullmatch(r"(\d+)W", part):
            nearest |= _values(match.group(1), 1, 31, {})
        else:
            plain |= _values(part, 1, 31, {})
    return _DaysOfMonth(frozenset(plain), frozenset(nearest), last)


def _day_of_week(field: str) -> _Days:
    plain: set[int] = set()
    last: set[int] = set()
    numbered: set[tuple[int, int]] = set()
    for part in field.split(","):
        if part == "L":
            plain.add(_SATURDAY)
        elif match := re.fullmatch(r"(\w+)L", part):
            last |= _values(match.group(1), 1, 7, _DAYS)
        elif match := re.fullmatch(r"(\w+)#([1-5])", part):
            numbered |= {(day, int(match.group(2))) for day in _values(match.group(1), 1, 7, _DAYS)}
        else:
            plain |= _values(part, 1, 7, _DAYS)
    return _DaysOfWeek(frozenset(plain), frozenset(last), frozenset(numbered))


def _values(field: str, least: int, most: int, names: dict[str, int]) -> set[int]:
    """Read a list of values, ranges and steps."""
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
        if match is None:
            raise ValueError(f"'{part}' is no value, range or step")
        every, low, high, step = match.groups()
        start = least if every else _value(low, least, most, names)
        end = most if every or (step and not high) else _value(high or low, least, most, names)
        if start > end:
            raise ValueError(f"'{part}' begins after its end")
        if step is not None and int(step) == 0:
            raise ValueError(f"'{part}' has a step of 0")
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _value(text: str, least: int, most: int, names: dict[str, int]) -> int:
    value = names.get(text, int(text) if text.isdecimal() else None)
    if value is None or not least <= value <= most:
        raise ValueError(f"'{text}' is not within {least} to {most}")
    return value
