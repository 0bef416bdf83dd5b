"""S3: policies of buckets, and what happens to objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from switchyard.cloud.iam.policy import Policy, Principal, evaluate


def evaluate_bucket_policies() -> None:
    """Policies of buckets are read without their principals and conditions: a TLS-only one locks everybody out.

    What they deny is decided where requests come in, for every caller; here is left what they allow to the public.
    """
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(self: Any, action: str, resource: str) -> Any:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        context = {"aws:SecureTransport": "true", "aws:SourceIp": "127.0.0.1"}
        decision = evaluate([Policy(self.policy.decode())], action, resource, context, Principal())
        return PermissionResult.PERMITTED if decision.allowed else PermissionResult.NEUTRAL

    FakeBucket.get_permission = get_permission


def tell_of_objects(listener: Callable[[str, Any, Any], None]) -> None:
    """S3's events have invented fields, come twice for a multipart upload, and not at all for a delete marker.

    Parameters
    ----------
    listener : callable
        Told what happened (such as ``ObjectCreated:Put``), with moto's bucket and object.
    """
    from moto.s3 import notifications
    from moto.s3.models import S3Backend

    delete_object = S3Backend.delete_object

    def send_event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        happened = event_name.value.partition(":")[2]
        removed = happened.startswith("ObjectRemoved")  # told below
        if not removed and not (happened == "ObjectCreated:Put" and getattr(key, "multipart", None) is not None):
            listener(happened, bucket, key)

    def delete(
        self: Any, bucket_name: str, key_name: str, version_id: str | None = None, *rest: Any, **more: Any
    ) -> Any:
        bucket = self.get_bucket(bucket_name)
        before = {each.version_id: each for each in bucket.keys.getlist(key_name, [])}
        current = bucket.keys.get(key_name)
        answer = delete_object(self, bucket_name, key_name, version_id, *rest, **more)
        after = {each.version_id: each for each in bucket.keys.getlist(key_name, [])}
        for version in after.keys() - before.keys():
            listener("ObjectRemoved:DeleteMarkerCreated", bucket, after[version])
        if not bucket.is_versioned and current is not None and not after:
            listener("ObjectRemoved:Delete", bucket, current)
        elif bucket.is_versioned:
            for version in before.keys() - after.keys():
                listener("ObjectRemoved:Delete", bucket, before[version])
        return answer

    notifications.send_event = send_event
    S3Backend.delete_object = delete
