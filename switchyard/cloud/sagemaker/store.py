"""Named SageMaker resources of one kind."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from switchyard.cloud.sagemaker.errors import SageMakerError


class Resource(Protocol):
    """What a kind of resource must have to be stored and listed."""

    name: str
    arn: str
    created: datetime.datetime
    tags: dict[str, str]

    @property
    def modified(self) -> datetime.datetime: ...

    @property
    def status(self) -> str: ...


R = TypeVar("R", bound=Resource)


class Store(Generic[R]):
    """The resources of one kind, in the order in which they were made.

    Names that differ in their case alone are the same name: ARNs have them in lower case.

    Parameters
    ----------
    missing : callable
        Makes the error for a name that is not there, as SageMaker words it for this kind.
    taken : callable
        Makes the error for a name that is in use, given the resource that has it.
    """

    def __init__(self, missing: Callable[[str], SageMakerError], taken: Callable[[R], SageMakerError]) -> None:
        self._missing = missing
        self._taken = taken
        self._lock = threading.RLock()
        self._by_name: dict[str, R] = {}
        self._by_arn: dict[str, R] = {}

    def add(self, resource: R) -> None:
        """Add a resource; raises the kind's own error when its name is in use."""
        with self._lock:
            if there := self._by_name.get(resource.name.lower()):
                raise self._taken(there)
            self._by_name[resource.name.lower()] = resource
            self._by_arn[resource.arn] = resource

    def get(self, name: str) -> R | None:
        """Return the resource of that name, if there is one."""
        with self._lock:
            return self._by_name.get(name.lower())

    def by_arn(self, arn: str) -> R | None:
        """Return the resource with that ARN, if it is of this kind."""
        with self._lock:
            return self._by_arn.get(arn)

    def find(self, name_or_arn: str) -> R:
        """Return the resource of that name or ARN; raises the kind's own error when there is none."""
        found = self.by_arn(name_or_arn) if name_or_arn.startswith("arn:") else self.get(name_or_arn)
        if found is None:
            raise self._missing(name_or_arn)
        return found

    def remove(self, resource: R) -> None:
        """Forget a resource."""
        with self._lock:
            self._by_name.pop(resource.name.lower(), None)
            self._by_arn.pop(resource.arn, None)

    def __iter__(self) -> Iterator[R]:
        with self._lock:
            return iter(list(self._by_name.values()))


def now() -> datetime.datetime:
    """Return this moment, in UTC."""
    return datetime.datetime.now(tz=datetime.UTC)
