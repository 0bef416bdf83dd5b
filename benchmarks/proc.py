"""What Linux tells about processes in /proc; on other systems there is nothing to tell."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
AVAILABLE = (PROC / "self" / "smaps_rollup").exists()
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
_LISTENING = "0A"


@dataclass(frozen=True)
class ProcessId:
    """A process; the time of its start tells it from a later one of the same number."""

    pid: int
    start: int


@dataclass(frozen=True)
class Memory:
    """The memory of a process, in bytes: resident pages, and those with each shared page divided by its users."""

    resident: int
    proportional: int


def descendants(root: int) -> list[ProcessId]:
    """List the processes that descend from `root`, without itself."""
    children: dict[int, list[ProcessId]] = {}
    for pid in _pids():
        if (found := _stat(pid)) is not None:
            children.setdefault(found[0], []).append(found[1])
    family = list(children.get(root, []))
    for process in family:  # grows while it is walked
        family += children.get(process.pid, [])
    return family


def identify(pid: int) -> ProcessId | None:
    """Give a process's identity; None when it is gone, or cannot be told."""
    found = _stat(pid)
    return found[1] if found else None


def is_alive(process: ProcessId) -> bool:
    """Whether it is still that very process."""
    return identify(process.pid) == process


def memory(pid: int) -> Memory | None:
    """Measure a process; None when it is gone."""
    try:
        resident = int((PROC / str(pid) / "statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        match = _PSS.search((PROC / str(pid) / "smaps_rollup").read_bytes())
    except (OSError, IndexError):
        return None
    return Memory(resident, int(match.group(1)) * 1024 if match else resident)


def listening_ports(pid: int) -> list[int]:
    """List the TCP ports that a process listens on."""
    inodes = set()
    with contextlib.suppress(OSError):
        for link in (PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(link.readlink())
                if target.startswith("socket:["):
                    inodes.add(target[len("socket:[") : -1])
    ports = []
    with contextlib.suppress(OSError):
        for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and fields[9] in inodes:
                ports.append(int(fields[1].rpartition(":")[2], 16))
    return ports


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - called a hundred times a second
    except OSError:
        return []


def _stat(pid: int) -> tuple[int, ProcessId] | None:
    """Give a process's parent and identity."""
    try:
        # The name, in parentheses, may hold anything; what counts comes after it.
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
        return None if fields[0] == b"Z" else (int(fields[1]), ProcessId(pid, int(fields[19])))
    except (OSError, IndexError):
        return None
