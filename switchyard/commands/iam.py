"""`switchyard iam`: what the roles called, what they never needed, what they were denied."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switchyard.commands.shared import AsJson, connect, console_for, examples, print_json
from switchyard.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

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
    from rich.rule import Rule
    from rich.text import Text

    called = 0
    for identity in document["identities"]:
        called += sum(call["count"] for call in identity["calls"])
        title = Text.assemble((identity["name"], "bold"), f"  {_counted(identity['calls'])}")
        console.print(Rule(title, align="left", style="dim"))
        if identity["calls"]:
            console.print(_table(identity["calls"]))
        for unused in identity["unused"]:
            name = unused["statement"]
            if unused["whole"]:
                console.print(Text.assemble(("  never used  ", "yellow"), name, (f"  {_listed(unused)}", "dim")))
            else:
                console.print(Text.assemble(("  in part     ", "dim"), name, (f"  without {_listed(unused)}", "dim")))
        for denied in identity["denied"]:
            times = f" ({denied['count']} times)" if denied["count"] > 1 else ""
            console.print(Text.assemble(("  denied      ", "bold red"), (denied["message"] + times, "red")))
        console.print()
    whole = sum(unused["whole"] for identity in document["identities"] for unused in identity["unused"])
    summary = f"{len(document['identities'])} roles, {called} calls, {whole} statements never used, "
    console.print(Text.assemble(summary, (f"{document['denied']} denied", "red" if document["denied"] else "green")))


def _table(calls: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    table.add_column("  Action", no_wrap=True)
    table.add_column("Resource", overflow="fold")
    table.add_column("Statement", style="dim", overflow="fold")
    table.add_column("Times", justify="right", no_wrap=True)
    rows: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for call in calls:
        rows[call["action"], call["statement"] or ""].append(call)
    for (action, statement), same in rows.items():
        resources = sorted({_short(call["resource"]) for call in same})
        times = str(sum(call["count"] for call in same))
        table.add_row(f"  {action}", _together(resources), statement.partition("/")[2] or statement, times)
    return table


def _short(resource: str) -> str:
    """Leave out what all ARNs of the account begin with."""
    parts = resource.split(":", 5)
    return parts[5] if len(parts) == 6 else resource


def _together(resources: list[str]) -> str:
    """Show several resources as what they have in common; few of them each on its own."""
    if len(resources) <= 3:
        return "\n".join(resources)
    common = resources[0]
    for resource in resources[1:]:
        length = next(
            (place for place, pair in enumerate(zip(common, resource, strict=False)) if pair[0] != pair[1]),
            min(len(common), len(resource)),
        )
        common = common[:length]
    return f"{common}… ({len(resources)})"


def _counted(calls: list[dict[str, Any]]) -> str:
    times = sum(call["count"] for call in calls)
    return f"{times} call{'s' if times != 1 else ''}" if times else "no calls"


def _listed(unused: dict[str, Any]) -> str:
    return ", ".join(unused["actions"])
