"""Checks of one state machine's definition in Amazon States Language.

statelint knows every field; how the states lead to one another is checked here, since statelint misses
states that only unreachable states lead to, and names the wrong field for a dangling Catch.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from switchyard.problem import Problem
from switchyard.states_language import flow_problems

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What statelint says about the flow, which is said better here.
_FLOW_MESSAGES = re.compile(
    r"No state found named |No transition found to state |No terminal state found |StartAt value "
    r'|.* does not have required field "Next"$|.* has forbidden field "Next"$'
)
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
    flow = [Problem(file, problem.where, problem.message, problem.fix) for problem in flow_problems(definition)]
    return [*flow, *_field_problems(definition, file)]


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


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # JSON readers keep the last of two equal keys: a whole state could vanish.
    keys = [key for key, _ in pairs]
    if repeated := next((key for key in keys if keys.count(key) > 1), None):
        raise ValueError(f"key {repeated!r} is there twice")
    return dict(pairs)
