"""What is wrong with a template is told in one message that names the thing, and no process is left."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from switchyard.cloud.identity import Identity
from switchyard.cloud.intrinsics import TemplateError
from switchyard.cloud.stack import create
from tests.cloud.local_cloud import LocalCloud, is_alive

Load = Callable[..., Any]
SAM = "Transform: AWS::Serverless-2016-10-31\n"


class NoFunctions:
    """Takes functions and runs none."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def register(self, function: Any) -> None:
        self.names.append(function.name)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Creates the stack of a template, with nothing behind it that could run."""

    def loaded(text: str | bytes, **parameters: str) -> Any:
        path = tmp_path / "template.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return create(
            "s",
            path,
            parameters,
            identity=Identity("http://127.0.0.1:1"),
            functions=NoFunctions(),  # type: ignore[arg-type]
            cache=tmp_path / "cache",
        )

    return loaded


def resources(text: str) -> str:
    return "Resources:\n" + "".join(f"  {line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("", "the template has no Resources"),
        ("just text", "the template has no Resources"),
        ("- a\n- b\n", "the template has no Resources"),
        ("Resources: [a, b]", "the template has no Resources"),
        ("Resources: {A: text}", "the resource A has no Type"),
        ("Resources: {A: {Properties: {}}}", "the resource A has no Type"),
        ("Resources: {A: {Type: 7}}", "the resource A has no Type"),
        ("Resources:\n  A: {Type: 'AWS::SNS::Topic'\n", "the template is not valid YAML: "),
        ("a: b: c", "the template is not valid YAML: "),
        ("a: " + "[" * 100_000, "the template is nested more than 500 deep"),
        ("- " * 100_000, "the template is nested more than 500 deep"),
        ("a: !Nonsense [", "the template is not valid YAML: "),
        (b"\xff\xfe\x00", "the template is not "),
        (resources("A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Nobody}}"), "Ref names 'Nobody'"),
        (resources("A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub '${No.Body}'}}"), "'No'"),
        (resources("A: {Type: AWS::SNS::Topic, DependsOn: Nobody}"), "A depends on Nobody"),
        (resources("A: {Type: AWS::SNS::Topic, Condition: Perhaps}"), "there is no condition named 'Perhaps'"),
        (resources("A: {Type: AWS::SNS::Topic, Properties: text}"), "A (AWS::SNS::Topic): Properties is not a mapping"),
        (
            resources(
                "A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref B}}\n"
                "B: {Type: AWS::SNS::Topic, Properties: {TopicName: !GetAtt A.Arn}}"
            ),
            "resources refer to each other in a circle: ",
        ),
        (
            resources("Q: {Type: AWS::SQS::Queue}") + "Outputs: {O: {Value: !Ref Nobody}}",
            "Ref names 'Nobody'",
        ),
        (
            resources("Q: {Type: AWS::SQS::Queue}") + "Outputs: {O: {Value: !GetAtt Q.Colour}}",
            "'Q' has no attribute 'Colour'",
        ),
        (
            resources("F:\n  Type: AWS::Lambda::Function\n  Properties: {Handler: a.b, Role: r, Code: no-such-folder}"),
            "no-such-folder with the function's code",
        ),
        (
            resources("F:\n  Type: AWS::Lambda::Function\n  Properties: {Role: r, Code: .}"),
            "F (AWS::Lambda::Function) lacks the property 'Handler'",
        ),
        (
            resources(
                "F:\n  Type: AWS::Lambda::Function\n"
                "  Properties: {Handler: a.b, Role: r, Code: {S3Bucket: elsewhere, S3Key: k}}"
            ),
            "F: only code and definitions on this machine can be loaded",
        ),
        (
            resources(
                "F:\n  Type: AWS::Lambda::Function\n  Properties: {Handler: a.b, Role: r, Code: ., Timeout: soon}"
            ),
            "F (AWS::Lambda::Function)",
        ),
        (
            resources(
                "M:\n  Type: AWS::StepFunctions::StateMachine\n"
                '  Properties: {RoleArn: r, DefinitionString: \'{"a": "${Nobody}"}\'}'
            ),
            "M: the definition's ${Nobody} has no DefinitionSubstitution",
        ),
        (
            SAM
            + resources(
                "M:\n  Type: AWS::Serverless::StateMachine\n  Properties: {Role: r, DefinitionUri: no-such-file.json}"
            ),
            "no-such-file.json cannot be read: No such file or directory",
        ),
        (
            SAM + resources("F: {Type: AWS::Serverless::Function, Properties: {Handler: a.b, CodeUri: .}}"),
            "SAM refuses the template: Resource with id [F] is invalid. Runtime and Handler needs to be present",
        ),
        (SAM + resources("F: {Type: AWS::Serverless::Function, Properties: }"), "[F] is invalid"),
        (SAM + "Globals: {Function: {Colour: red}}\n" + resources("A: {Type: AWS::SNS::Topic}"), "Colour"),
        (
            SAM
            + "Globals: \nParameters: \n"
            + resources("A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref B}}"),
            "'B'",
        ),
    ],
)
def test_what_is_wrong_is_named(load: Load, template: str | bytes, reason: str) -> None:
    with pytest.raises(TemplateError) as refused:
        load(template)
    assert reason in str(refused.value)


def test_a_template_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent.yaml"
    with pytest.raises(TemplateError, match=r"absent\.yaml: the template cannot be read: No such file or directory"):
        create(
            "s",
            path,
            {},
            identity=Identity("http://127.0.0.1:1"),
            functions=NoFunctions(),  # type: ignore[arg-type]
            cache=tmp_path,
        )


PARAMETERS = "Parameters: {A: {Type: String}, B: {Type: String, Default: b}}\n" + resources("T: {Type: X::Y::Z}")


def test_a_parameter_without_a_value_is_named(load: Load) -> None:
    with pytest.raises(TemplateError, match="the parameter A has no default; give it with --parameter A=VALUE"):
        load(PARAMETERS)


def test_a_parameter_that_does_not_exist_is_named(load: Load) -> None:
    with pytest.raises(TemplateError, match="there is no parameter C; the template has A, B"):
        load(PARAMETERS, A="a", C="c")


def test_a_type_that_nobody_knows_is_told_and_is_no_error(load: Load) -> None:
    stack = load(PARAMETERS + "Outputs: {O: {Value: !Sub '${T}-${T.Colour}'}}", A="a")
    assert stack.unsupported == ["T (X::Y::Z)"]
    assert load(SAM + resources("F: {Type: AWS::Serverless::Funktion}")).unsupported == [
        "F (AWS::Serverless::Funktion)"
    ]
    # moto has models of its own of these, which nobody would find.
    assert load(SAM + resources("M: {Type: AWS::SageMaker::ModelPackageGroup}")).unsupported == [
        "M (AWS::SageMaker::ModelPackageGroup)"
    ]
    assert stack.outputs["O"]["OutputValue"] == "T-T.Colour"
    assert stack.parameters == {"A": "a", "B": "b"}


def test_a_template_is_transformed_once_for_the_same_content(load: Load, tmp_path: Path) -> None:
    template = SAM + resources("T: {Type: X::Y::Z}")
    for _ in range(2):
        assert load(template).unsupported == ["T (X::Y::Z)"]
    assert len(list((tmp_path / "cache").iterdir())) == 1
    load(template + "# another\n")
    assert len(list((tmp_path / "cache").iterdir())) == 2


def run_cloud(*arguments: str, home: Path) -> tuple[int, dict[str, Any], str]:
    """Run the cloud's command until it ends by itself."""
    command = [sys.executable, "-m", "switchyard.cloud", "--home", str(home), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    return ended.returncode, json.loads(ended.stdout), ended.stderr


def test_the_command_tells_a_wrong_template_as_json_and_leaves_with_1(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(resources("A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Nobody}}"))
    home = tmp_path / "home"
    code, document, errors = run_cloud("--port", "0", "--template", str(template), home=home)
    assert code == 1
    assert document == {"error": "A: Ref names 'Nobody', which is neither a parameter nor a resource of the template"}
    assert errors == ""
    assert not (home / "cloud.json").exists()
    assert list((home / "cloud").iterdir()) == []


def test_the_command_tells_a_port_that_is_taken_and_leaves_with_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, document, errors = run_cloud("--port", str(port), home=tmp_path)
    assert code == 2
    assert document["error"].startswith(f"port {port} on 127.0.0.1 is taken")
    assert errors == ""


def test_the_command_refuses_a_parameter_without_a_value() -> None:
    command = [sys.executable, "-m", "switchyard.cloud", "--parameter", "Greeting"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "'Greeting' is not NAME=VALUE" in ended.stderr


def test_the_cloud_ends_with_its_parent_and_takes_everything_along(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(resources("A: {Type: AWS::SNS::Topic}"))
    cloud = LocalCloud(tmp_path / "home", template, "--warm", "scikit-learn")
    children = cloud.children()
    assert children
    assert cloud.close() == 0
    assert [pid for pid in children if is_alive(pid)] == []
