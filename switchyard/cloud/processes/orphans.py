"""What a job started and left running: it ends with the job, also where it has a session of its own by then.

The kernel gives a process whose parent has ended to the nearest ancestor that asks for such. Which job it was of is
seen by its mount namespace, where jobs have one each (see `switchyard.cloud.processes.mounts`); where they have none,
it ends once no job runs.

Sources: prctl(2), PR_SET_CHILD_SUBREAPER; proc_tid_children(5), namespaces(7) (Linux man-pages).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def adopt() -> None:
    """Become the parent of what this process's descendants leave behind, where the kernel can that (Linux)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end(running: Collection[int]) -> None:
    """End what is left of jobs that have ended.

    Parameters
    ----------
    running : collection of int
        The processes of the jobs that go on.
    """
    spared = {_mounts_of(pid) for pid in running}
    while left := [pid for pid in _children() if pid not in running and _mounts_of(pid) not in spared]:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)  # then what it has started itself comes to this process


def _children() -> list[int]:
    found = []
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in path.read_text(encoding="ascii").split()]
    return found


def _mounts_of(pid: int) -> int | None:
    """Return which mount namespace a process has; None for one that has ended."""
    with contextlib.suppress(OSError):
        return os.stat(f"/proc/{pid}/ns/mnt").st_ino  # noqa: PTH116 - a link to no path
    return None
