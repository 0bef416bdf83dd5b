"""Checkpoints: a folder of a job's containers that SageMaker keeps in S3 while the job runs, and restores.

Sources: "Checkpoints in Amazon SageMaker AI", "Managed Spot Training in Amazon SageMaker AI" (Amazon SageMaker
Developer Guide).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from switchyard.cloud.sagemaker.s3 import TransferError, download_below, find_objects, join_uri, upload_file

# How soon a checkpoint is seen. One that has not changed since the last look is taken for complete.
LOOK_SECONDS = 0.2
Stamp = tuple[int, int]


class Checkpoints:
    """The checkpoints of one attempt of a job.

    Parameters
    ----------
    s3 : object
        A client in the name of the job's role.
    uri : str
        The prefix that they are kept under.
    folders : list of Path
        Where each host writes them.
    on_saved : callable
        Called once the first of this attempt is in S3.
    """

    def __init__(self, s3: Any, uri: str, folders: list[Path], on_saved: Callable[[], None]) -> None:
        self._s3 = s3
        self._uri = uri
        self._folders = folders
        self._on_saved = on_saved
        self._kept: dict[Path, Stamp] = {}
        self._seen: dict[Path, Stamp] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"checkpoints {uri}", daemon=True)

    def restore(self) -> None:
        """Bring what is kept to every host.

        Raises
        ------
        TransferError
            It cannot be read.
        """
        for folder in self._folders:
            folder.mkdir(parents=True, exist_ok=True)
            for found in find_objects(self._s3, join_uri(self._uri, "")):
                download_below(self._s3, found, folder)
        self._kept = dict(self._found())

    def start(self) -> None:
        """Begin to keep what the hosts write."""
        self._thread.start()

    def close(self) -> None:
        """Keep what there is now, and end.

        Raises
        ------
        TransferError
            S3 does not take it.
        """
        self._over.set()
        self._thread.join()
        for path, stamp in self._found():
            self._upload(path, stamp)

    def _keep(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            found = dict(self._found())
            try:
                for path, stamp in found.items():
                    if self._seen.get(path) == stamp:
                        self._upload(path, stamp)
            except TransferError:
                return  # the last look says so
            self._seen = found

    def _found(self) -> Iterator[tuple[Path, Stamp]]:
        for folder in self._folders:
            for path in sorted(folder.rglob("*")):
                try:
                    status = path.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # the script has taken it away again
                if path.is_file() and not path.is_symlink():
                    yield path, (status.st_mtime_ns, status.st_size)

    def _upload(self, path: Path, stamp: Stamp) -> None:
        if self._kept.get(path) == stamp:
            return
        folder = next(folder for folder in self._folders if path.is_relative_to(folder))
        try:
            upload_file(self._s3, path, join_uri(self._uri, path.relative_to(folder).as_posix()))
        except FileNotFoundError:
            return
        self._kept[path] = stamp
        self._on_saved()
