"""What an execution of housekeeping is asked for, and what it plans and does: its input, and its documents in S3."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.aws import ClientError, client, error_code
from shared.errors import InvalidHousekeeping, InvalidRun
from shared.names import run_prefix
from shared.run_request import parse
from shared.settings import FindUnusedSettings
from shared.unused import Kind, Limits, duration

DAY, HOUR = 86400, 3600
# CloudWatch keeps what it counted for that long (GetMetricData's documentation).
LONGEST_IDLE = 455 * DAY


class HousekeepingRequest(BaseModel):
    """The machine's input; what is left out is as the template says, and `dry_run` is true."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    dry_run: bool = True
    idle_periods: int | None = Field(default=None, ge=1)
    idle_period_seconds: int | None = Field(default=None, ge=1)
    unused_seconds: int | None = Field(default=None, ge=0)
    artifact_seconds: int | None = Field(default=None, ge=0)
    keep_packages: int | None = Field(default=None, ge=1)
    include_live: bool = False
    plan_of: str | None = Field(default=None, min_length=1)


class Item(BaseModel):
    """A thing of a plan: what it is, why it may go, since when that has been so, and its bytes in S3."""

    kind: Kind
    name: str
    why: str
    since: datetime
    bytes: int = 0


class Outcome(BaseModel):
    """What became of a thing of a plan; `why` is why it stayed."""

    outcome: Literal["deleted", "gone", "kept", "failed"]
    why: str = ""


class Plan(BaseModel):
    """What may go, by which limits; `left_out` is how many more things may, which one execution is too short for."""

    limits: dict[str, Any]
    items: list[Item]
    left_out: int = 0

    def the_limits(self) -> Limits:
        """Give the limits as the rules take them."""
        return Limits(**self.limits)


def read_request(document: Any) -> HousekeepingRequest:
    """Read the machine's input.

    Raises
    ------
    InvalidHousekeeping
        When a key is wrong or unknown.
    """
    if isinstance(document, dict):
        try:
            return parse(HousekeepingRequest, document, "The input")
        except InvalidRun as error:
            raise InvalidHousekeeping(str(error)) from None
    raise InvalidHousekeeping('The input is no JSON object; expected {} or the like of {"dry_run": false}.')


def limits_of(request: HousekeepingRequest, settings: FindUnusedSettings) -> Limits:
    """Fill up what the input leaves out with what the template says.

    Raises
    ------
    InvalidHousekeeping
        When the idle time is longer than CloudWatch remembers.
    """
    periods = settings.idle_periods if request.idle_periods is None else request.idle_periods
    period = settings.idle_period_hours * HOUR if request.idle_period_seconds is None else request.idle_period_seconds
    if periods * period > LONGEST_IDLE:
        raise InvalidHousekeeping(
            f"An endpoint would have to be idle for {periods} periods of {duration(period)}: CloudWatch remembers "
            f"requests for {duration(LONGEST_IDLE)}."
        )
    unused, artifact = request.unused_seconds, request.artifact_seconds
    return Limits(
        idle_seconds=periods * period,
        unused_seconds=settings.unused_days * DAY if unused is None else unused,
        artifact_seconds=settings.artifact_days * DAY if artifact is None else artifact,
        keep_packages=settings.keep_packages if request.keep_packages is None else request.keep_packages,
        include_live=request.include_live,
    )


def folder(execution: str) -> str:
    """Give the prefix of an execution's documents."""
    return f"housekeeping/{run_prefix(execution).removeprefix('runs/')}"


def write(bucket: str, key: str, document: dict[str, Any]) -> str:
    """Write a document, and give its URI."""
    body = json.dumps(document, default=str).encode()
    client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
    return f"s3://{bucket}/{key}"


def read(bucket: str, key: str) -> Any:
    """Read a document; None when there is none."""
    try:
        return json.load(client("s3").get_object(Bucket=bucket, Key=key)["Body"])
    except ClientError as error:
        if error_code(error) == "NoSuchKey":
            return None
        raise


def read_plan(bucket: str, execution: str) -> Plan:
    """Read the plan that an execution made.

    Raises
    ------
    InvalidHousekeeping
        When there is none.
    """
    document = read(bucket, f"{folder(execution)}plan.json")
    if document is None:
        raise InvalidHousekeeping(
            f"There is no plan of an execution {execution!r}: it failed before it had one, or its plan has expired."
        )
    return Plan.model_validate(document)


def outcomes_key(execution: str, first: int) -> str:
    """Give the key of the outcomes of the items from one on."""
    return f"{folder(execution)}outcomes-{first}.json"
