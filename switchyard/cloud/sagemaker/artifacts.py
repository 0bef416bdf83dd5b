"""What a training job leaves: the files of all of its hosts, as one archive or as they are.

Source: "How Amazon SageMaker AI Processes Training Output" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from switchyard.cloud.sagemaker.s3 import join_uri, pack, upload_file, upload_folder


class Artifacts:
    """Uploads what lies in the hosts' folders.

    Parameters
    ----------
    s3 : object
        A client in the name of the job's role.
    output : dict
        The job's ``OutputDataConfig``.
    job_name : str
        The job's name: everything lies below it.
    work : Path
        A folder for what all hosts have left together.
    """

    def __init__(self, s3: Any, output: dict[str, Any], job_name: str, work: Path) -> None:
        self._s3 = s3
        self._uri = join_uri(output["S3OutputPath"], job_name, "output")
        self._is_compressed = output.get("CompressionType") != "NONE"
        self._work = work

    def upload(self, name: str, folders: list[Path]) -> str | None:
        """Upload what the hosts have left in their folders; return where it lies, if there was anything.

        Raises
        ------
        TransferError
            S3 does not take it.
        """
        made = self._work / name
        for folder in folders:
            if folder.is_dir() and any(folder.iterdir()):
                _gather(folder, made)
        if not made.exists():
            return None
        uri = join_uri(self._uri, name)
        if not self._is_compressed:
            upload_folder(self._s3, made, uri)
            return f"{uri}/"
        archive = made.with_name(f"{name}.tar.gz")
        pack(made, archive)
        upload_file(self._s3, archive, f"{uri}.tar.gz")
        return f"{uri}.tar.gz"


def _gather(left: Path, made: Path) -> None:
    """Move a host's files to those of the others; of files with one name, the last host's stays."""
    made.parent.mkdir(parents=True, exist_ok=True)
    if made.exists():
        shutil.copytree(left, made, symlinks=True, dirs_exist_ok=True)
    else:
        left.rename(made)
