"""Every statement of every role is needed: with all of them nothing is denied, without any one something fails."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from switchyard.project import Project
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.runs.conftest import ROOT, TIMEOUT, Caller, Execution, Site, add_recipe
from tests.runs.releases import PATIENT, Models
from tests.runs.test_housekeeping import NOW as HOUSEKEEPING_NOW
from tests.runs.test_housekeeping import House
from tests.runs.test_uploads import EVENT, dead_letters, put_events, runs_of, upload
from tests.signed_http import send_signed

Statement = tuple[str, str]  # a role's logical id and a Sid
Calls = Counter[tuple[str, str]]  # a role's name and an action
# What AWS too only loses when a service may not do it: the lines, the traces, the metrics, the message.
LOSSES = (
    "xray:*", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents",
    "cloudwatch:PutMetricData", "sns:Publish",
)  # fmt: skip
_numbers = itertools.count(1)


class _Loader(yaml.SafeLoader):
    """Reads a template, its intrinsic functions as nothing."""


_Loader.add_multi_constructor("!", lambda *_: None)


def statements() -> dict[Statement, list[str]]:
    """Return the actions of each statement of each role in the template."""
    resources = yaml.load((ROOT / "template.yaml").read_text(), _Loader)["Resources"]
    return {
        (role, statement["Sid"]): [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        for role, resource in resources.items()
        if resource["Type"] == "AWS::IAM::Role"
        for policy in resource["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    }


def _name(part: str) -> str:
    return part


STATEMENTS = statements()
LOST = [
    key
    for key, actions in STATEMENTS.items()
    if all(any(fnmatch(action, loss) for loss in LOSSES) for action in actions)
]
# Roles that do nothing in a run, or that the template has only with parameters of their own: a cloud is made for them.
SCHEDULERS = ("ScheduleRole", "HousekeepingScheduleRole")
HOUSEKEEPERS = ("HousekeepingRole", "FindUnusedRole", "DeleteUnusedRole", "ReportHousekeepingRole")
# What acts for a release does so once it is known to call each of its actions: to take every statement out would take
# as many releases.
OF_RELEASES = {
    "PrepareReleaseRole", "LockEndpointRole", "DeployCandidateRole", "WaitForCandidateRole", "TryCandidateRole",
    "ShiftTrafficRole", "WatchCandidateRole", "CompareShadowRole", "RecordReleaseRole", "RetireEndpointRole",
    "UndoReleaseRole",
}  # fmt: skip
APART = (*SCHEDULERS, *HOUSEKEEPERS, *OF_RELEASES)
NEEDED = [key for key in STATEMENTS if key not in LOST and key[0] not in APART]


class Stack:
    """The project's stack on the local cloud, its roles' policies and what they were denied."""

    def __init__(self, site: Site | LocalCloud) -> None:
        self.site = site
        pages = site.client("cloudformation").get_paginator("list_stack_resources")
        self._ids = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages.paginate(StackName="switchyard")
            for each in page["StackResourceSummaries"]
        }
        self._iam = site.client("iam")

    def id(self, logical_id: str) -> str:
        return self._ids[logical_id]

    def identities(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.site.url}/_switchyard/iam") as answer:
            found: list[dict[str, Any]] = json.load(answer)["identities"]
        return found

    def denied(self) -> Calls:
        denied: Calls = Counter()
        for each in self.identities():
            for call in each["denied"]:  # one entry for each resource
                denied[each["name"], call["action"]] += call["count"]
        return denied

    @contextmanager
    def without(self, role: str, sid: str) -> Iterator[None]:
        """Take one statement out of a role's policies for a while."""
        name = self.id(role)
        for policy in self._iam.list_role_policies(RoleName=name)["PolicyNames"]:
            document = self._iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            kept = [statement for statement in document["Statement"] if statement["Sid"] != sid]
            if len(kept) == len(document["Statement"]):
                continue
            if kept:
                self._put(name, policy, {**document, "Statement": kept})
            else:
                self._iam.delete_role_policy(RoleName=name, PolicyName=policy)
            try:
                yield
            finally:
                self._put(name, policy, document)
            return
        raise AssertionError(f"{role} has no statement {sid}")

    def _put(self, role: str, policy: str, document: dict[str, Any]) -> None:
        self._iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def deploys(stack: Stack) -> bool:
    """A run deploys a model."""
    description = stack.site.start("permitted", f"permitted-{next(_numbers)}").wait()
    return description["status"] == "SUCCEEDED" and json.loads(description["output"])["status"] == "DEPLOYED"


