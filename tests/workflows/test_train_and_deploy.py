"""The committed definition, as AWS and the local cloud will read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape, StructureShape
from samtranslator.yaml_helper import yaml_parse
from statelint.cli import main as statelint

ROOT = Path(__file__).parents[2]
PATH = ROOT / "workflows/train_and_deploy.asl.json"
TEXT = PATH.read_text()
MACHINE = json.loads(TEXT)
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]


def machines(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give a machine, then each branch in it."""
    yield machine
    for state in machine["States"].values():
        for branch in state.get("Branches", []):
            yield from machines(branch)


def states() -> dict[str, dict[str, Any]]:
    return {name: state for machine in machines(MACHINE) for name, state in machine["States"].items()}


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: state for name, state in states().items() if state["Type"] == kind}


def following(state: dict[str, Any]) -> list[str]:
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    return [name for name in (state.get("Next"), state.get("Default"), *(rule["Next"] for rule in rules)) if name]


TASKS = of_type("Task")
FUNCTION_TASKS = {name: state for name, state in TASKS.items() if state["Resource"].endswith("lambda:invoke")}
SAGEMAKER_TASKS = {name: state for name, state in TASKS.items() if ":sagemaker:" in state["Resource"]}
# The last state of a failed run raises what ended the run, whatever that is.
RETRYING_TASKS = [name for name in TASKS if name != "Fail run"]
IN_A_BRANCH = {name for machine in list(machines(MACHINE))[1:] for name in machine["States"]}


def test_statelint_has_no_complaint():
    assert statelint(["--ignore=URI,FLOAT", str(PATH)]) == 0


