"""`python -m benchmarks.releases.load`: clients that ask an endpoint all the time, and count what they are answered.

It runs in a process of its own, so that it keeps its pace whatever the benchmark does. Until its input ends, it sends
requests at a steady rate; then it prints what became of them, as JSON. A line before that says that it has begun.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import threading
import time
from collections import Counter
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.latency import percentile

CLIENTS = 12
_TIMEOUT_SECONDS = 30
_MOST_REASONS = 5


class Address:
    """Which endpoint serves now: what the parameter says, as clients of a release with two endpoints look it up.

    Parameters
    ----------
    parameter
        The parameter's name in Systems Manager.
    endpoint
        The endpoint, as long as there is no such parameter.
    seconds
        How long a name is taken for true.
    """

    def __init__(self, client: Any, parameter: str, endpoint: str, seconds: float) -> None:
        self._client = client
        self._seconds = seconds
        self._parameter = parameter
        self._endpoint = self._usual = endpoint
        self._known_until = 0.0
        self._lock = threading.Lock()

    def resolve(self) -> str:
        """Give the endpoint's name."""
        with self._lock:
            if time.monotonic() > self._known_until:
                try:
                    self._endpoint = self._client.get_parameter(Name=self._parameter)["Parameter"]["Value"]
                except self._client.exceptions.ParameterNotFound:
                    self._endpoint = self._usual
                self._known_until = time.monotonic() + self._seconds
            return self._endpoint


class Tally:
    """What became of the requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent = 0
        self.not_numbers = 0
        self.answered: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.milliseconds: list[float] = []

    def answer(self, variant: str, text: str, milliseconds: float) -> None:
        """Count an answer; what is no finite number is counted beside."""
        with self._lock:
            self.sent += 1
            self.answered[variant] += 1
            self.not_numbers += not _is_number(text)
            self.milliseconds.append(milliseconds)

    def failure(self, reason: str) -> None:
        """Count a request that got no answer, or an error."""
        with self._lock:
            self.sent += 1
            self.reasons[reason] += 1

    def document(self) -> dict[str, Any]:
        """Give all of it."""
        ordered = sorted(self.milliseconds) or [0.0]
        return {
            "sent": self.sent,
            "failed": sum(self.reasons.values()),
            "not_numbers": self.not_numbers,
            "answered": dict(self.answered),
            "reasons": dict(self.reasons.most_common(_MOST_REASONS)),
            "p50_ms": percentile(ordered, 50),
            "p99_ms": percentile(ordered, 99),
        }


class Load:
    """Clients at a steady rate.

    Parameters
    ----------
    address
        Whom they ask.
    body
        What they ask.
    rate
        Requests a second, of all of them together.
    """

    def __init__(self, session: Any, address: Address, body: str, rate: float) -> None:
        # One try: what a client's own retries would hide is counted.
        config = Config(
            retries={"total_max_attempts": 1}, read_timeout=_TIMEOUT_SECONDS, max_pool_connections=CLIENTS * 2
        )
        self._runtime = session.client("sagemaker-runtime", config=config)
        self._address = address
        self._body = body
        self._rate = rate
        self._next = 0
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.tally = Tally()

    def run(self) -> None:
        """Ask until this process's input ends, then give what is under way its time."""
        threads = [threading.Thread(target=self._client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        print("asking", flush=True)
        sys.stdin.read()
        self._over.set()
        for thread in threads:
            thread.join()

    def _client(self) -> None:
        while not self._over.wait(self._turn()):
            self._ask()

    def _turn(self) -> float:
        """Return how long to wait for one's turn; who is late asks at once."""
        with self._lock:
            turn = self._began + self._next / self._rate
            self._next += 1
        return max(turn - time.monotonic(), 0.0)

    def _ask(self) -> None:
        began = time.perf_counter()
        try:
            answer = self._runtime.invoke_endpoint(
                EndpointName=self._address.resolve(), Body=self._body, ContentType="text/csv", Accept="text/csv"
            )
            text = answer["Body"].read().decode()
        except (BotoCoreError, ClientError) as error:
            self.tally.failure(str(error)[:300])
            return
        self.tally.answer(answer["InvokedProductionVariant"], text, (time.perf_counter() - began) * 1000)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def main() -> None:
    """Ask until the input ends, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--url", "--parameter", "--endpoint", "--body"):
        parser.add_argument(name, required=True)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--cache-seconds", type=float, default=10.0)
    options = parser.parse_args()
    session = boto3.Session("load", "load", region_name="us-east-1")
    client = session.client
    session.client = lambda service, **more: client(service, endpoint_url=options.url, **more)
    address = Address(session.client("ssm"), options.parameter, options.endpoint, options.cache_seconds)
    load = Load(session, address, options.body, options.rate)
    load.run()
    print(json.dumps(load.tally.document()))


if __name__ == "__main__":
    main()
