from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cloud.local_cloud import HERE, LocalCloud, is_alive
from tests.environments import python_of

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud with this folder's template; at its end nothing of it may be left."""
    home = tmp_path_factory.mktemp("home")
    arguments = ("--stack", "trial", "--parameter", "Greeting=Good day", "--time-scale", "0.01")
    # Of instance types that no other test uses.
    for use, quota in (("training job", 1), ("processing job", 0), ("transform job", 0), ("endpoint", 1)):
        arguments += ("--quota", f"ml.c4.xlarge for {use} usage={quota}")
    cloud = LocalCloud(home, HERE / "template.yaml", *arguments, "--warm", "scikit-learn")
    try:
        assert "endpoint_url" in cloud.state, cloud.state
        yield cloud
        children = cloud.children()
        assert children
    finally:
        exit_code = cloud.close()
    assert exit_code == 0
    assert [pid for pid in children if is_alive(pid)] == []
    assert not (home / "cloud.json").exists()
    assert list((home / "cloud").glob("*")) == []


@pytest.fixture(scope="session")
def cloud_of_aws_names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud that answers for AWS's own host names too, which the SDK asks for its account."""
    python_of("author")
    home = tmp_path_factory.mktemp("home")
    cloud = LocalCloud(home, HERE / "template.yaml", "--parameter", "Greeting=Good day", "--https-port", "0")
    yield cloud
    assert cloud.close() == 0


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name for a job, a model or an endpoint that no other test uses."""
    words = request.node.originalname.removeprefix("test_").replace("_", "-")
    return f"{words[:40].strip('-')}-{next(_numbers)}"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file of the test's own."""

    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return written
