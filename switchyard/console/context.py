"""What the areas of the console share: the cloud, the past runs, the project, and who watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchyard.console.explorer import NO_CLOUD, Explorer
from switchyard.console.index import ExecutionIndex
from switchyard.console.live import Hub
from switchyard.console.opened import OpenedExecutions
from switchyard.console.past import PastRuns
from switchyard.console.problems import RequestError

if TYPE_CHECKING:
    from pathlib import Path

    from switchyard.aws.client import Cloud
    from switchyard.console.connection import Connection
    from switchyard.project import Project


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
