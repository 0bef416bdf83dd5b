"""The name that clients resolve: the SSM parameter of a recipe that says which endpoint is the live one."""

from __future__ import annotations

import hashlib

from shared.aws import client
from shared.endpoints import describe_endpoint
from shared.errors import EndpointBusy, EndpointTakenOver, InvalidRelease
from shared.names import MAX_LENGTH
from shared.parameters import delete_parameter, read_parameter, write_parameter
from shared.release_state import Before, Names, Switch, Variant

_HASH_LENGTH = 8


def live_endpoint(parameter: str) -> str | None:
    """Give the name that clients are told; None when there is no parameter, and they ask the usual endpoint."""
    return read_parameter(parameter)


def own_endpoint(usual: str, execution: str) -> str:
    """Name the endpoint that a release makes beside the one that serves.

    Examples
    --------
    >>> own_endpoint("switchyard-diabetes", "release-1")
    'switchyard-diabetes-2980feef'
    >>> len(own_endpoint("switchyard-" + "x" * 52, "release-1"))
    63
    """
    digest = hashlib.sha256(execution.encode("utf-8", errors="surrogatepass")).hexdigest()[:_HASH_LENGTH]
    return f"{usual[: MAX_LENGTH - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def look_at_earlier(name: str, parameter_value: str | None, variant: str) -> Before:
    """See what clients are sent to before the name is switched; the release never changes it.

    Parameters
    ----------
    variant
        What the candidate's variant is to be called.

    Raises
    ------
    EndpointBusy
        While somebody is changing it: that work would be lost.
    InvalidRelease
        When clients ask it another way than they could ask the candidate.
    """
    before = Before(
        exists=False,
        watched_variant=variant,
        final_variant=variant,
        switch=Switch(parameter_value=parameter_value, old_endpoint=None),
    )
    endpoint = describe_endpoint(name)
    if endpoint is None:
        return before
    if endpoint.in_transition:
        raise EndpointBusy(f"Endpoint {name!r} is {endpoint.status}; this release waits for its turn.")
    config = client("sagemaker").describe_endpoint_config(EndpointConfigName=endpoint.config)
    if config.get("AsyncInferenceConfig"):
        raise InvalidRelease(
            f"Endpoint {name!r} is asynchronous, and the candidate's would not be: clients could not ask both alike."
        )
    return before.model_copy(
        update={
            "endpoint_config": endpoint.config,
            "variants": [
                Variant(name=each.name, weight=each.weight, count=each.instances) for each in endpoint.variants
            ],
            "switch": Switch(parameter_value=parameter_value, old_endpoint=name),
        }
    )


def check_name(names: Names, *expected: str | None) -> str | None:
    """Give the name that clients are told.

    Raises
    ------
    EndpointTakenOver
        When it is none of the expected ones.
    """
    found = live_endpoint(names.parameter)
    if found not in expected:
        raise EndpointTakenOver(
            f"The parameter {names.parameter!r} names {found!r}, which this release has not written: somebody else "
            "changed it."
        )
    return found


def switch_name(names: Names, switch: Switch) -> None:
    """Send clients to the release's endpoint, and see that they are.

    Raises
    ------
    EndpointTakenOver
        When somebody else has sent them elsewhere.
    """
    if check_name(names, names.endpoint, switch.parameter_value) != names.endpoint:
        write_parameter(names.parameter, names.endpoint)
        check_name(names, names.endpoint)


def switch_back(names: Names, switch: Switch) -> bool:
    """Send clients back to where they were sent before; say whether they were sent to the release's endpoint.

    What somebody else has written is left.

    Raises
    ------
    EndpointTakenOver
        When somebody else wrote the parameter at the same time.
    """
    if live_endpoint(names.parameter) != names.endpoint:
        return False
    if switch.parameter_value is not None:
        write_parameter(names.parameter, switch.parameter_value)
    else:
        delete_parameter(names.parameter)
    check_name(names, switch.parameter_value)
    return True
