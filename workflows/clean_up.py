"""Clean up: undo what a run or a release made that died outside its graph, and tell people.

    Read run -> Is it over? -> Is it a release?
                                 yes -> Undo release -> Notify -> Cleaned up
                                 no  -> Roll back    -> Notify -> Cleaned up
                  no        -> Nothing to do

A run that is stopped or timed out, or that dies of an error which no Catch can catch, never comes to the states that
would undo its doings. EventBridge tells of it, and this machine does what those would have done. A run that fails
within its graph has done it itself, and is none of this one's business.
"""

from __future__ import annotations

from typing import Any

from stepfunctions.steps import Catch, Chain, Choice, ChoiceRule, Graph, Succeed

from workflows import retries
from workflows.steps import Fail, JsonPath, LambdaStep
from workflows.tasks import FUNCTION_START_SECONDS, catch_all, invoke, payload

# As long as an endpoint may take to change, twice: to where the run was taking it, and back.
MACHINE_SECONDS = 6 * 3600
RUN = JsonPath("$.run.execution")


def definition() -> dict[str, Any]:
    """Give the state machine's definition.

    Returns
    -------
    dict
        Amazon States Language whose `${...}` are the DefinitionSubstitutions of template.yaml. Its input is the
        detail of a "Step Functions Execution Status Change" event.
    """
    is_over = Choice("Is it over?")
    is_over.add_choice(ChoiceRule.BooleanEquals("$.run.is_over", True), clean_up())
    is_over.default_choice(Succeed("Nothing to do"))
    graph = Graph(
        Chain([read_run(), is_over]),
        comment="Undo what a run or a release made that died outside its graph, and tell people.",
        timeout_seconds=MACHINE_SECONDS,
    )
    return dict(graph.to_dict())


def read_run() -> LambdaStep:
    """Find out how far the run came."""
    return LambdaStep(
        "Read run",
        parameters=invoke("ReadRun", {"execution_arn": JsonPath("$.executionArn")}, execution=JsonPath("$.name")),
        result_selector=payload("is_over", "is_release", "execution", "execution_arn", "status", "started", "state"),
        result_path="$.run",
        timeout_seconds=60 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
    )


def clean_up() -> Chain:
    """Undo, then tell; people are told above all when it cannot be undone."""
    trouble = "$.run.state.roll_back"
    not_undone = Fail("Not undone", error_path=f"{trouble}.Error", cause_path=f"{trouble}.Cause")
    tell = Chain([notify("Notify of trouble", catch_all(not_undone, "$.notification_error")), not_undone])
    on_trouble = catch_all(tell, trouble)
    undo_run = undo("Roll back", "RollBack", {}, on_trouble)
    undo_release = undo("Undo release", "UndoRelease", {"because": "FAILED"}, on_trouble)
    cleaned_up = Succeed("Cleaned up")
    done = Chain([notify("Notify", catch_all(cleaned_up, "$.notification_error")), cleaned_up])
    undo_run.next(done)
    undo_release.next(done)
    is_release = Choice("Is it a release?")
    is_release.add_choice(ChoiceRule.BooleanEquals("$.run.is_release", True), undo_release)
    is_release.default_choice(undo_run)
    return Chain([is_release])


def undo(state: str, function: str, more: dict[str, str], on_failure: Catch) -> LambdaStep:
    """Undo what was made."""
    return LambdaStep(
        state,
        comment="Deletes only what that execution made, and restores what served before.",
        parameters=invoke(function, {**more, "state": JsonPath("$.run.state")}, execution=RUN),
        timeout_seconds=120 + FUNCTION_START_SECONDS,
        retry=retries.UNDOING,
        catch=on_failure,
        result_path=None,
    )


def notify(state: str, on_failure: Any) -> LambdaStep:
    """Tell people how the run ended."""
    return LambdaStep(
        state,
        parameters=invoke(
            "Notify",
            {
                "status": JsonPath("$.run.status"),
                "state": JsonPath("$.run.state"),
                "execution_arn": JsonPath("$.run.execution_arn"),
                "started": JsonPath("$.run.started"),
            },
            execution=RUN,
        ),
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
        result_path=None,
    )
