"""Release: bring a registered model to the live endpoint, step by step, and back when it is no good.

    Prepare release -> Lock endpoint -> Use endpoint -> Anything to release?
      no  -> Summarize nothing -> Nothing to release
      yes -> Any traffic? -> Which strategy?
      guardrails -> Deploy with guardrails -> Wait for guardrails -> Try endpoint -> ...
      shadow     -> Deploy shadow -> Wait for shadow -> Bake shadow -> Compare shadow -> Enough seen?
                      no -> Bake shadow
                      yes -> Take shadow away -> Notify comparison -> Summarize comparison -> Compared
      others     -> Deploy candidate -> Wait for candidate -> Try candidate
             -> Shift traffic -> Wait for shift -> Bake -> Try again -> Watch candidate -> What next?
                  another look  -> Bake
                  the next step -> Shift traffic
             -> Serve candidate alone -> Wait for endpoint -> Try endpoint
             -> Record release -> Notify release -> Does an earlier endpoint stay?
                  no  -> Summarize release -> Released
                  yes -> Grace -> Count requests -> Last minute -> Retire endpoint -> Summarize switch -> Released
    unfit       -> Take back -> Notify of taking back -> Summarize taking back -> Taken back
    any failure -> Undo release -> Notify failure -> Note redrives -> Fail run
      redriven, or undone by the clean-up -> Clear the way -> Lock endpoint -> ... -> the step that it was in

Every strategy is a list of shares of the traffic that the candidate is to have, one a step: a canary has many, the
others have one, all of it. The candidate is a second variant beside those that serve, until it has had all of the
traffic for as long as a step takes; then it is the only one. With blue-green-endpoints it has an endpoint of its own,
and all of the traffic by the name that clients resolve; the earlier endpoint stays until nobody asks it any more.

Where a release is stands in `$.step`. What it has made may be gone when it is redriven, whatever state that enters: so
each function first renews the lease, and one that does not hold it any more has its work made again.
"""

from __future__ import annotations

from typing import Any

from stepfunctions.steps import Catch, Chain, Choice, ChoiceRule, Graph, Pass, Succeed, Task, Wait

from workflows import retries
from workflows.steps import JsonPath, LambdaStep, Retry
from workflows.tasks import FUNCTION_START_SECONDS, catch_all, invoke, payload

STATE = JsonPath("$")
STARTED = JsonPath("$$.Execution.StartTime")
# Longer than all steps of a release may take, and than it may have to wait for others before that.
MACHINE_SECONDS = 60 * 24 * 3600
# CloudWatch has a request by then.
LAST_LOOK_SECONDS = 60
STEP_FIELDS = ("index", "share", "looks", "samples_sent", "base", "verdict", "done")


def definition() -> dict[str, Any]:
    """Give the state machine's definition.

    Returns
    -------
    dict
        Amazon States Language whose `${...}` are the DefinitionSubstitutions of template.yaml.
    """
    failure, where_to_go_on = fail()
    prepare = prepare_release(catch_all(Chain([keep_error_and_input(), failure])))
    lock = lock_endpoint(catch_all(failure, "$.error"))
    # Another one than before, if clients were sent elsewhere while this release waited.
    use = Pass("Use endpoint", input_path="$.lock.endpoint", result_path="$.names.endpoint")
    # What stayed would be in the way, above all what the endpoint serves: it would be taken for what served before.
    way = undo("Clear the way", "FAILED", catch_all(failure, "$.error"))
    way.next(lock)
    unfit = take_back(failure)
    # The first that fits counts.
    on_failure = [Catch(error_equals=["LeaseLost"], next_step=way, result_path="$.lost"), catch_all(failure, "$.error")]
    on_unfit = [Catch(error_equals=["CandidateUnfit"], next_step=unfit, result_path="$.unfit"), *on_failure]
    anything = Choice("Anything to release?")
    Chain([prepare, lock, use, anything])
    anything.add_choice(ChoiceRule.BooleanEquals("$.lock.is_needed", True), which_strategy(on_failure, on_unfit))
    anything.default_choice(end_with_nothing())
    where_to_go_on.add_choice(ChoiceRule.IsPresent("$.names", True), way)
    where_to_go_on.default_choice(take_input_again(prepare))
    graph = Graph(
        Chain([prepare]),
        comment="Bring a registered model to the live endpoint, step by step, and back when it is no good.",
        timeout_seconds=MACHINE_SECONDS,
    )
    return dict(graph.to_dict())


