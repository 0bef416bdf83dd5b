"""When schedules fall due."""

from __future__ import annotations

import calendar
import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.events.expressions import InvalidExpressionError, parse
from switchyard.cloud.events.timetable import Plan, Timetable

UTC = datetime.UTC
BEGIN = datetime.datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(text: str, after: str, count: int, zone: str = "UTC") -> list[str]:
    """The next so many times of an expression, in the words of its zone."""
    expression, moment, found = parse(text, zone), at(after), []
    while len(found) < count:
        following = expression.next_after(moment, BEGIN)
        if following is None:
            return [*found, "never"]
        moment = following
        found.append(moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("cron(0 10 * * ? *)", "2026-03-01T10:00", ["2026-03-02 10:00", "2026-03-03 10:00"]),
        ("cron(15 12 * * ? *)", "2026-03-01T10:00", ["2026-03-01 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", "2026-03-06T18:00", ["2026-03-09 18:00"]),
        ("cron(0 8 1 * ? *)", "2026-01-31T00:00", ["2026-02-01 08:00", "2026-03-01 08:00"]),
        ("cron(0/15 * * * ? *)", "2026-03-01T10:50", ["2026-03-01 11:00", "2026-03-01 11:15"]),
        ("cron(5/20 8-9 * * ? *)", "2026-03-01T08:30", ["2026-03-01 08:45", "2026-03-01 09:05"]),
        ("cron(0 0 L * ? *)", "2026-02-01T00:00", ["2026-02-28 00:00", "2026-03-31 00:00"]),
        ("cron(0 0 L 2 ? *)", "2026-03-01T00:00", ["2027-02-28 00:00", "2028-02-29 00:00"]),
        ("cron(0 0 1W * ? *)", "2026-07-15T00:00", ["2026-08-03 00:00", "2026-09-01 00:00"]),  # 1 August: a Saturday
        ("cron(0 0 31W * ? *)", "2026-05-01T00:00", ["2026-05-29 00:00", "2026-07-31 00:00"]),  # 31 May: a Sunday
        ("cron(15 10 ? * 6L 2026-2027)", "2026-01-01T00:00", ["2026-01-30 10:15", "2026-02-27 10:15"]),
        ("cron(0 9 ? * 2#1 *)", "2026-03-03T00:00", ["2026-04-06 09:00", "2026-05-04 09:00"]),
        ("cron(0 9 ? * TUE#5 *)", "2026-01-01T00:00", ["2026-03-31 09:00", "2026-06-30 09:00"]),
        ("cron(0 9 ? * L *)", "2026-03-01T00:00", ["2026-03-07 09:00"]),
        ("cron(0 9 ? JAN,JUN SUN,4 *)", "2026-01-25T10:00", ["2026-01-28 09:00", "2026-06-03 09:00"]),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("cron(0 0 1 1 ? 2025)", "2026-01-01T00:00", ["never"]),
        ("cron(0 0 30 2 ? *)", "2026-01-01T00:00", ["never"]),
        ("rate(5 minutes)", "2026-01-01T00:00", ["2026-01-01 00:05", "2026-01-01 00:10"]),
        ("rate(1 day)", "2026-01-01T23:59", ["2026-01-02 00:00"]),
        ("at(2026-05-06T07:08:00)", "2026-01-01T00:00", ["2026-05-06 07:08", "never"]),
        ("at(2026-05-06T07:08:00)", "2026-05-06T07:08", ["never"]),
    ],
)
def test_an_expression_is_due_when_it_says(text: str, after: str, expected: list[str]) -> None:
    count = len([each for each in expected if each != "never"]) + ("never" in expected)
    assert times(text, after, count) == expected


