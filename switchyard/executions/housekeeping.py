"""Housekeeping by hand: starts the state machine, follows it, and reads its report."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchyard.errors import SwitchyardError, UsageError
from switchyard.executions.causes import failure_reason
from switchyard.executions.following import follow, start_execution
from switchyard.executions.names import new_name

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud

WORKFLOW = "Housekeeping"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AWS_SECONDS, _LOCAL_SECONDS = 2.0, 0.1


@dataclass(frozen=True)
class Cleaning:
    """What one execution has planned or done.

    Parameters
    ----------
    execution
        Its name.
    execution_arn
        Its ARN.
    report
        Its report: `items` with `kind`, `name`, `why`, `since`, `bytes`, `outcome` and `why_not`; and the counts.
    """

    execution: str
    execution_arn: str
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def items(self) -> list[dict[str, Any]]:
        """The things that may go, or were to."""
        return list(self.report["items"])

    def with_outcome(self, outcome: str) -> list[dict[str, Any]]:
        """Give those that this became of."""
        return [item for item in self.items if item["outcome"] == outcome]

    def document(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {"execution_arn": self.execution_arn, **self.report}


def limits(older_than: str | None, keep_packages: int | None, *, include_live: bool) -> dict[str, Any]:
    """Give the part of the machine's input that says what may go; what is None is as the stack says.

    Raises
    ------
    UsageError
        When `older_than` is no duration.
    """
    document: dict[str, Any] = {}
    if older_than is not None:
        seconds = parse_duration(older_than)
        document = {
            "idle_periods": 1,
            "idle_period_seconds": seconds,
            "unused_seconds": seconds,
            "artifact_seconds": seconds,
        }
    if keep_packages is not None:
        document["keep_packages"] = keep_packages
    if include_live:
        document["include_live"] = True
    return document


def parse_duration(text: str) -> int:
    """Read a duration, and give its seconds.

    Examples
    --------
    >>> parse_duration("30d"), parse_duration("36h")
    (2592000, 129600)

    Raises
    ------
    UsageError
        When it is none.
    """
    match = re.fullmatch(r"(\d{1,9})([smhd])", text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if seconds == 0:
        raise UsageError(f"--older-than is {text!r}; expected a duration such as 30d, 36h, 90m or 10s")
    return seconds


def clean(cloud: Cloud, document: dict[str, Any]) -> Cleaning:
    """Let housekeeping plan, or delete, and wait for its report.

    Parameters
    ----------
    cloud
        Where.
    document
        The machine's input.

    Raises
    ------
    SwitchyardError
        When the execution did not succeed; the message says why.
    """
    name = new_name("clean")
    arn, _ = start_execution(cloud, cloud.output(f"{WORKFLOW}StateMachineArn"), name, document)
    try:
        for _ in follow(cloud, arn, interval=_LOCAL_SECONDS if cloud.is_local else _AWS_SECONDS):
            pass
    except KeyboardInterrupt:
        raise SwitchyardError(f"no longer watching; {name} goes on (end it: switchyard stop {name})") from None
    ended = cloud.client("stepfunctions").describe_execution(executionArn=arn)
    if ended["status"] != "SUCCEEDED":
        reason = failure_reason(ended.get("cause") or "") or ended.get("error") or ended["status"]
        raise SwitchyardError(f"housekeeping ended as {ended['status']} ({name}): {reason}")
    bucket, _, key = json.loads(ended["output"])["report_uri"].removeprefix("s3://").partition("/")
    report = json.load(cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"])
    return Cleaning(name, arn, report)
