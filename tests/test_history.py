from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from switchyard.executions.history import (
    Status,
    build_tree,
    failed_state,
    failure_reason,
    find_in_states,
    read_time,
)
from tests.recorded import DEFINITION, Events, recorded, tree_of


def visit(tree: Any, name: str) -> Any:
    return next(visit for visit in tree.visits() if visit.name == name)


# A run that is deployed


def test_states_come_in_the_order_in_which_they_were_entered():
    tree = tree_of("deployed")
    names = [visit.name for visit in tree.states]
    assert names[:3] == ["Prepare run", "Is the data split?", "Split data"]
    assert names[-1] == "Deployed"
    assert tree.status is Status.SUCCEEDED
    assert all(visit.status is Status.SUCCEEDED for visit in tree.visits())


def test_branches_come_in_the_order_of_the_definition():
    use_model = visit(tree_of("deployed"), "Use model")
    assert [[state.name for state in branch.states] for branch in use_model.branches] == [
        ["Transform test data", "Check predictions"],
        ["Create endpoint config", "Does the endpoint exist?", "Create endpoint", "Wait for endpoint", "Smoke test"],
    ]


def test_a_state_after_a_parallel_is_beside_it_not_inside():
    assert "Register model" in [visit.name for visit in tree_of("deployed").states]


def test_a_retry_is_counted_and_keeps_its_reason():
    wait = visit(tree_of("deployed"), "Wait for endpoint")
    assert wait.status is Status.SUCCEEDED
    assert wait.retries == len(wait.failures) >= 1
    assert wait.failures[0].error == "EndpointNotReady"


def test_a_sagemaker_job_is_known_by_kind_and_name():
    tree = tree_of("deployed")
    job = visit(tree, "Train model").job
    assert (job.kind, job.name, job.log_group) == (
        "Training",
        "switchyard-deployed",
        "/aws/sagemaker/TrainingJobs",
    )
    assert visit(tree, "Split data").job.kind == "Processing"
    assert visit(tree, "Transform test data").job.kind == "Transform"
    assert visit(tree, "Create model").job is None


def test_a_function_and_an_endpoint_are_known_by_name():
    tree = tree_of("deployed")
    assert visit(tree, "Prepare run").function == "switchyard-prepare-run"
    assert visit(tree, "Create endpoint").endpoint == "switchyard-diabetes"
    assert visit(tree, "Train model").function is None


def test_durations_come_from_the_events():
    tree = tree_of("deployed")
    train = visit(tree, "Train model")
    assert train.seconds() == (train.exited_at - train.entered_at).total_seconds()
    assert 0 < tree.seconds() < 60


def test_state_data_is_found_by_its_path():
    tree = tree_of("deployed")
    assert set(find_in_states(tree, "evaluation", "metrics")) == {"rmse", "mse", "r2", "mae"}
    assert find_in_states(tree, "used", "predictions", "rows") == 66
    assert find_in_states(tree, "nothing", "here") is None


# While it runs


def test_an_open_state_has_no_end():
    tree = tree_of("deployed", until="Train model")
    train = visit(tree, "Train model")
    assert tree.is_open
    assert train.is_open
    assert train.exited_at is None
    now = datetime.fromtimestamp(train.entered_at.timestamp() + 5, UTC)
    assert train.seconds(now) == pytest.approx(5)


def test_every_prefix_of_a_history_makes_a_tree():
    for name in ("deployed", "training_failed", "branch_failed", "stopped"):
        events = recorded(name)
        for length in range(len(events) + 1):
            tree = build_tree(events[:length], DEFINITION)
            assert len(list(tree.visits())) <= length


def test_the_order_of_the_events_does_not_matter():
    events = recorded("deployed")
    assert build_tree(reversed(events), DEFINITION) == build_tree(events, DEFINITION)


def test_a_failure_that_will_be_retried_is_told_from_one_that_will_not():
    definition = {
        "States": {
            "Call": {"Type": "Task", "Retry": [{"ErrorEquals": ["Throttled"], "MaxAttempts": 1}]},
        }
    }
    history = Events()
    history.add("ExecutionStarted")
    history.add("TaskStateEntered", name="Call")
    history.add("TaskScheduled", resourceType="lambda", resource="invoke")
    history.add("TaskFailed", error="Throttled", cause="slow down")
    call = visit(build_tree(history.events, definition), "Call")
    assert call.status is Status.RETRYING
    assert call.is_open
    assert visit(build_tree(history.events), "Call").status is Status.FAILED

    history.add("TaskScheduled", resourceType="lambda", resource="invoke")
    assert visit(build_tree(history.events, definition), "Call").status is Status.RUNNING
    history.add("TaskFailed", error="Throttled", cause="slow down")
    assert visit(build_tree(history.events, definition), "Call").status is Status.FAILED


