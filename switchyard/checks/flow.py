"""The data that flows through a machine: what each state is given, takes, gives and leaves.

Every way through the states is followed with the type of the data instead of the data: InputPath, Parameters,
ResultSelector, ResultPath and OutputPath are applied as Step Functions applies them ("Processing input and
output in Step Functions"). A state is looked at once for each kind of data that reaches it.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from switchyard.checks.choices import decide
from switchyard.checks.errors import ANYTHING, NOTHING, Raised, raised_by_function, raised_by_integration, unknown_error
from switchyard.checks.findings import Finding, Findings, Trail
from switchyard.checks.integrations import (
    TOKEN,
    Integration,
    UnknownResource,
    find_integration,
    invoke_response,
    is_function,
)
from switchyard.checks.json_path import Name, parse_path, replace
from switchyard.checks.templates import Scope, context_type
from switchyard.checks.types import (
    NULL,
    NUMBER,
    STRING,
    UNKNOWN,
    Array,
    Member,
    Object,
    Presence,
    Type,
    Unknown,
    cut,
    describe_kind,
    in_common,
    join,
    options_of,
    outline,
    record,
    type_of,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from switchyard.checks.contracts import Contract

# So many kinds of data at one state are told apart; of further ones only what they have in common is followed.
_MAX_WAYS = 192
# A loop may wrap its data once more each time: from here on it is watched how deep it gets.
_MANY_WAYS = 96
# What a Catch puts into the state ("Fallback states").
_ERROR_OUTPUT = record(Error=STRING, Cause=STRING)
_TASK_TOKEN = "$$.Task.Token"  # noqa: S105
# What holds the token: alone, or in the context object as JSONPath and JSONata have it.
_TOKEN_SOURCES = ("$$.Task", "'$$'", "$states.context")

# Where a state reads a number or a text from its input.
_PATHS_OF_NUMBERS = (
    "TimeoutSecondsPath",
    "HeartbeatSecondsPath",
    "SecondsPath",
    "MaxConcurrencyPath",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentagePath",
)
_PATHS_OF_TEXTS = ("TimestampPath", "ErrorPath", "CausePath")

Leaving = tuple[str | None, Type]


@dataclass
class Flow:
    """Follows a machine's data.

    Parameters
    ----------
    functions
        The contract of a function by what a Task writes as its ARN or name: `${CheckMetricsFunctionArn}`.
    findings
        Where to tell what is wrong.
    """

    functions: Mapping[str, Contract]
    findings: Findings = field(default_factory=Findings)
    _variables: frozenset[str] = frozenset()
    _language: str = "JSONPath"
    # The names of all members that any path goes through; None when it cannot be known.
    _read: frozenset[str] | None = None
    _writers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # What is wrong with each state's error names, which no data changes.
    _error_names: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)

    def follow(self, machine: dict[str, Any]) -> list[Finding]:
        """Follow all ways through a machine, from an input of which nothing is known."""
        self._variables = frozenset(_assigned(machine))
        self._language = str(machine.get("QueryLanguage", "JSONPath"))
        self._read = _names_read(machine)
        self._writers = _writers(machine)
        self._run(machine, "", UNKNOWN, (), in_map=False)
        return self.findings.result()

    def _run(self, machine: Any, path: str, given: Type, trail: Trail, *, in_map: bool) -> Type:
        """Give what a machine, or a branch of one, ends with."""
        states = machine.get("States") if isinstance(machine, dict) else None
        start = machine.get("StartAt") if isinstance(machine, dict) else None
        if not isinstance(states, dict) or not isinstance(start, str):
            return UNKNOWN
        ends: list[Type] = []
        seen: dict[str, dict[Any, Type]] = {}
        ahead: deque[tuple[str, Type, Trail]] = deque([(start, given, trail)])
        while ahead:
            name, data, way = ahead.popleft()
            state = states.get(name)
            if not isinstance(state, dict):
                continue
            known = seen.setdefault(name, {})
            if len(known) > _MANY_WAYS:
                data = cut(data)
            form = outline(data) if len(known) < _MAX_WAYS else None
            if form in known:
                joined = in_common(known[form], data) if form is None else join(known[form], data)
                if joined == known[form]:
                    continue
                data = joined
            known[form] = data
            place = f"{path}.States.{name}" if path else f"States.{name}"
            self.findings.visit(place)
            for target, left in self._state(state, place, data, way, name, in_map=in_map):
                if target is None:
                    ends.append(left)
                else:
                    ahead.append((target, left, (*way[-20:], name)))
        return union(*ends) if ends else UNKNOWN

    def _state(
        self, state: dict[str, Any], place: str, data: Type, trail: Trail, name: str, *, in_map: bool
    ) -> Iterator[Leaving]:
        token = str(state.get("Resource", "")).endswith(f".{TOKEN}")
        kind = state.get("Type")
        context = context_type(in_map=in_map or kind == "Map", has_token=token)
        scope = Scope(self.findings, place, trail, context, self._variables, self._writers)
        if state.get("QueryLanguage", self._language) == "JSONata":
            yield from self._jsonata(state, scope, data, name, in_map=in_map)
            return
        given = _path_field(state, "InputPath", scope, data)
        if kind == "Choice":
            yield from self._choice(state, scope, given)
            return
        self._read_fields(state, scope, given)
        if kind == "Fail":
            return
        result = self._result(state, scope, given, name, in_map=in_map)
        left = self._result_path(state.get("ResultPath", "$"), "ResultPath", scope, data, result)
        left = _path_field(state, "OutputPath", scope, left)
        if "Assign" in state:
            scope.template(state["Assign"], "Assign", result)
        yield _next(state), left
        yield from self._catches(state, scope, data)

    def _choice(self, state: dict[str, Any], scope: Scope, given: Type) -> Iterator[Leaving]:
        left: Type | None = given
        for index, rule in enumerate(state.get("Choices") or ()):
            if left is None:
                break
            outcome = decide(rule, f"Choices[{index}]", left, scope)
            if outcome.holds is not None and isinstance(rule, dict) and isinstance(rule.get("Next"), str):
                yield rule["Next"], _path_field(state, "OutputPath", scope, outcome.holds)
            left = outcome.fails
        if left is not None and isinstance(state.get("Default"), str):
            yield state["Default"], _path_field(state, "OutputPath", scope, left)

    def _read_fields(self, state: dict[str, Any], scope: Scope, given: Type) -> None:
        for key in _PATHS_OF_NUMBERS:
            if key in state:
                scope.read_as(state[key], key, given, NUMBER)
        for key in _PATHS_OF_TEXTS:
            if key in state:
                scope.read_as(state[key], key, given, STRING)
        if "Credentials" in state:
            scope.template(state["Credentials"], "Credentials", given)

    def _result(self, state: dict[str, Any], scope: Scope, given: Type, name: str, *, in_map: bool) -> Type:
        kind = state.get("Type")
        if kind == "Map":
            result = self._map(state, scope, given, name)
            return self._select(state, scope, result)
        taken = scope.template(state["Parameters"], "Parameters", given) if "Parameters" in state else given
        if kind == "Pass":
            return type_of(state["Result"]) if "Result" in state else taken
        if kind == "Task":
            return self._select(state, scope, self._task(state, scope, taken, has_parameters="Parameters" in state))
        if kind == "Parallel":
            ends = [
                self._run(branch, f"{scope.place}.Branches[{index}]", taken, (*scope.trail, name), in_map=in_map)
                for index, branch in enumerate(state.get("Branches") or ())
            ]
            return self._select(state, scope, Array(items=tuple(ends)))
        return taken

    def _select(self, state: dict[str, Any], scope: Scope, result: Type) -> Type:
        if "ResultSelector" not in state:
            return result
        return scope.template(state["ResultSelector"], "ResultSelector", result)

    def _map(self, state: dict[str, Any], scope: Scope, given: Type, name: str) -> Type:
        item: Type = UNKNOWN
        if "ItemReader" in state:
            reader = state["ItemReader"]
            if isinstance(reader, dict) and "Parameters" in reader:
                scope.template(reader["Parameters"], "ItemReader.Parameters", given)
        else:
            items = scope.read(state.get("ItemsPath", "$"), "ItemsPath", given)
            options = options_of(items)
            # A distributed Map takes an object's entries as well.
            if not any(isinstance(option, (Array, Unknown, Object)) for option in options):
                scope.tell("ItemsPath", f"{state.get('ItemsPath', '$')} is {describe_kind(items)}, not an array", "")
            item = union(*(option.element() for option in options if isinstance(option, Array)))
            if any(not isinstance(option, Array) for option in options):
                item = UNKNOWN
        members = dict(scope.context.members)
        members["Map"] = Member(record(Item=Object({**_item_members(scope.context), "Value": Member(item)})))
        inner = Scope(
            scope.findings, scope.place, scope.trail, Object(members, None, scope.context.name), scope.variables
        )
        for key in ("ItemSelector", "Parameters"):
            if key in state:
                item = inner.template(state[key], key, given)
                break
        if "ItemBatcher" in state:
            batcher = state["ItemBatcher"] if isinstance(state["ItemBatcher"], dict) else {}
            if "BatchInput" in batcher:
                scope.template(batcher["BatchInput"], "ItemBatcher.BatchInput", given)
            item = UNKNOWN
        field_name = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
        ends = self._run(state.get(field_name), f"{scope.place}.{field_name}", item, (*scope.trail, name), in_map=True)
        if "ResultWriter" in state:
            writer = state["ResultWriter"]
            if isinstance(writer, dict) and "Parameters" in writer:
                scope.template(writer["Parameters"], "ResultWriter.Parameters", given)
            return UNKNOWN
        return Array(ends)

    def _task(self, state: dict[str, Any], scope: Scope, taken: Type, *, has_parameters: bool) -> Type:
        resource = state.get("Resource")
        if not isinstance(resource, str):
            return UNKNOWN
        where = "Parameters" if has_parameters else ""
        contract = self.functions.get(resource)
        if contract is not None or is_function(resource):
            # A function called by its own ARN: the input is its event, what it gives is the result.
            if contract is None:
                return UNKNOWN
            scope.match(taken, contract.event, where)
            return contract.result
        integration = find_integration(resource)
        if isinstance(integration, UnknownResource):
            scope.tell("Resource", f"{resource!r}: {integration.message}", integration.fix)
            return UNKNOWN
        if integration is None:
            return UNKNOWN
        request, response = integration.request, integration.response
        contract = self.contract(state)
        if contract is not None and isinstance(request, Object):
            presence = Presence.ALWAYS if _is_required(contract.event) else Presence.USUALLY
            request = Object({**request.members, "Payload": Member(contract.event, presence)}, None, request.name)
            if integration.pattern != TOKEN and _waits(state):
                response = invoke_response(contract.result)
        if has_parameters or not isinstance(taken, Unknown):
            scope.match(taken, request, where)
        if integration.pattern == TOKEN and not any(one in str(state.get("Parameters")) for one in _TOKEN_SOURCES):
            scope.tell(
                "Resource", f".{TOKEN} waits for a token that it gives to nobody", f"pass {_TASK_TOKEN} in Parameters"
            )
        return response

    def contract(self, state: dict[str, Any]) -> Contract | None:
        """Give the contract of the function that a Task invokes, when it is known which."""
        resource = str(state.get("Resource"))
        if resource in self.functions:
            return self.functions[resource]
        parameters = state.get("Parameters", state.get("Arguments"))
        name = parameters.get("FunctionName") if isinstance(parameters, dict) else None
        return self.functions.get(name) if isinstance(name, str) and ":lambda:invoke" in resource else None

    def _result_path(self, path: Any, where: str, scope: Scope, data: Type, result: Type) -> Type:
        if path is None:
            return data
        if path == "$" or not isinstance(path, str):
            return result
        parsed = parse_path(path)
        if parsed is None or not parsed.is_single:
            return UNKNOWN
        if not any(isinstance(option, (Object, Unknown)) or option == NULL for option in options_of(data)):
            scope.tell(where, f"{path} is to be written into {describe_kind(data)}", "it takes an object")
            return UNKNOWN
        first = parsed.steps[0]
        if self._read is not None and isinstance(first, Name) and first.name not in self._read:
            return data  # Nobody reads it: it would only make more kinds of data to follow.
        changed = replace(parsed, data, lambda _kind, _presence: Member(result))
        return UNKNOWN if changed is None else changed

    def _catches(self, state: dict[str, Any], scope: Scope, data: Type) -> Iterator[Leaving]:
        catches = state.get("Catch")
        for index, catch in enumerate(catches if isinstance(catches, list) else ()):
            if isinstance(catch, dict) and isinstance(catch.get("Next"), str):
                where = f"Catch[{index}].ResultPath"
                yield catch["Next"], self._result_path(catch.get("ResultPath", "$"), where, scope, data, _ERROR_OUTPUT)
        self._check_error_names(state, scope)

    def _check_error_names(self, state: dict[str, Any], scope: Scope) -> None:
        wrong = self._error_names.get(scope.place)
        if wrong is None:
            wrong = self._error_names[scope.place] = list(self._wrong_error_names(state))
        for where, message, fix in wrong:
            scope.tell(where, message, fix)

    def _wrong_error_names(self, state: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
        rules = [
            (f"{key}[{index}].ErrorEquals", rule)
            for key in ("Retry", "Catch")
            for index, rule in enumerate(state.get(key) or ())
            if isinstance(rule, dict)
        ]
        if not rules:
            return
        raised = self.raised_by(state)
        contract = self.contract(state)
        what = contract.name if contract is not None else str(state.get("Resource", state.get("Type")))
        for where, rule in rules:
            for name in rule.get("ErrorEquals") or ():
                if isinstance(name, str) and (wrong := unknown_error(name, raised, what)):
                    yield where, *wrong

    def raised_by(self, state: dict[str, Any]) -> Raised:
        """Name the errors that a state can raise, the states inside of it included."""
        match state.get("Type"):
            case "Task":
                return self._raised_by_task(state)
            case "Parallel" | "Map":
                inner = [*(state.get("Branches") or ()), state.get("ItemProcessor"), state.get("Iterator")]
                raised = NOTHING
                for machine in inner:
                    states = machine.get("States") if isinstance(machine, dict) else None
                    for one in states.values() if isinstance(states, dict) else ():
                        raised |= self.raised_by(one) if isinstance(one, dict) else NOTHING
                return raised
            case "Fail":
                error = state.get("Error")
                return Raised(frozenset({error})) if isinstance(error, str) and "{%" not in error else ANYTHING
        return NOTHING

    def _raised_by_task(self, state: dict[str, Any]) -> Raised:
        resource = str(state.get("Resource"))
        contract = self.contract(state)
        if resource in self.functions or is_function(resource):
            return raised_by_function(contract.errors if contract else None)
        integration = find_integration(resource)
        if not isinstance(integration, Integration):
            return ANYTHING
        raised = _raised_by_resource(resource)
        if integration.service == "lambda" and not integration.is_sdk:
            raised |= raised_by_function(contract.errors if contract else None)
        return raised

    def _jsonata(
        self, state: dict[str, Any], scope: Scope, data: Type, name: str, *, in_map: bool
    ) -> Iterator[Leaving]:
        """Follow a state in JSONata: its literals are checked, what its expressions give is not known."""
        kind = state.get("Type")
        if kind == "Choice":
            for rule in state.get("Choices") or ():
                if isinstance(rule, dict) and isinstance(rule.get("Next"), str):
                    yield rule["Next"], _expression(rule.get("Output"), data)
            if isinstance(state.get("Default"), str):
                yield state["Default"], _expression(state.get("Output"), data)
            return
        if kind == "Fail":
            return
        result: Type = data
        if kind == "Task":
            taken = _expression(state.get("Arguments"), data)
            renamed = {**state, "Parameters": state.get("Arguments", {})}
            scope.sources = {}
            result = self._task(renamed, scope, taken, has_parameters="Arguments" in state)
        elif kind == "Parallel":
            taken = _expression(state.get("Arguments"), data)
            ends = [
                self._run(branch, f"{scope.place}.Branches[{index}]", taken, (*scope.trail, name), in_map=in_map)
                for index, branch in enumerate(state.get("Branches") or ())
            ]
            result = Array(items=tuple(ends))
        elif kind == "Map":
            key = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
            ends_of_one = self._run(state.get(key), f"{scope.place}.{key}", UNKNOWN, (*scope.trail, name), in_map=True)
            result = UNKNOWN if "ResultWriter" in state else Array(ends_of_one)
        yield _next(state), _expression(state.get("Output"), result)
        for catch in state.get("Catch") or ():
            if isinstance(catch, dict) and isinstance(catch.get("Next"), str):
                yield catch["Next"], _expression(catch.get("Output"), _ERROR_OUTPUT)
        self._check_error_names(state, scope)


@cache
def _raised_by_resource(resource: str) -> Raised:
    integration = find_integration(resource)
    return raised_by_integration(integration) if isinstance(integration, Integration) else ANYTHING


def _path_field(state: dict[str, Any], key: str, scope: Scope, data: Type) -> Type:
    path = state.get(key, "$")
    if path is None:
        return Object({})
    return data if path == "$" else scope.read(path, key, data)


def _next(state: dict[str, Any]) -> str | None:
    target = state.get("Next")
    return target if isinstance(target, str) else None


def _waits(state: dict[str, Any]) -> bool:
    parameters = state.get("Parameters")
    kind = parameters.get("InvocationType", "RequestResponse") if isinstance(parameters, dict) else None
    return kind == "RequestResponse" and "InvocationType.$" not in (parameters or {})


def _is_required(event: Type) -> bool:
    return isinstance(event, Object) and any(member.presence is Presence.ALWAYS for member in event.members.values())


def _item_members(context: Object) -> Mapping[str, Member]:
    found = context.members["Map"].type
    item = found.members["Item"].type if isinstance(found, Object) else None
    return item.members if isinstance(item, Object) else {}


def _expression(node: Any, otherwise: Type) -> Type:
    """Give the type of a JSONata field: of its literals, that is; what an expression gives is not known."""
    if node is None:
        return otherwise
    if isinstance(node, str):
        return UNKNOWN if node.strip().startswith("{%") else type_of(node)
    if isinstance(node, list):
        return Array(items=tuple(_inner(item) for item in node))
    if isinstance(node, dict):
        return Object({key: Member(_inner(value)) for key, value in node.items()})
    return type_of(node)


def _inner(node: Any) -> Type:
    return NULL if node is None else _expression(node, NULL)


def _assigned(machine: Any) -> Iterator[str]:
    if isinstance(machine, dict):
        assign = machine.get("Assign")
        if isinstance(assign, dict):
            yield from (str(key).removesuffix(".$") for key in assign)
        for value in machine.values():
            yield from _assigned(value)
    elif isinstance(machine, list):
        for value in machine:
            yield from _assigned(value)


def _names_read(machine: Any) -> frozenset[str] | None:
    """Name every member that a path of the machine's goes through; None when some reads cannot be known."""
    text = json.dumps(machine)
    if "JSONata" in text:
        return None
    names: set[str] = set()
    for path in _texts(machine):
        names.update(re.findall(r"\w+", path))
    return frozenset(names)


def _writers(machine: Any) -> dict[str, tuple[str, ...]]:
    """Give the states that write each name at the top of the data, with ResultPath or a Catch's."""
    found: dict[str, tuple[str, ...]] = {}
    states = machine.get("States") if isinstance(machine, dict) else None
    for name, state in states.items() if isinstance(states, dict) else ():
        catches = state.get("Catch") if isinstance(state, dict) else None
        rules = [state, *(catches if isinstance(catches, list) else ())]
        for path in (rule.get("ResultPath") for rule in rules if isinstance(rule, dict)):
            if isinstance(path, str) and path.startswith("$."):
                top = path[2:].partition(".")[0].partition("[")[0]
                found[top] = tuple(dict.fromkeys((*found.get(top, ()), name)))
    return found


def _texts(node: Any, key: str = "") -> Iterator[str]:
    """Give every text of a definition that reads: where a ResultPath writes, nothing is read."""
    if isinstance(node, str):
        if node.startswith(("$", "States.")) and key != "ResultPath":
            yield node
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from _texts(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value, key)
