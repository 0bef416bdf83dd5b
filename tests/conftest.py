"""Which worker runs which files, and when.

A file is run by one worker, so what a module's tests share is made once. A worker stays in its folder while there is
something left in it: what a session's tests share there, a local cloud mostly, is not made by every worker. The files
that take longest come first, so that no worker is left alone with one at the end.

And no test is judged by the time that it takes: machines are slow, or busy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# The longest first.
LONGEST = (
    "runs/test_fault_matrix.py",
    "cloud/test_sagemaker_sdk_inference.py",
    "cloud/test_examples.py",
    "cloud/test_data_science_sdk.py",
    "runs/test_permissions.py",
    "runs/test_command_line.py",
    "test_machine_mutations.py",
    "cloud/test_sagemaker_sdk.py",
    "runs/test_redrive.py",
    "browser/test_pages.py",
    "browser/test_executions.py",
    "runs/test_gate.py",
    "runs/test_train_and_deploy.py",
    "runs/test_uploads.py",
    "runs/test_algorithms.py",
    "runs/test_openapi.py",
)
_PLACES = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}


# Not every environment that runs tests has xdist.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.option.dist != "load":  # some other distribution is asked for
        return None
    from tests.scheduling import FolderScheduling

    config.option.loadscopereorder = False  # the order is given below
    return FolderScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _PLACES.get(item.path, len(LONGEST)))