def test_every_substitution_is_given_and_every_given_one_is_used():
    given = TEMPLATE["TrainAndDeployStateMachine"]["Properties"]["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == set(given)


def test_no_account_region_or_image_is_written_down():
    assert not re.search(r"\b\d{12}\b", TEXT)
    assert not re.search(r"\b(us|eu|ap|sa|ca|me|af|il|cn|mars)-[a-z]+-\d\b", TEXT)
    assert "dkr.ecr" not in TEXT
    assert "set-at-run-time" not in TEXT


def test_every_state_can_be_reached_and_leads_to_one_that_exists():
    for machine in machines(MACHINE):
        reached, waiting = set(), [machine["StartAt"]]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += following(machine["States"][name])
        assert reached == set(machine["States"])


def test_names_are_unique_across_branches():
    names = [name for machine in machines(MACHINE) for name in machine["States"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", states())
def test_a_choice_is_a_question_and_nothing_else_is(name):
    assert name.endswith("?") == (states()[name]["Type"] == "Choice")
    assert re.fullmatch(r"[A-Z][a-z]+( [a-z]+)*\??", name)


def test_the_machine_itself_ends_in_time():
    limits = [TASKS[name].get("TimeoutSeconds", 0) for name in TASKS]
    assert MACHINE["TimeoutSeconds"] > sum(limits)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_ends_in_time(name):
    assert ("TimeoutSeconds" in TASKS[name]) != ("TimeoutSecondsPath" in TASKS[name])


@pytest.mark.parametrize("name", RETRYING_TASKS)
def test_every_task_retries(name):
    assert TASKS[name]["Retry"]


def test_the_error_that_ends_a_run_is_neither_retried_nor_caught():
    assert not {"Retry", "Catch"} & TASKS["Fail run"].keys()


@pytest.mark.parametrize("name", [*RETRYING_TASKS, *of_type("Parallel")])
def test_every_failure_is_caught_once(name):
    caught = [catch["ErrorEquals"] for catch in states()[name].get("Catch", [])]
    if name in IN_A_BRANCH:  # by the Parallel around it
        # A champion that cannot predict fails no run; the gate sees that its predictions are missing.
        assert caught == ([["States.TaskFailed"]] if name == "Transform with champion" else [])
    else:
        assert caught[-1] == ["States.ALL"]
        assert caught[:-1] == ([["PredictionsBelowGate"]] if name == "Use model" else [])


@pytest.mark.parametrize("name", RETRYING_TASKS)
def test_only_causes_that_pass_are_retried(name):
    retried = [error for retry in TASKS[name]["Retry"] for error in retry["ErrorEquals"]]
    assert len(retried) == len(set(retried))
    if name in {
        "Roll back",
        "Roll back again",
        "Take back",
        "Delete model",
    }:  # undoing is tried again whatever went wrong, unless it is hopeless
        *retried, hopeless, everything = retried
        assert (hopeless, everything) == ("RollBackFailed", "States.ALL")
        assert [r["MaxAttempts"] for r in TASKS[name]["Retry"] if r["ErrorEquals"] == [hopeless]] == [0]
    for error in retried:
        service = error.partition(".")[0]
        assert service in {"SageMaker", "Lambda", "ServiceFault", "EndpointNotReady", "EndpointBusy"}


@pytest.mark.parametrize("name", RETRYING_TASKS)
def test_faults_and_throttling_back_off_with_full_jitter(name):
    for retry in TASKS[name]["Retry"]:
        if not retry["ErrorEquals"][0].startswith("Endpoint") and retry.get("MaxAttempts") != 0:
            assert retry["JitterStrategy"] == "FULL"
            assert retry["BackoffRate"] > 1
            assert retry["MaxDelaySeconds"] > retry["IntervalSeconds"]


def test_a_failure_rolls_back_tells_and_ends_with_its_own_error():
    rolled_back = {
        name
        for name, state in MACHINE["States"].items()
        if any(c["Next"] == "Roll back" and c["ResultPath"] == "$.error" for c in state.get("Catch", []))
    }
    caught = {name for name, state in MACHINE["States"].items() if "Catch" in state}
    assert rolled_back == caught - {
        "Prepare run",  # by way of "Keep error and input"
        "Notify deployment",
        "Notify candidate",
        "Notify rejection",
        "Notify failure",
        "Roll back",
        "Roll back again",
    }
    assert MACHINE["States"]["Use model"]["Catch"][0] == {
        "ErrorEquals": ["PredictionsBelowGate"],
        "ResultPath": "$.error",
        "Next": "Take back",
    }
    assert MACHINE["States"]["Keep error and input"]["Next"] == "Roll back"
    assert MACHINE["States"]["Keep error and input"]["Parameters"]["error.$"] == "$"
    assert MACHINE["States"]["Roll back"]["Next"] == "Notify failure"
    assert MACHINE["States"]["Notify failure"]["Next"] == "Note redrives"
    assert MACHINE["States"]["Note redrives"]["Next"] == "Fail run"
    assert MACHINE["States"]["Fail run"]["Parameters"]["Payload"]["error.$"] == "$.error"


@pytest.mark.parametrize(
    ("name", "next_state"),
    [
        ("Notify failure", "Note redrives"),
        ("Notify rejection", "Summarize rejection"),
        ("Notify deployment", "Summarize deployment"),
        ("Notify candidate", "Summarize candidate"),
    ],
)
def test_what_fails_on_the_way_out_loses_nothing(name, next_state):
    (catch,) = MACHINE["States"][name]["Catch"]
    assert catch["Next"] == next_state == MACHINE["States"][name]["Next"]
    assert catch["ResultPath"] not in {"$", "$.error"}
    assert MACHINE["States"][name]["ResultPath"] is None


def test_a_job_is_never_named_twice():
    for name, state in SAGEMAKER_TASKS.items():
        if state["Resource"].endswith(".sync"):
            (job,) = [value for key, value in state["Parameters"].items() if key.endswith("JobName.$")]
            assert "$$.Execution.RedriveCount" in job, name
            assert "$$.State.RetryCount" in job, name


def test_a_roll_back_that_fails_is_told_of_and_made_up_for_by_a_redrive():
    for name in ("Roll back", "Roll back again"):
        (catch,) = MACHINE["States"][name]["Catch"]
        assert (catch["Next"], catch["ResultPath"]) == ("Notify failure", "$.roll_back")
    assert MACHINE["States"]["Where to go on?"]["Choices"][0] == {
        "Variable": "$.roll_back.Error",
        "IsPresent": True,
        "Next": "Roll back again",
    }
    assert MACHINE["States"]["Roll back again"]["Next"] == "Where to go on?"
    assert MACHINE["States"]["Roll back again"]["ResultPath"] == "$.roll_back"  # in place of the error


def test_the_gate_fails_closed():
    gate = MACHINE["States"]["Good enough?"]
    assert gate["Choices"] == [{"Variable": "$.evaluation.passed", "BooleanEquals": True, "Next": "Serve it now?"}]
    assert gate["Default"] == "Record rejection"


@pytest.mark.parametrize(
    ("question", "served", "left"),
    [
        ("Serve it now?", "Look up endpoint", "Create model"),
        ("Does it serve?", "Register model", "Delete model"),
    ],
)
def test_what_is_not_plainly_served_by_the_run_is_left_to_a_release(question, served, left):
    choice = MACHINE["States"][question]
    assert choice["Choices"] == [{"Variable": "$.handover.is_needed", "BooleanEquals": False, "Next": served}]
    assert choice["Default"] == left


def test_nothing_is_served_unless_somebody_has_looked_what_serves_now():
    writers = [name for name, state in states().items() if state.get("ResultPath") == "$.current_endpoint"]
    choice = states()["Is there an endpoint to change?"]
    assert writers == ["Look up endpoint"]
    assert [rule["Variable"] for rule in choice["Choices"]] == ["$.current_endpoint"]
    assert states()[choice["Default"]] == {
        "Type": "Pass",
        "Parameters": {"prediction": None, "latency_ms": None},
        "End": True,
    }


def test_runs_give_the_same_facts_however_they_end_well():
    deployed, registered, rejected = (
        {key.removesuffix(".$") for key in MACHINE["States"][f"Summarize {outcome}"]["Parameters"]}
        for outcome in ("deployment", "candidate", "rejection")
    )
    assert deployed == registered
    assert deployed - rejected == {"test_metrics"}
    assert rejected - deployed == {"reasons"}


@pytest.mark.parametrize("name", FUNCTION_TASKS)
def test_a_function_learns_which_execution_it_serves(name):
    assert FUNCTION_TASKS[name]["Parameters"]["Payload"]["execution.$"] == "$$.Execution.Name"


@pytest.mark.parametrize("name", FUNCTION_TASKS)
def test_a_function_times_out_before_its_state_does(name):
    state = FUNCTION_TASKS[name]
    function = state["Parameters"]["FunctionName"].removeprefix("${").removesuffix("Arn}")
    assert TEMPLATE[function]["Properties"]["Timeout"] < state["TimeoutSeconds"]


@pytest.mark.parametrize("name", SAGEMAKER_TASKS)
def test_sagemaker_knows_every_parameter_and_misses_none(name):
    state = SAGEMAKER_TASKS[name]
    operation = re.sub(r".*:|\.sync", "", state["Resource"])
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    shape = model.operation_model(operation[0].upper() + operation[1:]).input_shape
    assert shape is not None
    check_parameters(state["Parameters"], shape)


def check_parameters(value: Any, shape: Shape) -> None:
    if isinstance(value, list):
        for item in value:
            check_parameters(item, shape.member)
    elif isinstance(shape, StructureShape):
        names = {key.removesuffix(".$") for key in value}
        assert names <= set(shape.members)
        assert names >= set(shape.required_members)
        for key, member in value.items():
            if not key.endswith(".$"):
                check_parameters(member, shape.members[key])


@pytest.mark.parametrize("name", [n for n in SAGEMAKER_TASKS if n not in {"Update endpoint", "Delete champion model"}])
def test_what_a_run_makes_carries_its_names(name):
    assert SAGEMAKER_TASKS[name]["Parameters"]["Tags"] == [
        {"Key": "switchyard:project", "Value": "${ProjectName}"},
        {"Key": "switchyard:execution", "Value.$": "$$.Execution.Name"},
        {"Key": "switchyard:recipe", "Value.$": "$.recipe"},
    ]
