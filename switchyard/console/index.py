"""Every execution that is known, in memory: thousands are filtered and paged in a few milliseconds."""

from __future__ import annotations

import base64
import binascii
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from switchyard.console.known import KnownExecution
from switchyard.console.problems import RequestError
from switchyard.console.schema import Executions, Facet


@dataclass(frozen=True)
class Filter:
    """Which executions are asked for; what is empty lets all through.

    Parameters
    ----------
    workflows, recipes, statuses
        ARNs of state machines, names of recipes, statuses: any of them.
    since, until
        When it was started, in seconds since 1970.
    text
        Words that must all be in its name, recipe, reason or input.
    """

    workflows: frozenset[str] = frozenset()
    recipes: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    since: float | None = None
    until: float | None = None
    text: str = ""

    @property
    def lets_all_through(self) -> bool:
        """Whether it filters nothing."""
        return self == Filter()

    def apply(self, executions: Iterable[KnownExecution]) -> list[KnownExecution]:
        """Give those that it lets through, in the same order."""
        words = self.text.casefold().split()
        return [
            execution
            for execution in executions
            if (not self.workflows or execution.workflow_arn in self.workflows)
            and (not self.statuses or execution.status in self.statuses)
            and (not self.recipes or execution.recipe in self.recipes)
            and (self.since is None or execution.started_at >= self.since)
            and (self.until is None or execution.started_at <= self.until)
            and all(word in execution.text for word in words)
        ]


class ExecutionIndex:
    """The executions of the cloud, united with past runs: what the cloud knows counts more, while it is there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cloud: dict[str, KnownExecution] = {}
        self._past: dict[str, KnownExecution] = {}
        self._is_away = False
        self._ordered: list[KnownExecution] | None = []
        self._facets: tuple[Counter[str], Counter[str], Counter[str]] | None = None
        self._revision = 0

    @property
    def revision(self) -> int:
        """Grows with every change."""
        with self._lock:
            return self._revision

    def put(self, executions: Iterable[KnownExecution]) -> None:
        """Add executions of the cloud, or replace what was known of them."""
        with self._lock:
            changed = [each for each in executions if self._cloud.get(each.arn) != each]
            if changed:
                self._cloud.update((each.arn, each) for each in changed)
                self._change()

    def put_past(self, executions: Mapping[str, KnownExecution]) -> None:
        """Replace all past runs."""
        with self._lock:
            if self._past != executions:
                self._past = dict(executions)
                self._change()

    def forget_cloud(self) -> None:
        """Forget the executions of a cloud that is no more; past runs stay."""
        with self._lock:
            if self._cloud:
                self._cloud = {}
                self._change()

    def set_away(self, is_away: bool) -> None:
        """Say whether the cloud is away: what its executions have left can be read then, and they cannot."""
        with self._lock:
            if self._is_away != is_away:
                self._is_away = is_away
                self._change()

    def find(self, arn: str) -> KnownExecution | None:
        """Give what is known of an execution; None when it is not known (yet)."""
        with self._lock:
            first, second = (self._past, self._cloud) if self._is_away else (self._cloud, self._past)
            return first.get(arn) or second.get(arn)

    def find_in_cloud(self, arn: str) -> KnownExecution | None:
        """The same, when the cloud knows it too."""
        with self._lock:
            return self._cloud.get(arn)

    def all(self) -> list[KnownExecution]:
        """List all, the newest first. The list is for reading only."""
        with self._lock:
            if self._ordered is None:
                both = {**self._cloud, **self._past} if self._is_away else {**self._past, **self._cloud}
                self._ordered = sorted(both.values(), key=lambda execution: execution.order)
            return self._ordered

    def page(
        self,
        wanted: Filter,
        *,
        after: str | None,
        limit: int,
        title: Callable[[str], str],
        is_complete: bool,
    ) -> Executions:
        """Give a page of executions, the newest first.

        Parameters
        ----------
        wanted
            Which.
        after
            The `next` of the page before; what is newer than that page does not move this one.
        limit
            How many, at most.
        title
            Gives a workflow's title by its ARN.
        is_complete
            Whether there are no older ones to come in.

        Raises
        ------
        RequestError
            When `after` was not made here.
        """
        every = self.all()
        found = every if wanted.lets_all_through else wanted.apply(every)
        start = bisect_right(found, _read_cursor(after), key=lambda execution: execution.order) if after else 0
        rows = found[start : start + limit]
        has_more = start + limit < len(found)
        workflows, recipes, statuses = self._count(every)
        return Executions(
            rows=[execution.row(title) for execution in rows],
            total=len(found),
            next=_cursor(rows[-1].order) if has_more else None,
            workflows=_facet(workflows, title),
            recipes=_facet(recipes),
            statuses=_facet(statuses),
            is_complete=is_complete,
        )

    def _count(self, every: list[KnownExecution]) -> tuple[Counter[str], Counter[str], Counter[str]]:
        with self._lock:
            if self._facets is not None:
                return self._facets
        facets = (
            Counter(execution.workflow_arn for execution in every),
            Counter(execution.recipe for execution in every if execution.recipe is not None),
            Counter(str(execution.status) for execution in every),
        )
        with self._lock:
            if self._ordered is every:
                self._facets = facets
        return facets

    def _change(self) -> None:
        self._ordered = None
        self._facets = None
        self._revision += 1


def _facet(counts: Counter[str], label: Callable[[str], str] = str) -> list[Facet]:
    facets = [Facet(value=value, label=label(value), count=count) for value, count in counts.items()]
    return sorted(facets, key=lambda facet: (facet.label.casefold(), facet.value))


def _cursor(order: tuple[float, str]) -> str:
    return base64.urlsafe_b64encode(f"{order[0]!r} {order[1]}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[float, str]:
    try:
        time, _, arn = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition(" ")
        return float(time), arn
    except (ValueError, binascii.Error):
        raise RequestError(400, "after is not the `next` of a page of executions") from None
