"""Checks of one state machine's definition in Amazon States Language.

statelint knows every field; how the states lead to one another is checked here, since statelint misses
states that only unreachable states lead to, and names the wrong field for a dangling Catch.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from switchyard.problem import Problem
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What statelint says about the flow, which is said better here.
_FLOW_MESSAGES = re.compile(
    r"No state found named |No transition found to state |No terminal state found |StartAt value "
    r'|.* does not have required field "Next"$|.* has forbidden field "Next"$'
)
_TERMINAL_TYPES = ("Succeed", "Fail")
_STATE_TYPES = ("Task", "Pass", "Wait", "Choice", "Parallel", "Map", *_TERMINAL_TYPES)
_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")


def check_definition(path: Path, file: str) -> list[Problem]:
    """Check a rendered state machine.

    Parameters
    ----------
    path
        The `.asl.json` file.
    file
        Its name in the problems.
    """
    try:
        definition = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique_keys)
    except OSError as error:
        return [Problem(file, "", f"cannot be read: {error.strerror}", "run `switchyard render`")]
    except ValueError as error:
        return [Problem(file, "", f"is not valid JSON: {error}", "run `switchyard render`")]
    except RecursionError:
        return [Problem(file, "", "is not valid JSON: it is nested too deeply", "run `switchyard render`")]
    if not isinstance(definition, dict):
        return [Problem(file, "", "is not a JSON object", "begin with StartAt and States")]
    return [*_flow_problems(definition, "", file), *_field_problems(definition, file)]


def placeholders(definition: str) -> set[str]:
    """Name what a definition expects from DefinitionSubstitutions: `X` for each `${X}`."""
    return set(_PLACEHOLDER.findall(definition))


def _field_problems(definition: dict[str, Any], file: str) -> Iterator[Problem]:
    from statelint.config import Config  # type: ignore[import-untyped, unused-ignore]
    from statelint.linter import Linter  # type: ignore[import-untyped, unused-ignore]
    from statelint.problem import ProblemType  # type: ignore[import-untyped, unused-ignore]

    # A placeholder is neither a URI nor a number before CloudFormation fills it in.
    config = Config({ProblemType.URI, ProblemType.FLOAT})
    for message in Linter.validate(definition, config):
        if not _FLOW_MESSAGES.match(message):
            yield Problem(file, "", message.replace("State Machine.", ""))


def _flow_problems(container: Any, path: str, file: str) -> Iterator[Problem]:
    """Dangling targets, states that end nowhere, states that nothing leads to; in each branch as well."""
    states = container.get("States") if isinstance(container, dict) else None
    if not isinstance(states, dict) or not all(isinstance(state, dict) for state in states.values()):
        return  # statelint says so.
    problems: list[Problem] = []
    start = container.get("StartAt")
    if isinstance(start, str) and start not in states:
        problems.append(Problem(file, _at(path, "StartAt"), f"there is no state {start!r}", suggest(start, states)))
    for name, state in states.items():
        problems += _state_problems(state, _at(path, f"States.{name}"), states, file)
    reached = _reachable(states, start) if start in states else set(states)
    for name in states:
        if name not in reached:
            message = f"nothing leads to the state {name!r}"
            problems.append(Problem(file, _at(path, f"States.{name}"), message, "lead a Next to it or take it out"))
    if not problems and not any(_is_last(states[name]) for name in reached):
        message = "no state ends the execution"
        problems.append(Problem(file, _at(path, "States"), message, "give one End, Succeed or Fail"))
    yield from problems
    for name, state in states.items():
        for place, inner in _inner_machines(state):
            yield from _flow_problems(inner, _at(path, f"States.{name}.{place}"), file)


def _state_problems(state: dict[str, Any], path: str, states: dict[str, Any], file: str) -> Iterator[Problem]:
    for place, target in _targets(state):
        if target not in states:
            yield Problem(file, f"{path}.{place}", f"there is no state {target!r} here", suggest(target, states))
    if state.get("Type") not in _STATE_TYPES or state["Type"] in (*_TERMINAL_TYPES, "Choice"):
        return
    if "Next" in state and "End" in state:
        yield Problem(file, path, "has both Next and End", "keep one")
    elif "Next" not in state and state.get("End") is not True:
        yield Problem(file, path, "has neither Next nor End", 'say what follows, or "End": true')


def _is_last(state: dict[str, Any]) -> bool:
    return state.get("End") is True or state.get("Type") in _TERMINAL_TYPES


def _targets(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give each state that a state leads to, with the place that says so."""
    for field in ("Next", "Default"):
        if isinstance(state.get(field), str):
            yield field, state[field]
    for field in ("Choices", "Catch"):
        rules = state.get(field)
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, dict) and isinstance(rule.get("Next"), str):
                yield f"{field}[{index}].Next", rule["Next"]


def _inner_machines(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    branches = state.get("Branches")
    for index, branch in enumerate(branches if isinstance(branches, list) else ()):
        yield f"Branches[{index}]", branch
    for field in ("ItemProcessor", "Iterator"):
        if field in state:
            yield field, state[field]


def _reachable(states: dict[str, Any], start: str) -> set[str]:
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if name in states and name not in reached:
            reached.add(name)
            ahead += [target for _, target in _targets(states[name])]
    return reached


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # JSON readers keep the last of two equal keys: a whole state could vanish.
    keys = [key for key, _ in pairs]
    if repeated := next((key for key in keys if keys.count(key) > 1), None):
        raise ValueError(f"key {repeated!r} is there twice")
    return dict(pairs)


def _at(path: str, step: str) -> str:
    return f"{path}.{step}" if path else step
