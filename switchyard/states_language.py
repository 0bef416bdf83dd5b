"""How the states of a definition in Amazon States Language lead to one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchyard.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator

_TERMINAL_TYPES = ("Succeed", "Fail")
_STATE_TYPES = ("Task", "Pass", "Wait", "Choice", "Parallel", "Map", *_TERMINAL_TYPES)


@dataclass(frozen=True, slots=True)
class FlowProblem:
    """One thing that is wrong: where in the definition, what, and what to do next."""

    where: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f"; {self.fix}" if self.fix else "")


def flow_problems(machine: Any, path: str = "") -> Iterator[FlowProblem]:
    """Find dangling targets, states that end nowhere and states that nothing leads to, in each branch as well.

    Parameters
    ----------
    machine
        A definition, or a branch of one: `StartAt` and `States`.
    path
        Where in the definition it stands.
    """
    states = machine.get("States") if isinstance(machine, dict) else None
    if not isinstance(states, dict) or not all(isinstance(state, dict) for state in states.values()):
        return  # statelint says so.
    problems: list[FlowProblem] = []
    start = machine.get("StartAt")
    if isinstance(start, str) and start not in states:
        problems.append(FlowProblem(_at(path, "StartAt"), f"there is no state {start!r}", suggest(start, states)))
    for name, state in states.items():
        problems += _state_problems(state, _at(path, f"States.{name}"), states)
    reached = _reachable(states, start) if start in states else set(states)
    # A name that leads nowhere cuts off all that follows: it alone is what to mend.
    for name in states if not problems else ():
        if name not in reached:
            message = f"nothing leads to the state {name!r}"
            problems.append(FlowProblem(_at(path, f"States.{name}"), message, "lead a Next to it or take it out"))
    if not problems and not any(_is_last(states[name]) for name in reached):
        message = "no state ends the execution"
        problems.append(FlowProblem(_at(path, "States"), message, "give one End, Succeed or Fail"))
    yield from problems
    for name, state in states.items():
        for place, inner in _inner_machines(state):
            yield from flow_problems(inner, _at(path, f"States.{name}.{place}"))


def _state_problems(state: dict[str, Any], path: str, states: dict[str, Any]) -> Iterator[FlowProblem]:
    for place, target in _targets(state):
        if target not in states:
            yield FlowProblem(f"{path}.{place}", f"there is no state {target!r} here", suggest(target, states))
    if state.get("Type") not in _STATE_TYPES or state["Type"] in (*_TERMINAL_TYPES, "Choice"):
        return
    if "Next" in state and "End" in state:
        yield FlowProblem(path, "has both Next and End", "keep one")
    elif "Next" not in state and state.get("End") is not True:
        yield FlowProblem(path, "has neither Next nor End", 'say what follows, or "End": true')


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


def _at(path: str, step: str) -> str:
    return f"{path}.{step}" if path else step
