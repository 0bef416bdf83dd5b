"""The faults that the cloud has now, and what each has struck."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from switchyard.cloud.faults.kinds import LATENCY, OF_JOBS, SPOT_INTERRUPTION, FaultError, Kind

EVERYTHING = "*"
# A job by the end of its ARN, whoever creates it; an asterisk stands for any part of its name.
_JOB = re.compile(r"(training|processing|transform)-job/[\w*.-]+")


@dataclass
class Fault:
    """One fault.

    Parameters
    ----------
    number : int
        By which it is told from others.
    target : str
        The state, or the function, whose calls it strikes; ``*`` for all calls; or the jobs, such as
        ``training-job/demo-*``.
    times : int or None
        How often, at most.
    execution : str or None
        The name of the only execution that it strikes; it is over once that has ended.
    fired : int
        How often it has.
    """

    number: int
    target: str
    kind: Kind
    times: int | None = None
    execution: str | None = None
    fired: int = 0
    is_over: bool = False

    def __str__(self) -> str:
        return f"{self.target}:{self.kind}"

    @property
    def note(self) -> str:
        """What is added to an error's text, so that nobody takes it for a real one."""
        return f"[injected: the fault '{self}' of the local cloud]"

    def document(self) -> dict[str, Any]:
        """Return the JSON document of the fault."""
        return {
            "id": self.number,
            "target": self.target,
            "kind": str(self.kind),
            "times": self.times,
            "execution": self.execution,
            "fired": self.fired,
            "over": self.is_over or (self.times is not None and self.fired >= self.times),
        }


class Faults:
    """All faults of the cloud; safe to use from any thread."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._functions: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        """Whether there is any; without the lock, since every call asks."""
        return bool(self._faults)

    def know_functions(self, names: Mapping[str, str]) -> None:
        """Learn the functions' names by their logical ids, so that either, or what they share, is a target."""
        for logical_id, name in names.items():
            for alias in (name, logical_id, logical_id.removesuffix("Function")):
                self._functions[_plain(alias)] = name

    def add(self, document: Any, states: Iterable[str]) -> Fault:
        """Add a fault.

        Parameters
        ----------
        document : dict
            ``target``, ``kind``, and perhaps ``times`` and ``execution``.
        states : iterable of str
            The names of the states that there are.

        Raises
        ------
        FaultError
            It cannot be understood, or there is no such target.
        """
        if not isinstance(document, dict):
            raise FaultError(
                'a fault is a JSON object such as {"target": "Train model", "kind": "ThrottlingException"}'
            )
        known = ("target", "kind", "times", "execution")
        if unknown := sorted(set(document) - set(known)):
            raise FaultError(f"a fault has no {unknown[0]!r}; it has {', '.join(known)}")
        for field in ("target", "kind"):
            if not isinstance(document.get(field), str) or not document[field].strip():
                raise FaultError(f"a fault needs a {field}: a text")
        times, execution = document.get("times"), document.get("execution")
        if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
            raise FaultError(f"times is a whole number from 1 on, not {times!r}")
        if execution is not None and not isinstance(execution, str):
            raise FaultError("execution is the name of an execution: a text")
        kind = Kind.parse(document["kind"])
        target = document["target"].strip()
        if not _JOB.fullmatch(target):
            self._check_target(target, set(states))
        elif kind.name not in OF_JOBS or (kind.name == SPOT_INTERRUPTION and not target.startswith("training")):
            raise FaultError(f"{target!r} is a job: it is Failed, crash, or (a training job) spot interruption")
        with self._lock:
            fault = Fault(next(self._numbers), target, kind, times, execution)
            self._faults.append(fault)
        return fault

    def all(self) -> list[Fault]:
        """Return every fault, the oldest first."""
        with self._lock:
            return list(self._faults)

    def clear(self, number: int | None = None) -> int:
        """Remove one fault, or all; return how many."""
        with self._lock:
            kept = [] if number is None else [fault for fault in self._faults if fault.number != number]
            removed, self._faults = len(self._faults) - len(kept), kept
        return removed

    def end(self, execution: str) -> None:
        """Let the faults of one execution be over: it has ended."""
        with self._lock:
            for fault in self._faults:
                fault.is_over |= fault.execution == execution

    def take(self, state: str, function: str | None, execution: str, applies: Callable[[Fault], bool]) -> list[Fault]:
        """Return the faults that strike a call now, each counted: every latency, and the first other one."""
        struck: list[Fault] = []
        with self._lock:
            for fault in self._faults:
                if fault.kind.name != LATENCY and any(other.kind.name != LATENCY for other in struck):
                    continue
                if self._strikes(fault, state, function, execution) and applies(fault):
                    fault.fired += 1
                    struck.append(fault)
        return struck

    def take_job(self, job: str, *, interruption: bool) -> Fault | None:
        """Return the fault that strikes a job now, counted; None if there is none.

        Parameters
        ----------
        job : str
            The end of its ARN, such as ``training-job/demo``.
        interruption : bool
            Whether it begins to train on spot instances, which an interruption strikes; otherwise it is created, which
            the other faults do.
        """
        with self._lock:
            for fault in self._faults:
                is_due = not fault.document()["over"] and (fault.kind.name == SPOT_INTERRUPTION) == interruption
                if is_due and _JOB.fullmatch(fault.target) and fnmatchcase(job, fault.target):
                    fault.fired += 1
                    return fault
        return None

    def _strikes(self, fault: Fault, state: str, function: str | None, execution: str) -> bool:
        if fault.document()["over"] or fault.execution not in (None, execution):
            return False
        return fault.target in (EVERYTHING, state) or (
            function is not None and self._functions.get(_plain(fault.target)) == function
        )

    def _check_target(self, target: str, states: set[str]) -> None:
        if target == EVERYTHING or target in states or _plain(target) in self._functions:
            return
        known = sorted({*states, *self._functions.values()})
        near = get_close_matches(target, known, n=2, cutoff=0.6)
        meant = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(known[:30])}"
        raise FaultError(f"there is no state and no function {target!r}; {meant}")


def _plain(name: str) -> str:
    """Reduce a function's name or logical id to what they share."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
