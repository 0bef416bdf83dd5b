"""Shows a process a folder of its own under a fixed path, such as /opt/ml, as a container's mount does.

Linux alone can: the process gets a mount namespace, and where it is not root a user namespace with it. Kernels and
security modules may forbid that; then the path is simply not there, and the process finds the folder by its variables.

Sources: unshare(2), user_namespaces(7), mount_namespaces(7) (Linux man-pages).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18


@cache
def are_allowed() -> bool:
    """Return whether this machine lets a process have mounts of its own; tried once, in a process that ends."""
    if sys.platform != "linux":
        return False
    folder = Path(tempfile.mkdtemp(prefix="switchyard-"))
    inner = folder / "opt" / "ml"
    inner.mkdir(parents=True)
    pid = os.fork()
    if pid == 0:
        exit_code = 1
        try:
            show(inner, Path("/opt/ml"))
            exit_code = 0 if Path("/opt/ml").samefile(inner) and os.getuid() == folder.stat().st_uid else 1
        finally:
            os._exit(exit_code)
    _, status = os.waitpid(pid, 0)
    shutil.rmtree(folder, ignore_errors=True)
    return status == 0


def show(folder: Path, path: Path) -> None:
    """Let this process, and what it starts, find `folder` at `path`; nothing else on the machine sees it there.

    Parameters
    ----------
    folder : Path
        Its last two names are those of `path`: where the first is not on this machine as a folder with the second in
        it, the parent of `folder` takes its place, with what lies there already.

    Raises
    ------
    OSError
        The kernel does not allow it.
    """
    _unshare()
    _mount("none", "/", _MS_REC | _MS_PRIVATE)
    if not path.is_dir():
        _join(folder.parent, path.parent)
        folder, path = folder.parent, path.parent
    _mount(str(folder), str(path), _MS_BIND | _MS_REC)


def _unshare() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    flags = _CLONE_NEWNS if user == 0 else _CLONE_NEWNS | _CLONE_NEWUSER
    if libc.unshare(flags) != 0 and (user != 0 or libc.unshare(flags | _CLONE_NEWUSER) != 0):
        raise OSError(ctypes.get_errno(), "unshare")
    if Path("/proc/self/uid_map").read_text().split() == []:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _join(made: Path, there: Path) -> None:
    """Give `made` what lies in `there`, to take its place."""
    for entry in sorted(there.iterdir()):
        target = made / entry.name
        if target.exists() or target.is_symlink():
            continue
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
            continue
        if entry.is_dir():
            target.mkdir()
        else:
            target.touch()
        _mount(str(entry), str(target), _MS_BIND | _MS_REC)


def _mount(source: str, target: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), None, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")
