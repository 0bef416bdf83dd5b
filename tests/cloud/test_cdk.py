"""The CDK app says what the templates say that it includes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from switchyard.yaml_text import CloudFormationLoader, load_yaml
from tests.cloud.local_cloud import IMAGE, LocalCloud, archive
from tests.cloud.stacks import INFRASTRUCTURE, create, delete, outputs, preview
from tests.environments import ROOT, python_of

INCLUDED = {
    "EndpointOneModel": INFRASTRUCTURE / "endpoint-one-model.yml",
    "EndpointTwoModels": INFRASTRUCTURE / "endpoint-two-models.yml",
    "Switchyard": ROOT / "template.yaml",
}


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what the app synthesizes."""
    folder = tmp_path_factory.mktemp("cdk.out")
    quiet = {"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1"}
    app = INFRASTRUCTURE / "cdk" / "app.py"
    environment = {**os.environ, **quiet, "CDK_OUTDIR": str(folder)}
    ended = subprocess.run(
        [python_of("cdk"), app], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return folder


def comparable(value: Any) -> Any:
    """A template with `Fn::GetAtt` in one of its two forms."""
    if isinstance(value, dict):
        if list(value) == ["Fn::GetAtt"] and isinstance(value["Fn::GetAtt"], str):
            return {"Fn::GetAtt": value["Fn::GetAtt"].split(".", 1)}
        return {key: comparable(inner) for key, inner in value.items()}
    return [comparable(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("stack", INCLUDED)
def test_a_synthesized_template_is_what_was_included(synthesized: Path, stack: str) -> None:
    written = json.loads((synthesized / f"{stack}.template.json").read_text())
    given = load_yaml(INCLUDED[stack].read_text(), CloudFormationLoader)
    assert comparable(written) == comparable(given)


def test_a_synthesized_template_deploys(cloud: LocalCloud, synthesized: Path, name: str) -> None:
    text = (synthesized / "EndpointOneModel.template.json").read_text()
    code = cloud.put(f"{name}/sourcedir.tar.gz", archive({"inference.py": "def model_fn(folder): return None"}))
    values = {
        "EndpointName": name,
        "ExecutionRoleArn": cloud.role_arn,
        "Image": IMAGE,
        "ModelDataUrl": cloud.put(f"{name}/model.tar.gz", archive({})),
        "SourceUrl": code,
    }
    made = create(cloud, name, text, values)
    assert made["StackStatus"] == "CREATE_COMPLETE"
    assert outputs(made)["EndpointName"] == name
    # The template that was included is the same to CloudFormation.
    unchanged = preview(cloud, name, INCLUDED["EndpointOneModel"].read_text(), values)
    assert (unchanged["Status"], unchanged.get("Changes", [])) == ("FAILED", [])
    assert delete(cloud, name)["StackStatus"] == "DELETE_COMPLETE"
