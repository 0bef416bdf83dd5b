"""Tells the local cloud to fail: which call, how, how often."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from switchyard.errors import SwitchyardError, UsageError

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud
    from switchyard.aws.target import Target

_SPEC = re.compile(r"(?P<target>.+?)\s*:\s*(?P<kind>[^:]+?)(?:\s+x\s?(?P<times>\d+))?\s*")
EXAMPLE = '"Train model:ThrottlingException x2"'


@dataclass(frozen=True)
class FaultSpec:
    """A fault, as it is written on the command line.

    Parameters
    ----------
    target
        A state, a function, `*`, or jobs by their names (`training-job/demo-*`).
    kind
        An AWS error code, `Failed`, `crash`, `timeout`, `latency 2s`, `lost answer` or `spot
        interruption`.
    times
        How often; None for always.
    """

    target: str
    kind: str
    times: int | None = None

    def __str__(self) -> str:
        return f"{self.target}:{self.kind}" + (f" x{self.times}" if self.times else "")


def parse_fault(text: str) -> FaultSpec:
    """Read `STATE:KIND`, or `STATE:KIND xN`.

    Raises
    ------
    UsageError
        When it is written otherwise; whether there are such a state and kind is for the cloud to say.

    Examples
    --------
    >>> parse_fault("Train model:latency 2s x3")
    FaultSpec(target='Train model', kind='latency 2s', times=3)
    """
    match = _SPEC.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"{text!r} is no fault: write the state or function, a colon, and what happens, such as {EXAMPLE}"
        )
    return FaultSpec(match["target"], match["kind"], int(match["times"]) if match["times"] else None)


def check_faults_allowed(target: Target, faults: Iterable[Any]) -> None:
    """Refuse faults where there is a real account.

    Raises
    ------
    UsageError
        When there are faults, and the cloud is AWS.
    """
    if target.aws and any(True for _ in faults):
        raise UsageError("faults are for the local cloud: nothing is broken on purpose in an AWS account")


def add_faults(cloud: Cloud, faults: Iterable[FaultSpec], execution: str | None = None) -> list[dict[str, Any]]:
    """Add faults to a running local cloud; of several, either all or none.

    Parameters
    ----------
    cloud
        The local cloud.
    faults
        What is to go wrong.
    execution
        The name of the only execution that they strike.

    Raises
    ------
    UsageError
        When there is no such state, function or kind, or the cloud is none of Switchyard's.
    """
    added: list[dict[str, Any]] = []
    for fault in faults:
        document = {"target": fault.target, "kind": fault.kind, "times": fault.times, "execution": execution}
        status, answer = _ask(cloud, "POST", "", document)
        if status != 201:
            for earlier in added:
                clear_faults(cloud, earlier["id"])
            raise UsageError(f"fault '{fault}': {answer.get('error')}")
        added.append(answer)
    return added


def list_faults(cloud: Cloud) -> list[dict[str, Any]]:
    """List the faults of a running local cloud: id, target, kind, times, execution, fired, over."""
    faults: list[dict[str, Any]] = _ask(cloud, "GET", "")[1]["faults"]
    return faults


def clear_faults(cloud: Cloud, number: int | None = None) -> int:
    """Remove one fault, or all; give how many there were.

    Raises
    ------
    UsageError
        When there is no fault of that number.
    """
    status, answer = _ask(cloud, "DELETE", f"/{number}" if number is not None else "")
    if status != 200:
        raise UsageError(f"{answer.get('error')}; see `switchyard faults ls`")
    return int(answer["removed"])


def _ask(cloud: Cloud, method: str, path: str, document: Any = None) -> tuple[int, dict[str, Any]]:
    if not cloud.is_switchyard:
        raise UsageError(f"faults are for the local cloud of Switchyard, which {cloud} is not")
    address = urlsplit(cloud.endpoint_url or "")
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80)
    try:
        body = None if document is None else json.dumps(document)
        connection.request(method, f"/_switchyard/faults{path}", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise SwitchyardError(f"the local cloud at {cloud} does not answer about faults: {error}") from error
    finally:
        connection.close()
