"""What a run would cost on AWS: its own durations at list prices of a day.

Sources: "Amazon SageMaker pricing", "AWS Lambda pricing", "AWS Step Functions pricing"; `TrainingStartTime` and
`TransformStartTime` in the Amazon SageMaker API Reference say from when to when a job is billed. The prices, and where
they were noted, are in `prices.json`.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.console.schema import Cost, CostItem
from switchyard.executions.causes import read_json
from switchyard.executions.history import read_time

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud

Event = Mapping[str, Any]
# Gives the MB of memory that a function has; None when that is not known.
MemoryOf = Callable[[str], int | None]

_JOB = re.compile(r"create(Training|Processing|Transform)Job(\.sync)?")
_ENDED = ("Succeeded", "Failed", "TimedOut", "Aborted")


def cost_of(events: Iterable[Event], *, region: str, memory_of: MemoryOf | None = None) -> Cost:
    """Reckon what an execution would cost on AWS, or has cost so far.

    Parameters
    ----------
    events
        Its history, as GetExecutionHistory gives it; also an unfinished one.
    region
        Where it ran; prices of another region are noted as such.
    memory_of
        Gives a function's memory; without it, only the functions' requests have a price.

    Returns
    -------
    Cost
        An item for each job, one for all functions, one for the state machine, and one for the endpoint that is there
        by the hour.
    """
    prices = list_prices()
    bill = _read(events)
    items = [_job_item(call, prices) for call in bill.calls if _JOB.fullmatch(call.action)]
    functions = [call for call in bill.calls if call.function]
    notes = [
        f"An estimate: the list prices of {prices['region']} as noted on {prices['noted_on']}, on demand; without free "
        "tiers, savings plans and taxes.",
        "SageMaker bills a job from its start to its end, loading its image and data included; waiting for an "
        "instance is free. A machine that has both already starts sooner than AWS does.",
        "Not reckoned, since small: storage, requests to S3, logs, metrics and data transfer.",
    ]
    if functions:
        items.append(_functions_item(functions, prices, memory_of))
    if bill.transitions:
        items.append(_transitions_item(bill.transitions, prices))
    if bill.has_endpoint:
        items += [_variant_item(variant, prices) for variant in bill.variants]
    if region != prices["region"]:
        notes.append(f"The run was in {region}, whose prices may differ.")
    if any(call.is_spot for call in bill.calls):
        notes.append("Trained on spot instances, which cost less than this, up to 90 %.")
    unknown = [item.what for item in items if item.usd is None]
    if unknown:
        notes.append(f"Not in the total, since a price is not known: {', '.join(unknown)}.")
    return Cost(
        items=items,
        total_usd=round(sum(item.usd or 0.0 for item in items if not item.is_recurring), 8),
        region=prices["region"],
        prices_of=prices["noted_on"],
        notes=notes,
    )


def cost_if_known(
    events: Iterable[Event], *, region: str, memory_of: MemoryOf | None = None
) -> tuple[Cost | None, str | None]:
    """Reckon a cost as `cost_of` does; or say why that cannot be done: a broken history, or what no API would take."""
    try:
        return cost_of(events, region=region, memory_of=memory_of), None
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        return None, f"what it would cost on AWS cannot be reckoned from this history: {type(error).__name__}: {error}"


@cache
def list_prices() -> dict[str, Any]:
    """Give the prices: by instance type, for functions and for state transitions."""
    text = resources.files("switchyard.console").joinpath("prices.json").read_text(encoding="utf-8")
    prices: dict[str, Any] = json.loads(text)
    return prices


@dataclass
class _Call:
    """An attempt of a task: what it called, and for how long."""

    state: str
    action: str = ""
    function: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    started_at: float = 0.0
    ended_at: float | None = None
    has_succeeded: bool = False

    @property
    def seconds(self) -> float:
        return max(0.0, (self.ended_at or self.started_at) - self.started_at)

    @property
    def is_spot(self) -> bool:
        return bool(self.parameters.get("EnableManagedSpotTraining"))


@dataclass
class _Bill:
    calls: list[_Call] = field(default_factory=list)
    transitions: int = 0
    variants: list[dict[str, Any]] = field(default_factory=list)
    has_endpoint: bool = False


def _read(events: Iterable[Event]) -> _Bill:
    bill = _Bill()
    # By the id of the event that entered a state: its name, and its attempt.
    names: dict[int, str] = {}
    attempts: dict[int, _Call] = {}
    origin: dict[int, int] = {}
    last = 0.0
    output: dict[str, Any] | None = None
    for event in sorted(events, key=lambda event: int(event["id"])):
        number, kind = int(event["id"]), str(event["type"])
        last = read_time(event["timestamp"]).timestamp()
        details: Event = next((value for key, value in event.items() if key.endswith("EventDetails") and value), {})
        if kind.endswith("StateEntered"):
            origin[number], names[number] = number, str(details.get("name"))
            bill.transitions += 1
            continue
        here = origin[number] = origin.get(int(event.get("previousEventId") or 0), 0)
        if kind.endswith("Scheduled"):
            if here not in names:  # a redrive goes on with a task, and says nothing of entering its state
                here = origin[number] = number
            # A retry is a transition too.
            bill.transitions += here in attempts or here == number
            attempts[here] = call = _call(names.get(here, ""), kind, details, last)
            bill.calls.append(call)
        elif kind.endswith("Started") and here in attempts and attempts[here].ended_at is None:
            attempts[here].started_at = last
        elif kind.endswith(_ENDED) and here in attempts and attempts[here].ended_at is None:
            attempts[here].ended_at = last
            attempts[here].has_succeeded = kind.endswith("Succeeded")
            attempts[here].result = _json(details.get("output") or details.get("cause"))
        elif kind == "ExecutionSucceeded":
            output = _json(details.get("output"))
    for call in bill.calls:
        call.ended_at = last if call.ended_at is None else call.ended_at
    bill.variants = next(
        (
            call.parameters.get("ProductionVariants") or []
            for call in reversed(bill.calls)
            if call.action == "createEndpointConfig"
        ),
        [],
    )
    served = any(call.action in ("createEndpoint", "updateEndpoint") and call.has_succeeded for call in bill.calls)
    # A run that failed, or was found wanting after all, has taken back what it had begun to serve.
    bill.has_endpoint = served and output is not None and output.get("endpoint_name", "?") is not None
    return bill


def _call(state: str, kind: str, details: Event, at: float) -> _Call:
    if kind == "LambdaFunctionScheduled":
        return _Call(state, function=_function_name(details.get("resource")), started_at=at)
    parameters = _json(details.get("parameters"))
    call = _Call(state, action=str(details.get("resource") or ""), parameters=parameters, started_at=at)
    if details.get("resourceType") == "lambda":
        call.function = _function_name(parameters.get("FunctionName"))
    return call


def _function_name(arn: Any) -> str:
    parts = str(arn or "").split(":")
    return parts[6] if len(parts) > 6 else parts[0]


def _json(text: Any) -> dict[str, Any]:
    document = read_json(text) if isinstance(text, str) and text else None
    return document if isinstance(document, dict) else {}


def _job_item(call: _Call, prices: Mapping[str, Any]) -> CostItem:
    match = _JOB.fullmatch(call.action)
    kind = match[1] if match else ""
    resources_ = {
        "Training": call.parameters.get("ResourceConfig"),
        "Transform": call.parameters.get("TransformResources"),
        "Processing": (call.parameters.get("ProcessingResources") or {}).get("ClusterConfig"),
    }[kind] or {}
    instance, count = str(resources_.get("InstanceType") or "?"), _count(resources_.get("InstanceCount"))
    seconds = _billable_seconds(call, kind)
    price = prices["instance_usd_per_hour"].get(instance)
    machines = instance if count == 1 else f"{count} x {instance}"
    basis = f"{machines}, {_duration(seconds)}"
    return CostItem(
        what=f"{kind}: {call.state or call.parameters.get(f'{kind}JobName')}",
        basis=f"{basis} at {price:g} USD an hour" if price else f"{basis}; the price of {instance} is not known here",
        usd=round(price * count * seconds / 3600, 8) if price else None,
    )


def _billable_seconds(call: _Call, kind: str) -> float:
    """Give the seconds that SageMaker bills an instance for; without its own word, those that the state took."""
    told = call.result.get("BillableTimeInSeconds")
    if isinstance(told, (int, float)) and told > 0:
        return float(told)
    start, end = (_seconds(call.result.get(f"{kind}{edge}Time")) for edge in ("Start", "End"))
    return max(0.0, end - start) if start and end else call.seconds


def _seconds(value: Any) -> float | None:
    """Read a time of a job's description: Step Functions gives milliseconds since 1970."""
    if isinstance(value, (int, float)):
        return value / 1000 if value > 1e11 else float(value)
    try:
        return read_time(value).timestamp() if value else None
    except ValueError:
        return None


