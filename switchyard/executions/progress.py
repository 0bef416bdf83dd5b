"""Shows an execution while it runs: a live tree in a terminal, lines with a time anywhere else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from switchyard.executions.history import ExecutionTree, Status, failure_reason

if TYPE_CHECKING:
    from switchyard.executions.history import Branch, StateVisit

# Narrower than this, branches are put below one another.
_BRANCH_COLUMNS = 38
# More iterations of a Map than this are counted, not drawn.
_DRAWN_ITERATIONS = 3
# A wait that is a Retry fails again and again for the same reason: say it anew only so often.
_SAME_RETRY_SECONDS = 15
# A loop is shown for so many rounds. Later ones are counted in the tree; as lines they are told only where they fail,
# or where a choice leads elsewhere than in the round before.
_SHOWN_ROUNDS = 2

_STYLES = {
    Status.RUNNING: "cyan",
    Status.RETRYING: "yellow",
    Status.SUCCEEDED: "green",
    Status.CAUGHT: "red",
    Status.FAILED: "red",
    Status.TIMED_OUT: "red",
    Status.ABORTED: "yellow",
}
_MARKS = {
    Status.RETRYING: "↻",
    Status.SUCCEEDED: "✓",
    Status.CAUGHT: "✗",
    Status.FAILED: "✗",
    Status.TIMED_OUT: "✗",
    Status.ABORTED: "■",
}
_ASCII_MARKS = {"↻": "~", "✓": "+", "✗": "x", "■": "-"}
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_SPINNER = "|/-\\"

Jobs = Mapping[str, str]


class Progress(Protocol):
    """How a command tells what it does.

    Parameters
    ----------
    is_live
        Whether it shows every moment, such as the statuses of SageMaker jobs, and not only what has ended.
    """

    is_live: bool

    def step(self, text: str) -> AbstractContextManager[None]:
        """Tell about a piece of work, and that it is done."""

    def note(self, text: str) -> None:
        """Tell a fact."""

    def update(self, tree: ExecutionTree, jobs: Jobs) -> None:
        """Show how an execution stands now; `jobs` has the statuses of SageMaker jobs by name."""

    def close(self) -> None:
        """Stop showing, and leave what was shown last."""


def progress_for(console: Console, title: str) -> Progress:
    """Choose the live tree for a terminal, plain lines for anything else."""
    return LiveProgress(console, title) if console.is_terminal else PlainProgress(console.file)


class PlainProgress:
    """One line for each thing that happens, with the time at which it did.

    Parameters
    ----------
    stream
        Where to write.
    """

    is_live = False

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._told: set[tuple[object, ...]] = set()
        self._retries: dict[tuple[object, ...], tuple[str, datetime]] = {}

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Tell about a piece of work when it is done."""
        start = time.perf_counter()
        yield
        self.note(f"{text}: done after {format_seconds(time.perf_counter() - start)}")

    def note(self, text: str) -> None:
        """Tell a fact."""
        self._write(datetime.now(UTC), text)

    def update(self, tree: ExecutionTree, jobs: Jobs) -> None:  # noqa: ARG002 - a job's status comes and goes
        """Write what has happened since the last time, in the order in which it did."""
        for at, text in sorted(self._news(tree.states, ""), key=lambda line: line[0]):
            self._write(at, text)

    def close(self) -> None:
        """Nothing to do: every line is complete."""

    def _write(self, at: datetime, text: str) -> None:
        local = at.astimezone()
        self._stream.write(f"{local:%H:%M:%S}.{local.microsecond // 100_000}  {text}\n")
        self._stream.flush()

    def _news(self, states: list[StateVisit], inside: str) -> Iterator[tuple[datetime, str]]:
        rounds: Counter[str] = Counter()
        led: dict[str, str | None] = {}
        for index, visit in enumerate(states):
            name = f"{inside}{visit.name}"
            key = (name, visit.entered_at)
            following = states[index + 1].name if index + 1 < len(states) else None
            rounds[name] += 1
            is_first = rounds[name] <= _SHOWN_ROUNDS
            is_timed = visit.type in ("Task", "Parallel", "Map", "Wait")
            if is_timed and is_first and self._is_new(*key, "started"):
                yield visit.entered_at, f"{name}: started"
            for number, failure in enumerate(visit.failures[: visit.retries], start=1):
                if self._is_new(*key, "retry", number) and self._is_worth_telling(key, failure.error, failure.at):
                    reason = failure_reason(failure.cause)
                    yield failure.at, f"{name}: retry {number} after {failure.error}: {reason}"
            for number, branch in enumerate(visit.branches):
                several = visit.type == "Map"
                yield from self._news(branch.states, f"{name}[{number}] > " if several else f"{name} > ")
            if visit.exited_at is None or (visit.type == "Choice" and following is None):
                continue
            is_other = visit.status is not Status.SUCCEEDED or led.get(name, following) != following
            if (is_first or is_other) and self._is_new(*key, "ended"):
                yield visit.exited_at, f"{name}: {_ending(visit, following)}"
            if visit.type == "Choice":
                led[name] = following
            if visit.status is not Status.SUCCEEDED:  # what follows is another try
                rounds.clear()
                led.clear()

    def _is_new(self, *key: object) -> bool:
        if key in self._told:
            return False
        self._told.add(key)
        return True

    def _is_worth_telling(self, key: tuple[object, ...], error: str, at: datetime) -> bool:
        before = self._retries.get(key)
        if before and before[0] == error and (at - before[1]).total_seconds() < _SAME_RETRY_SECONDS:
            return False
        self._retries[key] = (error, at)
        return True