def hands_over(stack: Stack) -> bool:
    """A run leaves its model to a release."""
    description = stack.site.start("permitted-waits", f"permitted-waits-{next(_numbers)}").wait()
    return description["status"] == "SUCCEEDED" and json.loads(description["output"])["status"] == "PENDING_APPROVAL"


def beats_the_champion(stack: Stack) -> bool:
    """A run compares its model with the champion, and leaves nothing of that."""
    description = stack.site.start("permitted-contest", f"permitted-contest-{next(_numbers)}").wait()
    left = [name for name in stack.site.made()["models"] if name.endswith("-champion")]
    for name in left:
        stack.site.client("sagemaker").delete_model(ModelName=name)
    return description["status"] == "SUCCEEDED" and not left


def fails_and_takes_back(stack: Stack) -> bool:
    """A run fails once its endpoint is there, and takes back all that it made."""
    before = stack.site.made()
    description = stack.site.start("permitted-breaks", f"permitted-breaks-{next(_numbers)}").wait()
    assert description["status"] == "FAILED"
    left = {kind: sorted(set(names) - set(before[kind])) for kind, names in stack.site.made().items()}
    sagemaker = stack.site.client("sagemaker")
    for name in left["endpoints"]:
        sagemaker.delete_endpoint(EndpointName=name)
    for name in left["configs"]:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    for name in left["models"]:
        sagemaker.delete_model(ModelName=name)
    return not any(left.values())


def cleans_up(stack: Stack) -> bool:
    """The clean-up of a run that died ends well."""
    dead = stack.site.start(
        "permitted",
        f"permitted-dead-{next(_numbers)}",
        data=f"s3://{stack.site.outputs['DataBucketName']}/nothing/here",
    )
    died = dead.wait()
    client = stack.site.client("stepfunctions")
    detail = {"executionArn": dead.arn, "name": dead.name, "status": "ABORTED", "input": died["input"]}
    started = client.start_execution(
        stateMachineArn=stack.site.outputs["CleanUpStateMachineArn"], input=json.dumps(detail)
    )["executionArn"]

    def status() -> str:
        now = client.describe_execution(executionArn=started)["status"]
        return "" if now == "RUNNING" else now

    return wait_until(status) == "SUCCEEDED"


def is_cleaned_up_after_a_stop(stack: Stack) -> bool:
    """A run that is stopped is followed by a clean-up."""
    before = stack.denied()
    run = stack.site.start("permitted", f"permitted-stopped-{next(_numbers)}")
    client = stack.site.client("stepfunctions")
    client.stop_execution(executionArn=run.arn, error="Enough", cause="it is late")

    def clean_up() -> bool:
        listed = client.list_executions(stateMachineArn=stack.site.outputs["CleanUpStateMachineArn"])["executions"]
        return any(
            json.loads(client.describe_execution(executionArn=each["executionArn"])["input"])["executionArn"] == run.arn
            for each in listed
        )

    # The one or the other comes soon.
    wait_until(lambda: clean_up() or (stack.denied() - before)[stack.id("RunDiedRuleRole"), "states:StartExecution"])
    return clean_up()


