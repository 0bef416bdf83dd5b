"""Talks to AWS through boto3: an account, or the local cloud; the same code for both."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, NoRegionError

from switchyard.aws.errors import error_code, is_denied
from switchyard.aws.target import Target
from switchyard.errors import SwitchyardError, UsageError
from switchyard.launcher import RunningCloud, find_cloud, find_home, probe
from switchyard.suggest import suggest

LOCAL_REGION = "us-east-1"
_MACHINE_OUTPUT = "StateMachineArn"


class Cloud:
    """An AWS account or the local cloud, and the stack in it.

    Parameters
    ----------
    session
        The boto3 session to take clients from.
    stack_name
        The CloudFormation stack's name.
    endpoint_url
        Of the local cloud; None for AWS itself.
    is_switchyard
        Whether that endpoint is a local cloud of Switchyard, with the pages that only it has.
    """

    def __init__(
        self,
        session: Any,
        *,
        stack_name: str = "switchyard",
        endpoint_url: str | None = None,
        is_switchyard: bool = False,
    ) -> None:
        self.session = session
        self.stack_name = stack_name
        self.endpoint_url = endpoint_url
        self.is_switchyard = is_switchyard
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, so that asking often costs nothing."""
        host = urlsplit(self.endpoint_url or "").hostname
        return host in ("localhost", "127.0.0.1", "::1")

    @property
    def region(self) -> str:
        """The region's code."""
        if not self.session.region_name:
            raise NoRegionError
        return str(self.session.region_name)

    def __str__(self) -> str:
        return self.endpoint_url or f"AWS, region {self.session.region_name or '(none set)'}"

    def client(self, service: str) -> Any:
        """Give the client of a service; the same one each time, and in every thread."""
        # Clients are for all threads; the session that makes them is not.
        with self._making:
            if service not in self._clients:
                config = _local_config() if self.is_local else _aws_config()
                self._clients[service] = self.session.client(service, endpoint_url=self.endpoint_url, config=config)
            return self._clients[service]

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs by name.

        Raises
        ------
        SwitchyardError
            When there is no such stack, or it is not ready.
        """
        try:
            answer = self.client("cloudformation").describe_stacks(StackName=self.stack_name)
        except ClientError as error:
            if "does not exist" in str(error) or error_code(error) == "StackNotFoundException":
                raise SwitchyardError(
                    f"there is no stack {self.stack_name!r} in {self}; deploy it with `sam build && sam "
                    "deploy --guided`, or name another one with --stack"
                ) from error
            raise
        stack = answer["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def forget_outputs(self) -> None:
        """Read the stack's outputs anew when they are asked for next: it may have been deployed again."""
        self.__dict__.pop("outputs", None)

    def output(self, name: str) -> str:
        """Give one of the stack's outputs.

        Raises
        ------
        SwitchyardError
            When the stack has no such output: it was not made from this project's template.
        """
        value = self.outputs.get(name)
        if value is None:
            raise SwitchyardError(
                f"stack {self.stack_name!r} in {self} has no output {name}; {suggest(name, self.outputs)}"
            )
        return value

    def workflows(self) -> dict[str, str]:
        """List the stack's state machines: ARN by name; without a stack, all there are."""
        machines = {
            name.removesuffix(_MACHINE_OUTPUT): arn
            for name, arn in self._outputs_if_any().items()
            if name.endswith(_MACHINE_OUTPUT) and ":stateMachine:" in arn
        }
        if machines and not self.is_local:
            return machines
        for machine in _pages(self.client("stepfunctions"), "list_state_machines", "stateMachines"):
            if machine["stateMachineArn"] not in machines.values():
                machines[machine["name"]] = machine["stateMachineArn"]
        return machines

    def _outputs_if_any(self) -> dict[str, str]:
        try:
            return self.outputs
        except SwitchyardError:
            return {}
        except ClientError as error:
            if not is_denied(error):
                raise
            return {}  # whoever may not ask for the stack may still be let see its state machines

    def find_workflow(self, name: str) -> str:
        """Resolve a workflow's name to its ARN.

        Parameters
        ----------
        name
            An ARN, the state machine's own name, or that of its file or output, however written:
            `train_and_deploy`, `train-and-deploy`, `TrainAndDeploy`.

        Raises
        ------
        UsageError
            When there is none; the message offers the nearest names.
        """
        if name.startswith("arn:"):
            return name
        machines = self.workflows()
        for known, arn in machines.items():
            own_name = arn.rsplit(":", 1)[-1]
            if name in (known, own_name) or _plain(name) in (_plain(known), _plain(own_name)):
                return arn
        known_names = [workflow_name(known) for known in machines]
        raise UsageError(f"there is no workflow {name!r} in {self}; {suggest(name, known_names)}")

    def find_execution(self, name: str) -> dict[str, Any] | None:
        """Look an execution up by its name or ARN.

        Returns
        -------
        dict or None
            DescribeExecution's answer; None when no workflow has such an execution.
        """
        stepfunctions = self.client("stepfunctions")
        arns = [name] if name.startswith("arn:") else []
        if not arns and re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
            machines = self.workflows().values()
            arns = [f"{arn.replace(':stateMachine:', ':execution:')}:{name}" for arn in machines]
        for arn in arns:
            try:
                answer: dict[str, Any] = stepfunctions.describe_execution(executionArn=arn)
            except ClientError as error:
                if error_code(error) in ("ExecutionDoesNotExist", "InvalidArn", "StateMachineDoesNotExist"):
                    continue
                raise
            return answer
        return None

    def executions(self, limit: int = 50) -> list[dict[str, Any]]:
        """List the executions of all workflows, the newest first; each with its `workflow`."""
        found = []
        for workflow, arn in self.workflows().items():
            listed = self.client("stepfunctions").list_executions(stateMachineArn=arn, maxResults=min(limit, 1000))
            found += [{**execution, "workflow": workflow_name(workflow)} for execution in listed["executions"]]
        return sorted(found, key=lambda execution: execution["startDate"], reverse=True)[:limit]

    def definition(self, workflow_arn: str) -> dict[str, Any]:
        """Give a state machine's definition; empty when it may not be read."""
        try:
            answer = self.client("stepfunctions").describe_state_machine(stateMachineArn=workflow_arn)
            definition: dict[str, Any] = json.loads(answer["definition"])
        except (ClientError, ValueError):
            return {}
        return definition


