"""Channels in and artifacts out: what moves between S3 and a container's folders."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from botocore.exceptions import ClientError

CHUNK = 1024 * 1024


class TransferError(Exception):
    """Something could not be read from S3, written to it, or unpacked; the message says which and why."""


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


def download_prefix(client: Any, uri: str, target: Path) -> int:
    """Download every object under a prefix; return how many there were.

    Raises
    ------
    TransferError
        Nothing is there, access is denied, or a key would lead out of `target`.
    """
    bucket, _ = split_uri(uri)
    count = 0
    try:
        for key, relative in list_prefix(client, uri):
            path = (target / relative).resolve()
            if not path.is_relative_to(target.resolve()):
                raise TransferError(f"ClientError: the key '{key}' leads out of its channel's folder")
            _download(client, bucket, key, path)
            count += 1
    except ClientError as error:
        raise TransferError(_reason(error, uri)) from error
    if count == 0:
        raise TransferError(
            f"ClientError: Data download failed: no S3 object has the prefix '{uri}'; check the URI and the role"
        )
    return count


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
