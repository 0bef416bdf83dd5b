"""`switchyard faults`: tell a local cloud that runs to fail, see how it does, and let it work again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switchyard.commands.shared import AsJson, connect, console_for, examples, print_json
from switchyard.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from switchyard.executions.matrix import Matrix
    from switchyard.project import Project

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="STATE:KIND",
        help="Let a call fail, in this run alone: an AWS error code, Failed, crash, timeout, 'latency 2s' or "
        "'lost answer', perhaps with ' x2' for twice. Local cloud only; can be repeated.",
    ),
]


@app.callback(epilog=examples('switchyard faults add "Train model:Failed x1"', "switchyard faults ls"))
def main() -> None:
    """Let calls of states fail on the local cloud that is up, to see how a workflow takes it."""


@app.command(
    epilog=examples(
        'switchyard faults add "Train model:ThrottlingException x2"',
        'switchyard faults add "Wait for endpoint:Failed" "*:latency 500ms"',
        'switchyard faults add "CheckMetrics:crash" --execution nightly-42',
    )
)
def add(
    context: typer.Context,
    faults: Annotated[
        list[str], typer.Argument(metavar="STATE:KIND...", help="A state or function, and what happens.")
    ],
    execution: Annotated[str | None, typer.Option(metavar="NAME", help="Only in the execution of that name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add faults."""
    from switchyard.executions.faults import add_faults, check_faults_allowed, parse_fault

    check_faults_allowed(context.obj, faults)
    specs = [parse_fault(text) for text in faults]
    added = add_faults(connect(context.obj), specs, execution)
    if as_json:
        print_json({"faults": added})
    for fault in added if not as_json else ():
        print(f"{fault['id']}  {_text(fault)}")


@app.command("ls", epilog=examples("switchyard faults ls"))
def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """List the faults, and how often each has struck."""
    from switchyard.executions.faults import check_faults_allowed, list_faults

    check_faults_allowed(context.obj, ["ls"])
    faults = list_faults(connect(context.obj))
    if as_json:
        print_json({"faults": faults})
    elif not faults:
        print("there are no faults: every call works")
    else:
        _print(faults)


@app.command(epilog=examples("switchyard faults clear", "switchyard faults clear 3"))
def clear(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(metavar="[ID]", help="Which one; all by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Remove one fault, or all of them."""
    from switchyard.executions.faults import check_faults_allowed, clear_faults

    check_faults_allowed(context.obj, ["clear"])
    removed = clear_faults(connect(context.obj), number)
    if as_json:
        print_json({"removed": removed})
    else:
        print(f"removed {removed} {'fault' if removed == 1 else 'faults'}")


@app.command(
    epilog=examples(
        "switchyard faults matrix",
        'switchyard faults matrix housing --state "Train model" --state "Wait for endpoint"',
    )
)
def matrix(
    *,
    recipe: Annotated[str, typer.Argument(metavar="[RECIPE]", help="The recipe to run with.")] = "diabetes",
    state: Annotated[
        list[str] | None, typer.Option("--state", metavar="NAME", help="Only this state; can be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the workflow once for each of its tasks and each way in which that can fail, in a local cloud of its own.

    Exit code 0: no run left anything behind, and every endpoint answered all through; 1: some did not.
    """
    from switchyard.executions.matrix import fault_matrix
    from switchyard.project import Project
    from switchyard.suggest import suggest

    project = Project.find()
    names = {name for name, kind in _machine_states(project) if kind == "Task"}
    for name in state or ():
        if names and name not in names:
            raise UsageError(f"the workflow has no task {name!r}; {suggest(name, names, limit=30)}")
    console = console_for(as_json)
    began = time.perf_counter()
    with console.status("starting ...") as status:
        found = fault_matrix(
            project,
            recipe,
            states=state or (),
            tell=lambda row: status.update(f"{row.state}: {row.kind}: {row.outcome}"),
        )
    if as_json:
        print_json({"rows": [row.document() for row in found.rows], "not_reached": found.not_reached})
    else:
        _print_matrix(found, console, time.perf_counter() - began)
    raise typer.Exit(0 if all(row.is_good or row.is_helpless for row in found.rows) else 1)


def _machine_states(project: Project) -> Iterator[tuple[str, str]]:
    import json

    from switchyard.executions.matrix import states_of

    for path in project.definitions():
        for name, definition in states_of(json.loads(path.read_text(encoding="utf-8"))):
            yield name, definition["Type"]


def _print_matrix(found: Matrix, console: Console, seconds: float) -> None:
    from rich.table import Table

    titles = {
        "serving": "An endpoint serves",
        "failing": "An endpoint serves, and the run fails for another reason",
        "rejecting": "An endpoint serves, and the gate rejects the model",
        "handing over": "An endpoint serves, and the model waits for approval",
        "nothing": "No endpoint serves",
    }
    for before, title in titles.items():
        rows = [row for row in found.rows if row.before == before]
        if not rows:
            continue
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold", title=title)
        table.title_justify, table.title_style = "left", "bold"
        for column in ("state", "fault", "the run ended", "left behind", "endpoint answered", "then serves"):
            table.add_column(column)
        state = None
        for row in rows:
            outcome = f"{row.outcome} {row.error}".strip()
            answered = f"{row.asked - row.unanswered} of {row.asked}" if row.asked else "-"
            table.add_row(
                row.state if row.state != state else "",
                row.kind,
                outcome,
                ", ".join(row.left) or "nothing",
                answered,
                row.serves + ("" if row.is_good or row.is_helpless else "  WRONG"),
                style="" if row.is_good else "yellow" if row.is_helpless else "bold red",
            )
            state = row.state
        console.print(table)
        console.print()
    bad = sum(not row.is_good and not row.is_helpless for row in found.rows)
    helpless = [row for row in found.rows if row.is_helpless and not row.is_good]
    console.print(
        f"{len(found.rows)} runs in {seconds:.0f} s: "
        + (
            f"{bad} left something behind, or an endpoint as it should not be"
            if bad
            else f"nothing {'else ' if helpless else ''}was left behind, and every endpoint answered all through"
        )
    )
    if helpless:
        states = ", ".join(dict.fromkeys(row.state for row in helpless))
        console.print(
            f"a run that fails, and whose {states} then fails for good, leaves what it made: it is named above"
        )
    if found.not_reached:
        console.print(f"not reached by any of them: {', '.join(found.not_reached)}")


def _text(fault: dict[str, Any]) -> str:
    return f"{fault['target']}:{fault['kind']}" + (f" x{fault['times']}" if fault["times"] else "")


def _print(faults: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in ("id", "fault", "struck", "execution"):
        table.add_column(column)
    for fault in faults:
        struck = f"{fault['fired']} times" if fault["fired"] != 1 else "once"
        over = " (over)" if fault["over"] else ""
        table.add_row(str(fault["id"]), _text(fault), struck + over, fault["execution"] or "any")
    console_for(False).print(table)
