"""`python -m benchmarks`: Switchyard beside the same scripts run by hand, on this machine, now."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from rich.console import Console

from benchmarks import latency, machine, table
from benchmarks.memory import Peak
from benchmarks.sides import Plain, PlainRun, SideError, Switchyard, SwitchyardRun
from switchyard.project import Project


def main() -> None:
    """Measure, and print; the exit code says nothing about the figures."""
    options = _options()
    # Ctrl-C too: where a shell has it ignored, in the background, every process started here would ignore it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    news = Console(stderr=True, highlight=False, soft_wrap=True)
    benchmark = Benchmark(options.rounds, news)
    try:
        with tempfile.TemporaryDirectory(prefix="switchyard-benchmark-", ignore_cleanup_errors=True) as folder:
            benchmark.run(Path(folder))
    except KeyboardInterrupt:
        benchmark.figures["problems"].append("the rest: the benchmark was stopped")
    if options.json:
        print(json.dumps(benchmark.figures, indent=2))
    else:
        table.show(benchmark.figures, Console())


class Benchmark:
    """One benchmark.

    Parameters
    ----------
    rounds
        How many pairs of each kind.
    news
        Says what is being measured.

    Attributes
    ----------
    figures
        All that was measured, as one JSON document.
    """

    def __init__(self, rounds: int, news: Console) -> None:
        self._rounds = rounds
        self._news = news
        self.figures: dict[str, Any] = {
            "machine": machine.describe(),
            "rounds": rounds,
            "first_run": None,
            "cold": _pairs(),
            "up": {**_pairs(), "boot_seconds": None},
            "invoke": {},
            "throughput": {},
            "memory": {"plain": None, "cold": None, "up": None},
            "results": [],
            "problems": [],
        }

    def run(self, folder: Path) -> None:
        """Measure everything, in a folder that is thrown away."""
        project = Project.find(Path(__file__).parent)
        plain = Plain(project, folder / "plain")
        command_line = Switchyard(project, folder / "state")
        with self._part("the very first run"):
            by_hand, ours = self._pair(plain, command_line)
            self.figures["first_run"] = {
                "plain_seconds": by_hand.seconds,
                "switchyard_seconds": ours.seconds,
                "ratio": ours.seconds / by_hand.seconds,
            }
        for number in range(1, self._rounds + 1):
            with self._part(f"cold run {number} of {self._rounds}"):
                self._add(self.figures["cold"], *self._pair(plain, command_line))
        with self._part("peak memory of the plain scripts"), self._peak("plain"):
            plain.run()
        with self._part("peak memory of a cold run"), self._peak("cold"):
            command_line.run()
        with self._part("with `switchyard up`"), command_line.up() as (address, pid, seconds):
            self.figures["up"]["boot_seconds"] = seconds
            self._measure_up(plain, command_line, address, pid)

    def _measure_up(self, plain: Plain, command_line: Switchyard, address: str, pid: int) -> None:
        ours: SwitchyardRun | None = None
        for number in range(1, self._rounds + 1):
            with self._part(f"run {number} of {self._rounds} with the cloud up"):
                by_hand, made = self._pair(plain, command_line)
                _check_ran_in(address, made.execution_arn)
                self._add(self.figures["up"], by_hand, made)
                ours = made
        if ours is not None:
            with self._part("latencies of InvokeEndpoint"), plain.serving() as plain_port:
                self._measure_endpoint(ours, address, pid, plain_port)
        with self._part("peak memory of a run with the cloud up"), self._peak("up"):
            command_line.run()

    def _measure_endpoint(self, made: SwitchyardRun, address: str, pid: int, plain_port: int) -> None:
        body = ",".join(map(repr, made.features)).encode()
        port = urlsplit(address).port or 80
        path = f"/endpoints/{made.endpoint}/invocations"
        ports = {"http": (port, path), "plain_server": (plain_port, "/invocations")}
        model_server = latency.find_model_server(pid, body)
        if model_server is not None:
            ports["model_server"] = (model_server, "/invocations")
        connections = {way: latency.HttpConnection(*where, body) for way, where in ports.items()}
        client = _boto3_client("sagemaker-runtime", address)

        def invoke() -> None:
            client.invoke_endpoint(EndpointName=made.endpoint, ContentType="text/csv", Accept="text/csv", Body=body)[
                "Body"
            ].read()

        ways = {"boto3": invoke, **{way: connection.ask for way, connection in connections.items()}}
        taken = {way: latency.Latencies() for way in ways}
        requests: dict[str, list[float]] = {way: [] for way in ports}
        for number in range(1, self._rounds + 1):
            self._news.print(f"  latencies, round {number} of {self._rounds}")
            for way, ask in ways.items():
                taken[way].rounds.append(latency.measure(ask))
            for way, where in ports.items():
                requests[way].append(latency.throughput(*where, body))
        for connection in connections.values():
            connection.close()
        self.figures["invoke"] = {way: latencies.document() for way, latencies in taken.items()}
        self.figures["throughput"] = requests

    def _pair(self, plain: Plain, command_line: Switchyard) -> tuple[PlainRun, SwitchyardRun]:
        by_hand = plain.run()
        self._news.print(f"  plain scripts  {by_hand.seconds:6.2f} s")
        ours = command_line.run()
        self._news.print(f"  switchyard run {ours.seconds:6.2f} s")
        for side in (by_hand, ours):
            result = f"{side.prediction:.6g} for the first of {side.rows} test rows"
            if result not in self.figures["results"]:
                self.figures["results"].append(result)
        return by_hand, ours

    def _add(self, pairs: dict[str, Any], by_hand: PlainRun, ours: SwitchyardRun) -> None:
        pairs["plain_seconds"].append(by_hand.seconds)
        pairs["switchyard_seconds"].append(ours.seconds)
        pairs["ratios"].append(ours.seconds / by_hand.seconds)
        pairs["first_state_seconds"].append(ours.first_state_seconds)
        pairs["execution_seconds"].append(ours.execution_seconds)

    @contextlib.contextmanager
    def _part(self, name: str) -> Iterator[None]:
        """Go on to the next part when one cannot be measured; the table then says so."""
        self._news.print(name)
        try:
            yield
        except Exception as error:
            problem = str(error) if isinstance(error, SideError) else f"{type(error).__name__}: {error}"
            self.figures["problems"].append(f"{name}: {problem}")
            self._news.print(f"  {problem}", markup=False)

    @contextlib.contextmanager
    def _peak(self, key: str) -> Iterator[None]:
        with Peak() as peak:
            yield
        self.figures["memory"][key] = peak.document()


def _pairs() -> dict[str, Any]:
    return {
        "plain_seconds": [],
        "switchyard_seconds": [],
        "ratios": [],
        "first_state_seconds": [],
        "execution_seconds": [],
    }


def _check_ran_in(address: str, execution_arn: str) -> None:
    """Refuse to call a run warm that has started a cloud of its own."""
    from botocore.exceptions import ClientError

    try:
        _boto3_client("stepfunctions", address).describe_execution(executionArn=execution_arn)
    except ClientError as error:
        raise SideError(f"`switchyard run` did not use the cloud that was up at {address}") from error


def _boto3_client(service: str, address: str) -> Any:
    import boto3

    return boto3.client(
        service,
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - made up
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=_at_least_one, default=5, help="pairs of each kind (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document with every single figure")
    return parser.parse_args()


def _at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
