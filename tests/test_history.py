from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.histories import DEFINITION as MAP_DEFINITION
from benchmarks.histories import long_history
from switchyard.executions.causes import logged_traceback, traceback_lines
from switchyard.executions.history import (
    HistoryBuilder,
    Status,
    build_tree,
    failed_state,
    failure_reason,
    find_in_states,
    read_time,
)
from tests.recorded import DEFINITION, Events, recorded, recorded_definition, tree_of


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


def test_a_fail_state_of_a_branch_is_where_it_went_wrong():
    def event(number: int, before: int, kind: str, **details: Any) -> dict[str, Any]:
        return {"id": number, "previousEventId": before, "type": kind, "timestamp": number, **details}

    tree = build_tree(
        [
            event(1, 0, "ExecutionStarted"),
            event(2, 1, "ParallelStateEntered", stateEnteredEventDetails={"name": "Both"}),
            event(3, 2, "ParallelStateStarted"),
            event(4, 3, "FailStateEntered", stateEnteredEventDetails={"name": "Refuse"}),
            event(5, 3, "WaitStateEntered", stateEnteredEventDetails={"name": "Wait"}),
            event(6, 5, "WaitStateAborted"),
            event(7, 4, "ParallelStateFailed"),
            event(8, 7, "ExecutionFailed", executionFailedEventDetails={"error": "Refused", "cause": "no"}),
        ]
    )
    found = failed_state(tree)
    assert found is not None
    assert found.name == "Refuse"


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
        (
            '{"FailureReason": "AlgorithmError: train.py: error: no column bmi, exit code: 1"}',
            "train.py: error: no column bmi",
        ),
        (
            '{"errorMessage": "RequestId: 86a620ba-3b57-4193-bf35-e71949eb7f00 Error: Runtime exited"}',
            "Error: Runtime exited",
        ),
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


@pytest.mark.parametrize("code", [137, -9])
def test_a_killed_script_and_an_injected_fault_are_said(code):
    killed = (
        f'AlgorithmError: ExecuteUserScriptError:\nExitCode {code}\nErrorMessage "the process printed nothing"\n'
        "[injected: the fault 'Train model:crash' of the local cloud]"
    )
    assert failure_reason(killed) == (
        f"exit code {code}, killed: the process printed nothing "
        "[injected: the fault 'Train model:crash' of the local cloud]"
    )


# Event by event

RECORDED = ("deployed", "training_failed", "branch_failed", "stopped", "map_retried_redriven", "parallel_retried")


def built(name: str, *, until: int | None = None) -> HistoryBuilder:
    builder = HistoryBuilder(recorded_definition(name))
    builder.add(event for event in recorded(name) if until is None or event["id"] <= until)
    return builder


def snapshot(builder: HistoryBuilder) -> Any:
    events = {number: builder.visit_of(number) for number in builder.events}
    return builder.tree, builder.visits, events, builder.is_complete


@pytest.mark.parametrize("name", RECORDED)
def test_building_event_by_event_is_building_at_once(name: str):
    one_by_one = HistoryBuilder(recorded_definition(name))
    for event in recorded(name):
        assert one_by_one.add([event]) == [event["id"]]
        assert one_by_one.add([event]) == []
    assert snapshot(one_by_one) == snapshot(built(name))
    assert one_by_one.is_complete


@pytest.mark.parametrize("name", RECORDED)
def test_each_event_of_a_state_has_its_visit_which_is_the_event_that_entered_it(name: str):
    builder = built(name)
    for number, event in builder.events.items():
        if "stateEnteredEventDetails" in event:
            visit_ = builder.visits[builder.visit_of(number) or 0]
            assert visit_.name == event["stateEnteredEventDetails"]["name"]
            assert visit_.id == number
        elif "stateExitedEventDetails" in event:
            assert builder.visits[builder.visit_of(number)].name == event["stateExitedEventDetails"]["name"]
        elif event["type"].startswith("Execution"):
            assert builder.visit_of(number) is None
        else:
            assert builder.visits[builder.visit_of(number)].id < number


def test_only_what_has_changed_is_told():
    events = recorded("deployed")
    builder = HistoryBuilder(DEFINITION)
    builder.add(events[:10])
    assert [visit.name for visit in builder.take_changed()] == ["Prepare run", "Is the data split?", "Split data"]
    assert builder.take_changed() == []
    builder.add(events[10:14])
    assert [visit.name for visit in builder.take_changed()] == ["Split data"]


def test_an_event_that_comes_late_takes_its_place():
    events = recorded("map_retried_redriven")
    late = HistoryBuilder(recorded_definition("map_retried_redriven"))
    late.add(events[:40] + events[41:90])
    assert not late.is_complete
    late.add(events[40:41] + events[90:])
    assert snapshot(late) == snapshot(built("map_retried_redriven"))


