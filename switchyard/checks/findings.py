"""What is found in a machine's states, gathered over all ways on which an execution can reach them."""

from __future__ import annotations

from dataclasses import dataclass, field

Trail = tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One thing: where in the definition, what, what to do next; a note when it may well be all right."""

    where: str
    message: str
    fix: str = ""
    is_note: bool = False


@dataclass
class Findings:
    """Collects findings: the same one on several ways is told once, with the ways that it holds on.

    A state is looked at once for each way of reaching it that leaves other data.
    """

    _visits: dict[str, int] = field(default_factory=dict)
    _found: dict[Finding, tuple[str, list[Trail], bool]] = field(default_factory=dict)

    def visit(self, place: str) -> None:
        """Count that a state, or a rule of a Choice, is looked at."""
        self._visits[place] = self._visits.get(place, 0) + 1

    def add(self, finding: Finding, state: str = "", trail: Trail = (), *, everywhere: bool = False) -> None:
        """Add what was found.

        Parameters
        ----------
        finding
            What was found.
        state
            The place of the state that was looked at.
        trail
            The states on the way to it.
        everywhere
            Whether it counts only if it holds on every way.
        """
        self._found.setdefault(finding, (state, [], everywhere))[1].append(trail)

    def result(self) -> list[Finding]:
        """Give what was found, each once."""
        results = []
        for finding, (state, trails, everywhere) in self._found.items():
            visits = self._visits.get(finding.where if everywhere else state, 0)
            if len(trails) >= visits:
                results.append(finding)
            elif not everywhere:
                before = dict.fromkeys(repr(trail[-1]) for trail in trails if trail)
                way = f" when the execution comes from {' or '.join(list(before)[:3])}" if before else ""
                results.append(Finding(finding.where, finding.message + way, finding.fix, finding.is_note))
        return list(dict.fromkeys(results))
