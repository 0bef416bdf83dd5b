"""Which local runtime stands in for a container image."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from switchyard.cloud.iam.service_calls import May, pull_image
from switchyard.cloud.processes import ProcessHost

_SERVER = ("switchyard.cloud.sagemaker.model_server", "uvicorn", "uvicorn.protocols.http.httptools_impl")


@dataclass(frozen=True)
class Runtime:
    """What an image brings along.

    Parameters
    ----------
    name : str
        The framework, as it is called in image URIs.
    preload : tuple of str
        The modules that its processes find imported already.
    training_module : str
        What the image runs for a training job in script mode.
    distributions : tuple of str
        The framework as it is installed; of several, whichever there is.
    """

    name: str
    preload: tuple[str, ...]
    training_module: str = ""
    distributions: tuple[str, ...] = ()

    @property
    def version(self) -> str | None:
        """The framework's version that is installed; None when it is not."""
        for name in self.distributions:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                return importlib.metadata.version(name)
        return None


SCIKIT_LEARN = Runtime(
    "scikit-learn",
    ("joblib", "numpy", "sklearn.linear_model", "sklearn.ensemble", "sklearn.pipeline", *_SERVER),
    "sagemaker_sklearn_container.training:main",
    ("scikit-learn",),
)
XGBOOST = Runtime(
    "xgboost",
    ("numpy", "scipy.sparse", "xgboost", *_SERVER),
    "sagemaker_xgboost_container.training:main",
    ("xgboost", "xgboost-cpu"),
)
PYTORCH = Runtime("pytorch", ("numpy", "torch", *_SERVER), "sagemaker_pytorch_container.training:main", ("torch",))
_BY_REPOSITORY = {
    "sagemaker-scikit-learn": SCIKIT_LEARN,
    "sagemaker-xgboost": XGBOOST,
    "xgboost": XGBOOST,
    "pytorch-training": PYTORCH,
    "pytorch-inference": PYTORCH,
}


class UnknownImageError(Exception):
    """No local runtime stands in for that image."""


def runtime_for(image_uri: str, may: May) -> Runtime:
    """Pull an image: find the runtime for its URI, whatever its registry, region and tag.

    Parameters
    ----------
    may : callable
        Decides what the role may do in whose name it is pulled.

    Raises
    ------
    UnknownImageError
        There is none, or the role may not pull it.
    """
    if denied := pull_image(may, image_uri):
        raise UnknownImageError(f"ClientError: the image '{image_uri}' cannot be pulled: {denied}")
    runtime = known_runtime(image_uri)
    if runtime is None:
        known = ", ".join(sorted(_BY_REPOSITORY))
        raise UnknownImageError(
            f"ClientError: no local runtime stands in for the image '{image_uri}'; images that run here: {known}"
        )
    if runtime.version is None:
        raise UnknownImageError(
            f"ClientError: the image '{image_uri}' runs here once {runtime.name} is installed beside the local cloud: "
            f"pip install {runtime.distributions[-1]}"
        )
    return runtime


def version_note(image_uri: str, runtime: Runtime) -> str | None:
    """Say which version really runs; None when it is the one that the image's tag names."""
    tag = image_uri.rpartition("/")[2].partition(":")[2]
    running = runtime.version or ""
    if not tag or running.split(".")[:2] == tag.partition("-")[0].split(".")[:2]:
        return None
    return (
        f"[local cloud] The image is {runtime.name} {tag}; this job runs {runtime.name} {running} on Python "
        f"{platform.python_version()}, as they are installed here."
    )


def known_runtime(image_uri: str) -> Runtime | None:
    """Return the runtime that stands in for an image, without pulling it; None when there is none."""
    return _BY_REPOSITORY.get(image_uri.rpartition("/")[2].partition(":")[0].partition("@")[0])


class RuntimeHosts:
    """The fork servers of the runtimes, each started when it is first needed."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._hosts: dict[str, ProcessHost] = {}

    def host(self, runtime: Runtime) -> ProcessHost:
        """Return the runtime's fork server, started."""
        with self._lock:
            if runtime.name not in self._hosts:
                self._hosts[runtime.name] = ProcessHost(runtime.preload, self._log)
                self._hosts[runtime.name].start()
            return self._hosts[runtime.name]

    def warm(self, name: str) -> None:
        """Start the runtime of that framework now; an unknown name is no error, it only stays cold."""
        for runtime in _runtimes():
            if runtime.name == name:
                self.host(runtime)

    def close(self) -> None:
        """End every fork server and all that they started."""
        with self._lock:
            for host in self._hosts.values():
                host.hang_up()
            for host in self._hosts.values():
                host.close()
            self._hosts.clear()


def _runtimes() -> Iterator[Runtime]:
    yield from _BY_REPOSITORY.values()
