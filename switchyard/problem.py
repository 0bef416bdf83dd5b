"""One thing that is wrong in one of the project's files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What was wrong, where, and what to do next.

    Parameters
    ----------
    file
        Path from the project's root, with forward slashes: ``recipes/diabetes.yaml``.
    where
        The place in the file: a field (``gate[0].metric``), a state, a resource. Empty: the whole file.
    message
        What is wrong.
    fix
        What to do next; empty when the message already says it.
    is_note
        Whether it may well be all right: worth knowing, and nothing to stop for.

    Examples
    --------
    >>> str(Problem("recipes/diabetes.yaml", "gate[0].metric", "'auc' is not known", "add it under metrics"))
    "recipes/diabetes.yaml: gate[0].metric: 'auc' is not known; add it under metrics"
    """

    file: str
    where: str
    message: str
    fix: str = ""
    is_note: bool = False

    def __str__(self) -> str:
        file = f"note: {self.file}" if self.is_note else self.file
        place = f"{file}: {self.where}" if self.where else file
        return f"{place}: {self.message}; {self.fix}" if self.fix else f"{place}: {self.message}"
