"""`switchyard stack`, on the project's own endpoint templates."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from botocore.exceptions import ClientError

from switchyard.__main__ import main
from tests.cloud.jobs import SAY, invoke
from tests.cloud.local_cloud import IMAGE, LocalCloud, archive
from tests.cloud.stacks import INFRASTRUCTURE, alarm, happened, outputs, settled

ONE, TWO = INFRASTRUCTURE / "endpoint-one-model.yml", INFRASTRUCTURE / "endpoint-two-models.yml"
SETTING = """
Parameters:
  Value: {Type: String, MaxLength: 9, ConstraintDescription: up to nine characters}
  Size: {Type: Number, Default: 1, MinValue: 0}
Resources:
  Setting: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Sub "${Value} ${Size}"}}
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command, and returns its exit code and what it printed."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        exit_code = main(["stack", *map(str, arguments)])
        printed = capsys.readouterr()
        return exit_code, printed.out, printed.err

    return run


@pytest.fixture
def setting(tmp_path: Path) -> Path:
    """A template of one resource."""
    path = tmp_path / "setting.yml"
    path.write_text(SETTING)
    return path


@pytest.fixture(scope="module")
def sources(cloud: LocalCloud) -> dict[str, str]:
    """The scripts of models: two that say who they are, and one that cannot be loaded."""
    cloud.put("stacks/model.tar.gz", archive({}))
    scripts = {word: dedent(SAY.format(word=word)) for word in ("first", "second")}
    scripts["broken"] = "raise RuntimeError('it never learnt to speak')"
    return {
        name: cloud.put(f"stacks/{name}.tar.gz", archive({"inference.py": script})) for name, script in scripts.items()
    }


def options(values: dict[str, Any]) -> list[str]:
    """The options that give parameters."""
    return [word for key, value in values.items() for word in ("--parameter", f"{key}={value}")]


def answers(cloud: LocalCloud, endpoint: str, requests: int = 20) -> set[str]:
    """Who answers an endpoint's requests."""
    return {invoke(cloud, endpoint, "1").decode().split()[0] for _ in range(requests)}


@contextlib.contextmanager
def requests_to(cloud: LocalCloud, endpoint: str) -> Iterator[list[Exception]]:
    """Send one request after the other meanwhile; what fails is in the list."""
    failed: list[Exception] = []
    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            try:
                invoke(cloud, endpoint, "1")
            except ClientError as error:
                failed.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield failed
    finally:
        ended.set()
        sender.join()


def test_an_endpoint_of_one_model_moves_to_another_model(
    cloud: LocalCloud, run: Run, sources: dict[str, str], name: str
) -> None:
    given = {
        "EndpointName": name,
        "ExecutionRoleArn": cloud.role_arn,
        "Image": IMAGE,
        "ModelDataUrl": f"s3://{cloud.bucket}/stacks/model.tar.gz",
        "SourceUrl": sources["first"],
    }
    code, out, err = run("apply", name, "--template", ONE, *options(given), "--yes", "--json")
    made = json.loads(out)
    assert (code, made["status"]) == (0, "CREATE_COMPLETE"), err
    assert made["outputs"]["EndpointName"] == name
    assert answers(cloud, name, 3) == {"first"}

    code, out, _ = run("preview", name, "--parameter", f"SourceUrl={sources['second']}", "--json")
    changes = {each["logical_id"]: each for each in json.loads(out)["changes"]}
    assert {key: each["action"] for key, each in changes.items()} == {
        "Model": "replace",
        "EndpointConfig": "replace?",
        "Endpoint": "modify",
    }
    assert [each["cause"] for each in changes["Model"]["properties"]] == ["SourceUrl"]

    code, _, _ = run("apply", name, "--parameter", f"SourceUrl={sources['second']}", "--yes")
    assert code == 0
    assert answers(cloud, name, 3) == {"second"}
    steps = [step for step in happened(cloud, name) if step[1] in {"UPDATE_COMPLETE", "DELETE_COMPLETE"}]
    assert steps == [
        ("Model", "UPDATE_COMPLETE"),
        ("EndpointConfig", "UPDATE_COMPLETE"),
        ("Endpoint", "UPDATE_COMPLETE"),
        ("EndpointConfig", "DELETE_COMPLETE"),
        ("Model", "DELETE_COMPLETE"),
        (name, "UPDATE_COMPLETE"),
    ]
    with pytest.raises(ClientError, match="Could not find model"):
        cloud.client("sagemaker").describe_model(ModelName=made["outputs"]["ModelName"])

    before = outputs(settled(cloud, name))
    code, out, _ = run("apply", name, "--parameter", f"SourceUrl={sources['broken']}", "--yes", "--json")
    failed = json.loads(out)
    assert (code, failed["status"]) == (1, "UPDATE_ROLLBACK_COMPLETE")
    assert "it never learnt to speak" in failed["reason"]
    assert failed["outputs"] == before
    assert answers(cloud, name, 3) == {"second"}

    code, out, _ = run("delete", name, "--yes")
    assert code == 0
    assert "DELETE_COMPLETE" in out
    with pytest.raises(ClientError, match="Could not find"):
        cloud.client("sagemaker").describe_endpoint(EndpointName=name)