def releases(stack: Stack) -> bool:
    """Releases wait for each other, bring a model to the endpoint, take one back, make an endpoint and delete it."""
    sagemaker, group = stack.site.client("sagemaker"), "switchyard-permitted"
    newest = sagemaker.list_model_packages(ModelPackageGroupName=group, SortOrder="Descending", MaxResults=1)
    trained = newest["ModelPackageSummaryList"][0]["ModelPackageArn"]
    models = Models(stack.site, "permitted", trained)
    packages = [models.package(group=f"{group}-newborn") if n == 2 else models.package() for n in range(6)]
    quick = {"strategy": "canary", "steps": [50, 100], "bake_seconds": 0, "minimum_requests": 0}
    own = {"strategy": "blue-green-endpoints", "bake_seconds": 0, "grace_seconds": 0}
    unfit = {"minimum_requests": 1, "patience_seconds": 0}
    key = {"endpoint": {"S": group}}
    lock = {**key, "holder": {"S": "somebody"}, "expires_at": {"N": str(int(time.time()) + 600)}}
    dynamodb = stack.site.client("dynamodb")
    dynamodb.put_item(TableName="switchyard-locks", Item=lock)
    waiting = models.release(packages[3], **own, **unfit)
    wait_until(lambda: "EndpointLocked" in errors(waiting) or not waiting.is_running(), TIMEOUT)
    dynamodb.delete_item(TableName="switchyard-locks", Key=key)
    ends = [
        waiting.wait(),
        models.release(packages[0], **quick, alarms=["switchyard-diabetes-endpoint-latency"]).wait(),
        models.release(packages[1], **{**quick, **unfit}).wait(),
        models.release(packages[0], reason="approval").wait(),
        models.release(packages[0]).wait(),  # by hand it is looked up whether it serves
        models.release(packages[2], samples=[{"body": PATIENT, "maximum": -1}]).wait(),
        models.release(packages[4], **own, **unfit).wait(),
        models.release(packages[5], **own, minimum_requests=0).wait(),
    ]
    outputs = [json.loads(end["output"])["status"] for end in ends if end["status"] == "SUCCEEDED"]
    back, nothing = "ROLLED_BACK", "NOTHING_TO_RELEASE"
    return outputs == [back, "RELEASED", back, nothing, nothing, back, back, "RELEASED"]


def errors(execution: Execution) -> set[str]:
    """Return what the tasks of an execution have failed with, whether they were tried again or not."""
    pages = execution.site.client("stepfunctions").get_paginator("get_execution_history")
    events = [event for page in pages.paginate(executionArn=execution.arn) for event in page["events"]]
    return {event["taskFailedEventDetails"]["error"] for event in events if "taskFailedEventDetails" in event}


def an_approval_starts_a_release(stack: Stack) -> bool:
    """A package that is approved is released."""
    before, client, sagemaker = stack.denied(), stack.site.client("stepfunctions"), stack.site.client("sagemaker")
    group = f"switchyard-permitted-approved-{next(_numbers)}"  # of no recipe: its release is refused at once
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    package = sagemaker.create_model_package(ModelPackageGroupName=group)["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")

    def is_started() -> bool:
        listed = client.list_executions(stateMachineArn=stack.site.outputs["ReleaseStateMachineArn"])["executions"]
        return any(package in client.describe_execution(executionArn=each["executionArn"])["input"] for each in listed)

    refused = (stack.id("ApprovalRuleRole"), "states:StartExecution")
    wait_until(lambda: is_started() or (stack.denied() - before)[refused])
    return is_started()


