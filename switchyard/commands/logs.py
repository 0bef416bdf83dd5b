"""`switchyard logs`: what the states of an execution logged, or are logging."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switchyard.commands.shared import AsJson, connect, examples, no_execution, print_json, saved_run, target_of
from switchyard.errors import SwitchyardError, UsageError

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud

EPILOG = examples("switchyard logs nightly-42", "switchyard logs nightly-42 'Train model'", "switchyard logs --follow")
# How long to go between two looks; asking AWS often would be throttled.
_LOCAL_SECONDS, _AWS_SECONDS = 0.2, 3.0


def logs(
    context: typer.Context,
    execution: Annotated[
        str | None,
        typer.Argument(metavar="[EXECUTION]", help="An execution's name or ARN; with --follow, the newest by default."),
    ] = None,
    state: Annotated[str | None, typer.Argument(metavar="[STATE]", help="Only what this state logged.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print lines as they come, until the execution has ended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print what the states of an execution logged: jobs, functions, endpoints."""
    if follow:
        _follow(context, execution, state, as_json)
        return
    if execution is None:
        raise UsageError("which execution? Give its name, or --follow for the newest one that runs")
    lines = _logs_of(context, execution, state)
    if as_json:
        print_json({"logs": lines})
        return
    for name, logged in lines.items():
        if len(lines) > 1:
            print(f"== {name} ==")
        for line in logged:
            print(line)
    if not any(lines.values()):
        print("nothing was logged", file=sys.stderr)


def _follow(context: typer.Context, execution: str | None, state: str | None, as_json: bool) -> None:
    from switchyard.executions.tailing import tail

    if as_json:
        raise UsageError("--json gives one document, --follow lines as they come: give one of them")
    cloud = connect(context.obj)
    arn = _newest_running(cloud) if execution is None else _arn(cloud, execution)
    if execution is None:
        print(f"following {arn.rsplit(':', 1)[-1]}", file=sys.stderr, flush=True)
    try:
        for line in tail(cloud, arn, interval=_LOCAL_SECONDS if cloud.is_local else _AWS_SECONDS, state=state):
            print(f"[{line.state}] {line.text}", flush=True)
    except KeyboardInterrupt:
        return  # the execution goes on; its logs have been seen


def _newest_running(cloud: Cloud) -> str:
    running = [execution for execution in cloud.executions() if execution["status"] == "RUNNING"]
    if not running:
        raise SwitchyardError("no execution runs now; name one to see its logs (`switchyard ls` lists them)")
    return str(running[0]["executionArn"])


def _arn(cloud: Cloud, execution: str) -> str:
    found = cloud.find_execution(execution)
    if found is None:
        raise no_execution(execution, cloud)
    return str(found["executionArn"])


def _logs_of(context: typer.Context, execution: str, state: str | None) -> dict[str, list[str]]:
    from switchyard.executions.following import read_new_events
    from switchyard.executions.history import build_tree
    from switchyard.executions.logs import saved_logs, state_logs
    from switchyard.suggest import suggest

    cloud = connect(context.obj, or_none=True)
    found = cloud.find_execution(execution) if cloud is not None else None
    saved = saved_run(execution) if found is None and not target_of(context).aws else None
    if found is not None:
        known: dict[int, dict[str, Any]] = {}
        read_new_events(cloud.client("stepfunctions"), found["executionArn"], known)
        tree = build_tree(known.values())
    elif saved is not None:
        tree = saved.tree
    else:
        raise no_execution(execution, cloud)
    if state is not None and state not in (names := {visit.name for visit in tree.visits()}):
        raise UsageError(f"{execution} has entered no state {state!r}; {suggest(state, names, limit=30)}")
    return saved_logs(saved, state) if saved else state_logs(cloud, execution.rsplit(":", 1)[-1], tree, state)
