"""Each defect of moto's that is worked around: shown in moto as shipped, so that the fix can go once it is mended."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from typing import Any

import pytest

from switchyard.cloud import moto_fixes
from tests.cloud.local_cloud import HERE

Seen = dict[str, Any]
# By the name of the fix: what is seen in moto as shipped, and once mended.
SHOWN: dict[str, tuple[Any, Any]] = {
    "load_batch_lazily": (True, False),
    "load_ec2_lazily": (True, False),
    "load_errors_of_cloudformation_alone": (True, False),
    "execute_state_machines": (False, True),
    "evaluate_jsonata": (None, "3"),
    "name_error_codes": (
        ["ExecutionDoesNotExist", "ExecutionAlreadyExists", "", "StateMachineDoesNotExist", ""],
        [
            "ExecutionDoesNotExist",
            "ExecutionAlreadyExists",
            "InvalidExecutionInput",
            "StateMachineDoesNotExist",
            "InvalidDefinition",
        ],
    ),
    "name_sdk_errors_as_aws": ("s3.NoSuchBucketException", "S3.NoSuchBucketException"),
    "name_lambda_errors_as_aws": (
        ["Lambda.AccessDeniedException", "Lambda.TooManyRequestsException"],
        ["Lambda.AWSLambdaException", "Lambda.TooManyRequestsException"],
    ),
    "name_unnamed_executions": ("the second is refused", "two"),
    "refuse_bad_starts": (["taken"] * 3, ["InvalidName", "InvalidName", "InvalidExecutionInput"]),
    "parse_definitions_apart": ("refused", "taken"),
    "parse_each_definition_once": (3, 1),
    "parse_each_path_once": ([2, 2], [1, 1]),
    "keep_stop_reason": (["ABORTED", None, None], ["ABORTED", "Enough", "changed my mind"]),
    "name_the_status_of_a_beginning_execution": ("an error", "RUNNING"),
    "page_and_reverse_history": (
        ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"],
        ["ExecutionSucceeded"],
    ),
    "report_time_outs": (["TIMED_OUT", False], ["TIMED_OUT", True]),
    "drop_events_after_the_end": (["TaskSucceeded", "ExecutionAborted"], ["ExecutionAborted"]),
    "release_waiting_tasks": ("RUNNING", "ABORTED"),
    "end_time_outs_at_once": ("TaskStarted", "ExecutionTimedOut"),
    "read_roles_by_path": ([False, False, False], [True, True, True]),
    "renew_task_tokens": (1, 2),
    "evaluate_bucket_policies": ("403", "read"),
    "attach_managed_policies": ([[], "NoSuchEntity"], [["AWSLambdaBasicExecutionRole"], "attached"]),
    "keep_policies_as_json": ("str", "dict"),
    "list_regions_once": (["sns", "sqs"], []),
    "list_services_once": (True, False),
    "read_service_descriptions_once": (True, False),
    "select_log_streams_by_prefix": (
        [["a/1", "b/1"], ["a/1", "b/1"], ["a/1", "b/1"]],
        [["a/1"], [], ["a/1", "b/1"]],
    ),
    "answer_cloudwatch": ([[None], [None]], [[], [{"p50": 3.0}]]),
    "on_log_events": ([], ["m"]),
    "on_message_sent": (False, True),
    "encode_every_output": (["text", None], ['"text"', "null"]),
    "unwrap_definite_paths": ([7], 7),
    "name_failed_queries": ("States.Runtime", "States.QueryEvaluationError"),
    "pass_on_states_errors": (
        [
            "States.Runtime",
            "ValueError(Custom Error Names MUST NOT begin with the prefix 'States.', got 'States.Runtime'.)",
        ],
        ["States.TaskFailed", "why"],
    ),
    "refuse_dangling_states": ("taken", "refused"),
    "scale_time": ("all of them", "a part of them"),
    "call_through": ("user/moto", "assumed-role/machine/switchyard"),
    "on_execution_end": (False, True),
    "deliver_events": (1, 0),
    "check_event_patterns": ("taken", "InvalidEventPatternException"),
    "tell_of_schedules": (["taken taken", False], ["taken ValidationException", True]),
    "tell_of_objects": (
        ["ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload"],
        ["ObjectCreated:CompleteMultipartUpload", "ObjectRemoved:DeleteMarkerCreated"],
    ),
}


@pytest.fixture(scope="module")
def probes() -> tuple[Seen, Seen]:
    """What is seen in moto as shipped, and in moto mended; both processes at once."""
    command = [sys.executable, "-m", "tests.cloud.moto_probes"]
    root = HERE.parents[1]
    running = [
        subprocess.Popen([*command, state], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root, text=True)
        for state in ("shipped", "mended")
    ]
    seen = []
    for process in running:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        seen.append(json.loads(output))
    return seen[0], seen[1]


@pytest.mark.parametrize("fix", SHOWN)
def test_moto_as_shipped_has_the_defect(probes: tuple[Seen, Seen], fix: str) -> None:
    assert probes[0][fix] == SHOWN[fix][0]


@pytest.mark.parametrize("fix", SHOWN)
def test_the_defect_is_mended(probes: tuple[Seen, Seen], fix: str) -> None:
    assert probes[1][fix] == SHOWN[fix][1]


def test_every_fix_is_shown_here_and_says_why_it_is_there() -> None:
    areas = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(moto_fixes.__path__, f"{moto_fixes.__name__}.")
    ]
    fixes = [
        function
        for module in (moto_fixes, *areas)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_") and function is not moto_fixes.apply
    ]
    assert sorted(fix.__name__ for fix in fixes) == sorted(SHOWN)
    assert all(fix.__doc__ for fix in fixes)
