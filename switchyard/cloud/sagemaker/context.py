"""What every part of SageMaker works with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from switchyard.cloud.identity import Identity
from switchyard.cloud.sagemaker.images import RuntimeHosts


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
    """

    identity: Identity
    runtimes: RuntimeHosts
    home: Path
    time_scale: float
