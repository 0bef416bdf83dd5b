"""A local cloud with the project's own template, and a console over it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from switchyard.aws.client import Cloud, connect_local
from switchyard.console.connection import Connection
from switchyard.console.context import Context
from switchyard.launcher import RunningCloud
from switchyard.project import Project
from tests.console.browser import Browser, serving
from tests.runs.conftest import ROOT, Site, project, site

__all__ = ["project", "site"]


@pytest.fixture(scope="session")
def cloud(site: Site) -> Cloud:
    """Connect to the local cloud as the command line does; `diabetes` is published there."""
    site.publish(Project(ROOT), "diabetes")
    return connect_local(RunningCloud(site.url, site.pid))


@pytest.fixture(scope="session")
def console(site: Site, cloud: Cloud) -> Iterator[Browser]:
    """Serve a console over the local cloud and its past runs."""
    with serving(Context(Connection(cloud), home=site.home, project=Project(ROOT))) as browser:
        yield browser
