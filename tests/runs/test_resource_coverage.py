"""Every resource of template.yaml is exercised on the local cloud by a test, or named here with the reason why not."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from switchyard.checks.template import Template, read_template
from switchyard.project import Project
from tests.runs.conftest import Site

ROOT = Path(__file__).resolve().parents[2]
RUNS, REDRIVE, API = (f"tests/runs/test_{name}.py" for name in ("train_and_deploy", "redrive", "runs_api"))
OBSERVED, PERMITTED = (f"tests/runs/test_{name}.py" for name in ("observability", "permissions"))
DEPLOYED = f"{RUNS}::test_a_good_model_is_deployed_and_answers"
REJECTED = f"{RUNS}::test_a_model_below_the_gate_is_rejected_and_nothing_is_deployed"
FAILED = f"{RUNS}::test_a_transform_that_fails_takes_the_new_endpoint_away"
CLEANED_UP = f"{REDRIVE}::test_a_run_that_is_stopped_while_it_deploys_is_cleaned_up"
NEEDED = f"{PERMITTED}::test_without_a_statement_something_fails"
RELEASED = "tests/runs/test_release.py::test_a_good_model_is_released_without_losing_a_request"
MOVED = "tests/runs/test_release_endpoints.py::test_clients_are_sent_to_another_endpoint_and_back"
TAKEN_BACK = "tests/runs/test_release.py::test_a_bad_model_is_taken_back_by_itself"
DOOMED = "tests/runs/test_release.py::test_an_endpoint_that_is_deleted_in_mid_release_fails_it"
RELEASE_ROLES = f"{PERMITTED}::test_each_action_of_a_release_s_roles_is_called"
ALARMED = f"{OBSERVED}::test_a_run_that_fails_raises_the_alarm"
MEASURED = f"{OBSERVED}::test_every_metric_of_an_alarm_is_one_that_there_is"
UPLOADED = "tests/runs/test_uploads.py::test_an_upload_starts_a_run_that_deploys"
KEPT = "tests/runs/test_uploads.py::test_an_event_that_starts_nothing_is_kept_with_its_reason"
SCHEDULED = "tests/runs/test_uploads.py::test_a_schedule_runs_its_recipe"
KEPT_HOUSE = "tests/runs/test_housekeeping.py::test_a_dry_run_tells_all_and_a_real_one_deletes_just_that"
ASKED = f"{API}::test_a_request_starts_a_run_that_deploys"

# By logical id, or a pattern of such; the first that fits counts.
EXERCISED = {
    "ArtifactBucket": DEPLOYED,
    "DataBucket": f"{RUNS}::test_data_that_is_split_already_is_not_split_again",
    "NotificationTopic": ALARMED,
    "TrainAndDeployStateMachine": DEPLOYED,
    "CleanUpStateMachine": CLEANED_UP,
    "HousekeepingStateMachine": KEPT_HOUSE,
    "RunDiedRule": CLEANED_UP,
    "ReleaseStateMachine": RELEASED,
    "ApprovalRule": "tests/runs/test_release.py::test_an_approval_starts_a_release",
    "LockTable": "tests/runs/test_release.py::test_two_releases_of_one_endpoint_take_turns",
    "PrepareReleaseFunction": RELEASED,
    "ReleaseRole": NEEDED,
    "*ReleaseRole": RELEASE_ROLES,
    "*CandidateRole": RELEASE_ROLES,
    "LockEndpointRole": RELEASE_ROLES,
    "ShiftTrafficRole": RELEASE_ROLES,
    "*Role": NEEDED,
    "UploadRule": UPLOADED,
    "UploadRulePermission": UPLOADED,
    "StartRunFunction": UPLOADED,
    "StartRunDeadLetterQueue": KEPT,
    "*ScheduledRun": SCHEDULED,
    "ScheduledHousekeeping": f"{PERMITTED}::test_without_a_statement_no_schedule_works",
    "ScheduleRole": SCHEDULED,
    "ReadRunFunction": CLEANED_UP,
    "RollBackFunction": FAILED,
    "FailRunFunction": f"{REDRIVE}::test_a_redrive_goes_on_at_the_job_that_failed",
    "RegisterModelFunction": REJECTED,
    "FindUnusedFunction": KEPT_HOUSE,
    "DeleteUnusedFunction": KEPT_HOUSE,
    "ReportHousekeepingFunction": KEPT_HOUSE,
    "RunsApiFunction": ASKED,
    "LockEndpointFunction": RELEASED,
    "*CandidateFunction": RELEASED,
    "ShiftTrafficFunction": RELEASED,
    "RecordReleaseFunction": RELEASED,
    "RetireEndpointFunction": MOVED,
    "UndoReleaseFunction": TAKEN_BACK,
    "*Function": DEPLOYED,
    "RunsApi": ASKED,
    "RunsApiPermission": ASKED,
    "RunsApiLogGroup": f"{API}::test_each_call_of_the_api_is_in_its_function_s_log",
    "ExecutionFailuresAlarm": ALARMED,
    "ReleaseFailuresAlarm": DOOMED,
    "*Alarm": MEASURED,
    # What a role may write into its log group is taken away there, one statement at a time.
    "TrainAndDeployLogGroup": "tests/runs/test_command_line.py::test_logs_follow_a_run_until_it_has_ended",
}
NOT_EXERCISED = {
    "*BucketPolicy": "refuses what comes without TLS, and the local port has none; its text is tested",
    "*TopicPolicy": "says which services may publish; on the local cloud they are no callers with a role",
    "*QueuePolicy": "says which services may send; on the local cloud they are no callers with a role",
    "NotificationSubscription": "made only with an address, and nothing here sends e-mail",
    "RunsApiAccessLogGroup": "made only where the account has a role for API Gateway's logs",
    "SwitchyardDashboard": "a picture that the console of AWS alone draws; its metrics are tested by name",
    "*LogGroup": "holds what the state that it belongs to logs, which no test of a run reads by group",
}


def document() -> dict[str, Any]:
    template = read_template(Project(ROOT))
    assert isinstance(template, Template)
    return template.document


RESOURCES: dict[str, Any] = document()["Resources"]


def first_fit(name: str, table: dict[str, str]) -> str | None:
    return next((value for pattern, value in table.items() if fnmatchcase(name, pattern)), None)


@pytest.mark.parametrize("name", RESOURCES)
def test_a_resource_is_exercised_or_has_a_reason(name: str) -> None:
    assert first_fit(name, EXERCISED) or first_fit(name, NOT_EXERCISED), f"say which test exercises {name}, or why none"


@pytest.mark.parametrize("test", sorted(set(EXERCISED.values())))
def test_the_test_that_exercises_a_resource_is_there(test: str) -> None:
    file, _, function = test.partition("::")
    defined = {node.name for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)}
    assert function in defined


@pytest.mark.parametrize("pattern", [*EXERCISED, *NOT_EXERCISED])
def test_no_line_is_about_a_resource_that_is_gone(pattern: str) -> None:
    assert any(fnmatchcase(name, pattern) for name in RESOURCES)


def test_all_that_is_exercised_is_really_made(site: Site) -> None:
    pages = site.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName="switchyard")
    made = {each["LogicalResourceId"] for page in pages for each in page["StackResourceSummaries"]}
    # What a parameter switches on is made by the very test that gives the parameter.
    always = {name for name, resource in RESOURCES.items() if "Condition" not in resource}
    assert {name for name in always if first_fit(name, EXERCISED)} <= made
