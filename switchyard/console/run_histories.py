"""The histories of runs, read once when they have ended."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from switchyard.console.costs import FunctionMemory, MemoryOf, memory_in_logs
from switchyard.console.schema import ExecutionStatus
from switchyard.executions.following import read_new_events
from switchyard.executions.history import ExecutionTree, build_tree

if TYPE_CHECKING:
    from switchyard.console.context import Context
    from switchyard.console.known import KnownExecution
    from switchyard.executions.runs import SavedExecution

# A history has a few hundred KB.
_MOST_KEPT = 24


@dataclass(frozen=True)
class RunHistory:
    """A run's history.

    Parameters
    ----------
    events
        As GetExecutionHistory gives them.
    saved
        What is kept of it on this machine, where it was read from.
    """

    events: list[dict[str, Any]]
    saved: SavedExecution | None = None

    @cached_property
    def tree(self) -> ExecutionTree:
        """Its states."""
        return build_tree(self.events)


class RunHistories:
    """Reads histories, and keeps the last few of those that have ended.

    Parameters
    ----------
    context
        What the console looks at.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept: OrderedDict[tuple[Any, ...], RunHistory] = OrderedDict()
        self._lock = threading.Lock()
        self._memory: tuple[Any, FunctionMemory] | None = None

    def of(self, execution: KnownExecution) -> RunHistory | None:
        """Give a run's history; None when it is not there any more."""
        key = (execution.arn, execution.stage, execution.is_past)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        history = self._read(execution)
        if history is not None and execution.status is not ExecutionStatus.RUNNING:
            with self._lock:
                self._kept[key] = history
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        return history

    def memory_of(self, history: RunHistory) -> MemoryOf:
        """Give what tells a function's memory: what it has logged, or else the cloud."""
        logged: dict[str, int] = {}
        if history.saved is not None:
            logged = memory_in_logs(
                {
                    visit.function: history.saved.log_tail(visit.name)[0]
                    for visit in history.tree.visits()
                    if visit.function is not None
                }
            )
        cloud = self._context.cloud
        if cloud is None:
            return logged.get
        if self._memory is None or self._memory[0] is not cloud:
            self._memory = (cloud, FunctionMemory(cloud))
        asked = self._memory[1]
        return lambda function: logged.get(function) or asked(function)

    def _read(self, execution: KnownExecution) -> RunHistory | None:
        if execution.is_past:
            saved = self._context.past.find(execution.arn)
            return None if saved is None else RunHistory(saved.events, saved)
        known: dict[int, dict[str, Any]] = {}
        read_new_events(self._context.need_cloud().client("stepfunctions"), execution.arn, known)
        return RunHistory([known[number] for number in sorted(known)])
