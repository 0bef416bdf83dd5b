"""Which cloud the console looks at: always the same one, or whichever runs for a state folder now."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from switchyard.aws.client import connect_local
from switchyard.launcher import find_cloud

if TYPE_CHECKING:
    from pathlib import Path

    from switchyard.aws.client import Cloud

_FIND_SECONDS = 1.0


class Connection:
    """The cloud that the console looks at: a certain one, or whichever runs for a state folder now.

    Parameters
    ----------
    cloud
        The certain one: an AWS account, or a local cloud.
    home
        The state folder; looked at only without a certain cloud.
    """

    def __init__(self, cloud: Cloud | None = None, home: Path | None = None) -> None:
        self._cloud = cloud
        self._home = home if cloud is None else None
        self._pid = 0
        self._next = 0.0
        self._lock = threading.Lock()

    @property
    def is_certain(self) -> bool:
        """Whether it is always the same cloud."""
        return self._home is None

    def cloud(self) -> Cloud | None:
        """Give the cloud; None when none runs. A certain one is given also while it is away."""
        if self._home is None:
            return self._cloud
        with self._lock:
            if time.monotonic() >= self._next:
                running = find_cloud(self._home)
                if running is None:
                    self._cloud = None
                elif self._cloud is None or (running.pid, running.endpoint_url) != (
                    self._pid,
                    self._cloud.endpoint_url,
                ):
                    self._cloud, self._pid = connect_local(running), running.pid
                self._next = time.monotonic() + _FIND_SECONDS
            return self._cloud
