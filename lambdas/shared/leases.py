"""Who may change an endpoint: a lease in DynamoDB, one item an endpoint, held by one release at a time.

Its holder renews it with every call that acts for it. One that is not renewed runs out, so that a release which died
without a word blocks nobody for long.
"""

from __future__ import annotations

import time

from shared.aws import ClientError, client, error_code
from shared.errors import EndpointLocked, LeaseLost
from shared.settings import LeaseSettings, read_settings

# The longest pause between two calls of one release is a look or a retry's interval; three may be missed.
SHORTEST_SECONDS = 900
PAUSES = 3


def acquire(endpoint: str, holder: str, pause_seconds: int) -> None:
    """Take the lease of an endpoint, or renew one's own.

    Parameters
    ----------
    holder
        The execution's name.
    pause_seconds
        After how long, at the latest, it is renewed.

    Raises
    ------
    EndpointLocked
        When another release holds it.
    """
    now = int(time.time())
    condition = "attribute_not_exists(#endpoint) OR holder = :holder OR expires_at < :now"
    if not _put(endpoint, holder, now, pause_seconds, condition):
        raise EndpointLocked(f"Endpoint {endpoint!r} is being released to by {_holder(endpoint)}; this one waits.")


def renew(endpoint: str, holder: str, pause_seconds: int) -> None:
    """Renew one's own lease.

    Raises
    ------
    LeaseLost
        When it is not held any more: it ran out, or this release was undone.
    """
    if not _put(endpoint, holder, int(time.time()), pause_seconds, "holder = :holder"):
        raise LeaseLost(
            f"Execution {holder!r} does not hold endpoint {endpoint!r} any more: it was undone, or another release "
            "took its place."
        )


def give_up(endpoint: str, holder: str) -> bool:
    """Let the next release have the endpoint; safe to repeat, and no harm to another holder.

    Returns
    -------
    bool
        Whether it was the holder's.
    """
    try:
        client("dynamodb").delete_item(
            TableName=_table(),
            Key={"endpoint": {"S": endpoint}},
            ConditionExpression="holder = :holder",
            ExpressionAttributeValues={":holder": {"S": holder}},
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True


def holder_of(endpoint: str) -> str | None:
    """Name the execution that holds an endpoint; None when nobody does."""
    item = (
        client("dynamodb")
        .get_item(TableName=_table(), Key={"endpoint": {"S": endpoint}}, ConsistentRead=True)
        .get("Item")
    )
    if item is None or int(item["expires_at"]["N"]) < time.time():
        return None
    return str(item["holder"]["S"])


def _put(endpoint: str, holder: str, now: int, pause_seconds: int, condition: str) -> bool:
    expires_at = now + max(SHORTEST_SECONDS, PAUSES * pause_seconds)
    values = {":holder": {"S": holder}, ":now": {"N": str(now)}}
    names = {"#endpoint": "endpoint"}
    try:
        client("dynamodb").put_item(
            TableName=_table(),
            Item={"endpoint": {"S": endpoint}, "holder": {"S": holder}, "expires_at": {"N": str(expires_at)}},
            ConditionExpression=condition,
            ExpressionAttributeValues={name: value for name, value in values.items() if name in condition},
            **({"ExpressionAttributeNames": names} if "#endpoint" in condition else {}),
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _holder(endpoint: str) -> str:
    holder = holder_of(endpoint)
    return "another release" if holder is None else f"execution {holder!r}"


def _table() -> str:
    return str(read_settings(LeaseSettings).lock_table)
