from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from switchyard.executions.history import Status, build_tree
from switchyard.executions.progress import (
    LiveProgress,
    PlainProgress,
    format_seconds,
    progress_for,
    render_tree,
)
from tests.recorded import DEFINITION, Events, recorded, tree_of


def drawn(tree: Any, *, width: int = 120, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(render_tree(tree, title="diabetes", width=width, **options))
    return console.file.getvalue()  # type: ignore[attr-defined]


def plain_lines(name: str, *, at_each_event: bool) -> list[str]:
    stream = io.StringIO()
    progress = PlainProgress(stream)
    events = recorded(name)
    for length in range(1, len(events) + 1) if at_each_event else (len(events),):
        progress.update(build_tree(events[:length], DEFINITION), {})
    return stream.getvalue().splitlines()


# The tree


def test_the_first_line_says_what_runs_and_how_it_stands():
    assert drawn(tree_of("deployed")).splitlines()[0].startswith("diabetes  SUCCEEDED  ")


def test_each_state_has_a_line_with_its_time():
    text = drawn(tree_of("deployed"))
    assert re.search(r"✓ Train model  \d\.\d\d s", text)
    assert re.search(r"✓ Is the data split\?\s*\n", text)


def test_branches_stand_side_by_side_where_there_is_room():
    line = next(line for line in drawn(tree_of("deployed")).splitlines() if "Transform test data" in line)
    assert "Create endpoint config" in line


def test_branches_stand_below_one_another_in_a_narrow_terminal():
    lines = drawn(tree_of("deployed"), width=60).splitlines()
    first = next(i for i, line in enumerate(lines) if "Transform test data" in line)
    second = next(i for i, line in enumerate(lines) if "Create endpoint config" in line)
    assert first < second
    assert any("branch 2" in line for line in lines)
    assert all(len(line) <= 60 for line in lines)


def test_a_retry_shows_its_count_and_its_reason():
    text = drawn(tree_of("deployed"), width=200)
    assert re.search(r"\d retr(y|ies): EndpointNotReady: Endpoint 'switchyard-diabetes' is Creating", text)


def test_a_failure_shows_its_reason_below_its_state():
    text = drawn(tree_of("training_failed"), width=200)
    assert "✗ Train model" in text
    assert "States.TaskFailed: train.py: error: argument --model" in text


def test_a_stopped_branch_is_marked():
    assert "■ Transform test data" in drawn(tree_of("branch_failed"))


def test_a_running_state_counts_up_and_shows_the_status_of_its_job():
    tree = build_tree(recorded("deployed")[:17], DEFINITION)
    train = tree.states[-1]
    assert train.name == "Train model"
    text = drawn(tree, now=train.entered_at + timedelta(seconds=75), jobs={train.job.name: "InProgress, Training"})
    assert "Train model  1 min 15 s  training job: InProgress, Training" in text


def test_a_terminal_without_unicode_gets_plain_marks():
    text = "".join(
        line.split("Use model")[0]
        for line in drawn(tree_of("training_failed"), ascii_only=True, now=datetime.now(UTC)).splitlines()
        if "Train model" in line or "Prepare run" in line
    )
    assert "+ Prepare run" in text
    assert "x Train model" in text


def test_many_iterations_of_a_map_are_counted():
    history = Events()
    history.add("MapStateEntered", name="Each")
    started = history.add("MapStateStarted", length=5)
    for index in range(5):
        iteration = history.add("MapIterationStarted", after=started, name="Each", index=index)
        history.add("PassStateEntered", after=iteration, name="Item")
    history.add("PassStateExited", name="Item")
    assert "1 of 5 iterations done" in drawn(build_tree(history.events))


# Plain lines


def test_plain_lines_have_a_time_and_tell_starts_and_ends():
    lines = plain_lines("deployed", at_each_event=True)
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d  \S", line) for line in lines)
    texts = [line.split("  ", 1)[1] for line in lines]
    assert texts[0] == "Prepare run: started"
    assert re.match(r"Prepare run: succeeded after \d\.\d\d s", texts[1])
    assert texts[2] == "Is the data split?: -> Split data"
    assert "Use model > Transform test data: started" in texts
    assert texts[-1] == "Deployed: succeeded"


def test_plain_lines_are_the_same_however_often_one_looks():
    often, once = plain_lines("deployed", at_each_event=True), plain_lines("deployed", at_each_event=False)
    assert sorted(often) == sorted(once)
    assert len(set(often)) == len(often)


def test_plain_lines_tell_why_a_state_is_retried():
    assert any(
        "Wait for endpoint: retry 1 after EndpointNotReady: Endpoint" in line
        for line in plain_lines("deployed", at_each_event=True)
    )


def test_plain_lines_do_not_repeat_the_same_retry():
    history = Events()
    history.add("TaskStateEntered", name="Wait")
    for _ in range(10):
        history.add("TaskScheduled", resourceType="lambda", resource="invoke")
        history.add("TaskFailed", error="NotReady", cause="still creating")
    history.add("TaskScheduled", resourceType="lambda", resource="invoke")
    stream = io.StringIO()
    PlainProgress(stream).update(build_tree(history.events), {})
    # The events are 2 s apart, and the same reason is told every 15 s: the 1st and the 9th.
    assert [line.split("  ", 1)[1] for line in stream.getvalue().splitlines()] == [
        "Wait: started",
        "Wait: retry 1 after NotReady: still creating",
        "Wait: retry 9 after NotReady: still creating",
    ]


def test_plain_lines_tell_what_failed_and_what_was_stopped():
    lines = plain_lines("branch_failed", at_each_event=False)
    assert any("Use model > Wait for endpoint: failed after" in line and "EndpointFailed" in line for line in lines)
    assert any("Use model > Transform test data: stopped after" in line for line in lines)


def test_steps_and_notes_are_lines():
    stream = io.StringIO()
    progress = PlainProgress(stream)
    with progress.step("Publish"):
        progress.note("inside")
    progress.close()
    first, second = stream.getvalue().splitlines()
    assert first.endswith("  inside")
    assert re.search(r"  Publish: done after \d\.\d\d s$", second)


# The live tree


def test_a_terminal_gets_the_live_tree_and_a_file_gets_lines():
    assert isinstance(progress_for(Console(file=io.StringIO(), force_terminal=True), "x"), LiveProgress)
    assert isinstance(progress_for(Console(file=io.StringIO()), "x"), PlainProgress)


def test_the_live_tree_leaves_its_last_state():
    console = Console(file=io.StringIO(), force_terminal=True, width=100, legacy_windows=False, _environ={})
    progress = LiveProgress(console, "diabetes")
    with progress.step("Start"):
        pass
    progress.update(tree_of("deployed", until="Train model"), {})
    progress.update(tree_of("deployed"), {})
    progress.close()
    progress.close()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())  # type: ignore[attr-defined]
    assert text.rstrip().endswith("✓ Deployed")


