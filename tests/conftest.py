"""The order of the files: those that take longest come first, so that no worker is left alone with one at the end.

A file is run by one worker (`--dist loadfile` in the Makefile): what a module's tests share is made once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

# Seconds each, the longest first: beside a file that computes stands one that mostly waits.
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _PLACES.get(item.path, len(LONGEST)))
