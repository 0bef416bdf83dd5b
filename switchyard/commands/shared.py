"""What the commands share: the cloud they speak to, and how they show what they have to say."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switchyard import launcher
from switchyard.aws.target import Target
from switchyard.errors import SwitchyardError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from switchyard.aws.client import Cloud
    from switchyard.console.opening import OpenedConsole
    from switchyard.executions.result import RunResult
    from switchyard.executions.runs import SavedExecution
    from switchyard.project import Project

OpenOption = Annotated[
    bool, typer.Option("--open", help="Show it in the console, in the browser; Ctrl-C ends a console of its own.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]
ExecutionName = Annotated[str, typer.Argument(metavar="EXECUTION", help="An execution's name or ARN.")]

# A file or a pipe has no width; tables need one.
_FILE_COLUMNS = 160


def examples(*lines: str) -> str:
    """Lay out a command's examples, for the end of its help."""
    return "\n".join(["[bold]Examples[/bold]", *(f"  [cyan]{line}[/cyan]" for line in lines)])


def target_of(context: typer.Context) -> Target:
    """Give what the options before the command say of the cloud to speak to."""
    target: Target = context.obj
    return target


def with_options(target: Target, profile: str | None, region: str | None) -> Target:
    """Add what the options after the command say of the cloud to speak to."""
    return replace(
        target,
        aws=target.aws or profile is not None,
        profile=profile or target.profile,
        region=region or target.region,
    )


def connect(target: Target, *, or_none: bool = False) -> Any:
    """Connect to the cloud that the options name; `or_none` when no local cloud need be up."""
    from switchyard.aws.client import connect

    cloud = connect(target)
    if cloud is None and not or_none:
        raise SwitchyardError(
            "no local cloud is up; start one with `switchyard up` (or give --profile for an AWS account)"
        )
    return cloud


def no_execution(name: str, cloud: Cloud | None) -> UsageError:
    """Say that there is no execution of that name, and which there are."""
    from switchyard.executions.runs import saved_executions
    from switchyard.suggest import suggest

    known = {saved.name for saved in saved_executions(launcher.find_home())}
    if cloud is not None:
        known |= {execution["name"] for execution in cloud.executions()}
    return UsageError(f"there is no execution {name!r}; {suggest(name, known, limit=5)}")


def saved_run(execution: str) -> SavedExecution | None:
    """Give what a past execution has left on this machine, if it has."""
    from switchyard.executions.runs import saved_execution

    return saved_execution(launcher.find_home(), execution)


def watch_execution(cloud: Cloud, execution_arn: str, as_json: bool) -> None:
    """Show an execution until it has ended, and end the command as it did."""
    from switchyard.executions.progress import progress_for
    from switchyard.executions.run import follow_to_result

    console = console_for(as_json)
    name = execution_arn.rsplit(":", 1)[-1]
    try:
        result = follow_to_result(cloud, execution_arn, progress=progress_for(console, name), stop_on_interrupt=False)
    except KeyboardInterrupt:
        raise SwitchyardError(f"no longer watching; {name} goes on (end it: switchyard stop {name})") from None
    show_run(result, console, as_json)
    raise typer.Exit(0 if result.is_success else 1)


@contextlib.contextmanager
def opened_console(target: Target, say: Callable[[str], None], *, is_wanted: bool) -> Iterator[OpenedConsole | None]:
    """Give what shows an execution in the console, for as long as the command lasts; None when nobody wants it."""
    if not is_wanted:
        yield None
        return
    from switchyard.console.opening import OpenedConsole

    home = None if target.aws else launcher.find_home()
    opened = OpenedConsole(home=home, project=find_project(), say=say)
    try:
        yield opened
    finally:
        opened.close()


def find_project() -> Project | None:
    """Find the project around this folder; None outside of one."""
    from switchyard.project import Project

    with contextlib.suppress(SwitchyardError):
        return Project.find()
    return None


def print_beside(text: str) -> None:
    """Print something for people, beside what is for programs."""
    print(text, file=sys.stderr, flush=True)


def console_for(as_json: bool) -> Console:
    """Give the place for people: standard output, or beside it when that is for a JSON document."""
    from rich.console import Console

    console = Console(stderr=as_json, highlight=False)
    if not console.is_terminal:
        console.width = _FILE_COLUMNS
    return console


def show_run(result: RunResult, console: Console, as_json: bool) -> None:
    """Show what a run has made, or why it has made nothing."""
    from switchyard.executions.report import show_result

    show_result(result, console)
    if as_json:
        print_json(result.document())


def print_json(document: Any) -> None:
    """Print the one JSON document of `--json`."""
    print(json.dumps(document, indent=2, ensure_ascii=False, default=str), flush=True)
