"""The code of a job or a model: where it comes from, and how its entry point is run.

Source: sagemaker-training 5.1.4, which takes code from S3 or from a folder of the container.
"""

from __future__ import annotations

import shlex
import shutil
import tarfile
from pathlib import Path
from typing import Any

from switchyard.cloud.sagemaker.container import Container
from switchyard.cloud.sagemaker.s3 import TransferError, download_object, unpack


def download_code(s3: Any, container: Container, uri: str | None) -> None:
    """Bring the code to ``/opt/ml/code``: a ``sourcedir.tar.gz`` in S3, or what already lies below ``/opt/ml``.

    Raises
    ------
    TransferError
        It is not there, or no archive.
    """
    if not uri:
        return
    code = container.folder("code")
    if str(uri).startswith("s3://"):
        archive = container.root / "sourcedir.tar.gz"
        download_object(s3, str(uri), archive)
        unpack(archive, code)
        archive.unlink()
        return
    try:
        source = container.local_path(str(uri))
    except ValueError:
        raise TransferError(
            f"ClientError: sagemaker_submit_directory '{uri}' is neither an S3 URI nor below /opt/ml"
        ) from None
    if source.is_dir():
        if source.resolve() != code.resolve():
            shutil.copytree(source, code, symlinks=True, dirs_exist_ok=True)
    elif source.is_file() and tarfile.is_tarfile(source):
        unpack(source, code)
    elif source.is_file():
        shutil.copy(source, code)
    else:
        raise TransferError(f"ClientError: there is no sagemaker_submit_directory '{uri}' in the container")


def entry_command(code: Path, program: str, arguments: list[str]) -> list[str]:
    """Return the command line of an entry point: a Python script, or anything else for the shell.

    Raises
    ------
    TransferError
        It is not there.
    """
    script = _script(code, program)
    if program.endswith(".py"):
        return ["python3", str(script), *arguments]
    script.chmod(0o755)
    return ["/bin/sh", "-c", " ".join([f"./{shlex.quote(program)}", *map(shlex.quote, arguments)])]


def package_command(code: Path, program: str, arguments: list[str]) -> list[str]:
    """Return the command line of an entry point in a Python package, beside its ``setup.py``.

    Raises
    ------
    TransferError
        It is not there.
    """
    _script(code, program)
    return ["python3", "-m", program.removesuffix(".py"), *arguments]


def torchrun_command(command: list[str], rank: int, hosts: int, master: tuple[str, int]) -> list[str]:
    """Return the command line that runs a script's command in a group of PyTorch processes, one a host.

    Parameters
    ----------
    command : list of str
        As `entry_command` gives it.
    rank, hosts : int
        Which host this is, and of how many.
    master : tuple
        The address and the port of the first one.
    """
    address, port = master
    options = ["--nnodes", hosts, "--nproc_per_node", 1, "--node_rank", rank]
    options += ["--master_addr", address, "--master_port", port]
    return ["python3", "-m", "torch.distributed.run", *map(str, options), *command[1:]]


def _script(code: Path, program: str) -> Path:
    script = code / program
    if not script.resolve().is_relative_to(code.resolve()) or not script.is_file():
        raise TransferError(f"ClientError: there is no '{program}' in sagemaker_submit_directory")
    return script
