"""Every machine of this project, broken in every place: `switchyard check` finds each break, and names the state.

A mutation that breaks nothing is left out by `harmless`, with its reason.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from switchyard.checks.contracts import read_contracts
from switchyard.checks.machine import check_machine, check_permissions
from switchyard.checks.shapes import service_model
from switchyard.checks.template import Template, read_template
from switchyard.problem import Problem
from switchyard.project import Project

PROJECT = Project(Path(__file__).parents[1])
TEMPLATE = read_template(PROJECT)
assert isinstance(TEMPLATE, Template)
CONTRACTS, _ = read_contracts(PROJECT, TEMPLATE)
MACHINES = {
    Path(properties["DefinitionUri"]).name.partition(".")[0]: (logical_id, properties)
    for logical_id, properties in TEMPLATE.resources("AWS::Serverless::StateMachine")
}
SCHEMAS = json.loads((PROJECT.root / "lambdas" / "contracts.json").read_text())
Steps = tuple[str | int, ...]


Edit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Mutation:
    """One change of a machine.

    Parameters
    ----------
    kind
        What sort of change.
    state, place
        The state that is changed, and where it is.
    what
        The change, in words.
    edit
        Makes it, in a copy of the machine.
    is_local
        Whether the state itself is where it shows; what a state writes shows where it is read.
    """

    kind: str
    state: str
    place: Steps
    what: str
    edit: Edit
    is_local: bool = True

    def __str__(self) -> str:
        return f"{self.state}: {self.what}"


def machine(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((PROJECT.workflows / f"{name}.asl.json").read_text())
    return document


def problems(name: str, definition: dict[str, Any], template: Template = TEMPLATE) -> list[Problem]:
    logical_id, properties = MACHINES[name]
    return list(
        check_machine(
            definition,
            name,
            logical_id=logical_id,
            properties=properties,
            contracts=CONTRACTS,
            template=template,
        )
    )


def states(node: Any, steps: Steps = ()) -> Iterator[tuple[str, Steps]]:
    """Give each state's name and place, those in branches too."""
    for name, state in node["States"].items():
        here = (*steps, "States", name)
        yield name, here
        for index, branch in enumerate(state.get("Branches", ())):
            yield from states(branch, (*here, "Branches", index))
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"], (*here, "ItemProcessor"))


def at(node: Any, steps: Steps) -> Any:
    for step in steps:
        node = node[step]
    return node


