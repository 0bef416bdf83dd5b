"""What a release is asked to do: the machine's input, and the recipe's settings as this one release wants them."""

from __future__ import annotations

import re
from typing import Any, Literal

from shared.errors import InvalidRelease
from shared.release_settings import ReleaseSettings, with_overrides
from shared.run_request import Input, parse

# A version in a group: a package without a group has no recipe, and no approval either.
_PACKAGE_ARN = re.compile(r"arn:[^:]+:sagemaker:[^:]+:\d{12}:model-package/(?P<group>[^/]+)/(?P<version>\d+)")


class ReleaseRequest(Input):
    """The input document of a release.

    ``release`` changes the recipe's section of that name for this one release. ``reason`` is ``approval`` when the
    approval itself started it: a package that has served is then nothing to release. By hand it is a way back.
    """

    model_package: str
    recipe: str | None = None
    # Read once it stands in the recipe's own section: its rules are about the whole.
    release: dict[str, Any] | None = None
    reason: Literal["approval"] | None = None

    @property
    def group(self) -> str:
        """The group that the package is a version of.

        Raises
        ------
        InvalidRelease
            When the address is none of a package in a group.
        """
        match = _PACKAGE_ARN.fullmatch(self.model_package)
        if match is None:
            raise InvalidRelease(
                f"model_package is {self.model_package[:200]!r}; expected the ARN of a version in a model package "
                "group: arn:aws:sagemaker:<region>:<account>:model-package/<group>/<version>."
            )
        return match["group"]


def parse_release_request(document: Any) -> ReleaseRequest:
    """Read a release's input.

    Raises
    ------
    InvalidRelease
        Naming each key that is wrong.
    """
    if not isinstance(document, dict):
        raise InvalidRelease('The input is no JSON object; expected {"model_package": "arn:aws:sagemaker:..."}.')
    return parse(ReleaseRequest, document, "The input", InvalidRelease)


def apply_release_overrides(settings: ReleaseSettings, overrides: dict[str, Any], recipe: str) -> ReleaseSettings:
    """Give a recipe's settings as this one release wants them.

    Raises
    ------
    InvalidRelease
        When a key is not known, or the result makes no sense.
    """
    if "approval" in overrides:
        raise InvalidRelease("release.approval is the recipe's: what is released has been approved by then.")
    merged = with_overrides(settings.model_dump(), overrides)
    return parse(ReleaseSettings, merged, f"The section release of recipe {recipe!r} with the input's", InvalidRelease)