def leaves_releases_to_sagemaker(stack: Stack) -> bool:
    """SageMaker moves the traffic of a release, which loses its lease, is undone and goes on; and copies another's."""
    group = "switchyard-permitted"
    newest = stack.site.client("sagemaker").list_model_packages(
        ModelPackageGroupName=group, SortOrder="Descending", MaxResults=1
    )
    models = Models(stack.site, "permitted", newest["ModelPackageSummaryList"][0]["ModelPackageArn"])
    execution = models.release(models.package(), strategy="guardrails", steps=[100], bake_seconds=480)
    wait_until(lambda: {"Wait for guardrails", "Take back", "Fail run"} & {*execution.states()})
    stack.site.client("dynamodb").delete_item(TableName="switchyard-locks", Key={"endpoint": {"S": group}})
    ends = [execution.wait()]
    # Where an earlier release has sent the clients: an endpoint that is named after the recipe too.
    live = ends[0].get("output") and json.loads(ends[0]["output"])["endpoint_name"].removeprefix("switchyard-")
    with Caller(stack.site, live or models.recipe, PATIENT):
        ends.append(models.release(models.package(), strategy="shadow", bake_seconds=20, minimum_requests=1).wait())
    outputs = [json.loads(end["output"])["status"] for end in ends if end["status"] == "SUCCEEDED"]
    return outputs == ["RELEASED", "COMPARED"]


def answers_requests(stack: Stack) -> bool:
    """The API starts, lists, shows and stops a run."""
    api = f"{stack.site.url}/_aws/execute-api/{stack.site.outputs['RunsApiId']}/v1"
    started = send_signed("POST", f"{api}/runs", {"recipe": "permitted"})
    if started.status != 202:
        return False
    name = started.document["name"]
    answers = [
        send_signed(*request)
        for request in (("GET", f"{api}/runs"), ("GET", f"{api}/runs/{name}"), ("DELETE", f"{api}/runs/{name}"))
    ]
    return [answer.status for answer in answers] == [200, 200, 202]


def is_updated(machine: str) -> Callable[[Stack], bool]:
    def updates(stack: Stack) -> bool:
        """A state machine is deployed anew, as it is."""
        client = stack.site.client("stepfunctions")
        arn = stack.id(machine)
        known = client.describe_state_machine(stateMachineArn=arn)
        group = f"arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/{known['name']}:*"
        logging = {
            "level": "ALL",
            "includeExecutionData": True,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
        }
        try:
            client.update_state_machine(
                stateMachineArn=arn, definition=known["definition"], loggingConfiguration=logging,
                roleArn=known["roleArn"],
            )  # fmt: skip
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            return False
        return True

    return updates


def an_upload_starts_a_run(stack: Stack) -> bool:
    """An upload starts a run."""
    before, stem = stack.denied(), f"permitted-upload-{next(_numbers)}"
    upload(stack.site, f"incoming/permitted/{stem}.csv", b"1")
    refused = (stack.id("StartRunRole"), "states:StartExecution")
    wait_until(lambda: runs_of(stack.site, f"permitted-{stem}-") or (stack.denied() - before)[refused])
    return bool(runs_of(stack.site, f"permitted-{stem}-"))


def what_cannot_start_is_kept(stack: Stack) -> bool:
    """An upload's event that starts no run comes to the dead-letter queue."""
    before, key = stack.denied(), f"incoming/no-folder-{next(_numbers)}.csv"
    described = {"key": key, "size": 5, "etag": "e"}
    bucket = {"name": stack.site.outputs["DataBucketName"]}
    put_events(stack.site, {**EVENT, "detail": {**EVENT["detail"], "bucket": bucket, "object": described}})
    refused = (stack.id("StartRunRole"), "sqs:SendMessage")

    def is_kept() -> bool:
        return any(key in json.dumps(letter) for letter in dead_letters(stack.site))

    wait_until(lambda: is_kept() or (stack.denied() - before)[refused])
    return is_kept()


def a_schedule_starts(stack: Stack, name: str, role: str) -> bool:
    """A schedule starts an execution."""
    before, states = stack.denied(), stack.site.client("stepfunctions")
    target = schedule(stack, name)
    known = {each["executionArn"] for each in states.list_executions(stateMachineArn=target["Arn"])["executions"]}

    def is_started() -> bool:
        listed = states.list_executions(stateMachineArn=target["Arn"])["executions"]
        return any(each["executionArn"] not in known for each in listed)

    due_at_once(stack, target)
    refused = (stack.id(role), "states:StartExecution")
    wait_until(lambda: is_started() or (stack.denied() - before)[refused])
    return is_started()


