"""EventBridge put together: buses, deliveries, schedules, S3's events, and the resources of templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from switchyard.cloud import moto_fixes
from switchyard.cloud.events import attach, patterns, resources, schedules, transform
from switchyard.cloud.events.bus import Bus
from switchyard.cloud.events.delivery import Deliveries
from switchyard.cloud.events.objects import Objects
from switchyard.cloud.events.schedules import Schedules
from switchyard.cloud.events.targets import Targets
from switchyard.cloud.identity import Identity
from switchyard.cloud.later import Later
from switchyard.cloud.resource import Creators

# Deliveries are calls to this same port, which answers many at once.
MOST_AT_ONCE = 16


class Events:
    """EventBridge, its Scheduler, and what S3 sends there.

    Parameters
    ----------
    identity : Identity
        Gives the clients that call targets.
    function_policy : callable
        Given a function's ARN, returns its resource policy, or None.
    time_scale : float
        Seconds here for one second of pause between a delivery's attempts. Schedules keep real time.
    """

    def __init__(
        self, identity: Identity, function_policy: Callable[[str], dict[str, Any] | None], time_scale: float
    ) -> None:
        self._later = Later("event", MOST_AT_ONCE)
        targets = Targets(identity, function_policy)
        deliveries = Deliveries(self._later, time_scale)
        self.bus = Bus(deliveries, targets)
        objects = Objects(self.bus, deliveries, targets)
        moto_fixes.deliver_events(self.bus.put, self.bus.offer)
        moto_fixes.check_event_patterns(patterns.parse, transform.check)
        moto_fixes.tell_of_objects(objects.changed)
        self._schedules = Schedules(self.bus, deliveries, targets)
        moto_fixes.tell_of_schedules(schedules.check, self._schedules.change)
        attach(self)

    def creators(self, stack_name: str) -> Creators:
        """Return what makes the resources of a template that are EventBridge's, or its targets' policies."""
        return resources.creators(stack_name)

    def close(self) -> None:
        """Deliver nothing more."""
        attach(None)
        self._schedules.close()
        self._later.close()