def _functions_item(calls: list[_Call], prices: Mapping[str, Any], memory_of: MemoryOf | None) -> CostItem:
    memory = {name: memory_of(name) if memory_of else None for name in {call.function for call in calls}}
    seconds = sum(call.seconds for call in calls)
    usd = len(calls) * prices["lambda_usd_per_million_requests"] / 1e6
    gb_seconds = sum(call.seconds * (memory[call.function] or 0) / 1024 for call in calls)
    usd += gb_seconds * prices["lambda_usd_per_gb_second"]
    requests = f"{len(calls)} {'request' if len(calls) == 1 else 'requests'}"
    if None in memory.values():
        basis = f"{requests}; {_duration(seconds)} of functions whose memory is not known are not in it"
    else:
        basis = f"{requests}, {gb_seconds:.3g} GB-seconds"
    return CostItem(what="Functions", basis=basis, usd=round(usd, 8))


def _transitions_item(transitions: int, prices: Mapping[str, Any]) -> CostItem:
    price = prices["step_functions_usd_per_thousand_transitions"]
    return CostItem(
        what="State machine",
        basis=f"{transitions:,} state transitions at {price:g} USD a thousand",
        usd=round(transitions * price / 1000, 8),
    )


def _variant_item(variant: Mapping[str, Any], prices: Mapping[str, Any]) -> CostItem:
    what = "Endpoint, each hour"
    if variant.get("ServerlessConfig"):
        return CostItem(what=what, basis="serverless: billed by the request", usd=None, is_recurring=True)
    instance, count = str(variant.get("InstanceType") or "?"), _count(variant.get("InitialInstanceCount"))
    price = prices["instance_usd_per_hour"].get(instance)
    basis = f"{count} x {instance}, as long as it is there"
    return CostItem(what=what, basis=basis, usd=round(price * count, 8) if price else None, is_recurring=True)


