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
from switchyard.errors import SwitchyardError

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
    from botocore.exceptions import ClientError

    from switchyard.aws.errors import error_code

    cloud = connect(context.obj)
    found = cloud.find_execution(execution)
    if found is None:
        raise no_execution(execution, cloud)
    arn, name = found["executionArn"], found["name"]
    stepfunctions = cloud.client("stepfunctions")
    try:
        stepfunctions.redrive_execution(executionArn=arn)
    except ClientError as error:
        if error_code(error) != "ExecutionNotRedrivable":
            raise
        reason = stepfunctions.describe_execution(executionArn=arn).get("redriveStatusReason", found["status"])
        raise SwitchyardError(f"{name} cannot be redriven: {reason}") from error
    if watch:
        watch_execution(cloud, arn, as_json)
    count = stepfunctions.describe_execution(executionArn=arn)["redriveCount"]
    if as_json:
        print_json({"execution_arn": arn, "redrive_count": count})
    else:
        print(f"redriven {name} (redrive {count})")
        print(f"follow it: switchyard watch {name}", file=sys.stderr)