def what_a_schedule_cannot_start_is_kept(stack: Stack, name: str, role: str) -> bool:
    """A schedule's input that starts nothing comes to the dead-letter queue."""
    before, target = stack.denied(), schedule(stack, name)
    queue = {"QueueUrl": stack.id("StartRunDeadLetterQueue"), "AttributeNames": ["ApproximateNumberOfMessages"]}
    sqs = stack.site.client("sqs")

    def kept() -> int:
        return int(sqs.get_queue_attributes(**queue)["Attributes"]["ApproximateNumberOfMessages"])

    known = kept()
    due_at_once(stack, {**target, "Arn": f"{target['Arn']}-that-is-not-there"})
    refused = (stack.id(role), "sqs:SendMessage")
    wait_until(lambda: kept() > known or (stack.denied() - before)[refused])
    return kept() > known


def schedule(stack: Stack, name: str) -> dict[str, Any]:
    """Return the target of one of the template's schedules."""
    found: dict[str, Any] = stack.site.client("scheduler").get_schedule(Name=name)["Target"]
    return found


def due_at_once(stack: Stack, target: dict[str, Any]) -> None:
    """Make another schedule, which is due in a second: a rate would begin in five."""
    due = datetime.now(UTC) + timedelta(seconds=1.5)
    stack.site.client("scheduler").create_schedule(
        Name=f"another-{next(_numbers)}",
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )


def keeps_house(house: House) -> bool:
    """Housekeeping deletes something of each kind, and tells of it."""
    house.fill()
    started = house.start("Housekeeping", {**HOUSEKEEPING_NOW, "dry_run": False})
    ended = wait_until(lambda: house.ended(started))
    if ended["status"] != "SUCCEEDED":
        return False
    output = json.loads(ended["output"])
    return len(output["deleted"]) == 5 and not output["failed"]


# What shows that a statement is needed, where that is not a run that deploys: by role, or by one of its statements.
SHOWN_BY: dict[str | Statement, Callable[[Stack], bool]] = {
    ("PrepareRunRole", "KeepHandover"): hands_over,
    ("TrainAndDeployRole", "DeleteChampionModel"): beats_the_champion,
    ("TrainAndDeployRole", "HearThatJobsEnd"): is_updated("TrainAndDeployStateMachine"),
    ("TrainAndDeployRole", "DeliverLogs"): is_updated("TrainAndDeployStateMachine"),
    ("CleanUpRole", "DeliverLogs"): is_updated("CleanUpStateMachine"),
    "CleanUpRole": cleans_up,
    "ReadRunRole": cleans_up,
    "RollBackRole": fails_and_takes_back,
    ("ReleaseRole", "DeliverLogs"): is_updated("ReleaseStateMachine"),
    "ReleaseRole": releases,
    "ApprovalRuleRole": an_approval_starts_a_release,
    ("SageMakerExecutionRole", "SeeAlarms"): leaves_releases_to_sagemaker,
    "RunDiedRuleRole": is_cleaned_up_after_a_stop,
    "RunsApiRole": answers_requests,
    ("StartRunRole", "StartRuns"): an_upload_starts_a_run,
    ("StartRunRole", "KeepWhatCannotStart"): what_cannot_start_is_kept,
}


# The schedule of each of those roles, and what shows that its statements are needed.
SCHEDULES = {"ScheduleRole": "switchyard-diabetes", "HousekeepingScheduleRole": "switchyard-housekeeping"}
SCHEDULED: dict[str, Callable[[Stack, str, str], bool]] = {
    "StartRuns": a_schedule_starts,
    "StartHousekeeping": a_schedule_starts,
    "KeepWhatCannotStart": what_a_schedule_cannot_start_is_kept,
}