class Preparation:
    """A session for the local cloud, whose service descriptions are read in the background while that starts."""

    def __init__(self) -> None:
        self._session = _local_session(None)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def session(self) -> Any:
        """The session, when it is ready."""
        self._thread.join()
        return self._session

    def _read(self) -> None:
        for service in ("stepfunctions", "s3", "cloudformation", "sagemaker-runtime"):
            self._session.client(service, endpoint_url="http://127.0.0.1:1", config=_local_config())


def connect(
    target: Target,
    home: Path | None = None,
    *,
    to_keep: bool = False,
    preparation: Preparation | None = None,
) -> Cloud | None:
    """Connect to the cloud that the options name.

    Parameters
    ----------
    target
        The global options.
    home
        The state folder; by default the one that belongs to the current folder.
    to_keep
        Only a local cloud that outlives the command that started it.
    preparation
        The session to use for a local cloud.

    Returns
    -------
    Cloud or None
        None when no local cloud runs.
    """
    if target.aws:
        session = boto3.session.Session(profile_name=target.profile, region_name=target.region)
        return Cloud(session, stack_name=target.stack)
    if endpoint_url := os.environ.get("AWS_ENDPOINT_URL"):
        if urlsplit(endpoint_url).scheme not in {"http", "https"} or not urlsplit(endpoint_url).hostname:
            raise UsageError(
                f"AWS_ENDPOINT_URL is {endpoint_url!r}, which is no address: expected http://127.0.0.1:4599 or the like"
            )
        health = probe(endpoint_url)
        return Cloud(
            preparation.session if preparation and not target.region else _local_session(target.region),
            stack_name=(health or {}).get("stack_name") or target.stack,
            endpoint_url=endpoint_url,
            is_switchyard=health is not None,
        )
    running = find_cloud(home or find_home(), to_keep=to_keep)
    return connect_local(running, preparation) if running else None


def connect_local(running: RunningCloud, preparation: Preparation | None = None) -> Cloud:
    """Connect to a local cloud."""
    return Cloud(
        preparation.session if preparation else _local_session(None),
        stack_name=running.stack_name,
        endpoint_url=running.endpoint_url,
        is_switchyard=True,
    )


def _local_session(region: str | None) -> Any:
    # The user's AWS configuration has no say here: the credentials are made up, so that real ones never leave
    # for a port of this machine, and a broken configuration breaks nothing.
    session = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    session.set_credentials("test", "test")
    return boto3.session.Session(botocore_session=session, region_name=region or LOCAL_REGION)


def _local_config() -> Config:
    return Config(
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        proxies={},
        read_timeout=900,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _aws_config() -> Config:
    return Config(retries={"mode": "standard"}, user_agent_extra="switchyard")


def _pages(client: Any, operation: str, key: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate():
        yield from page[key]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def workflow_name(name: str) -> str:
    """Write a workflow's name as its file is named.

    Examples
    --------
    >>> workflow_name("TrainAndDeploy")
    'train_and_deploy'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()
