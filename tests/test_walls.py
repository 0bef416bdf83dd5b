"""The walls between the rooms that are no packages: what the code of each may import."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STANDARD = set(sys.stdlib_module_names)
# What SageMaker's scikit-learn 1.4-2 image has, and what AWS's Python runtime has with the public Powertools layer.
IMAGE = {"joblib", "numpy", "pandas", "scipy", "sklearn"}
LAMBDA = {"aws_lambda_powertools", "aws_xray_sdk", "boto3", "botocore", "pydantic", "pydantic_core"}


def imported(path: Path) -> Iterator[str]:
    """Yield the first part of each module's name that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).partition(".")[0]


def scripts(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("script", scripts("training_code"), ids=str)
def test_training_code_needs_only_its_image(script: Path) -> None:
    beside = {path.stem for path in script.parent.glob("*.py")}
    assert set(imported(script)) - STANDARD - IMAGE - beside == set()


@pytest.mark.parametrize("function", scripts("lambdas"), ids=str)
def test_a_function_needs_only_its_runtime_and_layer(function: Path) -> None:
    own = {path.stem for path in (ROOT / "lambdas").glob("*.py")} | {"shared"}
    assert set(imported(function)) - STANDARD - LAMBDA - own == set()


@pytest.mark.parametrize("module", scripts("workflows"), ids=str)
def test_a_workflow_only_builds_a_definition(module: Path) -> None:
    assert set(imported(module)) - STANDARD == set(imported(module)) - STANDARD - {"switchyard", "boto3", "lambdas"}


def test_only_the_local_cloud_knows_moto() -> None:
    outside = [path for path in scripts("switchyard") if "cloud" not in path.relative_to(ROOT).parts]
    assert [path.name for path in outside if "moto" in imported(path)] == []


def test_nothing_asks_whether_it_runs_locally() -> None:
    folders = ("lambdas", "training_code", "workflows")
    asking = [path.name for folder in folders for path in scripts(folder) if "AWS_ENDPOINT_URL" in path.read_text()]
    assert asking == []
