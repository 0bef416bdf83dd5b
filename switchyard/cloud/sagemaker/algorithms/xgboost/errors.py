"""What goes wrong in the algorithm."""

from __future__ import annotations


class AlgorithmError(Exception):
    """The library has failed."""


class MissingLibraryError(Exception):
    """A library is not installed where the cloud runs.

    Parameters
    ----------
    what : str
        What needs it.
    requirement : str
        What to give to ``pip install``.
    """

    def __init__(self, what: str, requirement: str) -> None:
        super().__init__(f"{what} is not installed where the local cloud runs; install it: pip install '{requirement}'")


XGBOOST = "xgboost-cpu==3.0.5"
PYARROW = "pyarrow>=22"
