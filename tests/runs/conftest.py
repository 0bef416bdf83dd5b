"""A local cloud with the project's own template, and recipes that differ from `diabetes` in one thing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.config import Config

from switchyard.project import Project
from switchyard.publishing.publish import publish

ROOT = Path(__file__).resolve().parents[2]
# Seconds that nothing takes but on a machine that much else runs on.
TIMEOUT = 300


@dataclass
class Execution:
    """One execution of the workflow."""

    site: Site
    arn: str
    name: str

    def wait(self) -> dict[str, Any]:
        """Wait until it has ended and all that it leaves is kept; return what DescribeExecution says."""
        with urllib.request.urlopen(f"{self.site.url}/_switchyard/runs/{self.name}", timeout=TIMEOUT) as answer:
            assert json.load(answer)["path"] == str(self.kept)
        return self.site.client("stepfunctions").describe_execution(executionArn=self.arn)

    def is_running(self) -> bool:
        found = self.site.client("stepfunctions").describe_execution(executionArn=self.arn)
        return bool(found["status"] == "RUNNING")

    @property
    def kept(self) -> Path:
        return self.site.home / "runs" / self.name

    def states(self) -> list[str]:
        """Return the names of the states that it entered, in order."""
        pages = self.site.client("stepfunctions").get_paginator("get_execution_history")
        events = [event for page in pages.paginate(executionArn=self.arn) for event in page["events"]]
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


@dataclass
class Site:
    """A running local cloud that has the project's stack."""

    url: str
    home: Path
    pid: int
    outputs: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def publish(self, project: Project, *names: str) -> None:
        publish(
            project,
            s3=self.client("s3"),
            artifact_bucket=self.outputs["ArtifactBucketName"],
            data_bucket=self.outputs["DataBucketName"],
            region="us-east-1",
            recipes=names,
        )

    def start(self, recipe: str, name: str, **given: Any) -> Execution:
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs["TrainAndDeployStateMachineArn"],
            name=name,
            input=json.dumps({"recipe": recipe, **given}),
        )
        return Execution(self, answer["executionArn"], name)

    def invoke(self, recipe: str, body: str, **options: Any) -> str:
        answer = self.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=f"switchyard-{recipe}", ContentType="text/csv", Body=body, **{"Accept": "text/csv", **options}
        )
        return answer["Body"].read().decode()

    def alarm(self, name: str) -> str:
        """Return the state of an alarm; one that something single raises is in it for a second or two."""
        (found,) = self.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(found["StateValue"])

    def alarms(self, name: str) -> int:
        """Return how many times an alarm has gone off, whatever its state is now."""
        pages = self.client("cloudwatch").get_paginator("describe_alarm_history")
        items = pages.paginate(AlarmName=name, HistoryItemType="StateUpdate").search("AlarmHistoryItems")
        return sum(item["HistorySummary"].endswith(" to ALARM") for item in items)

    def made(self) -> dict[str, list[str]]:
        """Return the names of the models, endpoint configurations and endpoints that exist."""
        sagemaker = self.client("sagemaker")
        return {
            "models": sorted(each["ModelName"] for each in sagemaker.list_models(MaxResults=100)["Models"]),
            "configs": sorted(
                each["EndpointConfigName"]
                for each in sagemaker.list_endpoint_configs(MaxResults=100)["EndpointConfigs"]
            ),
            "endpoints": sorted(each["EndpointName"] for each in sagemaker.list_endpoints(MaxResults=100)["Endpoints"]),
        }


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "switchyard.cloud", "--port", "0", "--home", str(home), "--parent-pipe"]
    process = subprocess.Popen(
        [*command, "--warm", "scikit-learn", "--template", str(ROOT / "template.yaml")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        started = json.loads(process.stdout.readline())
        site = Site(started["endpoint_url"], home, process.pid)
        stack = site.client("cloudformation").describe_stacks(StackName="switchyard")["Stacks"][0]
        site.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        yield site
        process.stdin.close()
        assert process.wait(TIMEOUT) == 0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a copy of the project's recipes and code that a test may change."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copytree(ROOT / "training_code", tmp_path / "training_code", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", tmp_path / "template.yaml")
    return Project(tmp_path)


def add_recipe(project: Project, name: str, *, scripts: dict[str, str] | None = None, **changes: Any) -> None:
    """Add a recipe that is `diabetes` with some of its keys, or whole scripts, changed."""
    document = yaml.safe_load((project.root / "recipes" / "diabetes.yaml").read_text())
    document.update(name=name, **changes)
    if scripts:
        document["source"] = name.replace("-", "_")
        folder = project.root / "training_code" / document["source"]
        shutil.copytree(project.root / "training_code" / "tabular_regression", folder)
        for file, text in scripts.items():
            (folder / file).write_text(text)
    (project.root / "recipes" / f"{name}.yaml").write_text(yaml.safe_dump(document))


class Caller:
    """Sends requests to an endpoint without a pause, until it is told to stop."""

    def __init__(self, site: Site, recipe: str, body: str) -> None:
        self._site, self._recipe, self._body = site, recipe, body
        self._stop = threading.Event()
        self.answers: list[str] = []
        self.errors: list[Exception] = []
        self._thread = threading.Thread(target=self._call)

    def __enter__(self) -> Caller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _call(self) -> None:
        client = self._site.client("sagemaker-runtime")
        while not self._stop.is_set():
            try:
                answer = client.invoke_endpoint(
                    EndpointName=f"switchyard-{self._recipe}",
                    ContentType="text/csv",
                    Accept="text/csv",
                    Body=self._body,
                )
                self.answers.append(answer["Body"].read().decode())
            except Exception as error:
                self.errors.append(error)