def places(node: Any, steps: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """Give every key and element below a node, with what is there."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*steps, key), value
        yield from places(value, (*steps, key))


def misspelt(word: str) -> str:
    """A slip of the finger: two letters in the middle change places, or one is doubled."""
    middle = max(len(word) // 2 - 1, 0)
    swapped = word[:middle] + word[middle : middle + 2][::-1] + word[middle + 2 :]
    return swapped if swapped != word else word[:middle] + word[middle : middle + 1] + word[middle:]


def put(steps: Steps, value: Any) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        at(document, steps[:-1])[steps[-1]] = value

    return edit


def rename(steps: Steps, name: str, *values: Any) -> Edit:
    """Give a key another name, and another value if one is given."""

    def edit(document: dict[str, Any]) -> None:
        parent = at(document, steps[:-1])
        renamed = {(name if key == steps[-1] else key): inner for key, inner in parent.items()}
        parent.clear()
        parent.update(renamed)
        if values:
            parent[name] = values[0]

    return edit


def take_out(steps: Steps) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        del at(document, steps[:-1])[steps[-1]]

    return edit


# The mutations


def parameters(definition: dict[str, Any]) -> Iterator[Mutation]:
    """Each parameter of each Task misspelt, taken out, given a value of a wrong type."""
    for state, place in states(definition):
        task = at(definition, place)
        if task["Type"] != "Task":
            continue
        for steps, value in places(task["Parameters"]):
            name = steps[-1]
            if not isinstance(name, str):
                continue
            where, shown = (*place, "Parameters", *steps), ".".join(map(str, steps))
            plain = name.removesuffix(".$")
            suffix = ".$" if plain != name else ""
            other = misspelt(plain)
            yield Mutation("parameter misspelt", state, place, f"{shown} as {other}", rename(where, other + suffix))
            yield Mutation("parameter missing", state, place, f"no {shown}", take_out(where))
            wrong: Any = {"unexpected": [1]} if not isinstance(value, dict) else "text"
            yield Mutation("parameter of a wrong type", state, place, f"{shown} = {wrong}", rename(where, plain, wrong))


def is_path(value: Any) -> bool:
    return isinstance(value, str) and re.match(r"\$[.\[$]", value) is not None


def json_paths(definition: dict[str, Any]) -> Iterator[Mutation]:
    """The last member of each path misspelt, wherever it is read or written."""
    for state, place in states(definition):
        for steps, value in places(at(definition, place)):
            inner = {"Branches", "ItemProcessor"} & set(steps)
            if inner or not is_path(value) or not re.search(r"\.(\w+)(?:\[[^\]]*\])?$", value):
                continue
            if isinstance(steps[-1], str) and not (steps[-1].endswith((".$", "Path")) or steps[-1] == "Variable"):
                continue  # A text for SageMaker, not a path of the machine's.
            last = re.findall(r"\.(\w+)", value)[-1]
            other = misspelt(last).join(value.rsplit(last, 1))
            yield Mutation(
                "path",
                state,
                place,
                f"{'.'.join(map(str, steps))} = {other}",
                put((*place, *steps), other),
                is_local=steps[-1] not in ("ResultPath", "OutputPath", "InputPath"),
            )


def resources(definition: dict[str, Any]) -> Iterator[Mutation]:
    """Each Resource's service and action misspelt, and called in every other way."""
    for state, place in states(definition):
        task = at(definition, place)
        if task["Type"] != "Task":
            continue
        found = re.fullmatch(r"(arn:aws:states:::(?:aws-sdk:)?)(\w+):(\w+)(?:\.(.+))?", task["Resource"])
        assert found, task["Resource"]
        start, service, action, pattern = found.groups()
        ending = f".{pattern}" if pattern else ""
        others = [
            f"{start}{misspelt(service)}:{action}{ending}",
            f"{start}{service}:{misspelt(action)}{ending}",
            *(
                f"{start}{service}:{action}{other}"
                for other in ("", ".sync", ".sync:2", ".waitForTaskToken")
                if other != ending
            ),
        ]
        for other in others:
            yield Mutation("resource", state, place, other, put((*place, "Resource"), other), is_local=False)


def error_names(definition: dict[str, Any]) -> Iterator[Mutation]:
    """Each error name of each Retry and Catch misspelt."""
    for state, place in states(definition):
        for field in ("Retry", "Catch"):
            for index, rule in enumerate(at(definition, place).get(field, ())):
                for number, name in enumerate(rule["ErrorEquals"]):
                    where = (*place, field, index, "ErrorEquals", number)
                    other = misspelt(name)
                    yield Mutation("error name", state, place, f"{field}: {other}", put(where, other))


KINDS = (parameters, json_paths, resources, error_names)


# What breaks nothing that a check before the run could know.
UNREAD = "no state reads what is written there; it is for people"
OPTIONAL = "optional: the operation's model or the function's event does not require it"
ANYTHING = "anything is taken there"
UNKNOWN_INPUT = "read from the machine's own input, of which nothing is known"
NOT_AWAITED = "a job may be left to run by itself, and no state reads what it gives"
WHOLE = "a function reads it out of the machine's whole state, as far as that was filled"
WRITTEN = {
    ("Use endpoint", "ResultPath"): "the endpoint that was known before is there already, and would be read",
    ("Shift traffic", "ResultPath"): "the step that Prepare release gave is there already, and would be read",
    ("Watch candidate", "ResultPath"): "the step that Shift traffic gave is there already, and would be read",
    ("Serve candidate alone", "ResultPath"): "what Deploy candidate gave is there already, and would be read",
    ("Compare shadow", "ResultPath"): "the state has a shadow already, which would be read",
    ("Take shadow away", "ResultPath"): "only the way of what is taken back reads it",
    ("Undo release", "ResultPath"): WHOLE,
    ("Undo release", "Catch.0.ResultPath"): WHOLE,
    ("Clear the way", "ResultPath"): WHOLE,
    ("Take back", "Catch.0.ResultPath"): "the error that led to Take back is there already, and would be read",
    ("Keep reasons", "ResultPath"): "the evaluation by Check metrics is there already, and would be read",
    ("Roll back again", "ResultPath"): "the error of the first Roll back is there already, and would be read",
    ("Roll back again", "Catch.0.ResultPath"): "the error of the first Roll back is there already, and would be read",
    ("Roll back", "Catch.0.ResultPath"): "written into a run's state that another execution left: it may hold anything",
}


def harmless(mutation: Mutation, definition: dict[str, Any]) -> str | None:
    """Why a mutation changes nothing that could go wrong; None when it must be found."""
    state = at(definition, mutation.place)
    field = mutation.what.partition(" = ")[0]
    if mutation.kind == "path":
        if field.endswith("ResultPath"):
            written = at(state, tuple(int(step) if step.isdigit() else step for step in field.split(".")))
            if not re.search(rf"[\"$.]{written.rpartition('.')[2]}[\".\[]", reads(definition)):
                return UNREAD
            if definition["StartAt"] == mutation.state and field == "ResultPath":
                return UNKNOWN_INPUT
            return WRITTEN.get((mutation.state, field))
        return UNKNOWN_INPUT if is_start(mutation, definition) else None
    if mutation.kind == "parameter missing":
        return None if is_required(state, field.removeprefix("no ")) else OPTIONAL
    if mutation.kind == "parameter of a wrong type":
        schema = payload_schema(state, field)
        return ANYTHING if schema is not None and not {"type", "anyOf", "$ref", "enum", "items"} & set(schema) else None
    if mutation.kind == "resource" and not mutation.what.endswith((".sync", "Token", ":2")):
        return NOT_AWAITED if f"{mutation.what}.sync" == state["Resource"] and state["ResultPath"] is None else None
    return None


def reads(definition: dict[str, Any]) -> str:
    """All texts of a machine that read, as one."""
    return " ".join(
        f'"{value}"' for steps, value in places(definition) if isinstance(value, str) and steps[-1] != "ResultPath"
    )


def is_start(mutation: Mutation, definition: dict[str, Any]) -> bool:
    return mutation.place == ("States", definition["StartAt"]) and mutation.what.startswith("Parameters")


def contract_of(task: dict[str, Any]) -> dict[str, Any]:
    """The event's schema of the function that a Task invokes."""
    name = re.sub(r"\$\{(\w+)FunctionArn\}", r"\1", task["Parameters"]["FunctionName"])
    module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    event: dict[str, Any] = SCHEMAS[module]["event"]
    return event


def payload_schema(task: dict[str, Any], field: str) -> dict[str, Any] | None:
    """The schema of a member of a function's event; None for what is none."""
    found = re.fullmatch(r"Payload\.(\w+)(?:\.\$)?", field)
    if found is None:
        return None
    schema: dict[str, Any] = contract_of(task)["properties"][found[1]]
    return {} if schema.get("additionalProperties") is True else schema


def is_required(task: dict[str, Any], field: str) -> bool:
    """Whether the operation's model, or the function's event, requires a member."""
    steps = [step for step in field.removesuffix(".$").split(".") if not step.isdigit()]
    if steps[0] == "Payload":
        event = contract_of(task)
        for step in steps[1:-1]:
            event = event["$defs"][event["properties"][step]["$ref"].rpartition("/")[2]]
        return len(steps) == 1 or steps[-1] in event["required"]
    service, action = re.search(r":(?:aws-sdk:)?(\w+):(\w+)[^:]*$", task["Resource"]).groups()
    shape = service_model(service).operation_model(action[:1].upper() + action[1:]).input_shape
    for step in steps[:-1]:
        shape = shape.members[step]
        shape = shape.member if shape.type_name == "list" else shape
    return steps[-1] in shape.required_members


def batches(mutations: list[Mutation]) -> Iterator[list[Mutation]]:
    """Give mutations that can be made together: of different states, and such as show where they are made."""
    by_state: dict[Steps, list[Mutation]] = {}
    for mutation in mutations:
        if mutation.is_local or mutation.kind == "resource":
            by_state.setdefault(mutation.place, []).append(mutation)
        else:
            yield [mutation]
    for together in zip_longest(*by_state.values()):
        yield [mutation for mutation in together if mutation is not None]


def is_found(mutation: Mutation, found: list[Problem], *, is_alone: bool = False) -> bool:
    names = ".".join(str(step) for step in mutation.place).replace(".Branches.", ".Branches[")
    place = re.sub(r"Branches\[(\d+)", r"Branches[\1]", names)
    if not mutation.is_local:
        if is_alone:
            # What a state of a Map's processor writes, the processor's own states read, and one of them is told.
            beside = names.rpartition(".")[0] + "."
            within = "ItemProcessor" in beside
            return any(mutation.state in str(each) or (within and each.where.startswith(beside)) for each in found)
        # Among others, what is told of the field itself is of this mutation; all else may be of another one.
        return mutation.kind == "resource" and any(problem.where == f"{place}.Resource" for problem in found)
    return any(problem.where == place or problem.where.startswith(f"{place}.") for problem in found)


def is_found_alone(mutation: Mutation, name: str, definition: dict[str, Any]) -> bool:
    mutant = copy.deepcopy(definition)
    mutation.edit(mutant)
    return is_found(mutation, problems(name, mutant), is_alone=True)


@pytest.mark.parametrize("name", MACHINES)
def test_the_machines_as_they_are_have_no_problem(name):
    assert problems(name, machine(name)) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", MACHINES)
def test_every_mutation_is_found_with_its_state(name, kind):
    definition = machine(name)
    found, left_out, missed, mutations = Counter[str](), Counter[str](), [], []
    for mutation in kind(definition):
        if reason := harmless(mutation, definition):
            left_out[reason] += 1
        else:
            mutations.append(mutation)
    for batch in batches(mutations):
        mutant = copy.deepcopy(definition)
        for mutation in batch:
            mutation.edit(mutant)
        told = problems(name, mutant)
        for mutation in batch:
            # Another one of the batch may have made its state unreachable, or hide what this one has done: alone it
            # must be found then.
            is_alone = len(batch) == 1
            if is_found(mutation, told, is_alone=is_alone) or is_found_alone(mutation, name, definition):
                found[mutation.kind] += 1
            else:
                missed.append(str(mutation))
    print(f"{name}: found {dict(found)}, left out {dict(left_out)}")
    assert not missed, f"{len(missed)} of {found.total() + len(missed)}: " + "; ".join(missed)
    assert found


# The machines' roles


def role_actions() -> Iterator[tuple[str, str, Template]]:
    """Each machine's template without one action of its role; the test's own copy is whole again afterwards."""
    for name, (_, properties) in MACHINES.items():
        role = TEMPLATE.document["Resources"][properties["Role"]["Fn::GetAtt"][0]]["Properties"]
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"]
                for action in actions if isinstance(actions, list) else [actions]:
                    statement["Action"] = [one for one in actions if one != action] if isinstance(actions, list) else []
                    yield name, action, TEMPLATE
                    statement["Action"] = actions


def test_every_action_taken_from_a_role_is_missed_where_it_is_needed():
    found, missed = Counter[str](), []
    for name, action, template in role_actions():
        logical_id, properties = MACHINES[name]
        told = [str(p) for p in check_permissions(machine(name), name, logical_id, properties, template)]
        lacking = [problem for problem in told if f"does not allow {action}" in problem]
        # Logs and traces are the machine's, all else is a state's.
        wanted = "Resources." if action.startswith(("logs:", "xray:")) else "States."
        if any(wanted in problem for problem in lacking):
            found[name] += 1
        else:
            missed.append(f"{name}: {action}")
    print(f"actions found {dict(found)}")
    assert not missed, "; ".join(missed)
    assert found.keys() == MACHINES.keys()


def test_a_contract_is_found_however_the_function_is_written():
    logical_id, properties = MACHINES["train_and_deploy"]
    definition = machine("train_and_deploy")
    for _, steps in states(definition):
        if "FunctionName" in (parameters := at(definition, steps).get("Parameters", {})):
            parameters["Payload"] = {"nobody_takes": "this"}
    written = {
        name: {"Fn::Sub": f"${{{value['Fn::GetAtt'][0]}.Arn}}"} if "Fn::GetAtt" in value else value
        for name, value in properties["DefinitionSubstitutions"].items()
    }
    assert written != properties["DefinitionSubstitutions"]
    given = {"logical_id": logical_id, "contracts": CONTRACTS, "template": TEMPLATE}
    found = check_machine(
        definition, "train_and_deploy", properties={**properties, "DefinitionSubstitutions": written}, **given
    )
    refused = problems("train_and_deploy", definition)
    assert any("nobody_takes" in str(problem) for problem in refused)
    assert list(found) == refused