def prepare_release(on_failure: Catch) -> LambdaStep:
    """Turn the input into the whole state of the release: names, steps, limits."""
    return LambdaStep(
        "Prepare release",
        comment="Reads the package and its recipe; names everything after the execution.",
        parameters=invoke("PrepareRelease", {"input": STATE}),
        output_path="$.Payload",
        timeout_seconds=60 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
    )


def lock_endpoint(on_failure: Catch) -> LambdaStep:
    """Wait until no other release is at work on the endpoint, and see what it serves."""
    return LambdaStep(
        "Lock endpoint",
        parameters=invoke(
            "LockEndpoint",
            {
                "model_package_arn": JsonPath("$.model_package_arn"),
                "by_approval": JsonPath("$.by_approval"),
                "names": JsonPath("$.names"),
                "release": JsonPath("$.release"),
            },
        ),
        result_selector=payload("is_needed", "reason", "endpoint", "before", "leaves_endpoint"),
        result_path="$.lock",
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        retry=[retries.ENDPOINT_LOCKED, retries.ENDPOINT_BUSY, retries.FUNCTION_FAULTS],
        catch=on_failure,
    )


def end_with_nothing() -> Chain:
    """End well: the package serves already, or is not approved any more."""
    return Chain(
        [
            summarize("nothing", "NOTHING_TO_RELEASE", JsonPath("States.Array($.lock.reason)")),
            Succeed("Nothing to release"),
        ]
    )


def which_strategy(on_failure: list[Catch], on_unfit: list[Catch]) -> Choice:
    """Let SageMaker move or copy the traffic, or do it step by step; a new endpoint has none to move."""
    traffic, strategy = Choice("Any traffic?"), Choice("Which strategy?")
    ending = end_well(on_failure, on_unfit)
    by_steps = release(on_failure, on_unfit, ending)
    traffic.add_choice(ChoiceRule.BooleanEquals("$.lock.before.exists", False), by_steps)
    traffic.default_choice(strategy)
    strategy.add_choice(
        ChoiceRule.StringEquals("$.release.strategy", "guardrails"), guardrails(on_failure, on_unfit, ending)
    )
    strategy.add_choice(ChoiceRule.StringEquals("$.release.strategy", "shadow"), shadow(on_failure, on_unfit))
    strategy.default_choice(by_steps)
    return traffic


def end_well(on_failure: list[Catch], on_unfit: list[Catch]) -> Chain:
    """Ask the endpoint that has the candidate alone, and note that it is released."""
    return Chain(
        [
            try_candidate("Try endpoint", None, on_unfit, result_path=None),
            record_release(on_failure),
            end_released(),
        ]
    )


# By SageMaker itself


def guardrails(on_failure: list[Catch], on_unfit: list[Catch], ending: Chain) -> Chain:
    """Leave the traffic, the alarms and the way back to SageMaker."""
    return Chain(
        [
            deploy("Deploy with guardrails", "guarded", on_failure),
            wait_for("guardrails", on_unfit, retry=retries.GUARDRAILS_NOT_READY),
            ending,
        ]
    )


# With copies of the requests


def shadow(on_failure: list[Catch], on_unfit: list[Catch]) -> Chain:
    """Let the candidate answer copies, which nobody is served; compare, and take it away again."""
    bake = Wait("Bake shadow", seconds_path="$.release.look_seconds")
    enough = Choice("Enough seen?")
    found = "$.shadow.comparison"
    away = Chain(
        [
            undo("Take shadow away", "COMPARED", on_failure[-1]),
            *report("comparison", "COMPARED", JsonPath(f"{found}.reasons"), comparison=JsonPath(found)),
            Succeed("Compared"),
        ]
    )
    start = Chain(
        [
            deploy("Deploy shadow", "shadow", on_failure),
            wait_for("shadow", on_unfit),
            bake,
            compare_shadow(on_failure),
            enough,
        ]
    )
    enough.add_choice(ChoiceRule.StringEquals("$.shadow.verdict", "LOOK"), bake)
    enough.default_choice(away)
    return start


