"""What releases are tried on: a local cloud with a recipe that was trained and deployed, and a load on its endpoint."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.processes import run, running
from benchmarks.releases.candidates import Registry
from benchmarks.releases.scenarios import ALARM
from switchyard.project import Project
from switchyard.recipes.loading import find_recipe

RECIPE = "diabetes"
LOOK_SECONDS = 0.1
CACHE_SECONDS = 10.0  # as the clients of examples/resolve_endpoint.py
AROUND_SECONDS = 1.0  # that the load goes on before a release and after it
LONGEST_SECONDS = 1800.0


class StageError(Exception):
    """When something that has to be there before a release did not come up."""


class Stage:
    """A local cloud that is up, and the recipe's endpoint in it.

    Parameters
    ----------
    project
        Whose recipes, machines and template.
    home
        The state folder.
    endpoint_url
        Of the cloud.
    time_scale
        The cloud's.
    """

    def __init__(self, project: Project, home: Path, endpoint_url: str, time_scale: float) -> None:
        self._time_scale = time_scale
        self._project = project
        self._home = home
        self.endpoint_url = endpoint_url
        self._session = boto3.Session("benchmark", "benchmark", region_name="us-east-1")
        self._clients: dict[str, Any] = {}
        self.endpoint = ""
        self.features = ""

    def client(self, service: str) -> Any:
        """Return a client of the cloud."""
        if service not in self._clients:
            config = Config(retries={"total_max_attempts": 3}, s3={"addressing_style": "path"})
            self._clients[service] = self._session.client(service, endpoint_url=self.endpoint_url, config=config)
        return self._clients[service]

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        (stack,) = self.client("cloudformation").describe_stacks()["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    def _resource(self, logical_id: str) -> str:
        (stack,) = self.client("cloudformation").describe_stacks()["Stacks"]
        found = self.client("cloudformation").describe_stack_resource(
            StackName=stack["StackName"], LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    @property
    def parameter(self) -> str:
        """Where the name of the endpoint that serves is kept."""
        return f"/switchyard/{RECIPE}/endpoint"

    def live(self) -> str:
        """Give the endpoint that serves now."""
        ssm = self.client("ssm")
        try:
            return str(ssm.get_parameter(Name=self.parameter)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            return self.endpoint

    def deploy(self) -> Registry:
        """Train and deploy the recipe, and give the registry with its package.

        Raises
        ------
        StageError
            When the run failed.
        """
        command = [sys.executable, "-m", "switchyard", "run", RECIPE, "--json"]
        ended = run(command, directory=self._project.root, environment={"SWITCHYARD_HOME": str(self._home)})
        if ended.exit_code:
            raise StageError(f"`switchyard run` ended with exit code {ended.exit_code}: {ended.errors.strip()[-500:]}")
        answer = json.loads(ended.output)
        self.endpoint = answer["endpoint_name"]
        self.features = ",".join(map(repr, answer["prediction"]["features"]))
        execution = self.client("stepfunctions").describe_execution(executionArn=answer["execution_arn"])
        arn = json.loads(execution["output"])["model_package_arn"]
        package = self.client("sagemaker").describe_model_package(ModelPackageName=arn)
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=ALARM,
            Namespace="Benchmark",
            MetricName="Breach",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",  # it is where it was put
        )
        # An approval would start a release with the recipe's own settings.
        self.client("events").disable_rule(Name=self._resource("ApprovalRule"))
        source = self._project.training_code / find_recipe(RECIPE, self._project.root).code_folder
        s3 = self.client("s3")
        return Registry(self.client("sagemaker"), s3, package, self.outputs["ArtifactBucketName"], source)

    @contextlib.contextmanager
    def load(self, rate: float) -> Iterator[Callable[[], dict[str, Any]]]:
        """Keep a load on what serves; what is given ends it, and tells what became of its requests."""
        command = [sys.executable, "-m", "benchmarks.releases.load", "--url", self.endpoint_url]
        command += ["--parameter", self.parameter, "--endpoint", self.endpoint, "--rate", str(rate)]
        # An endpoint that clients were sent away from goes 15 s later, which are scaled.
        command += ["--body", self.features, "--cache-seconds", str(CACHE_SECONDS * self._time_scale)]
        with subprocess.Popen(
            command, cwd=self._project.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                if process.stdout is None or not process.stdout.readline():
                    raise StageError("the load did not begin")
                time.sleep(AROUND_SECONDS)
                yield lambda: _end_load(process)
            finally:
                process.kill()

    def start(self, package: str, release: dict[str, Any]) -> str:
        """Approve a package, and start its release; gives the execution's ARN.

        Parameters
        ----------
        release
            What the machine's input says instead of the recipe's section of that name.
        """
        self.client("sagemaker").update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs["ReleaseStateMachineArn"],
            input=json.dumps({"model_package": package, "release": release}),
        )
        return str(started["executionArn"])

    def set_alarm(self, state: str) -> None:
        """Put the alarm into a state."""
        self.client("cloudwatch").set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="benchmark")

    def events(self, execution: str) -> list[dict[str, Any]]:
        """Give an execution's whole history."""
        pages = self.client("stepfunctions").get_paginator("get_execution_history")
        return [event for page in pages.paginate(executionArn=execution) for event in page["events"]]

    def newest_events(self, execution: str) -> list[dict[str, Any]]:
        """Give the last hundred events of an execution's history, newest first: some five looks of a release."""
        answer = self.client("stepfunctions").get_execution_history(
            executionArn=execution, reverseOrder=True, maxResults=100
        )
        return list(answer["events"])

    def wait(self, execution: str, on_look: Callable[[], None]) -> dict[str, Any]:
        """Wait for an execution's end, calling `on_look` in between; gives what is said of it."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while True:
            found = dict(self.client("stepfunctions").describe_execution(executionArn=execution))
            if found["status"] != "RUNNING":
                return found
            if time.monotonic() > deadline:
                raise StageError(f"{execution} did not end within {LONGEST_SECONDS:.0f} s")
            on_look()
            time.sleep(LOOK_SECONDS)


def _end_load(process: subprocess.Popen[str]) -> dict[str, Any]:
    time.sleep(AROUND_SECONDS)
    return dict(json.loads(process.communicate()[0]))


@contextlib.contextmanager
def cloud(project: Project, home: Path, time_scale: float) -> Iterator[Stage]:
    """Keep a local cloud up.

    Raises
    ------
    StageError
        When it does not start.
    """
    command = [sys.executable, "-m", "switchyard", "up", "--port", "0", "--no-console"]
    command += ["--time-scale", str(time_scale)]
    environment = {"SWITCHYARD_HOME": str(home)}
    with running(command, directory=project.root, environment=environment, output=subprocess.PIPE) as process:
        if not (process.stdout and process.stdout.readline()):
            raise StageError(f"`switchyard up` did not start; see {home / 'cloud.log'}")
        state = json.loads((home / "cloud.json").read_text(encoding="utf-8"))
        yield Stage(project, home, state["endpoint_url"], time_scale)
