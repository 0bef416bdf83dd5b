"""What S3 tells of objects: to EventBridge, and to a bucket's functions and queues."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

import pytest

from tests.cloud.events.conftest import EventCloud
from tests.cloud.local_cloud import wait_until


def event_of(events: EventCloud, key: str, detail_type: str) -> dict[str, Any]:
    def wanted(body: Any) -> bool:
        told = isinstance(body, dict) and body.get("source") == "aws.s3" and body["detail-type"] == detail_type
        return told and body["detail"]["object"]["key"] == key

    return events.message("Queue", wanted)["body"]


@pytest.mark.parametrize("key", ["plain.csv", "with space/a+b.csv", "ünï/数据 %41.csv", "a/b=c&d;e?.csv"])
def test_an_object_s_key_comes_as_it_is(events: EventCloud, key: str) -> None:
    bucket = events.resource("Bucket")
    put = events.client("s3").put_object(Bucket=bucket, Key=key, Body=b"12345")
    event = event_of(events, key, "Object Created")
    detail = event["detail"]
    assert event["resources"] == [f"arn:aws:s3:::{bucket}"]
    assert detail["bucket"] == {"name": bucket}
    sequencer = detail["object"].pop("sequencer")
    assert detail["object"] == {
        "key": key,
        "size": 5,
        "etag": put["ETag"].strip('"'),
        "version-id": put["VersionId"],
    }
    assert int(sequencer, 16) > 0
    assert detail["reason"] == "PutObject"
    assert detail["requester"] == "123456789012"
    assert {"version", "request-id", "source-ip-address"} < set(detail)


def test_a_later_event_of_a_key_has_a_greater_sequencer(events: EventCloud) -> None:
    s3, bucket = events.client("s3"), events.resource("Bucket")
    for body in (b"1", b"22"):
        s3.put_object(Bucket=bucket, Key="twice", Body=body)

    def both() -> list[dict[str, Any]]:
        bodies = [message["body"] for message in events.received("Queue")]
        objects = [
            body["detail"]["object"] for body in bodies if isinstance(body, dict) and "object" in body.get("detail", {})
        ]
        twice = sorted((each for each in objects if each["key"] == "twice"), key=lambda each: each["sequencer"])
        return twice if len(twice) == 2 else []

    assert [each["size"] for each in wait_until(both)] == [1, 2]


def test_an_upload_in_parts_and_a_copy_are_told_once_each(events: EventCloud) -> None:
    s3, bucket = events.client("s3"), events.resource("Bucket")
    place = {"Bucket": bucket, "Key": "parts"}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    etag = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"123")["ETag"]
    s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "parts"})
    copied = event_of(events, "copy", "Object Created")["detail"]
    created = event_of(events, "parts", "Object Created")["detail"]
    assert (created["reason"], created["object"]["size"]) == ("CompleteMultipartUpload", 3)
    assert created["object"]["etag"].endswith("-1")
    assert copied["reason"] == "CopyObject"


def test_a_deletion_says_whether_the_object_is_gone_or_marked(events: EventCloud) -> None:
    s3, bucket = events.client("s3"), events.resource("Bucket")
    version = s3.put_object(Bucket=bucket, Key="marked", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="marked")["VersionId"]
    detail = event_of(events, "marked", "Object Deleted")["detail"]
    assert (detail["reason"], detail["deletion-type"]) == ("DeleteObject", "Delete Marker Created")
    assert detail["object"]["version-id"] == marker
    version = s3.put_object(Bucket=bucket, Key="gone", Body=b"1")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="gone", VersionId=version)
    detail = event_of(events, "gone", "Object Deleted")["detail"]
    assert detail["deletion-type"] == "Permanently Deleted"
    assert detail["object"]["version-id"] == version


def test_a_bucket_tells_a_function_and_a_queue_of_the_objects_that_they_want(events: EventCloud) -> None:
    s3, bucket = events.client("s3"), events.resource("PlainBucket")
    for key in ("told/a b+ü.csv", "untold/x"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"123")
    s3.delete_object(Bucket=bucket, Key="untold/x")

    def records() -> list[dict[str, Any]]:
        return [record for event in events.told() for record in event.get("Records", [])]

    (record,) = wait_until(records)
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["bucket"]["name"] == bucket
    assert unquote_plus(record["s3"]["object"]["key"]) == "told/a b+ü.csv"
    assert " " not in record["s3"]["object"]["key"]
    removed = events.message("Queue", lambda body: isinstance(body, dict) and "Records" in body)
    assert removed["body"]["Records"][0]["eventName"] == "ObjectRemoved:Delete"