def test_a_canary_is_a_stack_update_a_step(cloud: LocalCloud, run: Run, sources: dict[str, str], name: str) -> None:
    data = f"s3://{cloud.bucket}/stacks/model.tar.gz"
    given = {
        "EndpointName": name,
        "ExecutionRoleArn": cloud.role_arn,
        **{f"Image{number}": IMAGE for number in (1, 2)},
        **{f"ModelDataUrl{number}": data for number in (1, 2)},
        "SourceUrl1": sources["first"],
        "SourceUrl2": sources["second"],
    }
    code, out, err = run("apply", name, "--template", TWO, *options(given), "--yes", "--json")
    assert code == 0, err
    latency = json.loads(out)["outputs"]["LatencyAlarm"]
    assert answers(cloud, name) == {"first"}

    code, out, _ = run("preview", name, "--parameter", "VariantWeight2=30")
    assert code == 0
    assert "± replace  EndpointConfig  AWS::SageMaker::EndpointConfig" in out
    assert "ProductionVariants[Model1].InitialVariantWeight: 100 -> 70  (by VariantWeight2, replaces it)" in out
    assert "ProductionVariants[Model2].InitialVariantWeight: 0 -> 30  (by VariantWeight2, replaces it)" in out
    assert "1 to replace, 1 to modify" in out
    assert cloud.client("cloudformation").list_change_sets(StackName=name)["Summaries"] == []

    watched = ("--rollback-alarm", latency, "--monitoring-minutes", "1", "--yes")
    code, out, _ = run("apply", name, "--parameter", "VariantWeight2=50", *watched)
    assert code == 0, out
    assert "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" in out
    assert answers(cloud, name, 40) == {"first", "second"}
    (variant, _) = cloud.client("sagemaker").describe_endpoint(EndpointName=name)["ProductionVariants"]
    assert variant["CurrentWeight"] == 50

    # Triggers that a stack has watch its later updates, too. Whatever takes longer than a microsecond is too slow now.
    step = ("--parameter", "VariantWeight2=100", "--parameter", "LatencyToAlarm=1", "--monitoring-minutes", "60")
    with requests_to(cloud, name) as failed:
        code, out, _ = run("apply", name, *step, "--yes", "--json")
    assert (code, json.loads(out)["status"]) == (1, "UPDATE_ROLLBACK_COMPLETE")
    assert f"The rollback trigger {latency} is in ALARM: Threshold Crossed" in json.loads(out)["reason"]
    assert failed == []
    (variant, _) = cloud.client("sagemaker").describe_endpoint(EndpointName=name)["ProductionVariants"]
    assert variant["CurrentWeight"] == 50
    assert run("delete", name, "--yes")[0] == 0


