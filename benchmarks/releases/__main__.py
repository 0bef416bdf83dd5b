"""`python -m benchmarks.releases`: releases under load, and a table of what became of every request."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.releases.proof import Outcome, try_release
from benchmarks.releases.scenarios import Scenario, all_scenarios
from benchmarks.releases.stage import StageError, cloud
from switchyard.project import Project

_WIDTH = 160
CANDIDATE = "release-"  # what its variant is called while it is watched


def main() -> int:
    """Try the releases; 0 when each ended as it has to and lost no request, 1 otherwise."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    news, console = Console(stderr=True, highlight=False, soft_wrap=True), Console()
    scenarios = _chosen(options.only)
    if options.list:
        print(*(each.name for each in scenarios), sep="\n")
        return 0
    if not scenarios:
        news.print("No release has such a name; --list shows them all.")
        return 2
    described = machine.describe()
    outcomes: list[Outcome] = []
    try:
        with tempfile.TemporaryDirectory(prefix="switchyard-releases-", ignore_cleanup_errors=True) as folder:
            _try_all(scenarios, outcomes, Path(folder), options, news)
    except (StageError, ClientError) as error:
        news.print(str(error), markup=False)
    except KeyboardInterrupt:
        news.print("stopped")
    if options.json:
        print(json.dumps({"machine": described, "releases": [asdict(each) for each in outcomes]}, indent=2))
    else:
        show(outcomes, machine.line(described), options.rate, options.time_scale, console)
    return 0 if len(outcomes) == len(scenarios) and all(each.is_as_expected for each in outcomes) else 1


def _try_all(
    scenarios: list[Scenario], outcomes: list[Outcome], folder: Path, options: argparse.Namespace, news: Console
) -> None:
    settings: dict[str, Any] = {"bake_seconds": options.bake, "minimum_requests": options.minimum}
    if options.latency_ms is not None:
        settings["limits"] = {"latency_ms": options.latency_ms}
    with cloud(Project.find(Path(__file__).parent), folder, options.time_scale) as stage:
        news.print("the recipe is trained and deployed")
        registry = stage.deploy()
        for number, scenario in enumerate(scenarios, start=1):
            outcome = try_release(stage, registry, scenario, options.rate, settings)
            outcomes.append(outcome)
            mark = "" if outcome.is_as_expected else f", expected {scenario.outcome}: {'; '.join(outcome.reasons)}"
            news.print(f"{number}/{len(scenarios)} {scenario.name}: {outcome.outcome}{mark}", markup=False)


def show(outcomes: list[Outcome], described: str, rate: float, time_scale: float, console: Console) -> None:
    """Print the table."""
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(described, soft_wrap=True, highlight=False)
    title = f"Releases under a load of {rate:g} requests a second, at a time scale of {time_scale:g}"
    table = Table("Release", "Outcome", box=SIMPLE_HEAD, title=title, title_justify="left")
    for heading in (
        "sent",
        "failed",
        "NaN",
        "by what served",
        "by the candidate",
        "p99 ms",
        "baked s",
        "beside that s",
    ):
        table.add_column(heading, justify="right")
    for each in outcomes:
        table.add_row(*_row(each))
    console.print(table)
    for each in outcomes:
        if each.recorded and each.outcome != "RELEASED":
            console.print(f"{each.scenario.name}: {each.recorded}", soft_wrap=True, highlight=False, markup=False)


def _chosen(only: list[str] | None) -> list[Scenario]:
    """Give the scenarios of these names, or with these words in their names."""
    scenarios = all_scenarios()
    names = {each.name for each in scenarios}
    return [
        each
        for each in scenarios
        if not only or any(each.name == word if word in names else word in each.name for word in only)
    ]


def _row(outcome: Outcome) -> list[str]:
    answered = dict(outcome.load["answered"])
    candidate = sum(count for variant, count in answered.items() if variant.startswith(CANDIDATE))
    mark = "" if outcome.is_as_expected else " (!)"
    return [
        outcome.scenario.name,
        outcome.outcome + mark,
        f"{outcome.load['sent']:,}",
        f"{outcome.load['failed']:,}",
        f"{outcome.load['not_numbers']:,}",
        f"{sum(answered.values()) - candidate:,}",
        f"{candidate:,}",
        f"{outcome.load['p99_ms']:.0f}",
        f"{outcome.bake_seconds:.1f}",
        f"{outcome.seconds - outcome.bake_seconds:.1f}",
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="*", metavar="WORD", help="only the releases of these names, or with these words in theirs"
    )
    parser.add_argument("--list", action="store_true", help="print the names, and end")
    parser.add_argument("--rate", type=float, default=120.0, help="requests a second (120)")
    parser.add_argument("--time-scale", type=float, default=0.02, help="the local cloud's (0.02)")
    parser.add_argument("--bake", type=int, default=120, help="bake_seconds of each step (120)")
    parser.add_argument("--minimum", type=int, default=10, help="minimum_requests of each step (10)")
    parser.add_argument(
        "--latency-ms", type=float, help="limits.latency_ms of candidates that are not slow (the recipe's)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