@pytest.mark.parametrize(
    ("names", "error", "retried"),
    [
        (["States.ALL"], "Anything", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.TaskFailed"], "Anything", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["Other"], "Anything", False),
    ],
)
def test_retriers_match_as_on_aws(names: list[str], error: str, retried: bool):
    history = Events()
    history.add("TaskStateEntered", name="Call")
    history.add("TaskScheduled", resourceType="lambda", resource="invoke")
    history.add("TaskFailed", error=error, cause="")
    definition = {"States": {"Call": {"Retry": [{"ErrorEquals": names}]}}}
    expected = Status.RETRYING if retried else Status.FAILED
    assert visit(build_tree(history.events, definition), "Call").status is expected


# Failures


def test_a_caught_failure_is_marked_and_the_states_after_it_follow():
    tree = tree_of("training_failed")
    assert tree.status is Status.FAILED
    assert visit(tree, "Train model").status is Status.CAUGHT
    assert visit(tree, "Roll back").status is Status.SUCCEEDED
    assert visit(tree, "Failed").status is Status.FAILED


def test_the_failed_state_is_where_the_error_came_from_not_the_fail_state():
    assert failed_state(tree_of("training_failed")).name == "Train model"
    assert failed_state(tree_of("branch_failed")).name == "Wait for endpoint"
    assert failed_state(tree_of("deployed")) is None


def test_the_reason_is_the_last_line_of_what_the_script_said():
    reason = failure_reason(tree_of("training_failed").cause)
    assert "invalid choice: 'nope'" in reason


def test_a_failed_branch_stops_the_other_one():
    tree = tree_of("branch_failed")
    assert visit(tree, "Wait for endpoint").status is Status.FAILED
    assert visit(tree, "Transform test data").status is Status.ABORTED
    use_model = visit(tree, "Use model")
    assert use_model.status is Status.CAUGHT
    assert use_model.failures[0].error == "EndpointFailed"
    assert [state.name for state in tree.states][-3:] == ["Roll back", "Notify failure", "Failed"]


def test_a_stopped_execution_leaves_its_open_state_aborted():
    tree = tree_of("stopped")
    assert tree.status is Status.ABORTED
    assert (tree.error, tree.cause) == ("Stopped", "Stopped by Ctrl-C.")
    assert [visit.name for visit in tree.visits() if visit.status is Status.ABORTED] == ["Check metrics"]
    assert failed_state(tree).name == "Check metrics"


def test_an_uncaught_failure_ends_in_its_own_state():
    history = Events()
    history.add("ExecutionStarted")
    history.add("TaskStateEntered", name="Call")
    history.add("LambdaFunctionScheduled", resource="arn:aws:lambda:eu-west-1:123456789012:function:f:1")
    history.add("LambdaFunctionFailed", error="ValueError", cause='{"errorMessage": "no"}')
    history.add("ExecutionFailed", error="ValueError", cause='{"errorMessage": "no"}')
    tree = build_tree(history.events)
    assert visit(tree, "Call").function == "f"
    assert visit(tree, "Call").status is Status.FAILED
    assert failed_state(tree).name == "Call"


def test_a_state_that_fails_without_an_event_of_its_own_is_failed():
    history = Events()
    history.add("ExecutionStarted")
    history.add("PassStateEntered", name="Pick")
    history.add("ExecutionFailed", error="States.Runtime", cause="no such path")
    tree = build_tree(history.events)
    assert failed_state(tree).name == "Pick"


def test_a_timed_out_task_has_an_error_to_retry_on():
    history = Events()
    history.add("TaskStateEntered", name="Call")
    history.add("TaskScheduled", resourceType="lambda", resource="invoke")
    history.add("TaskTimedOut", resourceType="lambda")
    assert visit(build_tree(history.events), "Call").failures[0].error == "States.Timeout"


def test_an_execution_can_time_out():
    history = Events()
    history.add("ExecutionStarted")
    history.add("WaitStateEntered", name="Wait")
    history.add("ExecutionTimedOut", after=0)
    tree = build_tree(history.events)
    assert tree.status is Status.TIMED_OUT
    assert visit(tree, "Wait").status is Status.ABORTED


# Nesting


def test_a_parallel_inside_a_parallel():
    history = Events()
    history.add("ExecutionStarted")
    history.add("ParallelStateEntered", name="Outer")
    outer = history.add("ParallelStateStarted")
    history.add("ParallelStateEntered", after=outer, name="Inner")
    inner = history.add("ParallelStateStarted")
    history.add("PassStateEntered", after=inner, name="Deep")
    deep = history.add("PassStateExited", name="Deep")
    history.add("ParallelStateSucceeded")
    history.add("ParallelStateExited", after=deep, name="Inner")
    history.add("PassStateEntered", name="Beside Inner")
    beside = history.add("PassStateExited", name="Beside Inner")
    history.add("PassStateEntered", after=outer, name="Other")
    history.add("PassStateExited", name="Other")
    history.add("ParallelStateSucceeded")
    history.add("ParallelStateExited", after=beside, name="Outer")
    tree = build_tree(history.events)
    outer_visit = tree.states[0]
    assert [[state.name for state in branch.states] for branch in outer_visit.branches] == [
        ["Inner", "Beside Inner"],
        ["Other"],
    ]
    assert outer_visit.branches[0].states[0].branches[0].states[0].name == "Deep"
    assert all(not visit.is_open for visit in tree.visits())


def test_a_parallel_that_is_retried_starts_with_empty_branches():
    history = Events()
    history.add("ParallelStateEntered", name="Both")
    started = history.add("ParallelStateStarted")
    history.add("TaskStateEntered", after=started, name="Call")
    history.add("TaskScheduled", resourceType="lambda", resource="invoke")
    history.add("TaskFailed", error="Flaky", cause="")
    started = history.add("ParallelStateStarted")
    history.add("TaskStateEntered", after=started, name="Call")
    both = build_tree(history.events).states[0]
    assert both.retries == 1
    assert len(both.branches) == 1
    assert both.branches[0].states[0].failures == []


def test_the_iterations_of_a_map_are_its_branches():
    history = Events()
    history.add("ExecutionStarted")
    history.add("MapStateEntered", name="Each")
    started = history.add("MapStateStarted", length=2)
    first = history.add("MapIterationStarted", after=started, name="Each", index=0)
    second = history.add("MapIterationStarted", after=started, name="Each", index=1)
    history.add("PassStateEntered", after=first, name="Item")
    first_done = history.add("PassStateExited", name="Item")
    history.add("MapIterationSucceeded", after=first_done, name="Each", index=0)
    history.add("PassStateEntered", after=second, name="Item")
    second_done = history.add("PassStateExited", name="Item")
    history.add("MapIterationSucceeded", after=second_done, name="Each", index=1)
    history.add("MapStateSucceeded", after=second_done)
    history.add("MapStateExited", after=second_done, name="Each")
    history.add("ExecutionSucceeded", output="[]")
    tree = build_tree(history.events)
    assert [visit.name for visit in tree.states] == ["Each"]
    assert [[state.name for state in branch.states] for branch in tree.states[0].branches] == [["Item"], ["Item"]]
    assert tree.states[0].status is Status.SUCCEEDED
    assert tree.output == "[]"


# Causes and times


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("", ""),
        ("plain text", "plain text"),
        ("Traceback\n  File ...\nValueError: no\n", "ValueError: no"),
        ('{"errorType": "X", "errorMessage": "line 1\\nline 2"}', "line 2"),
        ('{"FailureReason": "CapacityError: none left"}', "CapacityError: none left"),
        (
            '{"FailureReason": "AlgorithmError: ExecuteUserScriptError:\\nExitCode 1\\nErrorMessage '
            '\\"raise ValueError(x)\\n ValueError: too small\\"\\nCommand \\"python train.py\\", exit code: 1"}',
            "ValueError: too small",
        ),
        ('["a list"]', '["a list"]'),
    ],
)
def test_causes_are_cut_to_what_they_say(cause: str, reason: str):
    assert failure_reason(cause) == reason


