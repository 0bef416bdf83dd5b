from __future__ import annotations

import time
from typing import Any

import pytest
from shared.errors import EndpointLocked, LeaseLost
from shared.leases import PAUSES, SHORTEST_SECONDS, acquire, give_up, holder_of, renew

ENDPOINT = "switchyard-diabetes"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let time pass at once."""
    now = [1_800_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later


def test_one_release_at_a_time_holds_an_endpoint(locks: Any, clock: Any) -> None:
    acquire(ENDPOINT, "first", 60)
    acquire("switchyard-housing", "second", 60)
    with pytest.raises(EndpointLocked, match="released to by execution 'first'"):
        acquire(ENDPOINT, "second", 60)
    acquire(ENDPOINT, "first", 60)  # repeated
    give_up(ENDPOINT, "first")
    assert holder_of(ENDPOINT) is None
    acquire(ENDPOINT, "second", 60)
    assert holder_of(ENDPOINT) == "second"


def test_a_lease_lasts_as_long_as_it_is_renewed(locks: Any, clock: Any) -> None:
    acquire(ENDPOINT, "first", 60)
    clock(SHORTEST_SECONDS - 1)
    renew(ENDPOINT, "first", 3600)
    clock(PAUSES * 3600 - 1)
    with pytest.raises(EndpointLocked):
        acquire(ENDPOINT, "second", 60)
    clock(2)
    acquire(ENDPOINT, "second", 60)
    with pytest.raises(LeaseLost, match="'first' does not hold"):
        renew(ENDPOINT, "first", 60)


def test_nobody_gives_up_or_renews_what_is_not_theirs(locks: Any, clock: Any) -> None:
    with pytest.raises(LeaseLost):
        renew(ENDPOINT, "first", 60)
    acquire(ENDPOINT, "first", 60)
    give_up(ENDPOINT, "second")
    give_up(ENDPOINT, "second")
    assert holder_of(ENDPOINT) == "first"
