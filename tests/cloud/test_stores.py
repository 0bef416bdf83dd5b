from __future__ import annotations

import base64
import datetime
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.sagemaker.errors import ResourceInUseError, ValidationError
from switchyard.cloud.sagemaker.listing import Listing
from switchyard.cloud.sagemaker.store import Store

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
LISTING = Listing("Things", summary=lambda thing: {"Name": thing.name})
ORDERS = ["Name", "Status", "CreationTime", "LastModifiedTime"]


@dataclass
class Thing:
    name: str
    created: datetime.datetime
    status: str = "Completed"
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:thing/{self.name.lower()}"

    @property
    def modified(self) -> datetime.datetime:
        return self.created + datetime.timedelta(hours=1)


def store_of(names: list[str]) -> Store[Any]:
    store: Store[Any] = Store(
        lambda name: ValidationError(f"no {name}"), lambda there: ResourceInUseError(f"{there.name} is there")
    )
    for number, name in enumerate(names):
        add(store, name, number)
    return store


def add(store: Store[Any], name: str, number: int) -> None:
    status = "Failed" if number % 3 == 0 else "Completed"
    store.add(Thing(name, BEGIN + datetime.timedelta(minutes=number), status))


def page(store: Store[Any], request: dict[str, Any]) -> tuple[list[str], str | None]:
    answer = LISTING.answer(store, request)
    return [thing["Name"] for thing in answer["Things"]], answer["NextToken"]


def all_pages(store: Store[Any], request: dict[str, Any]) -> list[list[str]]:
    pages = []
    token = None
    while True:
        names, token = page(store, {**request, **({"NextToken": token} if token else {})})
        pages.append(names)
        if token is None:
            return pages


names = st.lists(st.text(alphabet="abcXYZ", min_size=1, max_size=4), unique_by=lambda name: name.lower(), max_size=25)


@given(names, st.integers(1, 10))
def test_the_pages_hold_everything_once_and_none_is_too_long(given_names: list[str], size: int) -> None:
    pages = all_pages(store_of(given_names), {"MaxResults": size, "SortOrder": "Ascending"})
    assert [name for names in pages for name in names] == given_names
    assert all(len(names) == size for names in pages[:-1])
    assert len(pages[-1]) <= size


@given(st.data(), names, st.sampled_from(ORDERS), st.sampled_from(["Ascending", "Descending"]), st.integers(1, 5))
def test_pages_stay_true_while_things_come_and_go(
    data: st.DataObject, given_names: list[str], by: str, order: str, size: int
) -> None:
    store = store_of(given_names)
    there = set(given_names)
    came, seen, token = 0, list[str](), None
    while True:
        request = {"SortBy": by, "SortOrder": order, "MaxResults": size, **({"NextToken": token} if token else {})}
        found, token = page(store, request)
        seen += found
        if token is None:
            break
        if data.draw(st.booleans()):
            came += 1
            add(store, f"new{came}", len(given_names) + came)
        if there and data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(sorted(there)))
            there.discard(gone)
            store.remove(store.find(gone))
    assert len(seen) == len(set(seen))
    assert there <= set(seen)  # nothing that was there all the time is left out


@given(names, st.text(alphabet="abcXYZ", max_size=2), st.sampled_from(["Completed", "Failed", None]), st.data())
def test_filters_and_orders_are_those_of_a_plain_search(
    given_names: list[str], part: str, status: str | None, data: st.DataObject
) -> None:
    store = store_of(given_names)
    minutes = st.none() | st.integers(-1, 26)
    after, before, later, earlier = (data.draw(minutes) for _ in range(4))
    hour = datetime.timedelta(hours=1)

    def at(minute: int, offset: datetime.timedelta = datetime.timedelta()) -> float:
        return (BEGIN + offset + datetime.timedelta(minutes=minute)).timestamp()

    request: dict[str, Any] = {"NameContains": part, "MaxResults": 100, "SortOrder": "Ascending"}
    if status:
        request["StatusEquals"] = status
    if after is not None:
        request["CreationTimeAfter"] = at(after)
    if before is not None:
        request["CreationTimeBefore"] = at(before)
    if later is not None:
        request["LastModifiedTimeAfter"] = at(later, hour)
    if earlier is not None:
        request["LastModifiedTimeBefore"] = at(earlier, hour)
    by = data.draw(st.sampled_from(ORDERS))
    found, _ = page(store, {**request, "SortBy": by})
    expected = [
        (number, thing)
        for number, thing in enumerate(store)
        if part.lower() in thing.name.lower()
        and status in {None, thing.status}
        and all(least is None or number >= least for least in (after, later))
        and all(most is None or number <= most for most in (before, earlier))
    ]
    expected.sort(key=lambda pair: {"Name": pair[1].name, "Status": pair[1].status}.get(by, ""))
    assert found == [thing.name for _, thing in expected]


@given(names, st.sampled_from(ORDERS))
def test_each_order_is_the_other_backwards(given_names: list[str], key: str) -> None:
    store = store_of(given_names)
    down, up = (
        page(store, {"SortBy": key, "SortOrder": order, "MaxResults": 100})[0] for order in ("Descending", "Ascending")
    )
    assert down == up[::-1]
    if key == "Name":
        assert up == sorted(given_names)


def test_times_are_taken_as_numbers_and_as_text() -> None:
    store = store_of(["a", "b", "c"])
    middle = BEGIN + datetime.timedelta(minutes=1)
    for moment in (middle.timestamp(), middle.isoformat(), middle.replace(tzinfo=None).isoformat()):
        assert page(store, {"CreationTimeAfter": moment})[0] == ["c", "b"]
        assert page(store, {"CreationTimeBefore": moment})[0] == ["b", "a"]
    assert page(store, {"LastModifiedTimeBefore": BEGIN.timestamp()})[0] == []


def token_of(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "token",
    [
        "?",
        "abc",
        "bm8=",
        "ü",
        token_of(7),
        token_of([1, 2, 3]),
        token_of([["CreationTime", True], 5]),
        token_of([["CreationTime", True], ["a", "b", "c"]]),
        token_of([["Name", True], ["a", 0.5, "b"]]),
        token_of([["CreationTime", False], [0.5, 0.5, "b"]]),
    ],
)
def test_a_token_of_somebody_elses_is_refused(token: str) -> None:
    with pytest.raises(ValidationError, match="Invalid NextToken"):
        page(store_of(["a"]), {"NextToken": token})


def test_a_name_is_taken_until_it_is_removed_whatever_its_case() -> None:
    store = store_of(["a"])
    with pytest.raises(ResourceInUseError, match="a is there"):
        store.add(Thing("A", BEGIN))
    thing = store.get("A")
    assert store.by_arn("arn:thing/a") is store.find("arn:thing/a") is store.find("a") is thing
    store.remove(thing)
    store.remove(thing)
    assert store.get("a") is store.by_arn("arn:thing/a") is None
    for name in ("a", "arn:thing/a"):
        with pytest.raises(ValidationError, match=f"no {name}"):
            store.find(name)
    store.add(Thing("a", BEGIN))