def compare_shadow(on_failure: list[Catch]) -> LambdaStep:
    """Look at the shadow's alarms and requests; in the end compare the answers."""
    return LambdaStep(
        "Compare shadow",
        parameters=invoke(
            "CompareShadow",
            {
                "names": JsonPath("$.names"),
                "release": JsonPath("$.release"),
                "before": JsonPath("$.lock.before"),
                "shadow": JsonPath("$.shadow"),
                "started": STARTED,
            },
        ),
        result_selector=payload("looks", "verdict", "comparison"),
        result_path="$.shadow",
        timeout_seconds=120 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
    )


# Step by step


def release(on_failure: list[Catch], on_unfit: list[Catch], ending: Chain) -> Chain:
    """Bring the candidate to the endpoint, beside what serves; then in its place."""
    shift = shift_traffic(on_failure)
    bake = Wait("Bake", seconds_path="$.release.look_seconds")
    what_next = Choice("What next?")
    alone = Chain(
        [
            deploy("Serve candidate alone", "alone", on_failure),
            wait_for("endpoint", on_unfit),
            ending,
        ]
    )
    start = Chain(
        [
            deploy("Deploy candidate", "beside", on_failure),
            wait_for("candidate", on_unfit),
            try_candidate("Try candidate", JsonPath("$.lock.before.watched_variant"), on_unfit, result_path=None),
            shift,
            wait_for("shift", on_unfit, share=JsonPath("$.step.share"), retry=retries.SHIFT_NOT_READY),
            bake,
            try_candidate("Try again", JsonPath("$.lock.before.watched_variant"), on_unfit, result_path="$.tried"),
            watch_candidate(on_unfit),
            what_next,
        ]
    )
    what_next.add_choice(ChoiceRule.StringEquals("$.step.verdict", "LOOK"), bake)
    what_next.add_choice(ChoiceRule.StringEquals("$.step.verdict", "SHIFT"), shift)
    what_next.default_choice(alone)
    return start


def deploy(state: str, place: str, on_failure: list[Catch]) -> LambdaStep:
    """Make what the endpoint is to serve, and let it have it; SageMaker works on."""
    return LambdaStep(
        state,
        parameters=invoke(
            "DeployCandidate",
            {
                "recipe": JsonPath("$.recipe"),
                "model_package_arn": JsonPath("$.model_package_arn"),
                "names": JsonPath("$.names"),
                "release": JsonPath("$.release"),
                "instances": JsonPath("$.instances"),
                "before": JsonPath("$.lock.before"),
                "place": place,
            },
        ),
        result_selector=payload("endpoint_config"),
        result_path="$.deployed",
        timeout_seconds=60 + FUNCTION_START_SECONDS,
        retry=[retries.ENDPOINT_BUSY, retries.FUNCTION_FAULTS],
        catch=on_failure,
    )


def wait_for(
    what: str, on_failure: list[Catch], share: JsonPath | None = None, retry: Retry = retries.ENDPOINT_NOT_READY
) -> LambdaStep:
    """Be done when the endpoint serves what the release has given it; the Retry is the waiting."""
    return LambdaStep(
        f"Wait for {what}",
        parameters=invoke(
            "WaitForCandidate",
            {
                "names": JsonPath("$.names"),
                "release": JsonPath("$.release"),
                "before": JsonPath("$.lock.before"),
                "endpoint_config": JsonPath("$.deployed.endpoint_config"),
                "share": share,
            },
        ),
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        retry=[retry, retries.FUNCTION_FAULTS],
        catch=on_failure,
        result_path=None,
    )


def try_candidate(
    state: str, variant: JsonPath | None, on_failure: list[Catch], *, result_path: str | None
) -> LambdaStep:
    """Ask the candidate what the recipe's samples ask."""
    return LambdaStep(
        state,
        parameters=invoke(
            "TryCandidate",
            {
                "names": JsonPath("$.names"),
                "release": JsonPath("$.release"),
                "content_types": JsonPath("$.content_types"),
                "samples": JsonPath("$.samples"),
                "variant": variant,
            },
        ),
        result_selector=payload("sent") if result_path else None,
        result_path=result_path,
        timeout_seconds=300 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
    )


