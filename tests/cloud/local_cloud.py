"""A local cloud for the tests: the real process, with a template that is not the project's."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

HERE = Path(__file__).parent
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
T = TypeVar("T")


def wait_until(look: Callable[[], T], seconds: float = 120) -> T:
    """Look again and again, and return the first thing seen that counts as true."""
    deadline = time.monotonic() + seconds
    between = threading.Event()
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{look} has not come true within {seconds} seconds")
        between.wait(0.02)
    return seen


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for yet does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}


def archive(files: dict[str, str | bytes]) -> bytes:
    """Pack files, by their names, as a ``.tar.gz``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            body = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return buffer.getvalue()


class LocalCloud:
    """A local cloud in a process of its own.

    Parameters
    ----------
    home : Path
        Its state folder.
    template : Path
        What it loads.
    arguments : str
        More of its command line.
    python : str
        The interpreter that it runs on.
    """

    def __init__(self, home: Path, template: Path, *arguments: str, python: str = sys.executable) -> None:
        self.home = home
        command = [python, "-m", "switchyard.cloud", "--port", "0", "--parent-pipe"]
        self.process = subprocess.Popen(
            [*command, "--home", str(home), "--template", str(template), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.state: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.url: str = self.state.get("endpoint_url", "")
        self._clients: dict[str, Any] = {}
        self._resources: dict[str, str] | None = None

    def client(self, service: str) -> Any:
        """Return a client of this cloud, with nothing checked before it is sent."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                region_name="us-east-1",
                endpoint_url=self.url,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(
                    parameter_validation=False,
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                    max_pool_connections=50,
                ),
            )
        return self._clients[service]

    def output(self, name: str) -> str:
        """Return one of the stack's outputs."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName=self.state["stack_name"])["Stacks"]
        return next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == name)

    def resource(self, logical_id: str) -> str:
        """Return the physical id of one of the stack's resources."""
        if self._resources is None:
            answer = self.client("cloudformation").list_stack_resources(StackName=self.state["stack_name"])
            self._resources = {
                found["LogicalResourceId"]: found["PhysicalResourceId"] for found in answer["StackResourceSummaries"]
            }
        return self._resources[logical_id]

    @property
    def bucket(self) -> str:
        """The bucket that the template makes."""
        return self.resource("DataBucket")

    @property
    def role_arn(self) -> str:
        """The role that jobs run as."""
        return f"arn:aws:iam::123456789012:role/{self.resource('JobRole')}"

    def put(self, key: str, body: str | bytes) -> str:
        """Put an object into the bucket and return its URI."""
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def get(self, uri: str) -> bytes:
        """Return an object's content."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        content: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, without it."""
        answer = self.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"].removeprefix(prefix) for found in answer.get("Contents", [])]

    def log(self, group: str, stream_prefix: str = "") -> list[str]:
        """Return the lines of a log group, of some or all of its streams, without the local cloud's own notes."""
        return [line for line in self.whole_log(group, stream_prefix) if not line.startswith("[local cloud] ")]

    def whole_log(self, group: str, stream_prefix: str = "") -> list[str]:
        """Return the lines of a log group, of some or all of its streams."""
        logs = self.client("logs")
        options = {"logStreamNamePrefix": stream_prefix} if stream_prefix else {}
        try:
            events = logs.filter_log_events(logGroupName=group, **options)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events]

    def children(self) -> set[int]:
        """Return every process below the cloud's own."""
        below: dict[int, list[int]] = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(status.read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            below.setdefault(parent, []).append(int(status.parent.name))
        found: set[int] = set()
        left = [self.process.pid]
        while left:
            children = below.get(left.pop(), [])
            found.update(children)
            left += children
        return found

    def close(self) -> int:
        """End the cloud as its parent's end would; return its exit code."""
        for client in self._clients.values():
            client.close()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            return self.process.wait(120)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
