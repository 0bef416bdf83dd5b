"""Which fleets an endpoint has, and which of them gets a request: one, or while it moves two."""

from __future__ import annotations

import datetime
import random
import threading
from typing import Any

from switchyard.cloud.sagemaker.deployments import Deployment, variant_status
from switchyard.cloud.sagemaker.fleets import Choice, Fleet, definitions
from switchyard.cloud.sagemaker.variants import Variant


class Traffic:
    """The fleets of one endpoint.

    Attributes
    ----------
    fleet : Fleet or None
        Serves; of two, the old (blue) one.
    pending : Fleet or None
        Comes up, or gets a share of the traffic: the new (green) one.
    deployment : Deployment or None
        Says how large that share is.
    lock : RLock
        To be held by who changes more than one of them.
    """

    def __init__(self) -> None:
        self.fleet: Fleet | None = None
        self.pending: Fleet | None = None
        self.deployment: Deployment | None = None
        self.lock = threading.RLock()

    def choose(self, target_variant: str | None) -> Choice | None:
        """Pick the variant that answers a request, and count the request in; None if there is none of that name.

        Raises
        ------
        ThrottlingError
            The variant has as many requests under way as it takes.
        """
        with self.lock:
            for fleet in self._in_turn():
                if (chosen := fleet.choose(target_variant)) is not None:
                    return chosen
        return None

    def variants(self) -> list[Variant]:
        """Return the variants that serve, production and shadow."""
        with self.lock:
            return [] if self.fleet is None else self.fleet.all()

    def production(self) -> list[Variant]:
        """Return the production variants that serve."""
        with self.lock:
            return [] if self.fleet is None else list(self.fleet.variants.values())

    def wanted(self) -> list[dict[str, Any]]:
        """Return the definitions of all variants that have instances, or are about to."""
        with self.lock:
            pending = [] if self.pending is None else definitions(self.pending.config)
            serving = [{**each.definition, "InitialInstanceCount": each.count} for each in self.variants()]
            return [*serving, *pending]

    def replace(self, fleet: Fleet | None) -> Fleet | None:
        """Let a fleet serve, alone; return the one that did, which is to be stopped."""
        with self.lock:
            old, self.fleet = self.fleet, fleet
            self.pending = self.deployment = None
            return old

    def keep(self) -> None:
        """Let the fleet that serves do so alone; the pending one is to be stopped by who has it."""
        with self.lock:
            self.pending = self.deployment = None

    def close(self) -> None:
        """Let go of every fleet at once."""
        if self.deployment is not None:
            self.deployment.abort("the local cloud has ended")
        for fleet in (self.fleet, self.pending):
            if fleet is not None:
                fleet.close()

    def describe(self, since: datetime.datetime) -> dict[str, Any]:
        """Answer for the fleets in DescribeEndpoint.

        Parameters
        ----------
        since : datetime
            When the deployment began, if there is one.
        """
        with self.lock:
            described = {"PendingDeploymentSummary": self._summarize_pending(since)}
            if self.fleet is not None:
                described |= self.fleet.describe()
                if self.fleet.capture is not None:
                    described["DataCaptureConfig"] = self.fleet.capture.describe()
            return described

    def _in_turn(self) -> list[Fleet]:
        """Return the fleets that have traffic now, the one whose turn it is first."""
        if self.fleet is None:
            return []
        if self.pending is None or self.deployment is None or not (share := self.deployment.share):
            return [self.fleet]
        if share >= 1:
            return [self.pending]
        fleets = [self.fleet, self.pending]
        return fleets[::-1] if random.random() < share else fleets  # noqa: S311

    def _summarize_pending(self, since: datetime.datetime) -> dict[str, Any] | None:
        if self.pending is None:
            return None
        if self.deployment is None:
            status = variant_status("Creating", f"Launching {self.pending.instances()} instance(s).")
        else:
            status = self.deployment.status
        config = {"EndpointConfigName": self.pending.config_name, "StartTime": since}
        return {**config, **self.pending.describe(status)}
