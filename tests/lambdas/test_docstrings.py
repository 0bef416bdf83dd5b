from __future__ import annotations

import doctest

import check_predictions
import pytest
import start_run
from shared import gate, names, release_settings


@pytest.mark.parametrize(
    "module", [check_predictions, gate, names, release_settings, start_run], ids=lambda module: module.__name__
)
def test_examples_in_docstrings_are_true(module: object) -> None:
    results = doctest.testmod(module)  # type: ignore[arg-type]
    assert results.attempted
    assert results.failed == 0
