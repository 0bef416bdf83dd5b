from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.store import Store

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@dataclass
class Thing:
    name: str
    created: datetime.datetime
    status: str = "Completed"
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:thing/{self.name}"

    @property
    def modified(self) -> datetime.datetime:
        return self.created + datetime.timedelta(hours=1)


def store_of(names: list[str]) -> Store[Any]:
    store: Store[Any] = Store()
    for number, name in enumerate(names):
        status = "Failed" if number % 3 == 0 else "Completed"
        store.add(Thing(name, BEGIN + datetime.timedelta(minutes=number), status), lambda there: KeyError(there.name))
    return store


def all_pages(store: Store[Any], request: dict[str, Any]) -> list[list[str]]:
    pages = []
    token = None
    while True:
        page, token = store.page({**request, **({"NextToken": token} if token else {})})
        pages.append([thing.name for thing in page])
        if token is None:
            return pages


names = st.lists(st.text(alphabet="abcXYZ", min_size=1, max_size=4), unique=True, max_size=25)


@given(names, st.integers(1, 10))
def test_the_pages_hold_everything_once_and_none_is_too_long(given_names: list[str], size: int) -> None:
    pages = all_pages(store_of(given_names), {"MaxResults": size, "SortOrder": "Ascending"})
    assert [name for page in pages for name in page] == given_names
    assert all(len(page) == size for page in pages[:-1])
    assert len(pages[-1]) <= size


@given(names, st.text(alphabet="abcXYZ", max_size=2), st.sampled_from(["Completed", "Failed", None]))
def test_filters_are_those_of_a_plain_search(given_names: list[str], part: str, status: str | None) -> None:
    store = store_of(given_names)
    request = {"NameContains": part, "MaxResults": 100, **({"StatusEquals": status} if status else {})}
    page, _ = store.page(request)
    expected = [thing.name for thing in store if part.lower() in thing.name.lower() and status in {None, thing.status}]
    assert [thing.name for thing in page] == expected[::-1]


@given(names, st.sampled_from(["Name", "Status", "CreationTime", "LastModifiedTime"]))
def test_each_order_is_the_other_backwards(given_names: list[str], key: str) -> None:
    store = store_of(given_names)
    down, up = (
        store.page({"SortBy": key, "SortOrder": order, "MaxResults": 100})[0] for order in ("Descending", "Ascending")
    )
    assert down == up[::-1]
    if key == "Name":
        assert [thing.name for thing in up] == sorted(given_names)


def test_times_are_taken_as_numbers_and_as_text() -> None:
    store = store_of(["a", "b", "c"])
    middle = BEGIN + datetime.timedelta(minutes=1)
    for moment in (middle.timestamp(), middle.isoformat()):
        after, _ = store.page({"CreationTimeAfter": moment})
        before, _ = store.page({"CreationTimeBefore": moment})
        assert [thing.name for thing in after] == ["c", "b"]
        assert [thing.name for thing in before] == ["b", "a"]
    assert store.page({"LastModifiedTimeBefore": BEGIN.timestamp()})[0] == []


@pytest.mark.parametrize("token", ["", "?", "abc", "bm8=", "ü"])
def test_a_token_of_somebody_elses_is_refused(token: str) -> None:
    with pytest.raises(ValidationError, match="Invalid NextToken"):
        store_of(["a"]).page({"NextToken": token})


def test_a_name_is_taken_until_it_is_removed() -> None:
    store = store_of(["a"])
    with pytest.raises(KeyError, match="a"):
        store.add(Thing("a", BEGIN), lambda there: KeyError(there.name))
    assert store.by_arn("arn:thing/a") is store.get("a")
    store.remove("a")
    store.remove("a")
    assert store.get("a") is store.by_arn("arn:thing/a") is None
    store.add(Thing("a", BEGIN), lambda there: KeyError(there.name))