def test_times_are_read_in_each_form_that_they_come_in():
    expected = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert read_time(expected) == expected
    assert read_time(expected.timestamp()) == expected
    assert read_time("2026-01-02T03:04:05Z") == expected
    assert read_time("2026-01-02T03:04:05") == expected


# A run that was redriven


def redriven(*, after: int | None = None) -> Events:
    """A Parallel of two branches, one of which has failed; the execution was redriven."""
    events = Events()
    events.add("ExecutionStarted", after=0)
    events.add("ParallelStateEntered", after=0, name="Both")
    started = events.add("ParallelStateStarted")
    events.add("PassStateEntered", after=started, name="Good")
    events.add("PassStateExited", name="Good", output="1")
    events.add("TaskStateEntered", after=started, name="Bad")
    events.add("TaskScheduled", resourceType="lambda", resource="invoke")
    events.add("TaskFailed", error="Boom", cause="why")
    failed = events.add("ParallelStateFailed")
    events.add("ExecutionFailed", error="Boom", cause="why")
    again = events.add("ExecutionRedriven", redriveCount=1)
    assert failed < again
    events.add(
        "TaskScheduled",
        after=again if after is None else after,
        resourceType="lambda",
        resource="invoke",
    )
    return events


@pytest.mark.parametrize("after", [None, 8])
def test_a_redriven_task_is_the_one_that_had_failed(after: int | None):
    tree = build_tree(redriven(after=after).events)
    assert [tree.status, tree.redrives, tree.error] == [Status.RUNNING, 1, ""]
    both, good, bad = visit(tree, "Both"), visit(tree, "Good"), visit(tree, "Bad")
    assert [both.status, good.status, bad.status] == [Status.RUNNING, Status.SUCCEEDED, Status.RUNNING]
    assert [bad.redrives, bad.retries, bad.failures] == [1, 0, []]
    assert [good.redrives, bad.resource] == [0, "lambda:invoke"]