def _ending(visit: StateVisit, following: str | None) -> str:
    if visit.type == "Choice":
        return f"-> {following}"
    words = {Status.CAUGHT: "failed", Status.ABORTED: "stopped"}
    text = words.get(visit.status, visit.status.lower().replace("_", " "))
    if visit.type in ("Task", "Parallel", "Map", "Wait"):
        text += f" after {format_seconds(visit.seconds())}"
    if visit.failures and visit.status in (Status.CAUGHT, Status.FAILED):
        failure = visit.failures[-1]
        text += f": {failure.error}: {failure_reason(failure.cause)}"
    return text


class LiveProgress:
    """The tree of states, drawn again and again in place.

    Parameters
    ----------
    console
        A terminal.
    title
        What runs.
    """

    is_live = True

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._live: Live | None = None
        self._tree = ExecutionTree()
        self._jobs: Jobs = {}

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show a spinner while a piece of work is done, then leave a line."""
        start = time.perf_counter()
        with self._console.status(f"{text} …"):
            yield
        done = format_seconds(time.perf_counter() - start)
        self._console.print(Text.assemble(("✓", "green") if self._utf8 else "+", f" {text}", (f"  {done}", "dim")))

    def note(self, text: str) -> None:
        """Print a line."""
        self._console.print(Text(text, style="dim"), soft_wrap=True)

    def update(self, tree: ExecutionTree, jobs: Jobs) -> None:
        """Draw the tree."""
        self._tree, self._jobs = tree, jobs
        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self._render,
                refresh_per_second=10,
                vertical_overflow="ellipsis",
            )
            self._live.start()

    def close(self) -> None:
        """Leave the whole tree as it is now."""
        if self._live is not None:
            self._live.vertical_overflow = "visible"
            self._live.stop()
            self._live = None

    @property
    def _utf8(self) -> bool:
        return self._console.encoding.lower().startswith("utf")

    def _render(self) -> RenderableType:
        return render_tree(
            self._tree, title=self._title, jobs=self._jobs, width=self._console.width, ascii_only=not self._utf8
        )


def render_tree(
    tree: ExecutionTree,
    *,
    title: str,
    jobs: Jobs | None = None,
    width: int = 100,
    now: datetime | None = None,
    ascii_only: bool = False,
) -> RenderableType:
    """Draw an execution.

    Parameters
    ----------
    tree
        The execution.
    title
        What the first line calls it.
    jobs
        The statuses of SageMaker jobs by name.
    width
        Columns of the terminal: branches stand side by side where there is room.
    now
        What the time of running states is measured to.
    ascii_only
        For a terminal that has no other letters.
    """
    drawing = _Drawing(jobs or {}, now or datetime.now(UTC), ascii_only)
    style = _STYLES[tree.status]
    head = Text.assemble(
        (title, "bold"),
        "  ",
        (tree.status.value, f"bold {style}"),
        (f"  {format_seconds(tree.seconds(drawing.now))}", "dim"),
        no_wrap=True,
        overflow="ellipsis",
    )
    root = Tree(head, guide_style="dim")
    for visit, times in _counted(tree.states):
        root.add(drawing.state(visit, width - 4, times))
    return root


def _counted(states: list[StateVisit]) -> Iterator[tuple[StateVisit, int]]:
    """Give the visits of states to draw, each with how many it stands for: of a loop the last one, and what failed."""
    good = (Status.SUCCEEDED, Status.RUNNING, Status.RETRYING)
    total, seen = Counter(visit.name for visit in states if visit.status in good), Counter[str]()
    for visit in states:
        times = total[visit.name] if visit.status in good else 1
        seen[visit.name] += visit.status in good
        if times <= _SHOWN_ROUNDS:
            yield visit, 1
        elif seen[visit.name] == times:
            yield visit, times


class _Drawing:
    def __init__(self, jobs: Jobs, now: datetime, ascii_only: bool) -> None:
        self.jobs = jobs
        self.now = now
        self.ascii_only = ascii_only

    def state(self, visit: StateVisit, width: int, times: int) -> RenderableType:
        parts: list[RenderableType] = [self.line(visit, times), *self.details(visit)]
        if visit.branches and (visit.type == "Parallel" or len(visit.branches) <= _DRAWN_ITERATIONS):
            parts.append(self.branches(visit.branches, width))
        elif visit.branches:
            done = sum(all(not state.is_open for state in branch.states) for branch in visit.branches)
            parts.append(Text(f"  {done} of {len(visit.branches)} iterations done", style="dim"))
        return Group(*parts) if len(parts) > 1 else parts[0]

    def branches(self, branches: list[Branch], width: int) -> RenderableType:
        each = width // len(branches)
        if each < _BRANCH_COLUMNS:
            below = Tree("", guide_style="dim", hide_root=True)
            for branch in branches:
                node = below.add(Text(f"branch {branch.index + 1}", style="dim"))
                for visit, times in _counted(branch.states):
                    node.add(self.state(visit, width - 8, times))
            return below
        grid = Table.grid(padding=(0, 2, 0, 0), expand=False)
        for _ in branches:
            grid.add_column(max_width=each - 2, no_wrap=True, overflow="ellipsis")
        grid.add_row(
            *[Group(*[self.state(visit, each - 2, n) for visit, n in _counted(branch.states)]) for branch in branches]
        )
        return grid

    def line(self, visit: StateVisit, times: int) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(self.mark(visit), style=_STYLES[visit.status])
        text.append(f" {visit.name}", style="bold" if visit.is_open else "")
        if visit.type in ("Task", "Parallel", "Map", "Wait"):
            text.append(f"  {format_seconds(visit.seconds(self.now))}", style="dim")
        if times > 1:
            text.append(f"  ({times} times)", style="dim")
        if visit.job is not None and (status := self.jobs.get(visit.job.name)):
            text.append(f"  {visit.job.kind.lower()} job: {status}", style="dim")
        return text

    def details(self, visit: StateVisit) -> Iterator[Text]:
        if not visit.failures or visit.branches:
            return
        failure = visit.failures[-1]
        reason = f"{failure.error}: {failure_reason(failure.cause)}"
        if visit.status in (Status.CAUGHT, Status.FAILED, Status.TIMED_OUT):
            yield Text(f"  {reason}", style="red", no_wrap=True, overflow="ellipsis")
        elif visit.retries or visit.status is Status.RETRYING:
            count = visit.retries + (visit.status is Status.RETRYING)
            text = f"  {count} {'retry' if count == 1 else 'retries'}: {reason}"
            style = "yellow" if visit.is_open else "dim"
            yield Text(text, style=style, no_wrap=True, overflow="ellipsis")

    def mark(self, visit: StateVisit) -> str:
        if visit.status is Status.RUNNING:
            frames = _ASCII_SPINNER if self.ascii_only else _SPINNER
            return frames[int(self.now.timestamp() * 10) % len(frames)]
        mark = _MARKS[visit.status]
        return _ASCII_MARKS[mark] if self.ascii_only else mark


def format_seconds(seconds: float) -> str:
    """Write a duration as people read it.

    Examples
    --------
    >>> format_seconds(0.417), format_seconds(75), format_seconds(3700)
    ('0.42 s', '1 min 15 s', '1 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
