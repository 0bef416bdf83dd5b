"""`switchyard report`: an execution as one HTML file."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switchyard import launcher
from switchyard.commands.shared import (
    AsJson,
    ExecutionName,
    connect,
    examples,
    no_execution,
    print_json,
    saved_run,
    target_of,
    with_options,
)
from switchyard.errors import SwitchyardError, UsageError

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud
    from switchyard.aws.target import Target
    from switchyard.console.schema import Report

EPILOG = examples(
    "switchyard report nightly-42",
    "switchyard report nightly-42 -o reports/",
    "switchyard report nightly-42 -o - > report.html",
    "switchyard report nightly-42 --profile prod --region eu-west-1",
)
# The generator is named in a file's first lines.
_HEAD_BYTES = 4096


def report(
    *,
    context: typer.Context,
    execution: ExecutionName,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write it: a file, a folder, or - for standard output."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is no report.")] = False,
    profile: Annotated[str | None, typer.Option(help="The AWS profile to use.", metavar="NAME")] = None,
    region: Annotated[str | None, typer.Option(help="The AWS region.", metavar="CODE")] = None,
    as_json: AsJson = False,
) -> None:
    """Write an execution into one HTML file that opens without a server: graph, states, events, logs, jobs.

    The execution may run, have ended, or be a past run of this machine. The file is <EXECUTION>.html by default.
    With --json, what the file would hold is printed instead.
    """
    from switchyard.console.report import report_html

    target = with_options(target_of(context), profile, region)
    name, found = _gather(target, execution)
    if as_json:
        if output is not None:
            raise UsageError("--json prints what the file would hold: give --json or --output")
        print_json(found.model_dump(mode="json"))
        return
    content = report_html(found)
    for note in found.notes:
        print(note, file=sys.stderr)
    if output == "-":
        sys.stdout.buffer.write(content.encode())
        sys.stdout.buffer.flush()
        return
    path = _path(output, name)
    _check(path, force=force)
    _write(path, content)
    print(path)


def _gather(target: Target, execution: str) -> tuple[str, Report]:
    from switchyard.console.connection import Connection
    from switchyard.console.context import Context
    from switchyard.console.problems import RequestError
    from switchyard.console.report import report_of

    cloud: Cloud | None = connect(target, or_none=True)
    found = cloud.find_execution(execution) if cloud is not None else None
    saved = saved_run(execution) if found is None and not target.aws else None
    if found is not None:
        arn = found["executionArn"]
    elif saved is not None:
        arn = saved.description.get("executionArn")
    else:
        raise no_execution(execution, cloud)
    shown = Context(Connection(cloud), home=None if target.aws else launcher.find_home(), project=None)
    try:
        opened = shown.opened.open(str(arn))
        return opened.row.name, report_of(opened)
    except RequestError as error:
        raise SwitchyardError(str(error)) from None
    finally:
        shown.close()


def _path(output: str | None, name: str) -> Path:
    own = f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}.html"
    path = Path(output if output is not None else own).expanduser()
    return path / own if path.is_dir() else path


def _check(path: Path, *, force: bool) -> None:
    from switchyard.console.report import GENERATOR

    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} to write {path.name} into")
    if force or not path.exists():
        return
    try:
        with path.open("rb") as file:
            is_report = f'content="{GENERATOR}"'.encode() in file.read(_HEAD_BYTES)
    except OSError as error:
        raise SwitchyardError(f"{path} cannot be written: {error.strerror}") from None
    if not is_report:
        raise UsageError(f"{path} is there already and is no report; name another file, or give --force")


def _write(path: Path, content: str) -> None:
    """Write a file whole, or not at all."""
    partial: str | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8", newline="\n"
        ) as file:
            partial = file.name
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        Path(partial).chmod(0o666 & ~umask)
        Path(partial).replace(path)
        partial = None
    except OSError as error:
        raise SwitchyardError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)
