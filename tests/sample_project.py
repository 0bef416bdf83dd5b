"""A small project of its own for each test, so that a test can break any file of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from switchyard.project import Project

TEMPLATE = """\
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters:
  ProjectName: {Type: String, Default: switchyard}
Globals:
  Function: {Runtime: python3.12, CodeUri: lambdas/}
Resources:
  CheckFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: check.handler
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: workflows/machine.asl.json
      DefinitionSubstitutions:
        CheckFunctionArn: !GetAtt CheckFunction.Arn
"""


def recipe_document(**changes: Any) -> dict[str, Any]:
    """A recipe with every required key, and some of them changed; None takes a key out."""
    document: dict[str, Any] = {
        "name": "trees",
        "image": "scikit-learn:1.4-2",
        "source": "regression",
        "hyperparameters": {"model": "ridge", "alpha": 0.1, "rounds": 10},
        "data": {"source": "data/trees.csv", "target": "height"},
        "metrics": [{"name": "rmse", "regex": r"rmse=(\S+)"}, {"name": "r2", "regex": r"r2=(\S+)"}],
        "gate": [{"metric": "rmse", "direction": "minimize", "threshold": 62}],
    }
    document |= changes
    return {key: value for key, value in document.items() if value is not None}


def definition(**states: Any) -> dict[str, Any]:
    """A state machine that starts at the first of its states."""
    return {"StartAt": next(iter(states)), "States": states}


TASK = {"Type": "Task", "Resource": "${CheckFunctionArn}"}


class SampleProject(Project):
    """A project whose files a test can write."""

    @classmethod
    def make(cls, root: Path) -> SampleProject:
        """Write a project that has no problem."""
        project = cls(root)
        project.write("template.yaml", TEMPLATE)
        project.write("lambdas/check.py", "def handler(event, context):\n    return event\n")
        for script in ("prepare.py", "train.py", "inference.py"):
            project.write(f"training_code/regression/{script}", f"print({script!r})\n")
        project.write("recipes/data/trees.csv", table(10))
        project.write_recipe()
        project.write_definition(definition(Check={**TASK, "End": True}))
        return project

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file, making its folders."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def write_recipe(self, **changes: Any) -> Path:
        """Write the recipe `trees`, changed."""
        return self.write("recipes/trees.yaml", yaml.safe_dump(recipe_document(**changes), sort_keys=False))

    def write_definition(self, machine: dict[str, Any]) -> Path:
        """Write the state machine."""
        return self.write("workflows/machine.asl.json", json.dumps(machine))


def table(rows: int, header: str = "height,girth,volume") -> str:
    """A CSV file."""
    columns = header.count(",") + 1
    lines = [",".join(str(row + column) for column in range(columns)) for row in range(rows)]
    return "\n".join([header, *lines]) + "\n"
