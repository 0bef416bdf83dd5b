"""Channels: which objects of S3 a training job reads, and how they reach each of its hosts.

Sources: Channel, S3DataSource, ShuffleConfig (Amazon SageMaker API Reference); "Use Augmented Manifest Files for
Training Jobs" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from switchyard.cloud.sagemaker.s3 import (
    S3Object,
    TransferError,
    download_below,
    find_objects,
    join_uri,
    read_object,
    split_uri,
    stream_object,
)

# MXNet's RecordIO: a magic number, a length, the content, and zeros up to a multiple of four.
_RECORD = struct.Struct("<II")
_RECORD_MAGIC = 0xCED7230A
_LONGEST_RECORD = 2**29 - 1
_GZIP = 16 + zlib.MAX_WBITS


class Channel:
    """One input of a training job.

    Parameters
    ----------
    request : dict
        An entry of ``InputDataConfig``.
    default_mode : str
        The job's ``TrainingInputMode``.
    """

    def __init__(self, request: dict[str, Any], default_mode: str) -> None:
        self._request = request
        self._source: dict[str, Any] = request["DataSource"]["S3DataSource"]
        self.name: str = request["ChannelName"]
        self.mode: str = request.get("InputMode") or default_mode
        self.groups: list[str] = self._source.get("InstanceGroupNames") or []
        self._lines: list[dict[str, Any]] = []
        self._objects: list[S3Object] = []

    @property
    def is_pipe(self) -> bool:
        """Whether it is streamed rather than laid out as files."""
        return self.mode == "Pipe"

    @property
    def uri(self) -> str:
        """The prefix or the manifest that it reads."""
        return str(self._source["S3Uri"])

    @property
    def objects(self) -> list[S3Object]:
        """The objects that `find` has found."""
        return self._objects

    def config(self) -> dict[str, str]:
        """Return its entry of ``inputdataconfig.json``."""
        config = {
            "TrainingInputMode": self.mode,
            "S3DistributionType": self._source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": self._request.get("RecordWrapperType", "None"),
        }
        for name in ("ContentType", "CompressionType"):
            if name in self._request:
                config[name] = self._request[name]
        return config

    def find(self, s3: Any) -> None:
        """Find out what there is to read.

        Raises
        ------
        TransferError
            There is nothing, or it cannot be read.
        """
        kind = self._source["S3DataType"]
        if kind == "ManifestFile":
            self._objects = list(_manifest(s3, self.uri))
        elif kind == "AugmentedManifestFile":
            self._lines = list(_augmented_manifest(s3, self.uri, self._source.get("AttributeNames") or []))
        else:
            self._objects = list(find_objects(s3, self.uri))
        if not self._objects and not self._lines:
            what = f"no S3 object has the prefix '{self.uri}'" if kind == "S3Prefix" else f"'{self.uri}' lists nothing"
            raise TransferError(f"ClientError: Data download failed: {what}; check the URI and the role")

    def download(self, s3: Any, folder: Path, host: str, hosts: list[str]) -> None:
        """Download one host's share into the channel's folder.

        Raises
        ------
        TransferError
            An object cannot be read, or stored as a file below the folder.
        """
        for each in self.share(self._objects, 0, host, hosts):
            download_below(s3, each, folder)

    def stream(self, s3: Any, epoch: int, host: str, hosts: list[str]) -> Iterator[bytes]:
        """Yield one host's share of an epoch, as it goes through a pipe.

        Raises
        ------
        TransferError
            An object cannot be read, or is not compressed as the channel says.
        """
        for line in self.share(self._lines, epoch, host, hosts):
            for name in self._source["AttributeNames"]:
                yield from self._wrapped(self._attribute(s3, line, name))
        for each in self.share(self._objects, epoch, host, hosts):
            chunks = stream_object(s3, each)
            yield from self._wrapped(_decompressed(chunks, each) if self._is_compressed else chunks)

    def share(self, entries: list[Any], epoch: int, host: str, hosts: list[str]) -> list[Any]:
        """Return the entries that are one host's in an epoch, in its order."""
        if shuffle := self._request.get("ShuffleConfig"):
            entries = list(entries)
            random.Random(shuffle["Seed"] + epoch).shuffle(entries)  # noqa: S311 - an order, not a secret
        if self._source.get("S3DataDistributionType") == "ShardedByS3Key":
            return entries[hosts.index(host) :: len(hosts)]
        return entries

    @property
    def _is_compressed(self) -> bool:
        return self._request.get("CompressionType") == "Gzip"

    def _wrapped(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        if self._request.get("RecordWrapperType") != "RecordIO":
            yield from chunks
            return
        content = b"".join(chunks)  # the record's header tells its length
        if len(content) > _LONGEST_RECORD:
            raise TransferError(f"ClientError: an object of {self.uri} is too large for one RecordIO record (512 MiB)")
        yield _RECORD.pack(_RECORD_MAGIC, len(content)) + content + b"\0" * (-len(content) % 4)

    def _attribute(self, s3: Any, line: dict[str, Any], name: str) -> Iterator[bytes]:
        if name not in line:
            raise TransferError(f"ClientError: a line of '{self.uri}' has no attribute '{name}'")
        value = line[name]
        if not name.endswith("-ref"):
            yield (value if isinstance(value, str) else json.dumps(value)).encode()
            return
        bucket, key = split_uri(str(value))
        yield from stream_object(s3, S3Object(bucket, key, key))


def _manifest(s3: Any, uri: str) -> Iterator[S3Object]:
    try:
        first, *names = json.loads(read_object(s3, uri))
        prefix = first["prefix"]
        if not prefix or not all(isinstance(name, str) for name in names):
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise TransferError(
            f"ClientError: '{uri}' is not a manifest: a JSON array of a prefix and names, such as "
            '[{"prefix": "s3://bucket/folder/"}, "a.csv", "b.csv"]'
        ) from None
    for name in names:
        bucket, key = split_uri(prefix + name)
        yield S3Object(bucket, key, name)


def _augmented_manifest(s3: Any, uri: str, names: list[str]) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(read_object(s3, uri).decode("utf-8", "replace").splitlines(), start=1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict):
            raise TransferError(f"ClientError: line {number} of '{uri}' is not a JSON object with {', '.join(names)}")
        yield line


def _decompressed(chunks: Iterator[bytes], each: S3Object) -> Iterator[bytes]:
    uri = join_uri(f"s3://{each.bucket}", each.key)
    reader = zlib.decompressobj(_GZIP)
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                yield reader.decompress(rest)
                rest = reader.unused_data
                if rest:  # a file may be of several members
                    reader = zlib.decompressobj(_GZIP)
        yield reader.flush()
    except zlib.error as error:
        raise TransferError(f"ClientError: '{uri}' is not compressed with gzip: {error}") from None