def shift_traffic(on_failure: list[Catch]) -> LambdaStep:
    """Begin a step."""
    return LambdaStep(
        "Shift traffic",
        parameters=invoke(
            "ShiftTraffic",
            {
                "names": JsonPath("$.names"),
                "release": JsonPath("$.release"),
                "before": JsonPath("$.lock.before"),
                "step": JsonPath("$.step"),
                "started": STARTED,
            },
        ),
        result_selector=payload(*STEP_FIELDS),
        result_path="$.step",
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        retry=[retries.ENDPOINT_BUSY, retries.FUNCTION_FAULTS],
        catch=on_failure,
    )


def watch_candidate(on_failure: list[Catch]) -> LambdaStep:
    """Look at the alarms and the requests; what is no good is raised as CandidateUnfit."""
    return LambdaStep(
        "Watch candidate",
        parameters=invoke(
            "WatchCandidate",
            {
                "names": JsonPath("$.names"),
                "release": JsonPath("$.release"),
                "before": JsonPath("$.lock.before"),
                "step": JsonPath("$.step"),
                "samples_sent": JsonPath("$.tried.sent"),
                "started": STARTED,
            },
        ),
        result_selector=payload(*STEP_FIELDS),
        result_path="$.step",
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
    )


def record_release(on_failure: list[Catch]) -> LambdaStep:
    """Note what serves now, and give the endpoint free."""
    return LambdaStep(
        "Record release",
        parameters=invoke(
            "RecordRelease",
            {
                "model_package_arn": JsonPath("$.model_package_arn"),
                "names": JsonPath("$.names"),
                "release": JsonPath("$.release"),
            },
        ),
        timeout_seconds=60 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
        # What has this in its state is over, and stays if the execution is stopped later on.
        result_selector=payload("released_at"),
        result_path="$.recorded",
    )


def end_released() -> Chain:
    """Tell people, and delete the endpoint that clients asked before, if there is one, once nobody asks it."""
    released = Succeed("Released")
    no_reasons = JsonPath("States.Array()")
    stays = Choice("Does an earlier endpoint stay?")
    tell = notify("release", "RELEASED", catch_all(stays, "$.notification_error"))
    switched = summarize("switch", "RELEASED", no_reasons, old_endpoint=JsonPath("$.retired"))
    # The release is done, and is not undone for this; the output tells.
    on_failure = catch_all(switched, "$.retired")
    retire = Chain(
        [
            Wait("Grace", seconds_path="$.release.grace_seconds"),
            retire_endpoint("Count requests", None, on_failure, "$.counted"),
            Wait("Last minute", seconds=LAST_LOOK_SECONDS),
            retire_endpoint("Retire endpoint", JsonPath("$.counted.requests"), on_failure, "$.retired"),
            switched,
            released,
        ]
    )
    stays.add_choice(ChoiceRule.BooleanEquals("$.lock.leaves_endpoint", True), retire)
    stays.default_choice(Chain([summarize("release", "RELEASED", no_reasons), released]))
    return Chain([tell, stays])


def retire_endpoint(state: str, requests_before: JsonPath | None, on_failure: Catch, result_path: str) -> LambdaStep:
    """Look at what clients asked before; delete it, if its requests are no more than they were."""
    return LambdaStep(
        state,
        parameters=invoke(
            "RetireEndpoint",
            {
                "names": JsonPath("$.names"),
                "before": JsonPath("$.lock.before"),
                "started": STARTED,
                "requests_before": requests_before,
            },
        ),
        result_selector=payload("endpoint_name", "requests", "deleted", "why_kept"),
        result_path=result_path,
        timeout_seconds=60 + FUNCTION_START_SECONDS,
        retry=[retries.ENDPOINT_NOT_READY, retries.FUNCTION_FAULTS],
        catch=on_failure,
    )


# Taken back


