"""Search: filters over the properties of resources, with and, or and nesting.

Source: Search, SearchExpression, Filter, NestedFilters (Amazon SageMaker API Reference).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.sagemaker.errors import NotRunError, ValidationError
from switchyard.cloud.sagemaker.listing import paged
from switchyard.cloud.sagemaker.model import service_model
from switchyard.cloud.sagemaker.tags import tag_list
from switchyard.cloud.shapes import moment

MOST_CONDITIONS = 20
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": lambda there, given: bool(there > given),
    "GreaterThanOrEqualTo": lambda there, given: bool(there >= given),
    "LessThan": lambda there, given: bool(there < given),
    "LessThanOrEqualTo": lambda there, given: bool(there <= given),
}
# These may be asked for by Contains more than once in an expression.
_OFTEN_CONTAINED = {
    "Experiment.DisplayName", "Experiment.ExperimentName", "Experiment.Tags", "Trial.DisplayName", "Trial.TrialName",
    "Trial.Tags", "TrialComponent.DisplayName", "TrialComponent.TrialComponentName", "TrialComponent.Tags",
    "TrialComponent.InputArtifacts", "TrialComponent.OutputArtifacts",
}  # fmt: skip


@dataclass(frozen=True)
class Searched:
    """One kind of resource that can be searched.

    Parameters
    ----------
    member : str
        The member of a SearchRecord that has it.
    resources : iterable
        All there are.
    record : callable
        Makes the record of one, without its tags.
    """

    member: str
    resources: Iterable[Any]
    record: Callable[[Any], dict[str, Any]] = lambda resource: dict(resource.describe())


def search(kinds: dict[str, Searched], request: dict[str, Any]) -> dict[str, Any]:
    """Answer Search.

    Parameters
    ----------
    kinds : dict
        What can be searched, by the name that ``Resource`` has for it.

    Raises
    ------
    NotRunError
        Nothing of that kind is kept here.
    ValidationError
        A property, an operator or a value is wrong.
    """
    kind = kinds.get(request["Resource"])
    if kind is None:
        raise NotRunError(f"Search of {request['Resource']} resources")
    if request.get("VisibilityConditions"):
        raise NotRunError("Search with VisibilityConditions")
    shape = service_model().shape_for("SearchRecord").members[kind.member]
    expression = request.get("SearchExpression") or {}
    _check(expression, kind.member)
    _holds(expression, _Record({}, shape))  # a wrong name is refused even when there is nothing to look at
    found = []
    for resource in kind.resources if request.get("CrossAccountFilterOption") != "CrossAccount" else ():
        record = {name: value for name, value in kind.record(resource).items() if name in shape.members}
        if "Tags" in shape.members:
            record["Tags"] = tag_list(resource.tags)
        if _holds(expression, _Record(record, shape)):
            found.append((resource, record))
    by = request.get("SortBy")

    def key(entry: tuple[Any, dict[str, Any]]) -> list[Any]:
        resource, record = entry
        values = list(_Record(record, shape).values(by)) if by else [resource.modified]
        first = values[0] if values else None
        # What has no such property comes last.
        return [0 if first is None else 1, "" if first is None else _sortable(first), resource.arn]

    page, token = paged(found, key, request)
    return {
        "Results": [{kind.member: record} for _, record in page],
        "NextToken": token,
        "TotalHits": {"Value": len(found), "Relation": "EqualTo"},
    }


class _Record:
    """A resource's properties, looked up by the names that filters have for them."""

    def __init__(self, value: Any, shape: Any, prefix: str = "") -> None:
        self._value = value
        self._shape = shape
        self._prefix = prefix

    def values(self, name: str) -> Iterator[Any]:
        """Yield what a property has; a list, or a map, may give several.

        Raises
        ------
        ValidationError
            The resource has no such property.
        """
        if self._prefix:
            if not name.startswith(f"{self._prefix}."):
                raise ValidationError(f"Invalid property name: {name}; it is not within {self._prefix}.")
            name = name.removeprefix(f"{self._prefix}.")
        elif name.startswith("Tags.") and "Tags" in self._shape.members:
            yield from (tag["Value"] for tag in self._value.get("Tags", []) if tag["Key"] == name.removeprefix("Tags."))
            return
        elif name.startswith("Metrics.") and "FinalMetricDataList" in self._shape.members:
            metrics = self._value.get("FinalMetricDataList") or []
            yield from (each["Value"] for each in metrics if each["MetricName"] == name.removeprefix("Metrics."))
            return
        yield from _within(self._value, self._shape, name, name)

    def items(self, name: str) -> Iterator[_Record]:
        """Yield the entries of a list of objects.

        Raises
        ------
        ValidationError
            The property is no such list.
        """
        shape = self._shape
        for part in name.split("."):
            shape = shape.members.get(part) if shape.type_name == "structure" else None
            if shape is None:
                raise ValidationError(f"Invalid property name: {name}")
        if shape.type_name != "list" or shape.member.type_name != "structure":
            raise ValidationError(f"Invalid nested property name: {name}; it is not a list of objects.")
        yield _Record({}, shape.member, name)  # which has nothing, but whose names are looked at
        for entry in _within(self._value, self._shape, name, name):
            yield _Record(entry, shape.member, name)