def test_a_history_that_misses_events_is_not_complete():
    events = recorded("deployed")
    for missing in (0, 1, 30, len(events) - 1):
        builder = HistoryBuilder(DEFINITION)
        builder.add(events[:missing] + events[missing + 1 :])
        assert not builder.is_complete
    assert built("deployed").is_complete
    assert not built("map_retried_redriven", until=134).is_complete


# Attempts


def test_each_attempt_has_its_start_its_end_and_its_error():
    wait = visit(built("deployed").tree, "Wait for endpoint")
    assert len(wait.attempts) == wait.retries + 1
    assert [attempt.error for attempt in wait.attempts] == ["EndpointNotReady"] * wait.retries + [None]
    ends = [wait.entered_at, *(attempt.ended_at for attempt in wait.attempts)]
    for before, attempt, end in zip(ends, wait.attempts, ends[1:], strict=False):
        assert before <= attempt.started_at <= end <= wait.exited_at


def test_a_state_that_is_no_task_has_one_attempt():
    split = visit(built("deployed").tree, "Is the data split?")
    assert [(attempt.started_at, attempt.ended_at) for attempt in split.attempts] == [
        (split.entered_at, split.exited_at)
    ]


def test_what_fails_before_it_begins_is_an_attempt_too():
    history = Events()
    history.add("ExecutionStarted")
    history.add("TaskStateEntered", name="Call")
    history.add("EvaluationFailed", error="States.QueryEvaluationError", cause="no such field", state="Call")
    call = visit(build_tree(history.events), "Call")
    (attempt,) = call.attempts
    assert (attempt.started_at, attempt.error, attempt.cause) == (
        call.entered_at,
        "States.QueryEvaluationError",
        "no such field",
    )
    assert call.status is Status.FAILED


def test_an_attempt_that_was_stopped_is_none_that_succeeded():
    transform = visit(built("branch_failed").tree, "Transform test data")
    assert [attempt.is_aborted for attempt in transform.attempts] == [True]
    assert transform.attempts[-1].ended_at == transform.exited_at


# Parallels and Maps that are retried, nested and redriven, as they were recorded


def places(builder: HistoryBuilder, name: str) -> list[tuple[Any, ...]]:
    return [(v.parent, v.branch, v.attempt, v.order) for v in builder.visits.values() if v.name == name]


def test_a_parallel_that_was_retried_tells_of_each_attempt():
    builder = built("parallel_retried")
    both = visit(builder.tree, "Both")
    assert [both.status, both.retries] == [Status.CAUGHT, 2]
    assert [attempt.error for attempt in both.attempts] == ["Ssm.ParameterNotFoundException"] * 3
    assert places(builder, "Bad") == [(both.id, 1, attempt, 0) for attempt in (1, 2, 3)]
    assert len(list(builder.tree.visits())) == 4
    assert len(builder.visits) == 8


def test_the_items_of_a_map_in_a_map_that_is_retried_and_redriven():
    builder = built("map_retried_redriven")
    each = visit(builder.tree, "Each")
    assert [each.status, each.retries, each.redrives, each.length] == [Status.SUCCEEDED, 0, 1, 3]
    assert [attempt.error is None for attempt in each.attempts] == [False, False, True]
    assert places(builder, "Ask") == [
        (each.id, 1, 1, 2),
        (each.id, 0, 1, 2),
        (each.id, 2, 1, 2),
        (each.id, 1, 2, 2),
        (each.id, 0, 2, 2),
        (each.id, 2, 2, 2),
    ]
    assert [branch.index for branch in each.branches] == [0, 1, 2]
    for branch in each.branches:
        assert [state.name for state in branch.states] == ["Note", "Inner", "Ask"]
        assert {state.status for state in branch.states} == {Status.SUCCEEDED}
        inner = branch.states[1]
        assert [[state.name for state in item.states] for item in inner.branches] == [["Square"], ["Square"]]
        assert inner.length == 2
    redriven = [state for branch in each.branches for state in branch.states if state.redrives]
    assert [(state.name, state.branch) for state in redriven] == [("Ask", 1), ("Ask", 2)]
    assert redriven[0].first_entered_at < redriven[0].entered_at


