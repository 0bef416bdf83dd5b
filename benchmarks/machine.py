"""What the benchmark ran on."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("switchyard", "boto3", "moto", "scikit-learn", "numpy", "uvicorn")


def describe() -> dict[str, Any]:
    """Give cores, memory, load, and versions."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }


def line(machine: dict[str, Any]) -> str:
    """Write it on one line."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    memory = f"{machine['memory_gb']} GB, " if machine["memory_gb"] else ""
    return (
        f"{machine['cores']} cores ({machine['processor'] or machine['system']}), {memory}{machine['python']}, "
        f"{versions}; load before: {machine['load_before']}"
    )


def _processor() -> str:
    try:
        for text in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if text.startswith("model name"):
                return text.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _memory_gb() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError):
        return None