def _within(value: Any, shape: Any, path: str, whole: str) -> Iterator[Any]:
    if shape.type_name == "list":
        for item in value or [None]:
            yield from _within(item, shape.member, path, whole)
        return
    if not path:
        if value is not None:
            yield value
        return
    if shape.type_name == "map":
        found = (value or {}).get(path)
        if found is not None:
            yield found
        return
    name, _, rest = path.partition(".")
    member = shape.members.get(name) if shape.type_name == "structure" else None
    if member is None:
        raise ValidationError(f"Invalid property name: {whole}")
    yield from _within((value or {}).get(name), member, rest, whole)


def _check(expression: dict[str, Any], member: str) -> None:
    filters = list(_filters(expression))
    if len(filters) > MOST_CONDITIONS:
        raise ValidationError(
            f"A SearchExpression can have at most {MOST_CONDITIONS} conditions; it has {len(filters)}."
        )
    contains = [each["Name"] for each in filters if each.get("Operator") == "Contains"]
    once = [name for name in contains if f"{member}.{name.partition('.')[0]}" not in _OFTEN_CONTAINED]
    if len(once) > 1:
        raise ValidationError("'CONTAINS' operator usage limit of 1 exceeded.")


def _filters(expression: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from expression.get("Filters") or []
    for nested in expression.get("NestedFilters") or []:
        yield from nested["Filters"]
    for inner in expression.get("SubExpressions") or []:
        yield from _filters(inner)


def _holds(expression: dict[str, Any], record: _Record) -> bool:
    conditions = [
        *(_matches(each, record) for each in expression.get("Filters") or []),
        *(_matches_nested(each, record) for each in expression.get("NestedFilters") or []),
        *(_holds(each, record) for each in expression.get("SubExpressions") or []),
    ]
    if expression.get("Operator") == "Or" and conditions:
        return any(conditions)
    return all(conditions)


def _matches_nested(nested: dict[str, Any], record: _Record) -> bool:
    """Return whether one entry of a list satisfies every filter."""
    _, *entries = (
        [_matches(each, item) for each in nested["Filters"]] for item in record.items(nested["NestedPropertyName"])
    )
    return any(all(matches) for matches in entries)


def _matches(condition: dict[str, Any], record: _Record) -> bool:
    name, operator, given = condition["Name"], condition.get("Operator") or "Equals", condition.get("Value")
    there = list(record.values(name))
    if operator in {"Exists", "NotExists"}:
        if given is not None:
            raise ValidationError(f"The operator {operator} takes no Value; {name} has '{given}'.")
        return bool(there) == (operator == "Exists")
    if given is None:
        raise ValidationError(f"The operator {operator} needs a Value for {name}.")
    if operator == "NotEquals":
        return not any(_equal(value, given, name) for value in there)
    if operator == "Equals":
        return any(_equal(value, given, name) for value in there)
    if operator == "In":
        return any(str(value) in {each.strip() for each in given.split(",")} for value in there)
    if operator == "Contains":
        return any(given in str(value) for value in there)
    return any(_COMPARED[operator](*_comparable(value, given, name)) for value in there)


def _equal(value: Any, given: str, name: str) -> bool:
    if isinstance(value, str):
        # Hyperparameters are text; those that are numbers are compared as such.
        if not name.startswith("HyperParameters.") or value == given:
            return value == given
        return _number(value) is not None and _number(value) == _number(given)
    if isinstance(value, bool):
        return str(value).lower() == given.lower()
    there, wanted = _comparable(value, given, name)
    return bool(there == wanted)


def _comparable(value: Any, given: str, name: str) -> tuple[Any, Any]:
    if isinstance(value, datetime.datetime):
        try:
            return value, moment(given)
        except ValueError:
            raise ValidationError(f"The Value '{given}' for {name} is no timestamp: yyyy-mm-ddTHH:MM:SS.") from None
    there, wanted = _number(value), _number(given)
    if wanted is None or there is None:
        if isinstance(value, str) and not name.startswith(("HyperParameters.", "Metrics.")):
            raise ValidationError(f"{name} is text: it can be compared by Equals, NotEquals, Contains and In only.")
        if wanted is None and not isinstance(value, str):
            raise ValidationError(f"The Value '{given}' for {name} is no number.")
        return 0, float("nan")  # which neither is less than, equal to, nor greater than
    return there, wanted


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _sortable(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return value if isinstance(value, int | float) else str(value)