def test_durations_are_written_as_people_read_them():
    assert [format_seconds(s) for s in (0, 0.417, 12.34, 75, 3700)] == [
        "0.00 s",
        "0.42 s",
        "12.3 s",
        "1 min 15 s",
        "1 h 1 min",
    ]


LOOP = {
    "StartAt": "Shift",
    "States": {
        "Shift": {"Type": "Task", "Resource": "r", "Next": "Bake"},
        "Bake": {"Type": "Wait", "Seconds": 1, "Next": "What next?"},
        "What next?": {"Type": "Choice", "Choices": [], "Default": "Done"},
        "Done": {"Type": "Succeed"},
    },
}


def rounds(steps: int, looks: int) -> list[dict[str, Any]]:
    """Write the history of a loop in a loop."""
    events = Events()
    events.add("ExecutionStarted")
    for _ in range(steps):
        events.add("TaskStateEntered", name="Shift")
        events.add("TaskStateExited", name="Shift")
        for _ in range(looks):
            for kind, name in (("Wait", "Bake"), ("Choice", "What next?")):
                events.add(f"{kind}StateEntered", name=name)
                events.add(f"{kind}StateExited", name=name)
    events.add("SucceedStateEntered", name="Done")
    events.add("SucceedStateExited", name="Done")
    events.add("ExecutionSucceeded")
    return events.events


def test_a_loop_is_told_for_two_rounds_and_then_where_it_leads_elsewhere():
    stream = io.StringIO()
    progress, events = PlainProgress(stream), rounds(steps=4, looks=5)
    for length in range(1, len(events) + 1):
        progress.update(build_tree(events[:length], LOOP), {})
    told = [line[12:] for line in stream.getvalue().splitlines()]
    one = ["Bake: started", "Bake: succeeded after 1.00 s"]
    shift = ["Shift: started", "Shift: succeeded after 1.00 s"]
    on, again = "What next?: -> Bake", "What next?: -> Shift"
    assert told == [*shift, *one, on, *one, on, again, *shift, on, again, on, again, on, "What next?: -> Done",
                    "Done: succeeded"]  # fmt: skip


def test_a_loop_is_drawn_once_and_counted():
    text = drawn(build_tree(rounds(steps=4, looks=5), LOOP))
    states = [re.sub(r"  \d\.\d\d s", "", line[4:].strip()) for line in text.splitlines()[1:]]
    assert states == ["✓ Shift  (4 times)", "✓ Bake  (20 times)", "✓ What next?  (20 times)", "✓ Done"]


@pytest.mark.parametrize("name", ["deployed", "training_failed", "branch_failed", "stopped"])
def test_every_moment_of_an_execution_can_be_drawn(name: str):
    events = recorded(name)
    for length in range(1, len(events) + 1, 5):
        tree = build_tree(json.loads(json.dumps(events[:length])), DEFINITION)
        assert drawn(tree, width=80)
    assert build_tree(events).status is not Status.RUNNING
