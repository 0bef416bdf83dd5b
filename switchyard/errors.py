"""Every error that Switchyard raises on purpose; anything else that escapes is a bug.

A message says what was wrong, where, and what to do next. The tree:

    SwitchyardError             exit code 1
    ├── PublishError            the artifact or the data bucket refused
    ├── StackError              a stack could not be changed, or there is nothing to change
    ├── ExecutionStatusError    an execution has ended, or has not, and so cannot be stopped or redriven
    ├── PackageStatusError      a model package is decided about, or serves, already
    └── UsageError              exit code 2: the user's input was wrong
        ├── ProjectError        not inside a project
        ├── RecipeError         a recipe that cannot be used
        ├── NameTakenError      another execution has that name
        ├── ImageError          an image, a version or a region that is not known
        └── DataError           a data set that cannot be used
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchyard.problem import Problem

__all__ = [
    "DataError",
    "ExecutionStatusError",
    "ImageError",
    "NameTakenError",
    "PackageStatusError",
    "ProjectError",
    "PublishError",
    "RecipeError",
    "StackError",
    "SwitchyardError",
    "UsageError",
]


class SwitchyardError(Exception):
    """When something went wrong that the user can understand and act on."""

    exit_code: ClassVar[int] = 1


class PublishError(SwitchyardError):
    """When S3 refuses what is being published."""


class StackError(SwitchyardError):
    """When CloudFormation cannot do to a stack what is asked, or has not succeeded."""


class ExecutionStatusError(SwitchyardError):
    """When an execution cannot be stopped or redriven as it stands."""


class PackageStatusError(SwitchyardError):
    """When a model package cannot be approved, rejected or released as it stands: nothing was changed."""

    exit_code: ClassVar[int] = 2


class UsageError(SwitchyardError):
    """When what the user gave is wrong: nothing was started, nothing was changed."""

    exit_code: ClassVar[int] = 2


class NameTakenError(UsageError):
    """When an execution of that name is there already, with another input."""


class ProjectError(UsageError):
    """When there is no Switchyard project at, or above, a folder."""


class RecipeError(UsageError):
    """When a recipe's file cannot be read or breaks a rule.

    Parameters
    ----------
    problems
        Everything that was found, in the file's order; the message has a line for each.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class ImageError(UsageError):
    """When a container image is not known: framework, version or region."""


class DataError(UsageError):
    """When a data set is missing, malformed, or does not fit its recipe."""
