"""What S3 tells of its objects: to EventBridge, and to the functions, queues and topics that a bucket names.

Source: "EventBridge event message structure", "Event message structure" (Amazon S3 User Guide). Keys are URL-encoded
in the second, and not in the first.
"""

from __future__ import annotations

import datetime
import itertools
import json
import random
import string
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

from switchyard.cloud.account import ACCOUNT_ID, REGION
from switchyard.cloud.events.bus import Bus, new_event
from switchyard.cloud.events.delivery import Deliveries, GivenUp, RetryPolicy
from switchyard.cloud.events.targets import Caller, Targets

SERVICE = "s3.amazonaws.com"
# By what happened, in S3's notifications: the event's detail-type, and its reason.
_TOLD: dict[str, tuple[str, str]] = {
    "ObjectCreated:Put": ("Object Created", "PutObject"),
    "ObjectCreated:Post": ("Object Created", "POST Object"),
    "ObjectCreated:Copy": ("Object Created", "CopyObject"),
    "ObjectCreated:CompleteMultipartUpload": ("Object Created", "CompleteMultipartUpload"),
    "ObjectRemoved:Delete": ("Object Deleted", "DeleteObject"),
    "ObjectRemoved:DeleteMarkerCreated": ("Object Deleted", "DeleteObject"),
}
_numbers = itertools.count(time.time_ns())
_IDENTIFIER = string.ascii_uppercase + string.digits


class Objects:
    """Tells what happens to objects.

    Parameters
    ----------
    bus : Bus
        Takes the events of buckets that send them to EventBridge.
    """

    def __init__(self, bus: Bus, deliveries: Deliveries, targets: Targets) -> None:
        self._bus = bus
        self._deliveries = deliveries
        self._targets = targets

    def changed(self, happened: str, bucket: Any, key: Any) -> None:
        """Tell of one change.

        Parameters
        ----------
        happened : str
            As S3's notifications name it, such as ``ObjectCreated:Put``.
        bucket, key
            moto's bucket and object.
        """
        configuration = bucket.notification_configuration
        if configuration is None or happened not in _TOLD:
            return
        sequencer = f"{next(_numbers):016X}"
        if configuration.event_bridge is not None:
            self._bus.take(_event(happened, bucket, key, sequencer))
        for notification in (*configuration.cloud_function, *configuration.queue, *configuration.topic):
            if notification.matches(f"s3:{happened}", key.name):
                self._notify(notification, _record(happened, bucket, key, sequencer, notification.id), bucket.arn)

    def _notify(self, notification: Any, record: dict[str, Any], bucket_arn: str) -> None:
        text = json.dumps({"Records": [record]})
        caller = Caller(SERVICE, bucket_arn)
        send: Callable[[int], None] = lambda _: self._targets.send({"Arn": notification.arn}, text, caller, "")  # noqa: E731
        self._deliveries.begin(send, RetryPolicy(), _forget, f"{bucket_arn} to {notification.arn}")


def _forget(_reason: GivenUp) -> None:
    """Leave it at that: S3 has no dead letters."""


def _event(happened: str, bucket: Any, key: Any, sequencer: str) -> dict[str, Any]:
    detail_type, reason = _TOLD[happened]
    described: dict[str, Any] = {"key": key.name}
    if detail_type == "Object Created":
        described["size"] = key.size
    if (etag := _etag(key)) is not None:
        described["etag"] = etag
    if bucket.is_versioned:
        described["version-id"] = key.version_id
    described["sequencer"] = sequencer
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": described,
        "request-id": "".join(random.choices(_IDENTIFIER, k=16)),  # noqa: S311 - a label
        "requester": ACCOUNT_ID,
        "source-ip-address": "127.0.0.1",
        "reason": reason,
    }
    if detail_type == "Object Deleted":
        marked = happened == "ObjectRemoved:DeleteMarkerCreated"
        detail["deletion-type"] = "Delete Marker Created" if marked else "Permanently Deleted"
    return new_event("aws.s3", detail_type, detail, [bucket.arn])


def _record(happened: str, bucket: Any, key: Any, sequencer: str, configuration_id: str) -> dict[str, Any]:
    described: dict[str, Any] = {"key": quote_plus(key.name, safe="/"), "sequencer": sequencer}
    if happened.startswith("ObjectCreated"):
        described |= {"size": key.size, "eTag": _etag(key)}
    if bucket.is_versioned:
        described["versionId"] = key.version_id
    moment = datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": moment,
        "eventName": happened,
        "userIdentity": {"principalId": ACCOUNT_ID},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "".join(random.choices(_IDENTIFIER, k=16)), "x-amz-id-2": "local"},  # noqa: S311
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {"name": bucket.name, "ownerIdentity": {"principalId": ACCOUNT_ID}, "arn": bucket.arn},
            "object": described,
        },
    }


def _etag(key: Any) -> str | None:
    # A delete marker has none of its own.
    etag = getattr(key, "_etag", None) or (key.etag if hasattr(key, "size") else None)
    return etag.strip('"') if etag else None