def _count(value: Any) -> int:
    try:
        return max(1, int(value))
    except (TypeError, ValueError):
        return 1


def _duration(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:,.0f} s"


class FunctionMemory:
    """The memory of a cloud's functions, asked for once each.

    Parameters
    ----------
    cloud
        Where they are.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._known: dict[str, int | None] = {}

    def __call__(self, function: str) -> int | None:
        """Give a function's memory in MB; None when that may not be read, or it is gone."""
        if function not in self._known:
            memory = None
            with contextlib.suppress(ClientError, BotoCoreError):
                found = self._cloud.client("lambda").get_function_configuration(FunctionName=function)
                memory = int(found["MemorySize"])
            self._known[function] = memory
        return self._known[function]


def memory_in_logs(logs: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Read functions' memory from what they have logged: a `REPORT` line ends each invocation.

    Parameters
    ----------
    logs
        Log lines by the function's name.

    Examples
    --------
    >>> memory_in_logs({"notify": ["REPORT RequestId: 1  Billed Duration: 64 ms  Memory Size: 256 MB"]})
    {'notify': 256}
    """
    return dict(_reports(logs))


def _reports(logs: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, int]]:
    for name, lines in logs.items():
        for line in lines:
            if line.startswith("REPORT ") and (match := re.search(r"Memory Size: (\d{1,6}) MB", line)):
                yield name, int(match[1])
                break
