"""Ends a release whose package is marked as released: by whoever marked it, or whoever finds it so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parameters import write_parameter
from shared.undoing import delete_alarms, delete_config

if TYPE_CHECKING:
    from shared.release_state import Names


def finish_release(names: Names, model_package_arn: str) -> None:
    """Write down which package serves, and put away what only the release needed; safe to repeat."""
    write_parameter(names.package_parameter, model_package_arn)
    delete_alarms(names.alarms)
    delete_config(names.shared_config)
