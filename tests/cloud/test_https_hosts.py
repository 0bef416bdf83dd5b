"""Clients that name AWS's own hosts: through the proxy, over TLS, without AWS_ENDPOINT_URL."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ProxyConnectionError, SSLError

from switchyard.cloud.https.names import is_aws_host
from tests.cloud.local_cloud import HERE, LocalCloud


@dataclass
class Hosts:
    """A cloud that takes AWS's own names."""

    proxy: str
    certificate: Path

    def client(self, service: str, **options: Any) -> Any:
        return boto3.client(
            service,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            verify=options.pop("verify", str(self.certificate)),
            config=Config(proxies={"https": self.proxy}, retries={"total_max_attempts": 1}),
            **options,
        )

    def ask(self, request: bytes) -> bytes:
        address, port = self.proxy.removeprefix("http://").split(":")
        with socket.create_connection((address, int(port)), timeout=30) as connection:
            connection.sendall(request)
            return connection.recv(65536)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    home = tmp_path_factory.mktemp("home")
    cloud = LocalCloud(home, HERE / "template.yaml", "--parameter", "Greeting=Good day", "--https-port", "0")
    try:
        https = cloud.state["https"]
        yield Hosts(https["HTTPS_PROXY"], Path(https["AWS_CA_BUNDLE"]))
    finally:
        assert cloud.close() == 0
    assert list(home.rglob("*.pem")) == []


def test_every_service_answers_under_its_own_name(hosts: Hosts) -> None:
    assert hosts.client("sts").get_caller_identity()["Account"] == "123456789012"
    explicit = hosts.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com")
    assert explicit.get_caller_identity()["Account"] == "123456789012"
    assert hosts.client("sagemaker").list_models()["Models"] == []
    assert hosts.client("stepfunctions").list_state_machines()["stateMachines"]
    assert hosts.client("lambda").list_functions()["Functions"]


@pytest.mark.parametrize("size", [0, 10, 9_000_000])
def test_a_body_that_comes_in_chunks_is_kept_whole(hosts: Hosts, size: int) -> None:
    # Over HTTPS, boto3 sends what it uploads in chunks, with a checksum behind them.
    s3 = hosts.client("s3")
    s3.create_bucket(Bucket="under-its-own-host")
    s3.put_object(Bucket="under-its-own-host", Key="a folder/ä+b.bin", Body=b"x" * size)
    assert s3.get_object(Bucket="under-its-own-host", Key="a folder/ä+b.bin")["Body"].read() == b"x" * size


def test_a_caller_of_no_role_is_in_one_that_can_be_handed_on(hosts: Hosts) -> None:
    arn = hosts.client("sts").get_caller_identity()["Arn"]
    name = arn.split("/")[1]
    assert arn == f"arn:aws:sts::123456789012:assumed-role/{name}/SageMaker"
    role = hosts.client("iam").get_role(RoleName=name)["Role"]
    trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
    assert {"sagemaker.amazonaws.com", "states.amazonaws.com"} <= set(trusted)
    machine = hosts.client("stepfunctions").create_state_machine(
        name="with-the-owners-role",
        roleArn=role["Arn"],
        definition='{"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": true}}}',
    )
    assert machine["stateMachineArn"].endswith(":with-the-owners-role")


def test_whoever_trusts_this_machine_trusts_the_public_authorities_too(hosts: Hosts) -> None:
    trusted = ssl.create_default_context(cafile=str(hosts.certificate)).cert_store_stats()
    assert trusted["x509_ca"] > 50


def test_nobody_else_is_believed_to_be_aws(hosts: Hosts) -> None:
    with pytest.raises(SSLError):
        hosts.client("sts", verify=True).get_caller_identity()


def test_what_does_not_answer_is_said(hosts: Hosts) -> None:
    answer = hosts.ask(b"CONNECT nowhere.invalid:443 HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"nowhere.invalid does not answer" in answer
    with pytest.raises(ProxyConnectionError):
        hosts.client("sts", endpoint_url="https://nowhere.invalid").get_caller_identity()


@pytest.mark.parametrize(
    "request_line",
    [b"GET http://sts.amazonaws.com/ HTTP/1.1", b"CONNECT sts.amazonaws.com:80 HTTP/1.1", b"CONNECT", b"\xff\xfe"],
)
def test_anything_but_https_is_refused(hosts: Hosts, request_line: bytes) -> None:
    assert hosts.ask(request_line + b"\r\n\r\n").startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize(
    ("host", "is_aws"),
    [
        ("sts.us-east-1.amazonaws.com", True),
        ("bucket.s3.amazonaws.com:443", True),
        ("STS.AMAZONAWS.COM.", True),
        ("sagemaker.us-east-1.api.aws", True),
        ("amazonaws.com.example.org", False),
        ("notamazonaws.com", False),
        ("127.0.0.1:4599", False),
        ("", False),
    ],
)
def test_names_of_aws_are_told_from_others(host: str, is_aws: bool) -> None:
    assert is_aws_host(host) is is_aws
