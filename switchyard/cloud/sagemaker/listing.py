"""What every List operation does: filters, order, pages.

Source: ListTrainingJobs and its like (Amazon SageMaker API Reference). It gives another default order for some of them
than AWS answers in: what was made last comes first, wherever no order is asked for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.shapes import moment

T = TypeVar("T")
Filter = Callable[[Any, Any], bool]
PAGE = 10
_SORTS: Mapping[str, Callable[[Any], Any]] = {
    "Name": lambda resource: resource.name,
    "Status": lambda resource: resource.status,
    "CreationTime": lambda resource: resource.created.timestamp(),
    "LastModifiedTime": lambda resource: resource.modified.timestamp(),
}
_FILTERS: Mapping[str, Filter] = {
    "NameContains": lambda resource, text: text.lower() in resource.name.lower(),
    "StatusEquals": lambda resource, status: resource.status == status,
    "CreationTimeAfter": lambda resource, at: resource.created >= moment(at),
    "CreationTimeBefore": lambda resource, at: resource.created <= moment(at),
    "CreatedAfter": lambda resource, at: resource.created >= moment(at),
    "CreatedBefore": lambda resource, at: resource.created <= moment(at),
    "LastModifiedTimeAfter": lambda resource, at: resource.modified >= moment(at),
    "LastModifiedTimeBefore": lambda resource, at: resource.modified <= moment(at),
    # One account is all there is here.
    "CrossAccountFilterOption": lambda _, option: option == "SameAccount",
}


@dataclass(frozen=True)
class Listing:
    """One List operation.

    Parameters
    ----------
    member : str
        The member of its answer that has the page.
    summary : callable
        Makes one entry of it from a resource.
    filters : dict
        What it filters by beside names, statuses and times: each has the resource and the value that is asked for.
    sorts : dict
        What ``SortBy`` may name beside names, statuses and times.
    by : str
        What it sorts by when nothing is asked for.
    """

    member: str
    summary: Callable[[Any], dict[str, Any]] = field(default=lambda resource: dict(resource.summary()))
    filters: Mapping[str, Filter] = field(default_factory=dict)
    sorts: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    by: str = "CreationTime"

    def answer(self, resources: Iterable[Any], request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request: one page, and the token of the next one if there is one.

        Raises
        ------
        ValidationError
            The token is none of this operation's with this order.
        """
        filters = {**_FILTERS, **self.filters}
        wanted = [(filters[name], value) for name, value in request.items() if name in filters and value is not None]
        matching = [resource for resource in resources if all(matches(resource, value) for matches, value in wanted)]
        by = request.get("SortBy") or self.by
        value = {**_SORTS, **self.sorts}[by]
        page, token = paged(
            matching,
            lambda resource: [value(resource), resource.created.timestamp(), resource.arn],
            {**request, "SortBy": by},
        )
        return {self.member: [self.summary(resource) for resource in page], "NextToken": token}

    def handles(self) -> set[str]:
        """Return the names of the request's members that this operation acts on."""
        return {*_FILTERS, *self.filters, "SortBy", "SortOrder", "NextToken", "MaxResults"}


def paged(
    items: Iterable[T], key: Callable[[T], list[Any]], request: dict[str, Any], size: int = PAGE
) -> tuple[list[T], str | None]:
    """Return one page of items in the order that a request asks for, and the token of the next page.

    A token tells the last item of its page, not how many there were: what is made or deleted between two pages moves
    nothing that is still there from one into another.

    Parameters
    ----------
    key : callable
        What to sort an item by: no two have the same, and JSON can hold it.
    size : int
        How many items a page has when ``MaxResults`` is not given.

    Raises
    ------
    ValidationError
        The token is not one of these items in this order.
    """
    descending = (request.get("SortOrder") or "Descending") == "Descending"
    order = [request.get("SortBy"), descending]
    keyed = sorted(((key(item), item) for item in items), key=lambda pair: pair[0], reverse=descending)
    if token := request.get("NextToken"):
        after = _after(token, order)
        try:
            keyed = [pair for pair in keyed if (pair[0] < after if descending else pair[0] > after)]
        except TypeError:
            raise ValidationError("Invalid NextToken provided") from None
    page = keyed[: request.get("MaxResults") or size]
    following = _token(page[-1][0], order) if len(page) < len(keyed) else None
    return [item for _, item in page], following


def _token(key: list[Any], order: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([order, key]).encode()).decode()


def _after(token: str, order: list[Any]) -> list[Any]:
    try:
        given, key = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError):
        raise ValidationError("Invalid NextToken provided") from None
    if given != order or not isinstance(key, list):
        raise ValidationError("Invalid NextToken provided")
    return key