def test_times_are_those_of_the_zone_and_daylight_saving_s_are_due_once() -> None:
    zone = "America/New_York"
    assert times("cron(30 6 * * ? *)", "2026-03-07T12:00", 2, zone) == ["2026-03-08 06:30", "2026-03-09 06:30"]
    # 2:30 does not exist on 8 March; 1:30 comes twice on 1 November.
    assert times("cron(30 2 * * ? *)", "2026-03-07T08:00", 1, zone) == ["2026-03-09 02:30"]
    assert times("cron(30 1 * * ? *)", "2026-10-31T12:00", 2, zone) == ["2026-11-01 01:30", "2026-11-02 01:30"]
    assert parse("at(2026-07-01T12:00:00)", zone).next_after(BEGIN, BEGIN) == at("2026-07-01T16:00")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "none of rate(), cron() and at()"),
        ("every day", "none of rate(), cron() and at()"),
        ("rate(0 minutes)", "a positive number"),
        ("rate(1 second)", "minutes, hours or days"),
        ("rate(1.5 hours)", "a positive number"),
        ("cron(0 10 * * ?)", "six fields, not 5"),
        ("cron(0 10 * * * *)", "one of the day of month and the day of week is ?"),
        ("cron(0 10 ? * ? *)", "one of the day of month and the day of week is ?"),
        ("cron(60 10 * * ? *)", "'60' is not within 0 to 59"),
        ("cron(0 24 * * ? *)", "'24' is not within 0 to 23"),
        ("cron(0 10 32 * ? *)", "'32' is not within 1 to 31"),
        ("cron(0 10 ? * 8 *)", "'8' is not within 1 to 7"),
        ("cron(0 10 ? * MON#6 *)", "no value, range or step"),
        ("cron(0 10 ? FOO MON *)", "'FOO' is not within 1 to 12"),
        ("cron(0 10 * * ? 1969)", "not within 1970 to 2199"),
        ("cron(9-5 10 * * ? *)", "begins after its end"),
        ("cron(*/0 10 * * ? *)", "a step of 0"),
        ("at(2026-13-01T00:00:00)", "month must be in 1..12"),
        ("at(2026-01-01)", "yyyy-mm-ddThh:mm:ss"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_reason(text: str, said: str) -> None:
    with pytest.raises(InvalidExpressionError) as refused:
        parse(text)
    assert said in str(refused.value)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(InvalidExpressionError, match="Invalid Time Zone Mars/Olympus"):
        parse("rate(1 day)", "Mars/Olympus")


def part(least: int, most: int) -> st.SearchStrategy[tuple[str, set[int]]]:
    """A cron field, and the values that it stands for."""
    value = st.integers(least, most)
    one = value.map(lambda v: (str(v), {v}))
    spans = st.tuples(value, value).map(sorted).map(lambda v: (f"{v[0]}-{v[1]}", set(range(v[0], v[1] + 1))))
    steps = st.tuples(value, st.integers(1, most)).map(lambda v: (f"{v[0]}/{v[1]}", set(range(v[0], most + 1, v[1]))))
    every = st.just(("*", set(range(least, most + 1))))
    single = one | spans | steps | every
    return st.lists(single, min_size=1, max_size=2).map(
        lambda parts: (",".join(text for text, _ in parts), set().union(*(values for _, values in parts)))
    )


@given(
    part(0, 59),
    part(0, 23),
    part(1, 31),
    part(1, 12),
    part(1, 7),
    st.booleans(),
    st.datetimes(datetime.datetime(2024, 1, 1), datetime.datetime(2030, 1, 1)),
)
def test_nothing_is_missed_and_nothing_is_due_too_often(
    minutes, hours, days, months, weekdays, by_week, moment
) -> None:
    after = moment.replace(tzinfo=UTC)
    day_fields = ("?", weekdays[0]) if by_week else (days[0], "?")
    text = f"cron({minutes[0]} {hours[0]} {day_fields[0]} {months[0]} {day_fields[1]} *)"
    found = parse(text).next_after(after, BEGIN)

    def wanted(day: datetime.date) -> bool:
        right_day = day.isoweekday() % 7 + 1 in weekdays[1] if by_week else day.day in days[1]
        return day.month in months[1] and right_day

    if found is None:
        possible = any(
            month in months[1] and day <= calendar.monthrange(2028, month)[1]
            for month in range(1, 13)
            for day in days[1]
        )
        assert not by_week
        assert not possible
        return
    assert found > after
    assert wanted(found.date())
    assert (found.hour in hours[1], found.minute in minutes[1]) == (True, True)
    between = (found.date() - after.date()).days
    skipped = [after.date() + datetime.timedelta(days=number) for number in range(1, min(between, 4000))]
    assert not any(wanted(day) for day in skipped)
    times_of_day = sorted(datetime.time(hour, minute) for hour in hours[1] for minute in minutes[1])
    first = [time for time in times_of_day if between or time > after.time()]
    assert found.time() == first[0]
    if between and wanted(after.date()):
        assert times_of_day[-1] <= after.time()


def plan(text: str, **options) -> Plan:
    return Plan(parse(text), text, options.pop("anchor", BEGIN), options.pop("begin", BEGIN), **options)


def test_a_timetable_gives_what_is_due_once_and_in_order() -> None:
    table = Timetable()
    table.update(
        {"a": plan("rate(2 minutes)"), "b": plan("rate(3 minutes)"), "once": plan("at(2026-01-01T00:01:00)")}, BEGIN
    )
    assert table.next_due() == BEGIN
    assert table.take(BEGIN) == [("a", BEGIN), ("b", BEGIN)]
    assert table.take(BEGIN) == []
    assert table.take(at("2026-01-01T00:02")) == [("once", at("2026-01-01T00:01")), ("a", at("2026-01-01T00:02"))]
    assert table.is_complete("once")
    assert table.next_due() == at("2026-01-01T00:03")


def test_what_was_due_several_times_while_the_machine_slept_is_due_once() -> None:
    table = Timetable()
    table.update({"a": plan("rate(1 minute)")}, BEGIN)
    assert table.take(at("2026-01-01T05:00:30")) == [("a", BEGIN)]
    assert table.next_due() == at("2026-01-01T05:01")


def test_what_has_just_passed_is_still_due_if_it_may_be_late() -> None:
    table = Timetable()
    begin = BEGIN - datetime.timedelta(minutes=1)
    passed = "at(2025-12-31T23:59:30)"
    table.update({"late": plan(passed, begin=begin, late=60), "never": plan(passed, begin=begin)}, BEGIN)
    assert table.take(BEGIN) == [("late", at("2025-12-31T23:59:30"))]
    assert table.next_due() is None


def test_an_unchanged_plan_keeps_its_time_and_a_changed_one_does_not() -> None:
    table = Timetable()
    table.update({"a": plan("rate(10 minutes)", anchor=at("2026-01-01T00:07"))}, BEGIN)
    later = at("2026-01-01T00:06")
    table.update({"a": plan("rate(10 minutes)", anchor=at("2026-01-01T00:08"))}, later)
    assert table.next_due() == at("2026-01-01T00:07")
    table.update({"a": plan("rate(20 minutes)", anchor=at("2026-01-01T00:09"))}, later)
    assert table.next_due() == at("2026-01-01T00:09")
    table.update({}, later)
    assert table.next_due() is None


def test_nothing_is_due_before_the_start_or_after_the_end() -> None:
    table = Timetable()
    bounds = {"begin": at("2026-01-02T00:00"), "end": at("2026-01-03T00:00")}
    table.update({"a": plan("cron(0 12 * * ? *)", **bounds)}, BEGIN)
    assert table.take(at("2026-01-02T12:00")) == [("a", at("2026-01-02T12:00"))]
    assert table.is_complete("a")


@given(st.floats(0, 3600), st.integers(0, 200))
def test_a_flexible_window_delays_by_no_more_than_its_length(window: float, minutes: int) -> None:
    table = Timetable()
    table.update({"a": plan("rate(1 day)", anchor=BEGIN + datetime.timedelta(minutes=minutes), window=window)}, BEGIN)
    delay = (table.next_due() - BEGIN).total_seconds() - minutes * 60
    assert 0 <= delay <= window + 0.001
