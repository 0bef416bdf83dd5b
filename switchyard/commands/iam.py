"""`switchyard iam`: what the roles called, what they never needed, what they were denied."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switchyard.commands.shared import AsJson, connect, console_for, examples, print_json
from switchyard.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

# Wider tables are harder to read, not easier.
_WIDEST = 120

app = typer.Typer(
    name="iam",
    help="Show what the roles called, and what they were denied.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _group() -> None:
    """Show what the roles called, and what they were denied."""


@app.command(
    "report",
    epilog=examples(
        "switchyard iam report",
        "switchyard iam report diabetes",
        "switchyard iam report diabetes --json | jq '.identities[] | {name, unused}'",
    ),
)
def report(
    context: typer.Context,
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="[RECIPE]", help="Run this recipe on a new local cloud, and report that run."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List for each role its calls, the statements that nothing needed, and the calls that were denied.

    Without a recipe: all calls since the local cloud that is up was started.
    Exit code 0: nothing was denied; 1: something was, or the run failed; 2: wrong usage.
    """
    from switchyard.executions.permissions import permissions_of, permissions_of_run
    from switchyard.executions.progress import progress_for

    console = console_for(as_json)
    ended_well = True
    if recipe is not None:
        if context.obj.aws:
            raise UsageError("a report on a recipe runs it on a local cloud; leave out --aws and --profile")
        document, ended_well = permissions_of_run(recipe, progress_for(console, recipe))
    else:
        document = permissions_of(connect(context.obj))
    if as_json:
        print_json(document)
    else:
        _show(document, console)
    raise typer.Exit(0 if ended_well and not document["denied"] else 1)


def _show(document: dict[str, Any], console: Console) -> None:
    from rich.text import Text

    called = whole = 0
    for identity in document["identities"]:
        called += sum(call["count"] for call in identity["calls"])
        whole += sum(unused["whole"] for unused in identity["unused"])
        console.print(Text.assemble((identity["name"], "bold"), (f"  {_counted(identity['calls'])}", "dim")))
        if identity["calls"] or identity["unused"]:
            console.print(_table(identity, console))
        for denied in identity["denied"]:
            times = f" ({denied['count']} times)" if denied["count"] > 1 else ""
            console.print(Text.assemble(("  denied  ", "bold red"), (denied["message"] + times, "red")))
        console.print()
    summary = f"{len(document['identities'])} roles, {called} calls, {whole} statements never used, "
    console.print(Text.assemble(summary, (f"{document['denied']} denied", "red" if document["denied"] else "green")))


def _table(identity: dict[str, Any], console: Console) -> Any:
    """Lay out a role's statements, each with what it allowed."""
    from rich import box
    from rich.table import Table

    widest = min(console.width, _WIDEST)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, width=widest)
    table.add_column("  Statement", no_wrap=True, width=23)
    table.add_column("Action", no_wrap=True, width=33)
    table.add_column("Times", no_wrap=True, justify="right", width=5)
    table.add_column("Resource", no_wrap=True, overflow="ellipsis", ratio=1)
    by_statement: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for call in identity["calls"]:
        by_statement[call["statement"] or ""][call["action"]].append(call)
    unused = {entry["statement"]: entry for entry in identity["unused"]}
    for statement in sorted(by_statement.keys() | unused.keys()):
        name = f"  {statement.partition('/')[2] or statement}"
        for action, same in by_statement[statement].items():
            times = str(sum(call["count"] for call in same))
            table.add_row(name, action, times, _together(sorted({_short(call["resource"]) for call in same})))
            name = ""
        entry = unused.get(statement)
        for action in entry["actions"] if entry else ():
            style = "yellow" if entry and entry["whole"] else "dim"
            table.add_row(name, action, "0", "never used", style=style)
            name = ""
    return table


def _short(resource: str) -> str:
    """Leave out what all ARNs of the account begin with, and which stream of a log group it was."""
    parts = resource.split(":", 5)
    return parts[5].partition(":log-stream:")[0].removeprefix("log-group:") if len(parts) == 6 else resource


def _together(resources: list[str]) -> str:
    """Show several resources as what they have in common."""
    if len(resources) == 1:
        return resources[0]
    first, last = min(resources), max(resources)  # what these two have in common, all have
    length = next(
        (place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first)
    )
    return f"{first[:length]}… ({len(resources)})"


def _counted(calls: list[dict[str, Any]]) -> str:
    times = sum(call["count"] for call in calls)
    return f"{times} call{'s' if times != 1 else ''}" if times else "no calls"
