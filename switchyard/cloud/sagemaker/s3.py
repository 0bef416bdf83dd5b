"""Channels in and artifacts out: what moves between S3 and a container's folders."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from botocore.exceptions import ClientError

CHUNK = 1024 * 1024


class TransferError(Exception):
    """Something could not be read from S3, written to it, or unpacked; the message says which and why."""


@dataclass(frozen=True)
class S3Object:
    """An object, and where it belongs below the folder that it is downloaded to."""

    bucket: str
    key: str
    path: str


def split_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` into bucket and key.

    Raises
    ------
    TransferError
        It is not an S3 URI.
    """
    parts = urlparse(uri, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise TransferError(f"ClientError: '{uri}' is not an S3 URI (s3://bucket/key)")
    return parts.netloc, uri.removeprefix(f"s3://{parts.netloc}").lstrip("/")


def join_uri(uri: str, *names: str) -> str:
    """Append names to an S3 URI, with one slash between each."""
    return "/".join([uri.rstrip("/"), *(name.strip("/") for name in names)])


def list_prefix(client: Any, uri: str) -> Iterator[tuple[str, str]]:
    """Yield each object whose key begins with the URI's, as key and as path relative to the prefix."""
    bucket, prefix = split_uri(uri)
    folder = prefix if prefix.endswith("/") or not prefix else prefix.rpartition("/")[0] + "/"
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            key = found["Key"]
            if key.endswith("/"):
                continue
            if key.startswith(prefix.rstrip("/") + "/"):
                yield key, key[len(prefix.rstrip("/")) :].lstrip("/")
            else:
                yield key, key.removeprefix(folder).lstrip("/")


def find_objects(client: Any, uri: str) -> Iterator[S3Object]:
    """Yield each object whose key begins with the URI's.

    Raises
    ------
    TransferError
        The bucket is not there, or access is denied.
    """
    bucket, _ = split_uri(uri)
    try:
        for key, relative in list_prefix(client, uri):
            yield S3Object(bucket, key, relative)
    except ClientError as error:
        raise TransferError(_reason(error, uri)) from error


def download_below(client: Any, found: S3Object, target: Path) -> None:
    """Download one object to its place below a folder.

    Raises
    ------
    TransferError
        It is not there, access is denied, or its key would lead out of `target`.
    """
    path = (target / found.path).resolve()
    if not path.is_relative_to(target.resolve()):
        raise TransferError(f"ClientError: the key '{found.key}' leads out of its channel's folder")
    try:
        _download(client, found.bucket, found.key, path)
    except ClientError as error:
        raise TransferError(_reason(error, f"s3://{found.bucket}/{found.key}")) from error


def download_prefix(client: Any, uri: str, target: Path) -> int:
    """Download every object under a prefix; return how many there were.

    Raises
    ------
    TransferError
        Nothing is there, access is denied, or a key would lead out of `target`.
    """
    count = 0
    for found in find_objects(client, uri):
        download_below(client, found, target)
        count += 1
    if count == 0:
        raise TransferError(
            f"ClientError: Data download failed: no S3 object has the prefix '{uri}'; check the URI and the role"
        )
    return count


def stream_object(client: Any, found: S3Object) -> Iterator[bytes]:
    """Yield an object's content in chunks.

    Raises
    ------
    TransferError
        It is not there, or access is denied.
    """
    try:
        body = client.get_object(Bucket=found.bucket, Key=found.key)["Body"]
    except ClientError as error:
        raise TransferError(_reason(error, f"s3://{found.bucket}/{found.key}")) from error
    yield from body.iter_chunks(CHUNK)


def read_object(client: Any, uri: str) -> bytes:
    """Return the whole content of a small object.

    Raises
    ------
    TransferError
        It is not there, or access is denied.
    """
    bucket, key = split_uri(uri)
    return b"".join(stream_object(client, S3Object(bucket, key, key)))


def read_typed_object(client: Any, uri: str) -> tuple[bytes, str]:
    """Return an object's content and its content type.

    Raises
    ------
    TransferError
        It is not there, or access is denied.
    """
    bucket, key = split_uri(uri)
    try:
        found = client.get_object(Bucket=bucket, Key=key)
        return found["Body"].read(), found.get("ContentType", "application/octet-stream")
    except ClientError as error:
        raise TransferError(_reason(error, uri)) from error


def download_object(client: Any, uri: str, path: Path) -> None:
    """Download one object.

    Raises
    ------
    TransferError
        It is not there, or access is denied.
    """
    bucket, key = split_uri(uri)
    try:
        _download(client, bucket, key, path)
    except ClientError as error:
        raise TransferError(_reason(error, uri)) from error


def upload_file(client: Any, path: Path, uri: str) -> None:
    """Upload one file.

    Raises
    ------
    TransferError
        The bucket is not there, or access is denied.
    """
    bucket, key = split_uri(uri)
    try:
        with path.open("rb") as body:
            client.put_object(Bucket=bucket, Key=key, Body=body)
    except ClientError as error:
        raise TransferError(_reason(error, uri)) from error


def put_object(client: Any, uri: str, body: bytes, content_type: str, kms_key_id: str | None = None) -> None:
    """Write a small object.

    Parameters
    ----------
    kms_key_id : str, optional
        The key that S3 is told to encrypt it with.

    Raises
    ------
    TransferError
        The bucket is not there, or access is denied.
    """
    bucket, key = split_uri(uri)
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
    try:
        client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **encryption)
    except ClientError as error:
        raise TransferError(_reason(error, uri)) from error


def upload_folder(client: Any, folder: Path, uri: str) -> int:
    """Upload a folder's files under a prefix; return how many there were."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    for path in files:
        upload_file(client, path, join_uri(uri, path.relative_to(folder).as_posix()))
    return len(files)


def pack(folder: Path, archive: Path) -> None:
    """Write a folder's contents as a ``.tar.gz``."""
    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a ``.tar.gz`` without following any path out of `folder`.

    Raises
    ------
    TransferError
        It is not an archive, or a member would land outside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:*") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        shutil.rmtree(folder)
        raise TransferError(f"ClientError: the archive {archive.name} cannot be unpacked: {error}") from error


def _download(client: Any, bucket: str, key: str, path: Path) -> None:
    body = client.get_object(Bucket=bucket, Key=key)["Body"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for chunk in body.iter_chunks(CHUNK):
                file.write(chunk)
    except OSError as error:
        raise TransferError(f"ClientError: '{key}' in {bucket} cannot be stored as a file: {error.strerror}") from error


def _reason(error: ClientError, uri: str) -> str:
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    return f"ClientError: S3 answered {code} for '{uri}': {message}"
