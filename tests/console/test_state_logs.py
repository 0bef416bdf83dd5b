"""Which lines of a function are of a state, and how lines are shown."""

from __future__ import annotations

import json

import pytest

from switchyard.console.metric_lines import TooSlowError, find_metrics
from switchyard.console.plain import plain_document, plain_line, plain_text
from switchyard.console.schema import CostItem
from switchyard.console.state_logs import Calls, Entry, log_lines, of_calls

A, B, C = (letter * 8 + "-0000-0000-0000-" + letter * 12 for letter in "abc")


def report(request: str) -> str:
    return f"REPORT RequestId: {request}\tDuration: 1.00 ms"


def said(request: str, execution: str, text: str = "Did it") -> str:
    return json.dumps({"level": "INFO", "message": text, "function_request_id": request, "correlation_id": execution})


def chosen(lines: list[tuple[int, str, str]], calls: Calls) -> list[str]:
    entries = [Entry(at, message, stream) for at, stream, message in lines]
    return [entry.message for entry in of_calls(entries, calls)]


LINES = [
    (100, "one", "printed first"),
    (101, "one", said(A, "nightly-1")),
    (102, "two", said(B, "nightly-2")),
    (103, "one", "printed by A"),
    (104, "one", report(A)),
    (105, "two", "printed by B"),
    (106, "two", report(B)),
    (107, "one", "printed by C"),
    (108, "one", said(C, "nightly-1")),
    (109, "one", report(C)),
]


def test_what_a_request_prints_is_its_own_also_without_a_name() -> None:
    assert chosen(LINES, Calls("nightly-2")) == [said(B, "nightly-2"), "printed by B", report(B)]


def test_of_two_states_of_an_execution_each_has_the_lines_of_its_time() -> None:
    first = chosen(LINES, Calls("nightly-1", spans=((99, 105),), tolerance=1))
    assert first == ["printed first", said(A, "nightly-1"), "printed by A", report(A)]
    second = chosen(LINES, Calls("nightly-1", spans=((106, 110),), tolerance=1))
    assert second == ["printed by C", said(C, "nightly-1"), report(C)]


def test_a_request_that_is_known_is_enough() -> None:
    assert chosen(LINES, Calls("nobody", frozenset({C}))) == ["printed by C", said(C, "nightly-1"), report(C)]


def test_where_nothing_tells_them_apart_all_are_given() -> None:
    lines = [(1, "one", "hello"), (2, "two", "world")]
    assert chosen(lines, Calls("nightly-1")) == ["hello", "world"]


def test_a_report_that_comes_late_ends_its_own_request() -> None:
    lines = [
        (1, "one", said(A, "nightly-1")),
        (2, "one", said(B, "nightly-2")),
        (3, "one", report(A)),
        (4, "one", report(B)),
    ]
    assert chosen(lines, Calls("nightly-1")) == [said(A, "nightly-1"), report(A)]
    assert chosen(lines, Calls("nightly-2")) == [said(B, "nightly-2"), report(B)]


def test_lambdas_own_json_lines_are_understood() -> None:
    start = json.dumps({"time": "T", "type": "platform.start", "record": {"requestId": A}})
    end = json.dumps({"time": "T", "type": "platform.report", "record": {"requestId": A}})
    lines = [(1, "one", start), (2, "one", "nightly-1 goes on"), (3, "one", end), (4, "one", "later")]
    assert chosen(lines, Calls("nightly-1")) == [start, "nightly-1 goes on", end]


# How lines are shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain\ttext", "plain\ttext"),
        ("\x1b[1;31mError\x1b[0m: no", "Error: no"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;https://elsewhere\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("0%\r50%\r100%\r\n", "100%"),
        ("a\x00b\x08c\x7fd\x9be", "abcd"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("half \ud83d of a pair", "half ? of a pair"),
        ("grüße 😀", "grüße 😀"),
        ("</script><b>", "</script><b>"),
        ("x" * 120, "x" * 100 + " … (20 more characters)"),
    ],
)
def test_a_line_is_shown_without_what_a_terminal_would_obey(line: str, shown: str) -> None:
    assert plain_line(line, 100) == shown


def test_a_level_is_found_where_a_line_says_one() -> None:
    messages = {
        '{"level": "warn", "message": "hot"}': "WARNING",
        '{"level": "LOUD", "message": "hot"}': None,
        "2026-01-01 12:00:00,000 CRITICAL it fell": "ERROR",
        "[INFO] fine": "INFO",
        "INFORMATION": None,
        "[" * 100_000: None,
    }
    lines, _ = log_lines([Entry(None, message) for message in messages])
    assert [line.level for line in lines] == list(messages.values())


def test_the_newest_lines_are_kept_and_metrics_left_out() -> None:
    entries = [Entry(number * 1000, f"line {number}\nits second") for number in range(10)]
    lines, is_cut = log_lines([*entries, Entry(99_000, '{"_aws": 1}'.replace(" ", ""))], most=5)
    assert [line.text for line in lines] == ["its second", "line 8", "its second", "line 9", "its second"]
    assert is_cut
    assert lines[-1].at == 9.0
    assert log_lines(entries) == (log_lines(entries, most=20)[0], False)


def test_a_log_of_very_long_lines_is_bounded() -> None:
    lines, is_cut = log_lines([Entry(None, "x" * 200_000)] * 2000)
    assert is_cut
    assert sum(len(line.text) for line in lines) < 5_000_000


def test_documents_that_cannot_be_encoded_are_made_so() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    document = plain_document({"a\ud800": ["\udfff", 1, None, True, float("nan")], "deep": deep})
    assert document["a?"] == ["?", 1, None, True, None]
    item = CostItem(what="half \ud800", basis="", usd=float("inf"))
    assert json.loads(item.model_dump_json())["what"] == "half ?"
    assert "nested too deep" in json.dumps(document)
    assert plain_text(3) == "3"


# Metrics in what a job has logged


def test_metrics_are_what_the_first_group_matches() -> None:
    found = find_metrics([("loss", r"loss=([0-9.]+)"), ("bad", "("), ("no group", "loss")], ["a loss=2.5 loss=2", "x"])
    assert found == [("loss", 0, 2.5), ("loss", 0, 2.0)]
    assert find_metrics([("loss", r"(\S+)")], ["nan inf 1e999 3"]) == [("loss", 0, 3.0)]
    assert find_metrics([], ["a"]) == find_metrics([("loss", "(a)")], []) == []


def test_an_expression_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("switchyard.console.metric_lines._SECONDS", 0.5)
    with pytest.raises(TooSlowError):
        find_metrics([("loss", r"^((a+)+)+$")], ["a" * 60 + "!"])