def test_a_map_whose_item_fails_fails_but_not_the_parallel_around_it():
    history = Events()
    history.add("ExecutionStarted")
    history.add("ParallelStateEntered", name="Both")
    started = history.add("ParallelStateStarted")
    history.add("PassStateEntered", after=started, name="Aside")
    aside = len(history.events)
    history.add("MapStateEntered", after=started, name="Each")
    history.add("MapStateStarted", length=1)
    history.add("MapIterationStarted", name="Each", index=0)
    history.add("TaskStateEntered", name="Call")
    history.add("TaskScheduled", resourceType="lambda", resource="invoke")
    failed = history.add("TaskFailed", error="Boom", cause="why")
    history.add("MapIterationFailed", after=failed, name="Each", index=0)
    history.add("MapStateFailed", after=failed)
    tree = build_tree(history.events)
    assert visit(tree, "Each").status is Status.FAILED
    assert [failure.error for failure in visit(tree, "Each").failures] == ["Boom"]
    assert visit(tree, "Both").status is Status.RUNNING
    assert visit(tree, "Aside").status is Status.RUNNING
    history.add("MapStateExited", after=failed, name="Each")
    history.add("PassStateExited", after=aside, name="Aside")
    history.add("ParallelStateSucceeded", after=aside)
    history.add("ParallelStateExited", after=aside, name="Both")
    tree = build_tree(history.events)
    assert [visit(tree, name).status for name in ("Both", "Each", "Aside")] == [
        Status.SUCCEEDED,
        Status.CAUGHT,
        Status.SUCCEEDED,
    ]


def test_a_map_that_will_be_retried_says_so():
    builder = built("map_retried_redriven", until=68)
    assert visit(builder.tree, "Each").status is Status.RETRYING
    assert visit(builder.tree, "Each").is_open


def test_a_distributed_map_knows_its_map_run():
    each = visit(built("distributed").tree, "Each")
    assert ":mapRun:" in each.map_run
    assert [each.status, each.length, each.branches] == [Status.SUCCEEDED, 3, []]


def test_a_map_run_that_fails_says_why():
    history = Events()
    history.add("ExecutionStarted")
    history.add("MapStateEntered", name="Each")
    history.add("MapStateStarted", length=0)
    history.add("MapRunStarted", mapRunArn="arn:aws:states:eu-west-1:123456789012:mapRun:m/Each:1")
    history.add("MapRunFailed", error="States.ExceedToleratedFailureThreshold", cause="too many")
    history.add("MapStateFailed")
    history.add("ExecutionFailed", error="States.ExceedToleratedFailureThreshold", cause="too many")
    tree = build_tree(history.events)
    each = visit(tree, "Each")
    assert [each.status, len(each.failures), each.failures[0].cause] == [Status.FAILED, 1, "too many"]
    assert failed_state(tree).name == "Each"


def test_a_history_as_long_as_aws_lets_it_be():
    builder = HistoryBuilder(MAP_DEFINITION)
    builder.add(long_history())
    assert 24_900 < len(builder.events) <= 25_000
    assert builder.is_complete
    each = visit(builder.tree, "Score each store")
    assert [each.length, len(each.branches)] == [2000, 2000]
    assert len(builder.visits) == 3 + 3 * 2000
    assert {state.status for state in builder.tree.visits()} == {Status.SUCCEEDED}


# Whatever a history says

