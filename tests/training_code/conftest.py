"""Loads the scripts of training_code from their files, as a container does: the folder is no package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "training_code" / "tabular_regression"
VARIABLES = (
    "SAGEMAKER_BASE_DIR",
    "SM_CHANNEL_TRAIN",
    "SM_CHANNEL_VALIDATION",
    "SM_MODEL_DIR",
    "SM_OUTPUT_DATA_DIR",
    "SM_OUTPUT_DIR",
)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tabular_regression_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by its name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def prepare() -> ModuleType:
    return load("prepare")


@pytest.fixture(scope="session")
def train() -> ModuleType:
    return load("train")


@pytest.fixture(scope="session")
def inference() -> ModuleType:
    return load("inference")


@pytest.fixture(scope="session")
def scripts() -> Path:
    return SCRIPTS


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(autouse=True)
def outside_a_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No script sees a container's environment but what its test sets."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path / "no-container"))


@pytest.fixture(scope="session")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Splits of a linear function with a little noise: folders train and validation."""
    folder = tmp_path_factory.mktemp("channels")
    generator = np.random.default_rng(0)
    for name, rows in (("train", 80), ("validation", 20)):
        features = generator.normal(size=(rows, 3))
        target = features @ [1.0, -2.0, 3.0] + 5 + generator.normal(scale=0.1, size=rows)
        (folder / name).mkdir()
        table = np.column_stack([target, features])
        np.savetxt(folder / name / f"{name}.csv", table, delimiter=",", fmt="%.17g")
    return folder