def test_what_a_preview_of_a_new_stack_makes_is_gone_with_it(
    cloud: LocalCloud, run: Run, setting: Path, name: str
) -> None:
    code, out, _ = run("preview", name, "--template", setting, "--parameter", "Value=x")
    assert code == 0
    assert f"the new stack {name}" in out
    assert "+ add      Setting  AWS::SSM::Parameter" in out
    with pytest.raises(ClientError, match="does not exist"):
        settled(cloud, name)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "needs values for 1 parameters:\n  --parameter Value=..."),
        (["--parameter", "Value=a", "--parameter", "Sise=2"], "has no parameter 'Sise'; did you mean 'Size'?"),
        (["--parameter", "Value=0123456789"], "must have at most 9 characters (up to nine characters)"),
        (["--parameter", "Value=a", "--parameter", "Size=-1"], "--parameter Size=-1: must not be less than 0"),
        (["--parameter", "Value=a", "--parameter", "Size=many"], "--parameter Size=many: must be a number"),
        (["--parameter", "Value"], "--parameter 'Value' is not NAME=VALUE"),
        (["--parameter", "Value=a", "--parameter", "Value=b"], "--parameter Value is given twice"),
        (["--parameter", "Value=a", "--rollback-alarm", "none"], "there is no alarm 'none'"),
        (["--parameter", "Value=a", "--monitoring-minutes", "181"], "must be from 0 to 180"),
    ],
)
def test_wrong_usage_is_told_and_changes_nothing(
    cloud: LocalCloud, run: Run, setting: Path, name: str, more: list[str], message: str
) -> None:
    code, _, err = run("apply", name, "--template", setting, "--yes", *more)
    assert code == 2
    assert message in err
    with pytest.raises(ClientError, match="does not exist"):
        settled(cloud, name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Resources: [", "is not valid YAML"),
        ("Parameters: {}", "has no Resources"),
        (
            "Resources: {T: {Type: AWS::SNS::Topic}}\nOutput: {}",
            "has the unknown key 'Output'; did you mean 'Outputs'?",
        ),
        ("Resources: {V: {Type: AWS::EC2::VPC}}", "Unrecognized resource types: [AWS::EC2::VPC]"),
        ("Resources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref No1}}}", "[No1]"),
        (
            "Resources: {P: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}}",
            "then give --capability CAPABILITY_IAM",
        ),
        (
            "Resources: {C: {Type: AWS::SageMaker::EndpointConfig, Properties: {ProductionVariants: "
            "[{VariantName: a, InitialVariantWeight: 0}, {VariantName: b, InitialVariantWeight: 0}]}}}",
            "C: the variants' weights sum to 0 (a 0, b 0)",
        ),
        (
            "Resources: {C: {Type: AWS::SageMaker::EndpointConfig, Properties: {ProductionVariants: "
            "[{VariantName: a, InitialVariantWeight: -1}]}}}",
            "C: a variant's weight is negative: a -1",
        ),
    ],
)
def test_a_template_that_is_wrong_is_told_and_nothing_is_made(
    cloud: LocalCloud, run: Run, setting: Path, name: str, text: str, message: str
) -> None:
    setting.write_text(text)
    code, _, err = run("preview", name, "--template", setting)
    assert code == 2
    assert message in err
    with pytest.raises(ClientError, match="does not exist"):
        settled(cloud, name)


def test_a_stack_that_cannot_be_changed_says_what_to_do(cloud: LocalCloud, run: Run, setting: Path, name: str) -> None:
    assert run("apply", name, "--parameter", "Value=a", "--yes")[2].endswith("give its template with --template FILE\n")
    made = ("apply", name, "--template", setting, "--parameter", "Value=a", "--yes")
    assert run(*made)[0] == 0
    code, _, err = run(*made)
    assert code == 1
    assert "nothing would change" in err
    code, _, err = run("apply", name, "--parameter", "Value=b")
    assert (code, "give --yes" in err) == (2, True)
    alarm(cloud, name, "ALARM")
    code, _, err = run("apply", name, "--parameter", "Value=b", "--rollback-alarm", name, "--yes")
    assert code == 1
    assert f"the alarm {name} is in ALARM already" in err
    assert run("delete", name, "--yes")[0] == 0
    assert "there is no stack" in run("delete", name, "--yes")[2]
    # One whose creation has failed is to be deleted first.
    setting.write_text(SETTING.replace("Type: String, Value: !Sub", "Type: NoSuchType, Value: !Sub"))
    code, out, _ = run(*made)
    assert code == 1
    assert "ROLLBACK_COMPLETE" in out
    assert "NoSuchType" in out
    code, _, err = run(*made)
    assert code == 1
    assert f"switchyard stack delete {name}" in err
    assert run("delete", name, "--yes")[0] == 0


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left(cloud: LocalCloud) -> Iterator[None]:
    """Whatever the tests of this module make is gone after them."""

    def endpoints() -> set[str]:
        pages = cloud.client("sagemaker").get_paginator("list_endpoints").paginate()
        return {endpoint["EndpointName"] for page in pages for endpoint in page["Endpoints"]}

    before = endpoints()
    yield
    assert endpoints() <= before