def take_back(failure: Chain) -> Chain:
    """Give the traffic back to what served, and end well: the workflow did its work."""
    return Chain(
        [
            undo("Take back", "UNFIT", catch_all(failure, "$.error")),
            *report("taking back", "ROLLED_BACK", JsonPath("$.undone.reasons")),
            Succeed("Taken back"),
        ]
    )


def undo(state: str, because: str, on_failure: Catch) -> LambdaStep:
    """Put back what served before, and delete what the release made."""
    return LambdaStep(
        state,
        comment="Gives the traffic back first; deletes only what this release made.",
        parameters=invoke("UndoRelease", {"because": because, "state": STATE}),
        result_selector=payload("reasons", "deleted"),
        result_path="$.undone",
        timeout_seconds=120 + FUNCTION_START_SECONDS,
        retry=retries.UNDOING,
        catch=on_failure,
    )


# All ways out


def report(outcome: str, status: str, reasons: JsonPath, **more: JsonPath) -> list[Task | Pass]:
    """Tell people, then leave the release's output; a message that cannot be sent fails no release."""
    summary = summarize(outcome, status, reasons, **more)
    return [notify(outcome, status, catch_all(summary, "$.notification_error")), summary]


def summarize(outcome: str, status: str, reasons: JsonPath, **more: JsonPath) -> Pass:
    """Leave the release's output; `more` of the state goes into it too."""
    return Pass(
        f"Summarize {outcome}",
        parameters={
            "status": status,
            "recipe": JsonPath("$.recipe"),
            "strategy": JsonPath("$.release.strategy"),
            "model_package_arn": JsonPath("$.model_package_arn"),
            "model_name": JsonPath("$.names.model"),
            "endpoint_name": JsonPath("$.names.endpoint"),
            "steps": JsonPath("$.step.done"),
            "reasons": reasons,
            **more,
        },
    )


def notify(outcome: str, status: str, on_failure: Catch) -> LambdaStep:
    """Send a message about the release, from its whole state."""
    return LambdaStep(
        f"Notify {outcome}" if outcome != "taking back" else "Notify of taking back",
        parameters=invoke(
            "Notify",
            {
                "status": status,
                "state": STATE,
                "execution_arn": JsonPath("$$.Execution.Id"),
                "started": STARTED,
            },
        ),
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
        result_path=None,
    )


# Any failure


def keep_error_and_input() -> Pass:
    """Give a release that never got a state one that can hold its error: its input may be any JSON."""
    return Pass("Keep error and input", parameters={"input": JsonPath("$$.Execution.Input"), "error": STATE})


def fail() -> tuple[Chain, Choice]:
    """Undo what the release made, tell people, and end with the error that brought us here.

    The last state is a task and no Fail state: a redrive enters it again, and it lets the release go on then.

    Returns
    -------
    tuple
        The way of a failed release, and the choice at its end, which a redriven one takes.
    """
    note = Pass(
        "Note redrives",
        # Fail run tells by it whether it is entered by the failure or by a redrive.
        parameters={"redrives": JsonPath("$$.Execution.RedriveCount")},
        result_path="$.failure",
    )
    tell = notify("failure", "FAILED", catch_all(note, "$.notification_error"))
    fail_run = LambdaStep(
        "Fail run",
        comment="Raises the error that ended the release; after a redrive it lets it go on.",
        parameters=invoke(
            "FailRun",
            {
                "error": JsonPath("$.error"),
                "redrives": JsonPath("$$.Execution.RedriveCount"),
                "redrives_at_failure": JsonPath("$.failure.redrives"),
            },
        ),
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        # No Retry and no Catch: the error that it raises is the release's, whatever its name is.
        result_path=None,
    )
    where_to_go_on = Choice("Where to go on?")
    undoing = undo("Undo release", "FAILED", catch_all(tell, "$.undone"))
    return Chain([undoing, tell, note, fail_run, where_to_go_on]), where_to_go_on


def take_input_again(prepare: LambdaStep) -> Pass:
    """Bring back the input of a release that never got a state, and begin it again."""
    step = Pass("Take input again", input_path="$.input")
    step.next(prepare)
    return step
