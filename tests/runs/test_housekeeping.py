"""Housekeeping for real: what is idle or unused goes, and whatever serves, waits or is somebody else's stays."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from switchyard.project import Project
from switchyard.publishing.publish import publish
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.runs.conftest import ROOT, TIMEOUT

PATIENT = "59,2,32.1,101,157,93.2,38,4,4.8598,87"
# An endpoint is idle after two seconds; all that nothing uses may go at once.
NOW = {"idle_periods": 2, "idle_period_seconds": 1, "unused_seconds": 0, "artifact_seconds": 0, "keep_packages": 1}
OURS = {"switchyard:project": "switchyard", "switchyard:execution": "long-ago", "switchyard:recipe": "diabetes"}
_numbers = itertools.count(1)
OTHER_PROJECT = {**OURS, "switchyard:project": "switchyard-two"}


class House:
    """A cloud with one deployed model, and the means to put more into it."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.bucket = cloud.output("ArtifactBucketName")
        self.sagemaker = cloud.client("sagemaker")
        self.deployed: dict[str, Any] = {}
        self.messages: list[dict[str, Any]] = []

    def deploy(self) -> None:
        """Train and deploy a model, whose endpoint is the live one."""
        publish(
            Project(ROOT),
            s3=self.cloud.client("s3"),
            artifact_bucket=self.bucket,
            data_bucket=self.cloud.output("DataBucketName"),
            region="us-east-1",
            recipes=["diabetes"],
        )
        assert self.run("TrainAndDeploy", {"recipe": "diabetes"}, name="first")["status"] == "DEPLOYED"
        self.deployed = self.sagemaker.describe_model(ModelName="switchyard-first")
        self.cloud.client("ssm").put_parameter(
            Name="/switchyard/diabetes/endpoint", Value="switchyard-diabetes", Type="String"
        )

    def run(self, machine: str, document: dict[str, Any], **options: str) -> dict[str, Any]:
        """Run an execution to its end; its output, with its name."""
        arn = self.start(machine, document, **options)
        ended = wait_until(lambda: self.ended(arn))
        assert ended["status"] == "SUCCEEDED", ended
        return {**json.loads(ended["output"]), "execution": ended["name"]}

    def start(self, machine: str, document: dict[str, Any], **options: str) -> str:
        return self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.cloud.output(f"{machine}StateMachineArn"), input=json.dumps(document), **options
        )["executionArn"]

    def ended(self, arn: str) -> dict[str, Any] | None:
        found = self.cloud.client("stepfunctions").describe_execution(executionArn=arn)
        return None if found["status"] == "RUNNING" else found

    def report(self, output: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The items of an execution's report, by kind and name."""
        document = json.loads(self.cloud.get(output["report_uri"]))
        return {f"{item['kind']}/{item['name'].split(':model-package/')[-1]}": item for item in document["items"]}

    def serve(self, name: str, tags: dict[str, str] | None) -> None:
        """Make an endpoint with a model and a configuration of its own."""
        given = {"Tags": [{"Key": key, "Value": value} for key, value in (tags or {}).items()]}
        self.add_model(name, **given)
        variant = {"ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{"VariantName": "AllTraffic", **variant}], **given
        )
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, **given)

    def add_model(self, name: str, **given: Any) -> None:
        container, role = self.deployed["PrimaryContainer"], self.deployed["ExecutionRoleArn"]
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role, **given)

    def register(self, run: str, status: str) -> None:
        """Register what a run has left: a copy of the deployed model."""
        key = f"runs/{run}/model/model.tar.gz"
        deployed = self.deployed["PrimaryContainer"]
        bucket, _, model = deployed["ModelDataUrl"].removeprefix("s3://").partition("/")
        self.cloud.client("s3").copy_object(
            Bucket=self.bucket, Key=key, CopySource={"Bucket": bucket, "Key": model}, ChecksumAlgorithm="CRC32"
        )
        self.sagemaker.create_model_package(
            ModelPackageGroupName="switchyard-diabetes",
            InferenceSpecification={
                "Containers": [{"Image": deployed["Image"], "ModelDataUrl": f"s3://{self.bucket}/{key}"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            ModelApprovalStatus=status,
            CustomerMetadataProperties={"execution": run},
        )

    def fill(self) -> None:
        """See that there is something of each kind that may go."""
        there = self.names()
        if "switchyard-idle" not in there["endpoints"]:
            for name in set(there["configs"]) & {"switchyard-idle"}:
                self.sagemaker.delete_endpoint_config(EndpointConfigName=name)
            for name in set(there["models"]) & {"switchyard-idle"}:
                self.sagemaker.delete_model(ModelName=name)
            self.serve("switchyard-idle", OURS)
        if "orphan" not in there["runs"]:
            self.cloud.client("s3").put_object(Bucket=self.bucket, Key="runs/orphan/report/report.json", Body=b"{}")
        while len(self.names()["packages"]) < 3:
            self.register(f"rejected-{next(_numbers)}", "Rejected")
        self.wait_until_idle("switchyard-idle")

    def names(self) -> dict[str, list[str]]:
        """What there is."""
        packages = self.sagemaker.list_model_packages(ModelPackageGroupName="switchyard-diabetes", MaxResults=100)
        listed = self.cloud.client("s3").list_objects_v2(Bucket=self.bucket, Prefix="runs/")["Contents"]
        return {
            "endpoints": sorted(
                each["EndpointName"]
                for each in self.sagemaker.list_endpoints(MaxResults=100)["Endpoints"]
                if each["EndpointStatus"] != "Deleting"
            ),
            "configs": sorted(
                each["EndpointConfigName"]
                for each in self.sagemaker.list_endpoint_configs(MaxResults=100)["EndpointConfigs"]
            ),
            "models": sorted(each["ModelName"] for each in self.sagemaker.list_models(MaxResults=100)["Models"]),
            "packages": sorted(each["ModelPackageVersion"] for each in packages["ModelPackageSummaryList"]),
            "runs": sorted({each["Key"].split("/")[1] for each in listed}),
        }

    def has_object(self, key: str) -> bool:
        return bool(self.cloud.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=key)["KeyCount"])

    def ask(self, endpoint: str) -> None:
        self.cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, ContentType="text/csv", Body=PATIENT
        )

    def wait_until_idle(self, *endpoints: str) -> None:
        """Wait until endpoints are in service for longer than the idle time."""

        def is_idle() -> bool:
            found = [self.sagemaker.describe_endpoint(EndpointName=name) for name in endpoints]
            return all(
                each["EndpointStatus"] == "InService" and time.time() - each["LastModifiedTime"].timestamp() > 2.1
                for each in found
            )

        wait_until(is_idle)


class Asked:
    """Asks an endpoint again and again, as soon as there is one."""

    def __init__(self, house: House, endpoint: str) -> None:
        self._house, self._endpoint, self._stop = house, endpoint, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stop.wait(0.1):
            with contextlib.suppress(ClientError):
                self._house.ask(self._endpoint)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    cloud = LocalCloud(
        tmp_path_factory.mktemp("home"), ROOT / "template.yaml", "--stack", "switchyard", "--warm", "scikit-learn"
    )
    house = House(cloud)
    queue = cloud.client("sqs").create_queue(QueueName="told")["QueueUrl"]
    cloud.client("sns").subscribe(
        TopicArn=cloud.output("NotificationTopicArn"),
        Protocol="sqs",
        Endpoint=cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ],
    )
    house.deploy()
    with Asked(house, "switchyard-busy"):
        yield house
    cloud.close()


