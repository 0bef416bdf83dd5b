"""Write the state machines out: `python -m workflows.render [--check]`.

Each module here that has a `definition()` becomes `<module>.asl.json` beside it, and the table of images
becomes `switchyard/recipes/images.json`. Both are committed: AWS and the local cloud read them, and neither needs the
SDK that wrote them. `--check` writes nothing, and fails when a committed file is not what would be written.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent

# Fields of a state in the order in which one reads them; any other comes before the way out of the state.
FIRST = ("Comment", "Type", "Resource", "Variable", "Parameters", "Branches", "ResultSelector", "ResultPath")
LAST = ("Retry", "Catch", "Choices", "Default", "Next", "End")


def main(arguments: list[str] | None = None) -> int:
    """Render, or with `--check` compare.

    Parameters
    ----------
    arguments
        The command line; that of the process if left out.

    Returns
    -------
    int
        0, or 1 when `--check` found a file that differs.
    """
    parser = argparse.ArgumentParser(prog="python -m workflows.render", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is committed; write nothing")
    check = parser.parse_args(arguments).check

    drifted = False
    for path, text in rendered():
        committed = path.read_text() if path.exists() else ""
        name = str(path.relative_to(ROOT))
        if committed == text:
            print(f"{name} is up to date")
        elif check:
            drifted = True
            sys.stdout.writelines(_diff(committed, text, name))
        else:
            path.write_text(text)
            print(f"{name} written")
    if drifted:
        print("The above is not what workflows/ renders to: run `python -m workflows.render`, and commit.")
    return int(drifted)


def rendered() -> Iterator[tuple[Path, str]]:
    """Give each file that rendering writes, with its text."""
    _forget_this_machine()
    _read_descriptions_once()
    for module_path in sorted(FOLDER.glob("[!_]*.py")):
        if module_path.stem == Path(__file__).stem:
            continue
        module = importlib.import_module(f"workflows.{module_path.stem}")
        if hasattr(module, "definition"):
            definition = _readable(module.definition())
            yield module_path.with_suffix(".asl.json"), json.dumps(definition, indent=2) + "\n"
    images = importlib.import_module("workflows.images").images()
    yield ROOT / "switchyard/recipes/images.json", json.dumps(images, indent=2, sort_keys=True) + "\n"


def _forget_this_machine() -> None:
    # The SDKs look up a region, a profile and company-wide defaults; what is rendered may depend on none.
    # Without a region the stepfunctions SDK writes `arn:aws:states:::...`, and warns that it does.
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        os.environ.pop(name, None)
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": os.devnull,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": os.devnull,
        # Version 2 is what the stepfunctions SDK works with.
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
    }
    logging.disable(logging.WARNING)
    # Nothing to be done about it here: the stepfunctions SDK asks for its own version that way.
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")


def _read_descriptions_once() -> None:
    # The SDKs open a session for each state and for each image, and each session parses AWS's descriptions anew.
    from botocore.loaders import JSONFileLoader

    load, known = JSONFileLoader.load_file, {}

    def load_once(self: JSONFileLoader, path: str) -> Any:
        if path not in known:
            known[path] = load(self, path)
        return known[path]

    JSONFileLoader.load_file = load_once


def _readable(machine: dict[str, Any]) -> dict[str, Any]:
    """Put states in the order in which a run meets them, failures last, and fields in a reader's order."""
    order: list[str] = []

    def walk(name: str | None) -> None:
        if name is None or name in order:
            return
        order.append(name)
        state = machine["States"][name]
        for following in (state.get("Next"), state.get("Default"), *_targets(state.get("Choices"))):
            walk(following)

    walk(machine["StartAt"])
    for name in order:  # grows while it is read: what a failure leads to may catch failures of its own
        for target in _targets(machine["States"][name].get("Catch")):
            walk(target)
    return {**machine, "States": {name: _readable_state(machine["States"][name]) for name in order}}


def _targets(rules: list[dict[str, Any]] | None) -> list[str]:
    return [rule["Next"] for rule in rules or []]


def _readable_state(state: dict[str, Any]) -> dict[str, Any]:
    middle = sorted(state.keys() - {*FIRST, *LAST})
    fields = {name: state[name] for name in (*FIRST, *middle, *LAST) if name in state}
    if "Branches" in fields:
        fields["Branches"] = [_readable(branch) for branch in fields["Branches"]]
    if "ItemProcessor" in fields:
        fields["ItemProcessor"] = _readable(fields["ItemProcessor"])
    return fields


def _diff(committed: str, text: str, name: str) -> Iterator[str]:
    return difflib.unified_diff(
        committed.splitlines(keepends=True),
        text.splitlines(keepends=True),
        f"{name} (committed)",
        f"{name} (rendered)",
    )


if __name__ == "__main__":
    sys.exit(main())
