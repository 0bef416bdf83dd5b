"""What every part of SageMaker works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from switchyard.cloud.faults import Fault, Faults, kinds
from switchyard.cloud.identity import Identity
from switchyard.cloud.sagemaker.images import RuntimeHosts


@dataclass(frozen=True)
class Sabotage:
    """What is to go wrong with a job, or with the deployment of an endpoint, and the note that says why.

    Parameters
    ----------
    crash : bool
        Whether its process is killed, rather than SageMaker failing it.
    """

    note: str
    crash: bool = False


@dataclass(frozen=True)
class Interruption:
    """A spot interruption that is to come, and the note that says why.

    Parameters
    ----------
    seconds : float, optional
        How long after the training has begun; without it, as soon as a checkpoint has been kept, or, of a job that
        keeps none, with the first line that it prints.
    """

    note: str
    seconds: float | None = None


@dataclass(frozen=True)
class Context:
    """Shared by jobs and endpoints.

    Parameters
    ----------
    identity : Identity
        Whose credentials a job or an endpoint uses: its role's.
    runtimes : RuntimeHosts
        The warm processes that stand in for container images.
    home : Path
        The folder under which containers get theirs.
    cache : Path
        A folder for what outlives this cloud.
    time_scale : float
        Seconds here for one second of a grace period on AWS.
    faults : Faults
        What goes wrong with jobs by their names.
    sabotage : dict
        What is to go wrong next, by a job's ARN or ``endpoint/<name>``.
    interruptions : dict
        The spot interruptions that are to come, by a job's ARN.
    """

    identity: Identity
    runtimes: RuntimeHosts
    home: Path
    cache: Path
    time_scale: float
    faults: Faults = field(default_factory=Faults)
    sabotage: dict[str, Sabotage] = field(default_factory=dict)
    interruptions: dict[str, list[Interruption]] = field(default_factory=dict)

    def harm(self, job_arn: str, fault: Fault) -> None:
        """Arrange for a job that is about to be created to suffer a fault."""
        if fault.kind.name == kinds.SPOT_INTERRUPTION:
            self.interruptions.setdefault(job_arn, []).append(interruption_by(fault))
        else:
            self.sabotage[job_arn] = Sabotage(fault.note, crash=fault.kind.name == kinds.CRASH)

    def spare(self, job_arn: str) -> None:
        """Take back what was arranged: it was not created."""
        self.sabotage.pop(job_arn, None)
        self.interruptions.pop(job_arn, None)


def interruption_by(fault: Fault) -> Interruption:
    """Return the interruption that a fault is."""
    return Interruption(fault.note, fault.kind.seconds or None)
