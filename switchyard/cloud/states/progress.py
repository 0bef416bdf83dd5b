"""Records how far each line of an execution's states has come, so that a redrive can go on from there.

A line is the execution itself, a branch of a Parallel, or an iteration of a Map: states, one after the other.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

from moto.stepfunctions.parser.asl.component.common.flow.start_at import StartAt
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.inline_iteration_component import (
    InlineIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.iteration_worker import IterationWorker
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branches_decl import BranchesDecl
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.state_continue_with import ContinueWithEnd
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager

_STARTED = {"ParallelStateStarted", "MapStateStarted"}


@dataclass
class Progress:
    """How far one line has come.

    Parameters
    ----------
    state
        The state that it is in, or enters next; None before the first one.
    input, variables
        What that state was, or will be, entered with.
    is_entered
        Whether the history says that it was.
    inner
        Of a Parallel or a Map, its lines by their number.
    last_event
        The last event of the history that is about this line; 0 when there is none.
    is_done, output
        Whether the line's last state has ended well, and with what.
    is_resumed
        Whether it is still in the state from which a redrive made it go on.
    """

    state: str | None = None
    input: Any = None
    variables: dict[str, Any] = field(default_factory=dict)
    is_entered: bool = False
    inner: dict[int, Progress] = field(default_factory=dict)
    last_event: int = 0
    is_done: bool = False
    output: Any = None
    is_resumed: bool = False

    def attach(self, env: Any) -> None:
        """Let an environment be the one that evaluates this line."""
        env.progress = env.event_history_context.progress = self
        env.owns_progress = True
        if self.is_resumed and self.last_event:
            env.event_history_context.source_event_id = self.last_event
            env.event_history_context.last_published_event_id = self.last_event

    def at(self, state: str, env: Any) -> None:
        """The line goes on to a state."""
        self.state, self.is_entered, self.is_resumed, self.inner = state, False, False, {}
        # Both are replaced by the interpreter, never changed, except for the dictionary of the variables.
        self.input, self.variables = env.states._states_data["input"], dict(env.variable_store._inner_scope)

    def end(self, env: Any) -> None:
        """The line has come to its end."""
        self.is_done, self.output = True, env.states._states_data["input"]

    def resumed(self) -> Progress:
        """Return what a redrive goes on from: of lines inside of lines only those that have not ended well.

        When all of them have, it was their outputs that could not be used, and they run again.
        """
        inner = {number: line.resumed() for number, line in self.inner.items()}
        if all(line.is_done for line in inner.values()):
            inner = {}
        return replace(self, inner=inner, is_resumed=self.state is not None and not self.is_done)

    def take_inner(self) -> dict[int, Progress]:
        """Return the lines inside that go on, once; a Retry of the state begins all of them anew."""
        kept = self.inner if self.is_resumed else {}
        self.is_resumed = False
        return kept

    def has_told(self, event: str) -> bool:
        """Return whether the history has the event already, from before the redrive."""
        if not self.is_resumed:
            return False
        if event == "MapIterationStarted":
            return self.last_event > 0
        if event.endswith("StateEntered"):
            return self.is_entered and event != "FailStateEntered"
        return self.is_entered and event in _STARTED and bool(self.inner)


@dataclass(frozen=True)
class _Branch:
    """A branch of a Parallel, for the interpreter to evaluate in place of the branch's program."""

    program: Any
    progress: Progress

    def eval(self, env: Any) -> None:
        if self.progress.is_done:
            env.states.reset(self.progress.output)
            env.set_ended()
        else:
            self.progress.attach(env)
            self.program.eval(env)


def install() -> None:
    """Have the interpreter record its progress, and begin where a record says."""
    Environment.progress, Environment.owns_progress = None, False
    _share_with_frames()
    _begin_where_recorded()
    _record_each_state()
    _number_branches()
    _number_iterations()
    _tell_each_event_once()


def _share_with_frames() -> None:
    original = Environment.as_inner_frame_of.__func__

    def as_inner_frame_of(cls: Any, env: Any, *arguments: Any, **options: Any) -> Any:
        frame = original(cls, env, *arguments, **options)
        frame.progress = frame.event_history_context.progress = env.progress
        return frame

    Environment.as_inner_frame_of = classmethod(as_inner_frame_of)


def _begin_where_recorded() -> None:
    original = Program.eval

    def evaluate(self: Any, env: Any) -> None:
        if not env.owns_progress:
            Progress().attach(env)
        progress = env.progress
        if progress.state is None:
            progress.at(self.start_at.start_at_name, env)
        else:
            env.states.reset(progress.input)
            env.variable_store._inner_scope.update(copy.deepcopy(progress.variables))
        program = copy.copy(self)
        program.start_at = StartAt(progress.state)
        original(program, env)

    Program.eval = evaluate


def _record_each_state() -> None:
    evaluate, set_next = CommonStateField._eval_body, CommonStateField._set_next

    def eval_body(self: Any, env: Any) -> None:
        evaluate(self, env)
        if env.is_running() and env.next_state_name != self.name:
            env.progress.at(env.next_state_name, env)

    def go_on(self: Any, env: Any) -> None:
        ends = env.next_state_name == self.name and isinstance(self.continue_with, ContinueWithEnd)
        set_next(self, env)
        if ends:
            env.progress.end(env)

    CommonStateField._eval_body, CommonStateField._set_next = eval_body, go_on


def _number_branches() -> None:
    original = BranchesDecl._eval_body

    def eval_body(self: Any, env: Any) -> None:
        line, kept = env.progress, env.progress.take_inner()
        line.inner = {number: kept.get(number) or Progress() for number in range(len(self.programs))}
        branches = copy.copy(self)
        branches.programs = [_Branch(program, line.inner[number]) for number, program in enumerate(self.programs)]
        original(branches, env)

    BranchesDecl._eval_body = eval_body


def _number_iterations() -> None:
    original, eval_job = InlineIterationComponent._eval_body, IterationWorker._eval_job

    def eval_body(self: Any, env: Any) -> None:
        env.progress.inner = env.progress.take_inner()
        original(self, env)

    def evaluate(self: Any, env: Any, job: Any) -> None:
        line = self._env.progress.inner.setdefault(job.job_index, Progress())
        if line.is_done:
            job.job_output = copy.deepcopy(line.output)
        else:
            line.attach(env)
            eval_job(self, env, job)

    InlineIterationComponent._eval_body, IterationWorker._eval_job = eval_body, evaluate


def _tell_each_event_once() -> None:
    original = EventManager.add_event

    def add_event(self: Any, context: Any, event_type: Any, *arguments: Any, **options: Any) -> Any:
        progress = getattr(context, "progress", None)
        if progress is None:
            return original(self, context, event_type, *arguments, **options)
        name = str(event_type.value)
        if progress.has_told(name):
            return context.last_published_event_id
        before = context.last_published_event_id
        number = original(self, context, event_type, *arguments, **options)
        if number != before:  # it was not dropped because the execution is over
            progress.last_event = number
            progress.is_entered |= name.endswith("StateEntered")
        return number

    EventManager.add_event = add_event
