"""Housekeeping: find what nobody uses any more, and delete it unless the input asks for the plan alone.

    Find what may go -> Is that to be deleted?
      no  -> Report plan -> Planned
      yes -> Delete what may go (each batch: Delete batch) -> Report what went -> Cleaned
    any failure -> Report trouble -> Not cleaned

What a batch deletes is looked at again right before. A batch that fails stops no other.
"""

from __future__ import annotations

from typing import Any

from stepfunctions.steps import Catch, Chain, Choice, ChoiceRule, Graph, Pass, Succeed

from workflows import retries
from workflows.steps import Fail, JsonPath, LambdaStep, Map
from workflows.tasks import FUNCTION_START_SECONDS, catch_all, invoke, payload

STATE = JsonPath("$")
# A function's longest, which is long enough to look at some thousand models.
LOOK_SECONDS = 900
# At most 1,000 things, each endpoint by itself, and SageMaker takes minutes to delete one.
MACHINE_SECONDS = 24 * 3600


def definition() -> dict[str, Any]:
    """Give the state machine's definition.

    Returns
    -------
    dict
        Amazon States Language whose `${...}` are the DefinitionSubstitutions of template.yaml. Its input is that of
        `lambdas/shared/housekeeping.py`: `{}` is a dry run.
    """
    trouble = report_trouble()
    on_failure = catch_all(trouble, "$.error")
    is_for_real = Choice("Is that to be deleted?")
    # Whatever is not a plain `false` is a dry run.
    delete = Chain(
        [delete_what_may_go(on_failure), report("Report what went", "CLEANED", on_failure), Succeed("Cleaned")]
    )
    is_for_real.add_choice(ChoiceRule.BooleanEquals("$.dry_run", False), delete)
    is_for_real.default_choice(Chain([report("Report plan", "PLANNED", on_failure), Succeed("Planned")]))
    find = find_what_may_go(catch_all(Chain([keep_error(), trouble])))
    graph = Graph(
        Chain([find, is_for_real]),
        comment="Find what nobody uses any more, and delete it unless a plan is all that is asked for.",
        timeout_seconds=MACHINE_SECONDS,
    )
    return dict(graph.to_dict())


def find_what_may_go(on_failure: Catch) -> LambdaStep:
    """Make the plan; it is kept in the artifact bucket, since it can be longer than a state."""
    return LambdaStep(
        "Find what may go",
        parameters=invoke("FindUnused", {"input": STATE}),
        output_path="$.Payload",
        timeout_seconds=LOOK_SECONDS + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
    )


def delete_what_may_go(on_failure: Catch) -> Map:
    """Delete batch after batch: what uses a thing comes before it."""
    note = Pass(
        "Note what failed",
        parameters={"first": JsonPath("$.first"), "count": JsonPath("$.count"), "error": JsonPath("$.failure")},
    )
    delete = LambdaStep(
        "Delete batch",
        parameters=invoke(
            "DeleteUnused", {"kind": JsonPath("$.kind"), "first": JsonPath("$.first"), "count": JsonPath("$.count")}
        ),
        timeout_seconds=LOOK_SECONDS + FUNCTION_START_SECONDS,
        retry=[retries.ENDPOINT_NOT_READY, retries.FUNCTION_FAULTS],
        catch=catch_all(note, "$.failure"),
        result_selector=payload("deleted"),
        result_path="$.result",
    )
    done = Pass(
        "Note what is done",
        parameters={"first": JsonPath("$.first"), "count": JsonPath("$.count"), "error": None},
    )
    return Map(
        "Delete what may go",
        items_path="$.batches",
        item_processor=Chain([delete, done]),
        max_concurrency=1,
        result_path="$.done",
        catch=on_failure,
    )


def report(state: str, status: str, on_failure: Catch) -> LambdaStep:
    """Write the report and tell people; the machine's output is what it counts."""
    return LambdaStep(
        state,
        parameters=invoke(
            "ReportHousekeeping",
            {
                "status": status,
                "execution_arn": JsonPath("$$.Execution.Id"),
                **({"batches": JsonPath("$.done")} if status == "CLEANED" else {}),
            },
        ),
        output_path="$.Payload",
        timeout_seconds=60 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
    )


def keep_error() -> Pass:
    """Give an error a state to be in: the input may be any JSON."""
    return Pass("Keep error", parameters={"error": STATE})


def report_trouble() -> Chain:
    """Tell people what went wrong, and end with that."""
    failed = Fail("Not cleaned", error_path="$.error.Error", cause_path="$.error.Cause")
    tell = LambdaStep(
        "Report trouble",
        parameters=invoke(
            "ReportHousekeeping",
            {"status": "FAILED", "execution_arn": JsonPath("$$.Execution.Id"), "error": JsonPath("$.error")},
        ),
        timeout_seconds=60 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=catch_all(failed, "$.notification_error"),
        result_path=None,
    )
    return Chain([tell, failed])
