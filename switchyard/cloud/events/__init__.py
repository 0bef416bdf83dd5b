"""EventBridge: events, rules, schedules and their deliveries; what S3 tells of its objects.

Source: "Amazon SageMaker AI events that EventBridge receives" (Amazon SageMaker Developer Guide), and each module's.
"""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from switchyard.cloud.events.service import Events

__all__ = ["attach", "publish"]

_attached: list[Events] = []


def attach(events: Events | None) -> None:
    """Say where `publish` leads; None for nowhere."""
    _attached[:] = [] if events is None else [events]


def publish(source: str, detail_type: str, detail: dict[str, Any], resource: str) -> None:
    """Publish an event of one of the cloud's own services on the default bus.

    Parameters
    ----------
    source : str
        The service, such as ``aws.sagemaker``.
    detail_type : str
        What happened, in the service's words.
    detail : dict
        The document that rules match and targets get; times become ISO 8601 text.
    resource : str
        The ARN that it is about.
    """
    if not _attached:
        return
    from switchyard.cloud.events.bus import new_event

    plain = json.loads(json.dumps(detail, default=_as_text))
    _attached[0].bus.take(new_event(source, detail_type, plain, [resource]))


def _as_text(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not JSON")
