"""Lets requests pass at the rate that a stage allows.

Source: "Throttle requests to your REST APIs for better throughput in API Gateway" (API Gateway Developer Guide), which
describes a token bucket.
"""

from __future__ import annotations

import threading
import time

from switchyard.cloud.apigateway.model import Method
from switchyard.cloud.apigateway.rest_apis import MethodSettings, RestApi, Stage


class Throttle:
    """The token buckets of all methods that have a limit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # What is left in a bucket, and when that was.
        self._buckets: dict[tuple[str, str, str, str], tuple[float, float]] = {}

    def takes(self, api: RestApi, stage: Stage, method: Method) -> bool:
        """Take one request in, or tell that there are too many."""
        settings = settings_of(stage, method)
        if settings is None or settings.rate is None or settings.burst is None:
            return True
        key = (api.id, stage.name, method.resource, method.http_method)
        now = time.monotonic()
        with self._lock:
            left, at = self._buckets.get(key, (float(settings.burst), now))
            left = min(float(settings.burst), left + (now - at) * settings.rate)
            if left < 1:
                self._buckets[key] = (left, now)
                return False
            self._buckets[key] = (left - 1, now)
            return True


def settings_of(stage: Stage, method: Method) -> MethodSettings | None:
    """Return the settings that a stage has for a method: its own, or those of all."""
    own = f"{method.resource} {method.http_method}"
    return stage.settings.get(own) or stage.settings.get("* *")
