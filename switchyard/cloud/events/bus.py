"""Event buses: take events, find the rules that want them, hand them over for delivery.

Buses, rules and targets are kept by moto, which answers their API.
Source: PutEvents (Amazon EventBridge API Reference); "Rules in Amazon EventBridge" (User Guide).
"""

from __future__ import annotations

import copy
import datetime
import json
import logging
import uuid
from collections.abc import Mapping
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID, REGION
from switchyard.cloud.events import patterns, transform
from switchyard.cloud.events.delivery import Deliveries, GivenUp, RetryPolicy
from switchyard.cloud.events.targets import Caller, TargetError, Targets, new_name

LOG = logging.getLogger(__name__)
SERVICE = "events.amazonaws.com"
LARGEST_ENTRY = 1024 * 1024


class Bus:
    """All event buses of the account.

    Parameters
    ----------
    deliveries : Deliveries
        Tries each delivery.
    targets : Targets
        Calls them.
    """

    def __init__(self, deliveries: Deliveries, targets: Targets) -> None:
        self._deliveries = deliveries
        self._targets = targets

    def put(self, entries: list[dict[str, Any]], *, is_owner: bool) -> list[dict[str, str]]:
        """Answer PutEvents' entries, one by one, and take those that are right.

        Parameters
        ----------
        is_owner : bool
            Whether the account's owner calls: on this machine, and only there, that is who may replay what AWS's
            services have sent (sources that begin with ``aws.``).
        """
        return [self._put(entry, is_owner) for entry in entries]

    def _put(self, entry: dict[str, Any], is_owner: bool) -> dict[str, str]:
        if wrong := _wrong(entry):
            return wrong
        if entry["Source"].startswith("aws.") and not is_owner:
            return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
        try:
            detail = json.loads(entry["Detail"], parse_constant=_no_number)
        except (ValueError, RecursionError):
            detail = None
        if not isinstance(detail, dict):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        if len(json.dumps(entry)) > LARGEST_ENTRY:
            message = f"Total size of the entries in the request is over the limit of {LARGEST_ENTRY} bytes."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}
        resources, moment = entry.get("Resources") or [], _moment(entry.get("Time"))
        event = new_event(entry["Source"], entry["DetailType"], detail, resources, moment)
        self.take(event, str(entry.get("EventBusName") or "default"))
        return {"EventId": event["id"]}

    def take(self, event: dict[str, Any], bus: str = "default") -> None:
        """Deliver an event to what wants it. A bus that does not exist takes nothing, as on AWS."""
        from moto.events.models import events_backends

        found = events_backends[ACCOUNT_ID][REGION].event_buses.get(bus.rpartition("/")[2] or bus)
        if found is None:
            return
        for rule in list(found.rules.values()):
            self.offer(rule, event)

    def offer(self, rule: Any, event: dict[str, Any]) -> None:
        """Deliver an event to the targets of one of moto's rules, if it is enabled and the pattern takes it."""
        pattern = rule.event_pattern.dump()
        if not rule.state.startswith("ENABLED") or not pattern or not patterns.parse(pattern).matches(event):
            return
        self.deliver(rule, event)

    def deliver(self, rule: Any, event: dict[str, Any]) -> None:
        """Deliver an event to each of a rule's targets."""
        for target in list(rule.targets):
            if target["Arn"].endswith(":::"):  # moto's own, for its archives
                archived = {**copy.deepcopy(event), "archive-arn": _archive_of(target)}
                rule._send_to_events_archive(archived["archive-arn"].rpartition("/")[2], archived)
                continue
            self._begin(rule, target, event)

    def _begin(self, rule: Any, target: Mapping[str, Any], event: dict[str, Any]) -> None:
        arn = rule.arn
        text = transform.render(target, event, arn, _now())
        name = new_name(event["id"], arn, target["Id"])
        caller = Caller(SERVICE, arn)

        def send(_number: int) -> None:
            bus = _bus_of(target)
            if bus is None:
                self._targets.send(target, text, caller, name)
            else:
                self.take(event, bus)  # the event as it is: a bus' target takes no other

        def give_up(reason: GivenUp) -> None:
            dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
            if not dead_letters:
                return
            about = {"RULE_ARN": arn, "TARGET_ARN": target["Arn"], **reason.attributes()}
            try:
                self._targets.to_queue(dead_letters, transform.to_json(event), about, caller)
            except TargetError as error:
                LOG.error("An event of %s is lost: %s did not take it: %s", arn, dead_letters, error)

        self._deliveries.begin(send, RetryPolicy.of(target), give_up, f"{arn} to {target['Arn']}")


def new_event(
    source: str, detail_type: str, detail: dict[str, Any], resources: list[str], moment: str | None = None
) -> dict[str, Any]:
    """Return a whole event, with an id of its own."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT_ID,
        "time": moment or _now(),
        "region": REGION,
        "resources": resources,
        "detail": detail,
    }


def _wrong(entry: dict[str, Any]) -> dict[str, str] | None:
    """Say which member is missing or of a wrong type."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            return _invalid(name, f"{name} is a required argument.")
        if not isinstance(entry[name], str):
            return _invalid(name, f"{name} is not a string.")
    if not isinstance(entry.get("Resources") or [], list):
        return _invalid("Resources", "Resources is not a list.")
    try:
        _moment(entry.get("Time"))
    except (ValueError, OverflowError, OSError):
        return _invalid("Time", "Time is not a timestamp.")
    return None


def _invalid(name: str, reason: str) -> dict[str, str]:
    return {"ErrorCode": "InvalidArgument", "ErrorMessage": f"Parameter {name} is not valid. Reason: {reason}"}


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _bus_of(target: Mapping[str, Any]) -> str | None:
    kind, _, name = str(target["Arn"].rpartition(":")[2]).partition("/")
    return name if kind == "event-bus" else None


def _archive_of(target: Mapping[str, Any]) -> str:
    template = target["InputTransformer"]["InputTemplate"]
    return str(
        json.loads(template.replace("<aws.events.event.json>", "0").replace("<aws.events.event.ingestion-time>", "0"))[
            "archive-arn"
        ]
    )


def _now() -> str:
    return datetime.datetime.now(tz=datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(time: Any) -> str | None:
    if time is None:
        return None
    if isinstance(time, int | float):
        moment = datetime.datetime.fromtimestamp(time, tz=datetime.UTC)
    else:
        moment = datetime.datetime.fromisoformat(str(time)).astimezone(datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
