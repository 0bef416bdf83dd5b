"""Stops executions, and lets them go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from switchyard.aws.errors import error_code
from switchyard.errors import ExecutionStatusError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchyard.aws.client import Cloud


def stop_execution(cloud: Cloud, execution: Mapping[str, Any], *, cause: str) -> None:
    """Stop an execution and the jobs that it runs.

    Parameters
    ----------
    cloud
        Where it runs.
    execution
        Its description.
    cause
        What its history is to say.

    Raises
    ------
    ExecutionStatusError
        When it has ended already.
    """
    if execution["status"] != "RUNNING":
        raise ExecutionStatusError(
            f"{execution['name']} has ended already ({execution['status']}); there is nothing to stop"
        )
    cloud.client("stepfunctions").stop_execution(executionArn=execution["executionArn"], error="Stopped", cause=cause)


def redrive_execution(cloud: Cloud, execution: Mapping[str, Any]) -> None:
    """Let an execution that failed, timed out or was stopped go on from the state that did not succeed.

    Parameters
    ----------
    cloud
        Where it ran.
    execution
        Its description.

    Raises
    ------
    ExecutionStatusError
        When it cannot be redriven; the message says why.
    """
    stepfunctions = cloud.client("stepfunctions")
    arn = execution["executionArn"]
    try:
        stepfunctions.redrive_execution(executionArn=arn)
    except ClientError as error:
        if error_code(error) != "ExecutionNotRedrivable":
            raise
        reason = stepfunctions.describe_execution(executionArn=arn).get("redriveStatusReason", execution["status"])
        raise ExecutionStatusError(f"{execution['name']} cannot be redriven: {reason}") from error
