"""Which cloud a command speaks to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """Which cloud a command speaks to, as the global options say.

    Parameters
    ----------
    aws
        An AWS account rather than the local cloud.
    profile, region
        boto3's; None for its own defaults.
    stack
        The CloudFormation stack's name.
    """

    aws: bool = False
    profile: str | None = None
    region: str | None = None
    stack: str = "switchyard"
