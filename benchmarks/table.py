"""Shows the figures as a table."""

from __future__ import annotations

import statistics
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import machine

_WIDTH = 118
_WAYS = {
    "boto3": "boto3 on the cloud's port",
    "http": "HTTP, kept alive, on the cloud's port",
    "model_server": "HTTP, kept alive, on the model server's own port",
    "plain_server": "(the plain side's http.server, the same way)",
}


def show(figures: dict[str, Any], console: Console) -> None:
    """Print everything that was measured.

    Parameters
    ----------
    figures
        The JSON document.
    console
        Where to.
    """
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(machine.line(figures["machine"]), soft_wrap=True, highlight=False)
    console.print()
    _show_times(figures, console)
    _show_invocations(figures, console)
    _show_memory(figures, console)
    for problem in figures["problems"]:
        console.print(f"not measured: {problem}", soft_wrap=True, highlight=False, markup=False)


def _show_times(figures: dict[str, Any], console: Console) -> None:
    table = _table("Wall time of the recipe diabetes", "plain scripts", "switchyard run", "ratio, pair by pair")
    first, cold, warm = figures["first_run"], figures["cold"], figures["up"]
    if first:
        table.add_row(
            "the very first run (nothing cached)",
            _seconds([first["plain_seconds"]]),
            _seconds([first["switchyard_seconds"]]),
            _ratio([first["ratio"]]),
        )
    for name, pairs in (("cold: no cloud was up", cold), ("with `switchyard up` running", warm)):
        table.add_row(
            name, _seconds(pairs["plain_seconds"]), _seconds(pairs["switchyard_seconds"]), _ratio(pairs["ratios"])
        )
    table.add_section()
    for name, pairs in (("cold", cold), ("up", warm)):
        table.add_row(f"{name}: process start to first state", "", _seconds(pairs["first_state_seconds"]), "")
        table.add_row(f"{name}: the execution alone", "", _seconds(pairs["execution_seconds"]), "")
    table.add_row("`switchyard up`: start to ready", "", _seconds([warm["boot_seconds"]]), "")
    console.print(table)
    rounds = figures["rounds"]
    console.print(
        f"Rounds of plain, switchyard, plain, switchyard …: {rounds} cold, {rounds} with the cloud up, after the very "
        "first pair.\nMedian (min-max) of whole-process wall time, Python's start and end included.\n"
        f"{_agreement(figures)}",
        highlight=False,
    )
    console.print()


def _show_invocations(figures: dict[str, Any], console: Console) -> None:
    table = _table("InvokeEndpoint, one row", "p50 ms", "p50 of a round", "p99 ms", "8 connections, requests/s")
    for way, name in _WAYS.items():
        latency, requests = figures["invoke"].get(way), figures["throughput"].get(way, [])
        if latency is None:
            table.add_row(name, "n/a", "n/a", "n/a", "n/a")
            continue
        rounds = latency["round_p50_ms"]
        table.add_row(
            name,
            f"{latency['p50_ms']:.2f}",
            f"{min(rounds):.2f}-{max(rounds):.2f}",
            f"{latency['p99_ms']:.2f}",
            f"{statistics.median(requests):,.0f} ({min(requests):,.0f}-{max(requests):,.0f})" if requests else "",
        )
    console.print(table)
    counts = {latency["requests"] for latency in figures["invoke"].values()}
    if counts:
        console.print(
            f"{max(counts):,} requests each way, in interleaved rounds, the first ones included. The client runs on "
            "the\nsame cores; for HTTP it does as little as it can.",
            highlight=False,
        )
    console.print()


def _show_memory(figures: dict[str, Any], console: Console) -> None:
    table = _table("Peak memory, MB", "all processes (RSS)", "shared pages once (PSS)", "largest process", "processes")
    names = {"plain": "plain scripts", "cold": "switchyard run, cold", "up": "switchyard up, and a run in it"}
    for key, name in names.items():
        peak = figures["memory"].get(key)
        if peak is None:
            table.add_row(name, "n/a", "n/a", "n/a", "n/a")
            continue
        table.add_row(
            name,
            _megabytes(peak["resident_bytes"]),
            _megabytes(peak["proportional_bytes"]),
            _megabytes(peak["largest_process_bytes"]),
            str(peak["processes"]),
        )
    console.print(table)
    console.print(
        "Sampled every 20 ms over the process tree, in one run each apart from the timed ones.", highlight=False
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title, box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _seconds(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return _spread(known, "{:.2f}") + " s" if known else "n/a"


def _ratio(values: list[float]) -> str:
    return _spread(values, "{:.2f}") if values else "n/a"


def _spread(values: list[float], form: str) -> str:
    middle = form.format(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({form.format(min(values))}-{form.format(max(values))})"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f}"


def _agreement(figures: dict[str, Any]) -> str:
    results = figures["results"]
    if len(results) == 1:
        return f"Both sides gave the same result each time: {results[0]}."
    return "THE RESULTS DIFFER: " + "; ".join(results) if results else "There is no result."
