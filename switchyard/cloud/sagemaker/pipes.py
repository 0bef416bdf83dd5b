"""Pipe mode: a channel is a row of named pipes, one for each epoch, filled from S3 while the script reads.

Source: "Using Pipe mode" in "How Amazon SageMaker AI Provides Training Information" (Amazon SageMaker Developer
Guide).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from switchyard.cloud.sagemaker.s3 import TransferError

_JOIN_SECONDS = 0.05


class Pipe:
    """The pipes ``<channel>_0``, ``<channel>_1`` ... of one channel on one host.

    Parameters
    ----------
    path : Path
        The channel's path, to which the epoch's number is appended.
    epoch : callable
        Yields the content of the epoch of that number.
    on_error : callable
        Called with why the content cannot be read.
    """

    def __init__(
        self, path: Path, epoch: Callable[[int], Iterator[bytes]], on_error: Callable[[TransferError], None]
    ) -> None:
        self._path = path
        self._epoch = epoch
        self._on_error = on_error
        self._closed = False
        self._number = 0
        self._make(0)
        self._thread = threading.Thread(target=self._run, name=f"pipe {path.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; whoever read from it has ended before."""
        self._closed = True
        while self._thread.is_alive():
            # The writer waits for a reader, or in a full pipe for one that has gone: both are over with this.
            with contextlib.suppress(FileNotFoundError):
                os.close(os.open(self._pipe(self._number), os.O_RDONLY | os.O_NONBLOCK))
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        while not self._closed:
            with self._pipe(self._number).open("wb", buffering=0) as pipe:
                if self._closed:
                    return
                self._make(self._number + 1)  # the next epoch can be opened before this one is read to its end
                try:
                    for chunk in self._epoch(self._number):
                        _write(pipe.fileno(), chunk)
                except BrokenPipeError:
                    pass  # the script has read enough of this epoch
                except TransferError as error:
                    self._on_error(error)
                    return
            self._pipe(self._number).unlink(missing_ok=True)
            self._number += 1

    def _pipe(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}_{number}")

    def _make(self, number: int) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._pipe(number))


def _write(descriptor: int, chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[os.write(descriptor, left) :]