@pytest.mark.parametrize("after", [None, 8])
def test_what_succeeds_after_a_redrive_closes_what_was_open(after: int | None):
    events = redriven(after=after)
    events.add("TaskSucceeded")
    events.add("TaskStateExited", name="Bad", output="2")
    events.add("ParallelStateSucceeded")
    events.add("ParallelStateExited", name="Both", output="[1, 2]")
    events.add("PassStateEntered", name="Last")
    events.add("PassStateExited", name="Last", output="3")
    events.add("ExecutionSucceeded", output="3")
    tree = build_tree(events.events)
    assert tree.status is Status.SUCCEEDED
    assert [state.name for state in tree.states] == ["Both", "Last"]
    assert [[state.name for state in branch.states] for branch in visit(tree, "Both").branches] == [["Good"], ["Bad"]]
    assert {state.status for state in tree.visits()} == {Status.SUCCEEDED}
    assert failed_state(tree) is None


def test_a_state_that_is_entered_again_after_a_redrive_is_still_one_state():
    events = Events()
    events.add("ExecutionStarted", after=0)
    events.add("WaitStateEntered", after=0, name="Rest")
    events.add("ExecutionAborted", after=0)
    events.add("ExecutionRedriven", after=0)
    events.add("WaitStateEntered", name="Rest")
    tree = build_tree(events.events)
    assert [(state.name, state.status) for state in tree.states] == [("Rest", Status.RUNNING)]


def test_a_fail_state_fails_anew_after_a_redrive():
    events = Events()
    events.add("ExecutionStarted", after=0)
    for _ in range(2):
        events.add("FailStateEntered", name="Stop")
        events.add("ExecutionFailed", error="Bad")
        events.add("ExecutionRedriven")
    tree = build_tree(events.events[:-1])
    assert [(state.name, state.status) for state in tree.states] == [("Stop", Status.FAILED)] * 2
    assert tree.error == "Bad"


def test_a_killed_script_and_an_injected_fault_are_said():
    killed = (
        'AlgorithmError: ExecuteUserScriptError:\nExitCode 137\nErrorMessage "the process printed nothing"\n'
        "[injected: the fault 'Train model:crash' of the local cloud]"
    )
    assert failure_reason(killed) == (
        "exit code 137, killed: the process printed nothing "
        "[injected: the fault 'Train model:crash' of the local cloud]"
    )
