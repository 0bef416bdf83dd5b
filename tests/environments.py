"""The optional environments beside ``.venv``: what the Makefile makes, and a test needs a process of."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def python_of(name: str) -> Path:
    """Return the Python of ``.venv-<name>``; the test is skipped where that has not been made."""
    python = ROOT / f".venv-{name}" / "bin" / "python"
    if not (python.parents[1] / ".ready").exists():
        pytest.skip(f".venv-{name} is not there: make .venv-{name}/.ready")
    return python
