"""Deliveries that fail: tried again as the retry policy says, or given up."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from switchyard.cloud.events.delivery import Deliveries, GivenUp, RetryPolicy
from switchyard.cloud.events.targets import TargetError
from switchyard.cloud.functions import Function, Functions, Result
from switchyard.cloud.invocations import Invocations
from switchyard.cloud.later import Later
from tests.cloud.local_cloud import wait_until

if TYPE_CHECKING:
    from switchyard.cloud.identity import Identity


class Delivery:
    """One delivery that fails so many times."""

    def __init__(self, failures: int, error: Exception, policy: RetryPolicy, time_scale: float = 0.0) -> None:
        self.attempts: list[int] = []
        self.given_up: list[GivenUp] = []
        self._failures, self._error = failures, error
        Deliveries(Later("trial", 4), time_scale).begin(self._send, policy, self.given_up.append, "a trial")

    def _send(self, number: int) -> None:
        self.attempts.append(number)
        if number <= self._failures:
            raise self._error


THROTTLED = TargetError("THROTTLING", "Rate exceeded", may_pass=True)


def test_what_may_pass_is_tried_again_until_it_has() -> None:
    delivery = Delivery(3, THROTTLED, RetryPolicy())
    assert wait_until(lambda: len(delivery.attempts) == 4)
    assert delivery.attempts == [1, 2, 3, 4]
    assert delivery.given_up == []


def test_it_is_given_up_after_so_many_attempts() -> None:
    delivery = Delivery(100, THROTTLED, RetryPolicy(attempts=2))
    (given_up,) = wait_until(lambda: delivery.given_up)
    assert delivery.attempts == [1, 2, 3]
    assert given_up.attributes() == {
        "ERROR_CODE": "THROTTLING",
        "ERROR_MESSAGE": "Rate exceeded",
        "RETRY_ATTEMPTS": "2",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    }


def test_it_is_given_up_once_the_event_is_too_old_by_aws_s_clock() -> None:
    delivery = Delivery(1000, THROTTLED, RetryPolicy(age=60))
    (given_up,) = wait_until(lambda: delivery.given_up)
    assert given_up.condition == "MaximumEventAgeInSeconds"
    # Pauses of at least 0.5, 1, 2, ... and at most 1, 2, 4, ... seconds add up to a minute.
    assert 4 <= len(delivery.attempts) <= 8


def test_what_no_retry_can_help_is_given_up_at_once() -> None:
    delivery = Delivery(1, TargetError("NO_PERMISSIONS", "no"), RetryPolicy())
    (given_up,) = wait_until(lambda: delivery.given_up)
    assert delivery.attempts == [1]
    assert "EXHAUSTED_RETRY_CONDITION" not in given_up.attributes()


def test_what_fails_in_no_known_way_is_given_up_too_and_not_lost() -> None:
    delivery = Delivery(1, UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), RetryPolicy())
    (given_up,) = wait_until(lambda: delivery.given_up)
    assert given_up.attributes()["ERROR_CODE"] == "SDK_CLIENT_ERROR"
    assert "surrogates not allowed" in given_up.attributes()["ERROR_MESSAGE"]


@pytest.mark.parametrize(
    ("target", "policy"),
    [
        ({}, RetryPolicy(185, 86400)),
        ({"RetryPolicy": {"MaximumRetryAttempts": 0}}, RetryPolicy(0, 86400)),
        ({"RetryPolicy": {"MaximumEventAgeInSeconds": 60}}, RetryPolicy(185, 60)),
    ],
)
def test_a_target_s_retry_policy_is_read(target: dict[str, dict[str, int]], policy: RetryPolicy) -> None:
    assert RetryPolicy.of(target) == policy


def test_work_runs_side_by_side_in_the_order_of_its_time_and_survives_its_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0  # stands still until the test moves it
    monkeypatch.setattr("switchyard.cloud.later.time", SimpleNamespace(monotonic=lambda: now))
    later, ran, together = Later("trial", 3), [], threading.Barrier(3, timeout=60)
    later.submit(lambda: ran.append("late"), 0.2)
    later.submit(lambda: ran[5])  # fails
    for _ in range(3):
        later.submit(lambda: ran.append(str(together.wait() >= 0)))
    wait_until(lambda: len(ran) >= 3)
    assert "late" not in ran
    now = 0.2
    wait_until(lambda: len(ran) == 4)
    assert ran[-1] == "late"
    later.close()


def test_what_waits_for_its_time_does_not_wait_for_long_work_too() -> None:
    for _ in range(5):  # a thread that waits is what takes the long work
        later, first, due, end = Later("trial", 2), threading.Event(), threading.Event(), threading.Event()
        later.submit(first.set)
        assert first.wait(60)
        later.submit(due.set, 0.05)
        later.submit(lambda end=end: end.wait(120))
        try:
            assert due.wait(60)
        finally:
            end.set()
            later.close()


class FullMachine:
    """Functions for which there is no process to be had."""

    def invoke(self, function: Function, payload: bytes, request_id: str) -> Result:
        raise OSError("no process to be had")


class Sent:
    """A client and whoever makes it, keeping what is sent."""

    endpoint_url = "http://127.0.0.1"

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def client(self, *_: str) -> Sent:
        return self

    def send_message(self, **message: Any) -> None:
        self.messages.append(message)


def test_an_invocation_that_cannot_be_begun_is_tried_again_and_then_kept() -> None:
    sent, queue = Sent(), "arn:aws:sqs:us-east-1:123456789012:letters"
    function = Function("f", "f.handler", Path(), "arn:aws:iam::123456789012:role/f", dead_letter_arn=queue)
    Invocations(cast("Functions", FullMachine()), cast("Identity", sent), 0).submit(function, b'"kept"')
    (letter,) = wait_until(lambda: sent.messages)
    assert letter["MessageBody"] == '"kept"'
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no process to be had"


def test_nothing_runs_after_the_end() -> None:
    later, ran = Later("trial", 1), []
    later.submit(lambda: ran.append("dropped"), 0.05)
    later.close()
    later.submit(lambda: ran.append("refused"))
    ended = Later("trial", 1)
    ended.submit(lambda: ran.append("another's"), 0.2)
    assert wait_until(lambda: ran) == ["another's"]
