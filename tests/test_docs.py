"""What the documentation says of commands is true."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from typer.main import get_command

from switchyard.cli import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(program: str) -> list[str]:
    found = []
    for page in PAGES:
        found += re.findall(rf"^    ({program} .+)$", page.read_text(), flags=re.MULTILINE)
    return sorted(set(found))


@pytest.mark.parametrize(("module", "page"), [("generate", "command-line.md"), ("compatibility", "compatibility.md")])
def test_a_page_that_is_made_from_the_code_is_what_the_code_says(module: str, page: str) -> None:
    code = f"import sys; sys.path.insert(0, 'docs'); import {module}; print({module}.page(), end='')"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout == (ROOT / "docs" / page).read_text(), "run `make docs`"


@pytest.mark.parametrize("line", commands("switchyard"))
def test_every_command_that_is_shown_is_one(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    group = get_command(app)
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    with group.make_context("switchyard", words, resilient_parsing=False) as context:
        name, *rest = [*context._protected_args, *context.args]
        command = group.get_command(context, name)
        assert command is not None, name
        command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("line", commands("make"))
def test_every_make_target_that_is_shown_is_one(line: str) -> None:
    target = shlex.split(line, comments=True)[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("line", commands(r"\.venv-author/bin/python"))
def test_every_script_that_is_shown_is_there(line: str) -> None:
    assert (ROOT / shlex.split(line, comments=True)[1]).is_file()


def test_every_link_within_the_documentation_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_nothing_committed_names_a_package_index() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    words = re.compile("|".join(["index" + "-url", "find" + "-links", "pypi" + r"\.org"]))
    named = [
        name for name in listed if (ROOT / name).is_file() and words.search((ROOT / name).read_text(errors="ignore"))
    ]
    assert named == []
