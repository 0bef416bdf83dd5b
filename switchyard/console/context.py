"""What the areas of the console share: the cloud, the past runs, the project, and who watches."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from switchyard.aws.client import connect_local
from switchyard.console.explorer import NO_CLOUD, Explorer
from switchyard.console.index import ExecutionIndex
from switchyard.console.live import Hub
from switchyard.console.opened import OpenedExecutions
from switchyard.console.past import PastRuns
from switchyard.console.problems import RequestError
from switchyard.launcher import find_cloud

if TYPE_CHECKING:
    from pathlib import Path

    from switchyard.aws.client import Cloud
    from switchyard.project import Project

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


class Context:
    """What the areas of the console share.

    Parameters
    ----------
    connection
        To the cloud.
    home
        The state folder, whose past runs are shown; None for an AWS account.
    project
        The project whose recipes can be started; None outside of one.
    """

    def __init__(self, connection: Connection, *, home: Path | None, project: Project | None) -> None:
        self.connection = connection
        self.home = home
        self.project = project
        self.hub = Hub()
        self.past = PastRuns(home)
        self.index = ExecutionIndex()
        self.explorer = Explorer(connection, self.index, self.past)
        self.opened = OpenedExecutions(connection, self.past, self.explorer.title)

    def close(self) -> None:
        """End every page's connection, and read no more."""
        self.hub.close()
        self.explorer.close()

    @property
    def cloud(self) -> Cloud | None:
        """The cloud; None when no local one runs now."""
        return self.connection.cloud()

    def need_cloud(self) -> Cloud:
        """Give the cloud.

        Raises
        ------
        RequestError
            When no local cloud runs (502).
        """
        cloud = self.cloud
        if cloud is None:
            raise RequestError(502, NO_CLOUD)
        return cloud

    def interval(self, *, local: float, aws: float) -> float:
        """Give the seconds between two looks: this machine does not count requests, AWS does."""
        cloud = self.cloud
        return local if cloud is None or cloud.is_local else aws