def scenario(role: str, sid: str) -> Callable[[Stack], bool]:
    return SHOWN_BY.get((role, sid)) or SHOWN_BY.get(role) or deploys


@pytest.fixture(scope="module")
def stack(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "template.yaml", folder)
    for name in ("recipes", "training_code"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    project = Project(folder)
    predict = (ROOT / "training_code/tabular_regression/inference.py").read_text()
    broken = predict + (
        "\n\nimport os\n\n_predict = predict_fn\n\n\ndef predict_fn(data, model):\n"
        "    if not os.environ.get('SAGEMAKER_BATCH'):\n        raise RuntimeError('not today')\n"
        "    return _predict(data, model)\n"
    )
    gate = {"metric": "rmse", "direction": "minimize", "threshold": 100}
    add_recipe(project, "permitted")
    add_recipe(project, "permitted-newborn")
    add_recipe(project, "permitted-breaks", scripts={"inference.py": broken})
    add_recipe(project, "permitted-contest", gate=[{**gate, "margin": 1}])
    add_recipe(project, "permitted-waits", release={"approval": "manual"})
    site.publish(project, "permitted", "permitted-newborn", "permitted-breaks", "permitted-contest", "permitted-waits")
    site.client("sagemaker").create_model_package_group(ModelPackageGroupName="switchyard-permitted-newborn")
    return Stack(site)


@pytest.fixture(scope="module")
def denied_with_all(stack: Stack) -> Calls:
    """What is denied while everything is done once, with every statement in place."""
    before = stack.denied()
    assert beats_the_champion(stack)  # the first of its kind: there is no champion yet
    for run in dict.fromkeys([deploys, *SHOWN_BY.values()]):
        assert run(stack), run.__doc__
    return stack.denied() - before


@pytest.fixture(scope="module")
def denied_without_losses(stack: Stack, denied_with_all: Calls) -> Calls:
    """What is denied while everything is done once, without the statements whose lack only loses something."""
    before = stack.denied()
    with ExitStack() as taken:
        for role, sid in LOST:
            if role in APART:
                continue
            taken.enter_context(stack.without(role, sid))
        for run in dict.fromkeys([deploys, *SHOWN_BY.values()]):
            run(stack)
    return stack.denied() - before


def test_with_every_statement_nothing_is_denied(denied_with_all: Calls) -> None:
    assert denied_with_all == Counter()


@pytest.mark.parametrize(("role", "sid"), NEEDED, ids=_name)
def test_without_a_statement_something_fails(stack: Stack, denied_with_all: Calls, role: str, sid: str) -> None:
    before = stack.denied()
    with stack.without(role, sid):
        assert not scenario(role, sid)(stack)
    denied = {action for name, action in stack.denied() - before if name == stack.id(role)}
    assert any(fnmatch(action, allowed) for action in denied for allowed in STATEMENTS[role, sid]), denied


def test_each_action_of_a_release_s_roles_is_called(stack: Stack, denied_with_all: Calls) -> None:
    roles = {stack.id(role) for role in OF_RELEASES}
    found = [each for each in stack.identities() if each["name"] in roles]
    assert len(found) == len(OF_RELEASES)
    unused = {(each["name"], action) for each in found for left in each["unused"] for action in left["actions"]}
    assert unused == set()


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack of a local cloud whose schedule is on."""
    arguments = ["--stack", "switchyard", "--warm", "scikit-learn"]
    for name in ("DiabetesSchedule", "HousekeepingSchedule"):
        arguments += ["--parameter", f"{name}=at(2099-01-01T00:00:00)"]
    cloud = LocalCloud(tmp_path_factory.mktemp("home"), ROOT / "template.yaml", *arguments)
    yield Stack(cloud)
    cloud.close()


@pytest.mark.parametrize(("role", "sid"), [key for key in STATEMENTS if key[0] in SCHEDULERS], ids=_name)
def test_without_a_statement_no_schedule_works(scheduled: Stack, role: str, sid: str) -> None:
    works = SCHEDULED[sid]
    assert works(scheduled, SCHEDULES[role], role)
    before = scheduled.denied()
    with scheduled.without(role, sid):
        assert not works(scheduled, SCHEDULES[role], role)
    denied = {action for name, action in scheduled.denied() - before if name == scheduled.id(role)}
    assert denied & set(STATEMENTS[role, sid])


@pytest.fixture(scope="module")
def kept_house(scheduled: Stack) -> House:
    """The same cloud with a deployed model; housekeeping does its work there, and nothing is denied."""
    house = House(scheduled.site)
    house.deploy()
    before = scheduled.denied()
    assert keeps_house(house)
    assert is_updated("HousekeepingStateMachine")(scheduled)
    assert scheduled.denied() == before
    return house


RECORDS = ("WriteLogs", "Trace")  # without these it works, and the report of denials tells what is lost


@pytest.mark.parametrize(
    ("role", "sid"), [key for key in STATEMENTS if key[0] in HOUSEKEEPERS and key[1] not in RECORDS], ids=_name
)
def test_without_a_statement_there_is_no_housekeeping(scheduled: Stack, kept_house: House, role: str, sid: str) -> None:
    before = scheduled.denied()
    with scheduled.without(role, sid):
        if sid == "DeliverLogs":
            assert not is_updated("HousekeepingStateMachine")(scheduled)
        else:
            assert not keeps_house(kept_house)
    assert denied_since(scheduled, before, role) & set(STATEMENTS[role, sid])


def test_without_its_records_housekeeping_works_and_the_report_shows_it(scheduled: Stack, kept_house: House) -> None:
    before = scheduled.denied()
    records = [key for key in STATEMENTS if key[0] in HOUSEKEEPERS and key[1] in RECORDS]
    with ExitStack() as taken:
        for role, sid in records:
            taken.enter_context(scheduled.without(role, sid))
        assert keeps_house(kept_house)
        for role, sid in records:
            wait_until(lambda role=role, sid=sid: denied_since(scheduled, before, role) & set(STATEMENTS[role, sid]))


def denied_since(stack: Stack, before: Calls, role: str) -> set[str]:
    return {action for name, action in stack.denied() - before if name == stack.id(role)}


@pytest.mark.parametrize(("role", "sid"), [key for key in LOST if key[0] not in APART], ids=_name)
def test_without_a_statement_that_only_records_the_report_shows_it(
    stack: Stack, denied_without_losses: Calls, role: str, sid: str
) -> None:
    denied = {action for name, action in denied_without_losses if name == stack.id(role)}
    assert any(fnmatch(action, allowed) for action in denied for allowed in STATEMENTS[role, sid]), denied


def told(site: Site, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "switchyard", "iam", "report", *words]
    given = {**os.environ, "AWS_ENDPOINT_URL": site.url, **environment}
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=TIMEOUT, check=False)


def test_the_command_shows_the_report_and_its_exit_code_tells_of_denials(
    stack: Stack, denied_without_losses: Calls
) -> None:
    shown = told(stack.site)
    assert shown.returncode == 1  # the tests before have had calls denied
    assert "is not authorized to perform: logs:PutLogEvents" in shown.stdout
    assert stack.id("TrainAndDeployRole") in shown.stdout
    document = json.loads(told(stack.site, "--json").stdout)
    assert document["denied"] > 0
    assert {each["name"] for each in document["identities"]} >= {stack.id(role) for role, _ in NEEDED}


def test_a_recipe_that_is_not_there_is_a_wrong_call(site: Site) -> None:
    done = told(site, "no-such-recipe")
    assert done.returncode == 2
    assert "no-such-recipe" in done.stderr
