"""The storage volume of each of a job's hosts: no job fills this machine's disk beyond what it has asked for.

Source: ResourceConfig, VolumeSizeInGB (Amazon SageMaker API Reference).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

GIB = 2**30
_BLOCK = 512  # what st_blocks counts, whatever the file system's own blocks are
LOOK_SECONDS = 0.5


@contextmanager
def watched(folders: list[Path], gib: int, on_full: Callable[[str], None]) -> Iterator[None]:
    """Look at the hosts' folders while the context lasts.

    Parameters
    ----------
    folders : list of Path
        One for each host.
    gib : int
        How large each may become, in GiB.
    on_full : callable
        Called, once, with what is to be said when one has become larger.
    """
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            for folder in folders:
                if used(folder) > gib * GIB:
                    on_full(
                        f"[Errno 28] No space left on device: {folder.name} has written more than the {gib} GB of its "
                        "VolumeSizeInGB"
                    )
                    return

    thread = threading.Thread(target=look, name="volume", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def used(folder: Path) -> int:
    """Return how many bytes of the disk a folder takes; what vanishes meanwhile takes none."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += used(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
    except OSError:
        return total
    return total
