"""What is looked at while a candidate is watched: its endpoint, alarms and limits."""

from __future__ import annotations

from collections.abc import Iterator

from shared.aws import client
from shared.endpoints import describe_endpoint
from shared.errors import EndpointFailed, EndpointTakenOver
from shared.release_state import Before, Figures, Names, Plan


def check_endpoint(names: Names, before: Before) -> None:
    """Confirm that the endpoint serves what the release has given it.

    Raises
    ------
    EndpointFailed, EndpointTakenOver
        When it is gone, or serves something else.
    """
    endpoint = describe_endpoint(names.endpoint)
    if endpoint is None or endpoint.status == "Deleting":
        raise EndpointFailed(f"Endpoint {names.endpoint!r} is gone: somebody deleted it in mid-release.")
    ours = names.shared_config if before.exists else names.final_config
    if endpoint.config != ours:
        raise EndpointTakenOver(
            f"Endpoint {names.endpoint!r} serves {endpoint.config!r} instead of {ours!r}: somebody else updated it in "
            "mid-release."
        )


def raised(names: Names, plan: Plan) -> Iterator[str]:
    """Name the alarms that are raised, the release's own and the recipe's."""
    wanted = [*names.alarms, *plan.alarms]
    found = client("cloudwatch").describe_alarms(
        AlarmNames=wanted, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100
    )
    alarms = {
        alarm["AlarmName"]: alarm for alarm in (*found.get("MetricAlarms", []), *found.get("CompositeAlarms", []))
    }
    for name in wanted:
        if name not in alarms:
            yield f"the alarm {name!r} is gone"
        elif alarms[name]["StateValue"] == "ALARM":
            yield f"the alarm {name!r} is raised: {alarms[name].get('StateReason', '').rstrip('.')}"


def exceeded(seen: Figures, plan: Plan) -> Iterator[str]:
    """Name the limits that a candidate does not keep to."""
    if not seen.requests:
        return
    limits = plan.limits
    if seen.latency_ms is not None and seen.latency_ms > limits.latency_ms:
        yield f"it took {seen.latency_ms:g} ms on average, more than {limits.latency_ms:g} ms"
    for kind, count, limit in (
        ("5xx", seen.errors_5xx, limits.errors_5xx_percent),
        ("4xx", seen.errors_4xx, limits.errors_4xx_percent),
    ):
        if 100 * count > limit * seen.requests:
            yield f"{count} of {seen.requests} answers were {kind}, more than {limit:g} %"
