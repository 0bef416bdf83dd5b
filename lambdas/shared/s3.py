"""S3 addresses, and the listings that several functions need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from shared.aws import client

_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<key>.*))?", re.DOTALL)


class S3Location(NamedTuple):
    """A bucket and a key (or key prefix) in it."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> S3Location:
        """Take an ``s3://bucket/key`` address apart.

        Raises
        ------
        ValueError
            When it is no such address.
        """
        match = _URI.fullmatch(uri)
        if match is None:
            raise ValueError(f"{uri!r} is no S3 address; expected s3://bucket/key-or-prefix")
        return cls(match["bucket"], match["key"] or "")

    @property
    def uri(self) -> str:
        """The address as SageMaker takes it."""
        return f"s3://{self.bucket}/{self.key}"

    def as_folder(self) -> S3Location:
        """Give the same place as a prefix that ends in a slash, so `splits` never matches `splits-old`."""
        return self if self.key.endswith("/") else self._replace(key=f"{self.key}/")


def list_objects(prefix: S3Location) -> Iterator[dict[str, Any]]:
    """Yield what ListObjectsV2 says of every object under a prefix, folder markers left out."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key)
    for page in pages:
        for entry in page.get("Contents", []):
            if not entry["Key"].endswith("/"):
                yield entry


def read_lines(location: S3Location) -> Iterator[str]:
    """Stream the lines of an object of UTF-8 text, without their line ends."""
    body = client("s3").get_object(Bucket=location.bucket, Key=location.key)["Body"]
    with body:
        for line in body.iter_lines():
            yield line.decode("utf-8", errors="replace")
