"""One thing that a request does, as policies see it."""

from __future__ import annotations

from dataclasses import dataclass, field

from switchyard.cloud.iam.conditions import Context


@dataclass(frozen=True)
class Access:
    """An action on a resource.

    Attributes
    ----------
    action : str
        As in policies, such as ``s3:GetObject``.
    resource : str or None
        Its ARN; ``*`` for an action that has none; None when it is not known which resource it concerns.
    context : mapping
        Condition keys that belong to this action.
    """

    action: str
    resource: str | None
    context: Context = field(default_factory=dict)
