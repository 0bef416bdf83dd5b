"""What a request to S3 needs to be allowed.

Source: Required permissions for Amazon S3 API operations (Amazon S3 User Guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from switchyard.cloud.account import PARTITION
from switchyard.cloud.iam.access import Access
from switchyard.cloud.iam.requests import Request

_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+?)\.(?:s3[.\-\w]*\.)?(?:localhost|amazonaws\.com)(?::\d+)?", re.IGNORECASE)
# A bucket's configurations, by the query argument that names them.
_CONFIGURATIONS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "analytics": "AnalyticsConfiguration",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "intelligent-tiering": "IntelligentTieringConfiguration",
    "inventory": "InventoryConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "metrics": "MetricsConfiguration",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
_OBJECT_PARTS = {
    "acl": "Acl",
    "attributes": "Attributes",
    "legal-hold": "LegalHold",
    "retention": "Retention",
    "tagging": "Tagging",
    "torrent": "Torrent",
}
_LISTS = {"versions": "ListBucketVersions", "uploads": "ListBucketMultipartUploads"}


def split(request: Request) -> tuple[str, str]:
    """Return the bucket and the key that a request names, in its path or in its host; empty when it names none."""
    path = request.path.lstrip("/")
    host = request.headers.get("host", "")
    virtual = None if host.lower().startswith("s3.") else _VIRTUAL_HOST.fullmatch(host)
    bucket, key = (virtual.group("bucket"), path) if virtual else (*path.split("/", 1), "")[:2]
    return unquote(bucket), unquote(key)


def accesses(request: Request) -> list[Access]:
    """Return all that a request to S3 does."""
    bucket, key = split(request)
    if not bucket:
        return [Access("s3:ListAllMyBuckets", "*")]
    arn = f"arn:{PARTITION}:s3:::{bucket}"
    context = _context(request)
    if not key:
        return [Access(f"s3:{action}", resource, context) for action, resource in _of_bucket(request, arn)]
    found = [Access(f"s3:{action}", f"{arn}/{key}", context) for action in _of_object(request)]
    source = unquote(request.headers.get("x-amz-copy-source", ""))
    if source and request.method == "PUT":
        path, _, version = source.lstrip("/").partition("?versionId=")
        read = "s3:GetObjectVersion" if version else "s3:GetObject"
        found.append(Access(read, f"arn:{PARTITION}:s3:::{path}", context))
    return found


def _of_bucket(request: Request, arn: str) -> list[tuple[str, str]]:
    method, arguments = request.method, request.arguments
    if method == "POST":  # the only one is DeleteObjects
        return [(action, f"{arn}/{key}") for action, key in _deletes(request.body)] or [("DeleteObject", f"{arn}/*")]
    configuration = next((name for name in _CONFIGURATIONS if name in arguments), None)
    if configuration:
        deletes = method == "DELETE" and configuration in {"policy", "website"}
        verb = "Get" if method in {"GET", "HEAD"} else "Delete" if deletes else "Put"
        return [(verb + _CONFIGURATIONS[configuration], arn)]
    if method in {"GET", "HEAD"}:
        return [(next((action for name, action in _LISTS.items() if name in arguments), "ListBucket"), arn)]
    return [("CreateBucket" if method == "PUT" else "DeleteBucket", arn)]


def _deletes(body: bytes) -> Iterator[tuple[str, str]]:
    try:
        document = ElementTree.fromstring(body)  # noqa: S314 - expat bounds what entities may grow to
    except ElementTree.ParseError:
        return
    for deleted in document.iterfind("{*}Object"):
        version = "Version" if deleted.findtext("{*}VersionId") else ""
        yield f"DeleteObject{version}", deleted.findtext("{*}Key") or ""


def _of_object(request: Request) -> list[str]:
    method, arguments = request.method, request.arguments
    version = "Version" if "versionId" in arguments else ""
    part = next((name for name in _OBJECT_PARTS if name in arguments), None)
    if part:
        verb = {"GET": "Get", "HEAD": "Get", "DELETE": "Delete"}.get(method, "Put")
        reads = [f"GetObject{version}"] if part == "attributes" else []
        return [*reads, f"{verb}Object{version}{_OBJECT_PARTS[part]}"]
    if method in {"GET", "HEAD"}:
        return ["ListMultipartUploadParts"] if "uploadId" in arguments else [f"GetObject{version}"]
    if method == "DELETE":
        return ["AbortMultipartUpload"] if "uploadId" in arguments else [f"DeleteObject{version}"]
    if "restore" in arguments:
        return ["RestoreObject"]
    if "select" in arguments:
        return ["GetObject"]
    tagging = ["PutObjectTagging"] if "x-amz-tagging" in request.headers else []
    acl = ["PutObjectAcl"] if "x-amz-acl" in request.headers else []
    return ["PutObject", *tagging, *acl]


def _context(request: Request) -> dict[str, Any]:
    context: dict[str, Any] = {}
    for name in ("prefix", "delimiter", "max-keys", "versionId"):
        if name in request.arguments:
            context[f"s3:{name}"] = request.arguments[name]
    for name in ("x-amz-acl", "x-amz-server-side-encryption", "x-amz-storage-class", "x-amz-metadata-directive"):
        if name in request.headers:
            context[f"s3:{name}"] = request.headers[name]
    return context
