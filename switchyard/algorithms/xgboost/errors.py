"""What is wrong with what the algorithm is given."""

from __future__ import annotations


class UserError(Exception):
    """The user can mend it: a hyperparameter, a channel, or the data."""
