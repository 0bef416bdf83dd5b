from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cloud.local_cloud import LocalCloud

Address = Callable[..., str]


@pytest.fixture(scope="session")
def rest_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud with this folder's template."""
    cloud = LocalCloud(tmp_path_factory.mktemp("rest"), Path(__file__).parent / "template.yaml", "--stack", "apis")
    try:
        assert cloud.state.get("unsupported") == [], cloud.state
        yield cloud
    finally:
        cloud.close()


@pytest.fixture(scope="session")
def address(rest_cloud: LocalCloud) -> Address:
    """The address of a path of one of the template's APIs."""

    def of(output: str, stage: str, path: str) -> str:
        return f"{rest_cloud.url}/_aws/execute-api/{rest_cloud.output(output)}/{stage}{path}"

    return of