KINDS = [
    *sorted({event["type"] for name in RECORDED for event in recorded(name)}),
    "ExecutionPaused", "MapRunStarted", "MapRunFailed", "MapRunRedriven", "MapIterationAborted", "MapStateAborted",
    "ParallelStateAborted", "LambdaFunctionScheduled", "LambdaFunctionFailed", "ActivityScheduled", "EvaluationFailed",
    "WaitStateEntered", "WaitStateAborted", "SomethingNew", "",
]  # fmt: skip
names = st.sampled_from(["A", "B", "C"])
details = st.fixed_dictionaries(
    {},
    optional={
        "name": names | st.none() | st.integers(),
        "index": st.integers(-1, 3) | st.text(max_size=2) | st.none(),
        "length": st.integers(0, 3) | st.floats(),
        "input": st.just("{}") | st.dictionaries(st.text(max_size=1), st.none(), max_size=1),
        "output": st.text(max_size=3),
        "error": st.sampled_from(["Boom", "States.Timeout"]) | st.none(),
        "cause": st.sampled_from(["why", '{"errorMessage": 1}', "[" * 100_000]),
        "redriveCount": st.integers() | st.text(max_size=2),
        "resource": st.just("createTrainingJob.sync") | st.integers(),
        "resourceType": st.just("sagemaker") | st.none(),
        "parameters": st.sampled_from(["{", "[]", '{"TrainingJobName": 1}', "[" * 100_000]),
    },
)
invented = st.builds(
    lambda id_, before, kind, at, more: {
        "id": id_, "previousEventId": before, "type": kind, "timestamp": at, "someEventDetails": more
    },
    st.integers(-1, 40) | st.text(max_size=1) | st.none(),
    st.integers(-1, 40) | st.none(),
    st.sampled_from(KINDS),
    st.integers(0, 10**9) | st.floats() | st.text(max_size=3) | st.none(),
    details | st.text(max_size=1) | st.none(),
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> tuple[dict[str, Any], list[Any]]:
    """A recorded history that breaks off, lacks events or has them out of order; or one that was made up."""
    name = draw(st.sampled_from(RECORDED))
    events: list[Any] = draw(
        st.one_of(
            st.integers(0, len(recorded(name))).map(lambda length: recorded(name)[:length]),
            st.lists(st.sampled_from(recorded(name)), max_size=60),
            st.lists(invented, max_size=40),
        )
    )
    return recorded_definition(name) if draw(st.booleans()) else {}, events


@given(damaged(), st.data())
def test_any_history_makes_a_tree_the_same_one_however_it_is_read(
    history: tuple[dict[str, Any], list[Any]], data: st.DataObject
):
    definition, events = history
    at_once = HistoryBuilder(definition)
    at_once.add(events)
    bit_by_bit = HistoryBuilder(definition)
    cut = data.draw(st.integers(0, len(events)))
    bit_by_bit.add(events[:cut])
    bit_by_bit.add(events[cut:])
    # Comparing texts: a time or a value that is no number is not equal to itself.
    assert repr(snapshot(bit_by_bit)) == repr(snapshot(at_once))
    tree = at_once.tree
    assert len(list(tree.visits())) <= len(at_once.visits) <= len(events)
    failed = failed_state(tree)
    assert failed is None or failed in list(tree.visits())
    if not tree.is_open and at_once.events[max(at_once.events)]["type"].startswith("Execution"):
        assert not any(state.is_open for state in tree.visits())
    for state in tree.visits():
        assert state.seconds() >= 0
        assert state.is_open or state.exited_at is not None
        assert failure_reason(state.failures[-1].cause if state.failures else "") is not None
        assert [state.job, state.function, state.endpoint] != []


@pytest.mark.parametrize(
    "definition", [{"States": 1}, {"States": {"A": 1}}, {"States": {"A": {"Branches": [1]}}}, [], 1]
)
def test_a_definition_that_is_none_is_done_without(definition: Any):
    events = recorded("branch_failed")
    assert build_tree(events, definition).status is Status.FAILED


def test_a_retry_that_is_none_is_done_without():
    for retry in (1, [1], [{"ErrorEquals": 1}], [{"ErrorEquals": ["States.ALL"], "MaxAttempts": "many"}]):
        definition = {"States": {"Wait for endpoint": {"Retry": retry}}}
        assert visit(build_tree(recorded("deployed"), definition), "Wait for endpoint").status is Status.SUCCEEDED


def test_parallels_nested_deeper_than_python_can_recurse():
    history = Events()
    history.add("ExecutionStarted")
    for depth in range(3000):
        history.add("ParallelStateEntered", name=f"P{depth}")
        history.add("ParallelStateStarted")
    history.add("ExecutionFailed", error="Deep", cause="")
    history.add("ExecutionRedriven")
    history.add("ExecutionAborted")
    tree = build_tree(history.events)
    assert sum(1 for _ in tree.visits()) == 3000
    assert failed_state(tree).name == "P2999"


# Tracebacks


def test_a_functions_traceback_is_found_in_its_cause():
    cause = json.dumps(
        {
            "errorMessage": "there is no recipe x",
            "errorType": "InvalidRun",
            "stackTrace": ['  File "/var/task/prepare_run.py", line 9, in handler\n    raise InvalidRun(name)\n'],
        }
    )
    assert traceback_lines(cause) == [
        '  File "/var/task/prepare_run.py", line 9, in handler',
        "    raise InvalidRun(name)",
        "InvalidRun: there is no recipe x",
    ]


def test_a_scripts_traceback_is_found_in_its_jobs_reason():
    reason = (
        'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "Traceback (most recent call last):\n'
        '  File \\"train.py\\", line 3\nValueError: too small"\nCommand "python train.py"'
    )
    assert traceback_lines(json.dumps({"FailureReason": reason}))[-1] == "ValueError: too small"
    assert len(traceback_lines(json.dumps({"FailureReason": reason}))) == 3


@pytest.mark.parametrize("cause", ["", "no", "{}", '{"stackTrace": []}', '{"stackTrace": 1}', "[" * 100_000])
def test_where_there_is_no_traceback_there_is_none(cause: str):
    assert traceback_lines(cause) == []


def test_the_last_traceback_of_a_log_is_found_without_what_follows():
    lines = ["Traceback (most recent call last):", "  File a", "KeyError: 1", "", "During handling ...", ""]
    lines += ["Traceback (most recent call last):", *(f"  File {n}" for n in range(20)), "ValueError: x", "bye", "bye"]
    assert logged_traceback(lines, 3) == ["  File 18", "  File 19", "ValueError: x"]
    assert logged_traceback(["fine"]) == []


def test_a_cause_made_to_keep_a_reader_busy_does_not():
    for text in ('ErrorMessage "' * 20_000, "[injected: " * 30_000, '"' + " " * 200_000):
        assert failure_reason(text) is not None
