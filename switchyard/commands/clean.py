"""`switchyard clean`: see what nobody uses any more, and delete it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switchyard.commands.shared import (
    AsJson,
    connect,
    console_for,
    examples,
    print_json,
    target_of,
    with_options,
)
from switchyard.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from switchyard.executions.housekeeping import Cleaning

EPILOG = examples(
    "switchyard clean --dry-run",
    "switchyard clean --older-than 30d --keep-packages 5",
    "switchyard clean --yes --profile prod --region eu-west-1",
)
_KINDS = {
    "endpoint": "endpoint",
    "endpoint-config": "endpoint configuration",
    "model": "model",
    "model-package": "model package",
    "artifacts": "artifacts",
}


def clean(
    *,
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what may go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete it without asking.")] = False,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="How long a thing was not used, such as 30d or 36h; else as the stack says."
        ),
    ] = None,
    keep_packages: Annotated[
        int | None, typer.Option(min=1, metavar="K", help="How many model packages of a group stay, the newest ones.")
    ] = None,
    include_live: Annotated[
        bool,
        typer.Option("--include-live", help="Also idle endpoints that a parameter names as those to send requests to."),
    ] = False,
    profile: Annotated[str | None, typer.Option(help="The AWS profile to use.", metavar="NAME")] = None,
    region: Annotated[str | None, typer.Option(help="The AWS region.", metavar="CODE")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what this project has made and nobody uses any more, ask, and delete it.

    The state machine housekeeping does it: idle endpoints, models and endpoint configurations that nothing uses,
    old model packages, what runs have left behind. Before each deletion it looks again.
    Exit code 0: done, or nothing to do; 1: something could not be deleted; 2: wrong usage.
    """
    from switchyard.executions.housekeeping import clean as keep_house
    from switchyard.executions.housekeeping import limits

    if dry_run and yes:
        raise UsageError("--dry-run deletes nothing, --yes deletes without asking: give one of them")
    if not (dry_run or yes or (sys.stdin.isatty() and not as_json)):
        raise UsageError("there is nobody to ask here: add --dry-run to see what may go, or --yes to delete it")
    document = limits(older_than, keep_packages, include_live=include_live)
    cloud = connect(with_options(target_of(context), profile, region))
    console = console_for(as_json)
    with console.status("looking for what nobody uses ..."):
        found = keep_house(cloud, {**document, "dry_run": not yes})
    if not yes:
        _show_plan(found, console)
        if not dry_run and found.items and typer.confirm("Delete all of that?"):
            with console.status("deleting ..."):
                # What has come to be unused since was not seen by who said yes: it stays.
                found = keep_house(cloud, {"dry_run": False, "plan_of": found.execution})
    if found.report["status"] == "CLEANED":
        _show_deleted(found, console)
    if as_json:
        print_json(found.document())
    raise typer.Exit(1 if found.report["failed"] else 0)


def _show_plan(found: Cleaning, console: Console) -> None:
    if not found.items:
        console.print("there is nothing to delete")
        return
    _print_table(found.items, console, "why")
    console.print(f"may go: {_total(found.items)}")
    if left_out := found.report["left_out"]:
        console.print(f"{left_out} more may go the next time")


def _show_deleted(found: Cleaning, console: Console) -> None:
    deleted = found.with_outcome("deleted")
    if deleted:
        _print_table(deleted, console, "why")
    for outcome, title in (("kept", "kept after all"), ("failed", "could not be deleted")):
        if items := found.with_outcome(outcome):
            console.print(f"{title}:", style="yellow" if outcome == "kept" else "bold red")
            _print_table(items, console, "why_not")
    console.print(f"deleted: {_total(deleted)}" if deleted else "nothing was deleted")
    if left_out := found.report["left_out"]:
        console.print(f"{left_out} more may go the next time")


def _print_table(items: list[dict[str, Any]], console: Console, why: str) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("what", no_wrap=True)
    table.add_column("name", overflow="fold")
    table.add_column("why")
    table.add_column("since", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    for item in items:
        name = item["name"].partition(":model-package/")[2] or item["name"]
        size = _size(item["bytes"]) if item["bytes"] else ""
        table.add_row(_KINDS[item["kind"]], name, item[why], item["since"][:16].replace("T", " "), size)
    console.print(table)


def _total(items: list[dict[str, Any]]) -> str:
    kinds = [item["kind"] for item in items]
    parts = []
    for kind, word in _KINDS.items():
        if count := kinds.count(kind):
            parts.append(f"{count} {word}{'s' if count > 1 and kind != 'artifacts' else ''}")
    size = sum(item["bytes"] for item in items)
    return ", ".join(parts) + (f"; {_size(size)} in S3" if size else "")


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
