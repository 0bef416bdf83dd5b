"""What every part of SageMaker works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

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
    time_scale : float
        Seconds here for one second of a grace period on AWS.
    sabotage : dict
        What is to go wrong next, by a job's ARN or ``endpoint/<name>``.
    """

    identity: Identity
    runtimes: RuntimeHosts
    home: Path
    time_scale: float
    sabotage: dict[str, Sabotage] = field(default_factory=dict)
