"""`switchyard redrive`: let an unsuccessful execution go on from the state that did not succeed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from switchyard.commands.shared import (
    AsJson,
    ExecutionName,
    connect,
    examples,
    no_execution,
    print_json,
    watch_execution,
)

EPILOG = examples("switchyard redrive nightly-42", "switchyard redrive nightly-42 --watch")


def redrive(
    *,
    context: typer.Context,
    execution: ExecutionName,
    watch: Annotated[bool, typer.Option("--watch", help="Show it until it has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let an execution that failed, timed out or was stopped go on from the state that did not succeed.

    What has succeeded is not done again; the definition is the one that it was started with.
    """
    from switchyard.executions.control import redrive_execution

    cloud = connect(context.obj)
    found = cloud.find_execution(execution)
    if found is None:
        raise no_execution(execution, cloud)
    arn, name = found["executionArn"], found["name"]
    redrive_execution(cloud, found)
    if watch:
        watch_execution(cloud, arn, as_json)
    count = cloud.client("stepfunctions").describe_execution(executionArn=arn)["redriveCount"]
    if as_json:
        print_json({"execution_arn": arn, "redrive_count": count})
    else:
        print(f"redriven {name} (redrive {count})")
        print(f"follow it: switchyard watch {name}", file=sys.stderr)
