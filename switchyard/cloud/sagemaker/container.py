"""A container's file system and environment, as SageMaker lays them out, under a folder of its own.

Sources: "How Amazon SageMaker AI Provides Training Information", "Build Your Own Processing Container"
(Amazon SageMaker Developer Guide), and the environment that sagemaker-training 5.1.4 sets.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

OPT_ML = "/opt/ml"
HOST = "algo-1"
# A path below /opt/ml standing alone or after '=', ':' or a quote, as in --train=/opt/ml/input.
_OPT_ML = re.compile(r"(?<![\w./-])/opt/ml(?=/|$)")


class Container:
    """One container's folder.

    Parameters
    ----------
    root : Path
        The folder that takes the place of the container's ``/``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, *names: str) -> Path:
        """Return a path below ``/opt/ml``, with its folder made."""
        path = self.root.joinpath("opt", "ml", *names)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def folder(self, *names: str) -> Path:
        """Return a folder below ``/opt/ml``, made."""
        path = self.path(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def mount(self) -> tuple[Path, Path]:
        """This folder, and where the container's processes find it."""
        return self.folder(), Path(OPT_ML)

    def local(self, text: str) -> str:
        """Put this folder in place of ``/opt/ml`` wherever `text` names that path."""
        return _OPT_ML.sub(lambda _: str(self.root / "opt" / "ml"), text)

    def local_document(self, document: Any) -> Any:
        """Do as `local` with every text of a JSON document."""
        if isinstance(document, str):
            return self.local(document)
        if isinstance(document, dict):
            return {key: self.local_document(value) for key, value in document.items()}
        if isinstance(document, list):
            return [self.local_document(value) for value in document]
        return document

    def local_path(self, path: str) -> Path:
        """Return where a path of the container, absolute and below ``/opt/ml``, lies here."""
        if not re.match(rf"{OPT_ML}(/|$)", path) or ".." in path.split("/"):
            raise ValueError(f"'{path}' is not below {OPT_ML}")
        return Path(self.local(path))

    def write_json(self, document: Any, *names: str) -> None:
        """Write a JSON file below ``/opt/ml``."""
        self.path(*names).write_text(json.dumps(document))

    def read_text(self, *names: str, limit: int = 1024) -> str:
        """Read a small text file below ``/opt/ml``; an empty string when there is none."""
        path = self.path(*names)
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(limit).decode("utf-8", "replace").strip()

    def remove(self) -> None:
        """Delete all of it."""
        shutil.rmtree(self.root, ignore_errors=True)


def base_environment(code: Path | None = None) -> dict[str, str]:
    """Return the environment that every container process begins with."""
    kept = {
        key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH") if key in os.environ
    }
    scripts = sysconfig.get_path("scripts")
    return {
        **kept,
        "PATH": f"{scripts}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "HOME": str(code or Path.cwd()),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **({"PYTHONPATH": str(code)} if code else {}),
    }


def python_command(command: list[str]) -> tuple[str | None, list[str]]:
    """Say how to start a command line: in a warm Python process if it is ``python script``, else as it is.

    Returns
    -------
    tuple
        The target and the arguments for `ProcessHost.spawn`.
    """
    program = command[0].rpartition("/")[2]
    if re.fullmatch(r"python(3(\.\d+)?)?", program):
        if len(command) > 1 and command[1].endswith(".py"):
            return "switchyard.cloud.processes.script:run", command[1:]
        return None, [sys.executable, *command[1:]]
    return None, command
