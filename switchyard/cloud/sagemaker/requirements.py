"""Environments of a job's own: what its requirements.txt asks for, over the framework's libraries, kept by content.

The framework's own environment is never written to, so no job can break another. An environment is made once for each
set of requirements; a job whose requirements are there already needs none.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_READY = ".ready"
# A name, perhaps with versions: all that is compared here. Anything else is left to pip.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*([<>=!~][^;@\[\]]*)?")
# What makes pip find its indexes, and reach them.
_PIP_SETTINGS = re.compile(
    r"(PIP_\w+|XDG_\w+|HOME|(HTTPS?|ALL|NO)_PROXY|SSL_CERT_FILE|REQUESTS_CA_BUNDLE)", re.IGNORECASE
)
_NOT_LIBRARIES = re.compile(r"__pycache__|.*\.(dist-info|egg-info|pth)|_virtualenv.*|distutils-precedence.*")


class InstallError(Exception):
    """The requirements could not be installed.

    Parameters
    ----------
    exit_code : int
        pip's.
    command : str
        The command that the image would have run.
    is_package : bool
        Whether the code itself was to be installed.
    """

    def __init__(self, exit_code: int, command: str, *, is_package: bool) -> None:
        super().__init__(f"{command}: exit code {exit_code}")
        self.exit_code = exit_code
        self.command = command
        self.is_package = is_package


@dataclass(frozen=True)
class Environment:
    """Libraries over the framework's.

    Parameters
    ----------
    folder : Path
        A virtual environment.
    is_apart : bool
        Whether something in it takes the place of a library of the framework's, so that a process which has that one
        imported already is of no use.
    """

    folder: Path
    is_apart: bool

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def variables(self, environment: dict[str, str]) -> dict[str, str]:
        """Return a process's variables with this environment's commands, and its libraries, in front."""
        path = f"{self.folder / 'bin'}{os.pathsep}{environment['PATH']}"
        if self.is_apart:
            return {**environment, "PATH": path}
        modules = os.pathsep.join([environment["PYTHONPATH"], str(_site(self.folder))])
        return {**environment, "PATH": path, "PYTHONPATH": modules}


def prepare(code: Path, kept: Path, pip: Callable[[list[str], dict[str, str]], int]) -> Environment | None:
    """Return the environment that some code needs, made if there is none yet; None if it needs none.

    Parameters
    ----------
    code : Path
        Its folder: a ``requirements.txt``, and perhaps a ``setup.py``, are looked for there.
    kept : Path
        Where environments are kept.
    pip : callable
        Runs a command in that folder with some variables, and returns its exit code.

    Raises
    ------
    InstallError
        pip could not install them.
    """
    wanted = ["."] if (code / "setup.py").is_file() else []
    requirements = code / "requirements.txt"
    if requirements.is_file():
        if not wanted and _are_met(requirements.read_text("utf-8", "replace")):
            return None
        wanted += ["-r", "requirements.txt"]
    if not wanted:
        return None
    folder = kept / _digest(code, wanted)
    with _locked(folder.with_suffix(".lock")):
        if not (folder / _READY).exists():
            _make(folder, wanted, pip)
    return Environment(folder, _stands_apart(folder))


def pip_settings() -> dict[str, str]:
    """Return the variables of this process that tell pip where its packages come from."""
    return {name: value for name, value in os.environ.items() if _PIP_SETTINGS.fullmatch(name)}


def _make(folder: Path, wanted: list[str], pip: Callable[[list[str], dict[str, str]], int]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    make = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(make, check=True, capture_output=True)
    # Those of the framework come after its own.
    (_site(folder) / "framework.pth").write_text("".join(f"{path}\n" for path in _framework_paths()))
    command = ["python3", "-I", "-m", "pip", "--python", str(folder / "bin" / "python")]
    options = ["install", "--no-input", "--disable-pip-version-check", "--no-warn-script-location"]
    try:
        exit_code = pip([*command, *options, *wanted], pip_settings())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if exit_code != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise InstallError(exit_code, " ".join(["python3 -m pip install", *wanted]), is_package="." in wanted)
    (folder / _READY).touch()


def _are_met(text: str) -> bool:
    """Return whether every requirement is there already; what is not a name with versions counts as not."""
    from packaging.requirements import InvalidRequirement, Requirement

    for line in text.splitlines():
        wanted = re.sub(r"(^|\s)#.*", "", line).strip()
        if not wanted:
            continue
        if not _PLAIN.fullmatch(wanted):
            return False
        try:
            requirement = Requirement(wanted)
            if not requirement.specifier.contains(importlib.metadata.version(requirement.name)):
                return False
        except (InvalidRequirement, importlib.metadata.PackageNotFoundError):
            return False
    return True


def _digest(code: Path, wanted: list[str]) -> str:
    digest = hashlib.sha256(f"{platform.python_version()} {wanted} {_framework()}".encode())
    text = (code / "requirements.txt").read_bytes() if "-r" in wanted else b""
    digest.update(text)
    if "." in wanted or re.search(rb"(^\s*[-./])|file:|[/\\]|@", text, re.MULTILINE):  # it may name files beside it
        for path in sorted(code.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"\0{path.relative_to(code)}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


@cache
def _framework() -> str:
    """Return the framework's libraries and their versions."""
    found = {f"{each.name}=={each.version}" for each in importlib.metadata.distributions()}
    return f"{sys.prefix} {sorted(found)}"


def _framework_paths() -> list[str]:
    return [path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}]


def _site(folder: Path) -> Path:
    return next((folder / "lib").glob("python*")) / "site-packages"


def _stands_apart(folder: Path) -> bool:
    own = _site(folder)
    needs_its_start = any(path.name != "framework.pth" for path in own.glob("*.pth"))
    there = {name for path in _framework_paths() for name in _modules(Path(path))}
    return needs_its_start or bool(_modules(own) & there)


def _modules(site: Path) -> set[str]:
    """Return the names of the modules and packages in a folder."""
    return {path.name.partition(".")[0] for path in site.iterdir() if not _NOT_LIBRARIES.fullmatch(path.name)}


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one job at a time, of one cloud or of several, make an environment; the others wait for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
