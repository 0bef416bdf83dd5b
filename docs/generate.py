"""Writes the pages that are made from the code, with ``python docs/generate.py``: command-line.md, compatibility.md."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import compatibility
from typer.main import get_command
from typer.testing import CliRunner

PAGE = Path(__file__).with_name("command-line.md")
HEAD = "# The command line\n\nMade by `make docs` from each command's `--help`.\n"


def page() -> str:
    """Return the page as it should be."""
    os.environ.update(COLUMNS="100", TERMINAL_WIDTH="100", NO_COLOR="1")
    from switchyard.cli import app

    return "".join([HEAD, *(_section(command) for command in _commands(get_command(app)))])


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Yield each command, and the commands of each group behind it."""
    yield list(path)
    for name, command in getattr(group, "commands", {}).items():
        yield from _commands(command, (*path, name))


def _section(command: list[str]) -> str:
    from switchyard.cli import app

    text = CliRunner().invoke(app, [*command, "--help"], prog_name="switchyard").stdout
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    while lines and not lines[0]:
        lines.pop(0)
    return "\n".join(["", f"## {' '.join(['switchyard', *command])}", "", "```", *lines, "```", ""])


if __name__ == "__main__":
    PAGE.write_text(page())
    compatibility.PAGE.write_text(compatibility.page())