def told(house: House, subject: str) -> dict[str, Any]:
    """Wait for the topic's message of that subject: alarms tell it theirs, in between."""
    sqs = house.cloud.client("sqs")
    url = sqs.create_queue(QueueName="told")["QueueUrl"]

    def look() -> dict[str, Any] | None:
        for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
            house.messages.append(json.loads(each["Body"]))
        return next((message for message in house.messages if message["Subject"] == subject), None)

    return wait_until(look)


def switchyard(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "switchyard", *words],
        cwd=ROOT,
        env={**os.environ, "AWS_ENDPOINT_URL": house.cloud.url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_a_dry_run_tells_all_and_a_real_one_deletes_just_that(house: House) -> None:
    for name, tags in (("idle", OURS), ("busy", OURS), ("foreign", None), ("two-idle", OTHER_PROJECT)):
        house.serve(f"switchyard-{name}", tags)
    house.serve("idle-too", OURS)  # tagged, but its name is none of this project's
    for run, status in (("second", "Rejected"), ("third", "PendingManualApproval"), ("fourth", "Rejected")):
        house.register(run, status)
    house.cloud.client("s3").put_object(Bucket=house.bucket, Key="runs/orphan/report/report.json", Body=b"{}")
    house.wait_until_idle("switchyard-idle", "switchyard-foreign", "idle-too", "switchyard-two-idle")
    before = house.names()

    plan = house.run("Housekeeping", NOW)

    assert house.names() == before
    assert plan["status"] == "PLANNED"
    assert plan["deleted"] == {}
    planned = house.report(plan)
    assert set(planned) == {
        "endpoint/switchyard-idle",
        "endpoint-config/switchyard-idle",
        "model/switchyard-idle",
        "model-package/switchyard-diabetes/2",
        "artifacts/runs/second/",
        "artifacts/runs/orphan/",
    }
    assert planned["endpoint/switchyard-idle"]["why"] == "no request in 2 seconds"
    assert planned["artifacts/runs/orphan/"]["bytes"] == 2
    sizes = [item["bytes"] for item in planned.values()]
    assert plan["planned_bytes"] == sum(sizes)

    done = house.run("Housekeeping", {"dry_run": False, "plan_of": plan["execution"]})

    assert done["status"] == "CLEANED"
    assert done["deleted"] == plan["planned"]
    assert (done["kept"], done["failed"], done["freed_bytes"]) == (0, 0, sum(sizes))
    after = house.names()
    assert {kind: sorted(set(before[kind]) - set(after[kind])) for kind in before} == {
        "endpoints": ["switchyard-idle"],
        "configs": ["switchyard-idle"],
        "models": ["switchyard-idle"],
        "packages": [2],
        "runs": ["orphan", "second"],
    }
    house.ask("switchyard-diabetes")  # idle, but the one that clients are told of
    message = told(house, "Switchyard: 6 things deleted")
    assert "  switchyard-idle: no request in 2 seconds" in message["Message"]


def test_an_endpoint_that_is_asked_between_the_plan_and_its_deletion_stays(house: House) -> None:
    house.serve("switchyard-awakened", OURS)
    house.wait_until_idle("switchyard-awakened")
    fault = ["faults", "add", "Delete batch:latency 4s x1", "--execution", "awakening"]
    assert switchyard(house, *fault).returncode == 0

    arn = house.start("Housekeeping", {**NOW, "dry_run": False}, name="awakening")
    wait_until(lambda: house.has_object("housekeeping/awakening/plan.json"))
    with Asked(house, "switchyard-awakened"):
        ended = wait_until(lambda: house.ended(arn))

    output = json.loads(ended["output"])
    assert (output["deleted"], output["kept"]) == ({}, 3)
    items = house.report(output)
    kept = {name: item["why_not"] for name, item in items.items()}
    assert re.fullmatch(r"\d+ requests? in 2 seconds", kept.pop("endpoint/switchyard-awakened"))
    assert kept == {
        "endpoint-config/switchyard-awakened": "used by switchyard-awakened",
        "model/switchyard-awakened": "used by switchyard-awakened",
    }
    for delete, name in (
        ("endpoint", "EndpointName"),
        ("endpoint_config", "EndpointConfigName"),
        ("model", "ModelName"),
    ):
        getattr(house.sagemaker, f"delete_{delete}")(**{name: "switchyard-awakened"})


def test_a_batch_that_fails_stops_no_other_and_is_told(house: House) -> None:
    for run in ("orphan-1", "orphan-2"):
        house.cloud.client("s3").put_object(Bucket=house.bucket, Key=f"runs/{run}/model.json", Body=b"12345")
    add_model(house, "switchyard-unused")
    fault = ["faults", "add", "Delete batch:crash x1", "--execution", "crashing"]
    assert switchyard(house, *fault).returncode == 0

    done = house.run("Housekeeping", {**NOW, "dry_run": False}, name="crashing")

    assert done["deleted"] == {"artifacts": 2}
    assert (done["failed"], done["freed_bytes"]) == (1, 10)
    assert "Runtime.ExitError" in house.report(done)["model/switchyard-unused"]["why_not"]
    assert told(house, "Switchyard: 2 things deleted, 1 could not be deleted")


def test_the_command_shows_the_plan_and_deletes_when_told_so(house: House) -> None:
    add_model(house, "switchyard-left-over")

    shown = switchyard(house, "clean", "--dry-run", "--older-than", "2s", "--keep-packages", "1")
    assert (shown.returncode, shown.stderr) == (0, "")
    (line,) = [line for line in shown.stdout.splitlines() if "switchyard-left-over" in line]
    assert line.split()[:2] == ["model", "switchyard-left-over"]
    assert "no endpoint configuration and no job uses it" in line
    assert "switchyard-left-over" in house.names()["models"]

    document = json.loads(switchyard(house, "clean", "--yes", "--older-than", "2s", "--json").stdout)
    assert document["status"] == "CLEANED"
    assert "switchyard-left-over" in {item["name"] for item in document["items"] if item["outcome"] == "deleted"}
    assert "switchyard-left-over" not in house.names()["models"]


def test_the_command_asks_before_it_deletes(house: House) -> None:
    add_model(house, "switchyard-asked-for")
    refused, agreed = answered(house, "n"), answered(house, "y")
    assert "Delete all of that?" in refused.stdout
    assert "deleted: " not in refused.stdout
    # It was there to be found a second time.
    assert "may go: 1 model\n" in agreed.stdout
    assert "deleted: 1 model\n" in agreed.stdout
    assert "switchyard-asked-for" not in house.names()["models"]


def answered(house: House, answer: str) -> subprocess.CompletedProcess[str]:
    """The command at a terminal, where somebody gives an answer."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "switchyard", "clean", "--older-than", "2s"],
        cwd=ROOT,
        env={**os.environ, "AWS_ENDPOINT_URL": house.cloud.url},
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--dry-run", "--yes"], 2, "give one of them"),
        ([], 2, "add --dry-run to see what may go, or --yes to delete it"),
        (["--dry-run", "--older-than", "a week"], 2, "expected a duration such as 30d, 36h, 90m or 10s"),
        (["--dry-run", "--older-than", "0d"], 2, "expected a duration such as"),
        (["--dry-run", "--keep-packages", "0"], 2, "--keep-packages"),
        (["--dry-run", "--older-than", "500d"], 1, "CloudWatch remembers requests for 455 days"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(house: House, words: list[str], code: int, said: str) -> None:
    done = switchyard(house, "clean", *words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def add_model(house: House, name: str) -> None:
    """Make a model of ours that nothing uses, and that is old enough."""
    house.add_model(name, Tags=[{"Key": key, "Value": value} for key, value in OURS.items()])
    made = house.sagemaker.describe_model(ModelName=name)["CreationTime"].timestamp()
    wait_until(lambda: time.time() - made > 2.1)
