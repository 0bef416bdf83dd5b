"""Lets the functions that an execution is going to invoke start with it, each ahead of its task."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.backend.execution import Execution

_FUNCTION = re.compile(r"arn:aws:lambda:[\w-]*:\d*:function:[\w:$-]+")


def install(prepare: Callable[[list[str]], None]) -> None:
    """Name a machine's functions whenever an execution of it starts.

    Parameters
    ----------
    prepare : callable
        Called with their ARNs, in the order in which the definition has them.
    """
    start = Execution.start

    def begin(self: Any) -> None:
        prepare(list(dict.fromkeys(_FUNCTION.findall(self.state_machine.definition))))
        start(self)

    Execution.start = begin
