"""An execution as a tree of the states that it has entered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How a state, or an execution, stands."""

    RUNNING = "RUNNING"
    RETRYING = "RETRYING"
    SUCCEEDED = "SUCCEEDED"
    CAUGHT = "CAUGHT"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


OPEN = (Status.RUNNING, Status.RETRYING)


@dataclass
class Failure:
    """One failed attempt of a state."""

    error: str
    cause: str
    at: datetime


@dataclass
class Attempt:
    """One attempt of a state, failed or not; those before a redrive are there too.

    Parameters
    ----------
    started_at, ended_at
        When; `ended_at` is None while it runs.
    error, cause
        Why it failed; None when it has not.
    is_aborted
        Whether it was ended from outside: the execution was stopped, or another branch had failed.
    """

    started_at: datetime
    ended_at: datetime | None = None
    error: str | None = None
    cause: str | None = None
    is_aborted: bool = False


@dataclass(frozen=True)
class Job:
    """A SageMaker job that a state runs.

    Parameters
    ----------
    kind
        `Training`, `Processing` or `Transform`.
    name
        The job's name.
    """

    kind: str
    name: str

    @property
    def log_group(self) -> str:
        """The CloudWatch log group; the streams begin with the job's name."""
        return f"/aws/sagemaker/{self.kind}Jobs"


@dataclass
class StateVisit:
    """A state that was entered, once.

    Parameters
    ----------
    name, type
        The state's name and type (`Task`, `Choice`, `Parallel` ...).
    entered_at, exited_at
        When; `exited_at` is None while it runs. After a redrive that went on from here, `entered_at` is that
        redrive's time.
    input, output
        JSON, as in the history.
    resource
        What a Task calls: `lambda:invoke`, `sagemaker:createTrainingJob.sync`.
    parameters
        What a Task gives to it.
    failures
        Every failed attempt since the last redrive; all but the last one were retried.
    retries
        How many attempts followed the first one.
    branches
        Of a Parallel, its branches in the definition's order; of a Map, its iterations. Those of its last attempt.
    redrives
        How many times a redrive of the execution went on from here; its attempts and its time begin anew then.
    id
        The id of the event that entered it.
    parent, branch, attempt
        The visit of the Parallel or Map that it is inside of, in which branch (or item) of it, and in which of its
        attempts, from 1; at the top None, None and 1.
    order
        Its place among the states of that branch in that attempt, from 0.
    attempts
        Every attempt, in order.
    length
        Of a Map, how many items it was given; None when that is not known.
    map_run
        Of a distributed Map, its Map Run's ARN.
    """

    name: str
    type: str
    entered_at: datetime
    input: str = ""
    status: Status = Status.RUNNING
    exited_at: datetime | None = None
    output: str = ""
    resource: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    retries: int = 0
    branches: list[Branch] = field(default_factory=list)
    redrives: int = 0
    id: int = 0
    parent: int | None = None
    branch: int | None = None
    attempt: int = 1
    order: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    length: int | None = None
    map_run: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.status in OPEN

    @property
    def first_entered_at(self) -> datetime:
        """When it was entered, also when the execution was redriven since."""
        return self.attempts[0].started_at if self.redrives and self.attempts else self.entered_at

    @property
    def job(self) -> Job | None:
        """The SageMaker job that it runs, if any."""
        match = re.fullmatch(r"sagemaker:create(Training|Processing|Transform)Job(\.sync)?", self.resource)
        name = self.parameters.get(f"{match[1]}JobName") if match else None
        return Job(match[1], str(name)) if match and name else None

    @property
    def function(self) -> str | None:
        """The name of the Lambda function that it invokes, if any."""
        if not self.resource.startswith("lambda:"):
            return None
        arn = str(self.parameters.get("FunctionName", "")).split(":")
        return (arn[6] if len(arn) > 6 else arn[0]) or None

    @property
    def endpoint(self) -> str | None:
        """The name of the SageMaker endpoint that it creates or updates, if any."""
        is_endpoint = self.resource in ("sagemaker:createEndpoint", "sagemaker:updateEndpoint")
        return str(self.parameters.get("EndpointName")) if is_endpoint else None

    def seconds(self, now: datetime | None = None) -> float:
        """How long it took, or has taken until `now`."""
        end = self.exited_at or now or datetime.now(UTC)
        return max(0.0, (end - self.entered_at).total_seconds())


@dataclass
class Branch:
    """A branch of a Parallel, or an iteration of a Map."""

    index: int
    states: list[StateVisit] = field(default_factory=list)


@dataclass
class ExecutionTree:
    """An execution: what it is about, and its states in the order in which they were entered."""

    status: Status = Status.RUNNING
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    input: str = ""
    output: str = ""
    error: str = ""
    cause: str = ""
    redrives: int = 0
    states: list[StateVisit] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.status in OPEN

    def seconds(self, now: datetime | None = None) -> float:
        """How long it took, or has taken until `now`."""
        if self.started_at is None:
            return 0.0
        end = self.stopped_at or now or datetime.now(UTC)
        return max(0.0, (end - self.started_at).total_seconds())

    def visits(self) -> Iterator[StateVisit]:
        """Every state that was entered; a Parallel or Map comes before what is inside of it."""
        return walk(self.states)


def walk(states: list[StateVisit]) -> Iterator[StateVisit]:
    """Every state of these, and of those inside of them; a Parallel or Map comes before what is inside of it."""
    # Not by recursion: how deep it goes is up to whoever wrote the history.
    waiting = [iter(states)]
    while waiting:
        visit = next(waiting[-1], None)
        if visit is None:
            waiting.pop()
            continue
        yield visit
        waiting.extend(iter(branch.states) for branch in reversed(visit.branches))
