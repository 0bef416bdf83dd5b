"""Named SageMaker resources of one kind, with their tags, and the filters of every List operation."""

from __future__ import annotations

import base64
import datetime
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from switchyard.cloud.sagemaker.errors import ValidationError


class Resource(Protocol):
    """What a kind of resource must have to be stored and listed."""

    name: str
    arn: str
    created: datetime.datetime
    modified: datetime.datetime
    tags: dict[str, str]

    @property
    def status(self) -> str: ...


R = TypeVar("R", bound=Resource)


class Store(Generic[R]):
    """The resources of one kind, in the order in which they were made."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._by_name: dict[str, R] = {}

    def add(self, resource: R, taken: Callable[[R], Exception]) -> None:
        """Add a resource; `taken` makes the error when its name is in use."""
        with self._lock:
            if resource.name in self._by_name:
                raise taken(self._by_name[resource.name])
            self._by_name[resource.name] = resource

    def get(self, name: str) -> R | None:
        """Return the resource of that name, if there is one."""
        with self._lock:
            return self._by_name.get(name)

    def by_arn(self, arn: str) -> R | None:
        """Return the resource with that ARN, if it is of this kind."""
        with self._lock:
            return next((resource for resource in self._by_name.values() if resource.arn == arn), None)

    def remove(self, name: str) -> None:
        """Forget a resource."""
        with self._lock:
            self._by_name.pop(name, None)

    def __iter__(self) -> Iterator[R]:
        with self._lock:
            return iter(list(self._by_name.values()))

    def page(self, request: dict[str, Any]) -> tuple[list[R], str | None]:
        """Answer a List operation: its filters, its order and one page of it.

        Returns
        -------
        tuple
            The page, and the token of the next one if there is one.
        """
        matching = [resource for resource in self if _matches(resource, request)]
        keys: dict[str, Callable[[R], Any]] = {
            "Name": lambda resource: resource.name,
            "Status": lambda resource: resource.status,
            "LastModifiedTime": lambda resource: resource.modified,
        }
        matching.sort(key=keys.get(request.get("SortBy", ""), lambda resource: resource.created))
        if request.get("SortOrder", "Descending") == "Descending":
            matching.reverse()
        start = _start(request.get("NextToken"))
        size = request.get("MaxResults", 10)
        end = start + size
        following = base64.b64encode(str(end).encode()).decode() if end < len(matching) else None
        return matching[start:end], following


def now() -> datetime.datetime:
    """Return this moment, in UTC."""
    return datetime.datetime.now(tz=datetime.UTC)


def tags_of(request: dict[str, Any]) -> dict[str, str]:
    """Return a request's ``Tags`` as a dictionary."""
    return {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}


def _matches(resource: Resource, request: dict[str, Any]) -> bool:
    if request.get("NameContains", "").lower() not in resource.name.lower():
        return False
    if request.get("StatusEquals") not in {None, resource.status}:
        return False
    created, modified = resource.created, resource.modified
    return (
        _at(request.get("CreationTimeAfter"), created) <= created
        and _at(request.get("CreationTimeBefore"), created) >= created
        and _at(request.get("LastModifiedTimeAfter"), modified) <= modified
        and _at(request.get("LastModifiedTimeBefore"), modified) >= modified
    )


def _at(moment: Any, default: datetime.datetime) -> datetime.datetime:
    if moment is None:
        return default
    if isinstance(moment, str):
        return datetime.datetime.fromisoformat(moment)
    return datetime.datetime.fromtimestamp(moment, tz=datetime.UTC)


def _start(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token))
    except ValueError:
        raise ValidationError("Invalid NextToken provided") from None
