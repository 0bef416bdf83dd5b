"""Objects that are put into S3 once: looked for first, uploaded when missing, several at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchyard.errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_THREADS = 8
# Below this size one PutObject is quicker than starting boto3's machinery for uploads in parts.
_SINGLE_PUT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class S3Object:
    """An object as it should be.

    Parameters
    ----------
    bucket, key
        Where.
    content
        What: bytes, or the file that holds them.
    """

    bucket: str
    key: str
    content: bytes | Path

    @property
    def uri(self) -> str:
        """The object's S3 URI."""
        return f"s3://{self.bucket}/{self.key}"


def put_missing(s3: Any, objects: Iterable[S3Object]) -> list[str]:
    """Upload the objects whose key does not exist yet.

    The keys must hold the content's hash: what is there under the same key is taken to be the same.

    Parameters
    ----------
    s3
        A boto3 S3 client.
    objects
        What should exist.

    Returns
    -------
    list of str
        The URIs of what was uploaded.

    Raises
    ------
    PublishError
        When S3 refuses.
    """
    wanted = {item.uri: item for item in objects}
    folders = dict.fromkeys((item.bucket, item.key.rpartition("/")[0] + "/") for item in wanted.values())
    # A folder below another one is listed with it.
    roots = [f for f in folders if not any(f != o and f[0] == o[0] and f[1].startswith(o[1]) for o in folders)]
    with ThreadPoolExecutor(_THREADS) as threads:
        present = {uri for uris in threads.map(lambda root: _list(s3, *root), roots) for uri in uris}
        missing = [item for uri, item in wanted.items() if uri not in present]
        list(threads.map(lambda item: put(s3, item), missing))
    return [item.uri for item in missing]


def put(s3: Any, item: S3Object) -> None:
    """Upload one object, whether or not it exists.

    Raises
    ------
    PublishError
        When S3 refuses.
    """
    with _explained(item.uri):
        if isinstance(item.content, bytes):
            s3.put_object(Bucket=item.bucket, Key=item.key, Body=item.content)
        elif item.content.stat().st_size < _SINGLE_PUT_BYTES:
            s3.put_object(Bucket=item.bucket, Key=item.key, Body=item.content.read_bytes())
        else:
            s3.upload_file(str(item.content), item.bucket, item.key)


def get(s3: Any, bucket: str, key: str) -> bytes | None:
    """Read an object; None when there is none.

    Raises
    ------
    PublishError
        When S3 refuses.
    """
    with _explained(f"s3://{bucket}/{key}"):
        try:
            content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None
        return content


def _list(s3: Any, bucket: str, prefix: str) -> list[str]:
    with _explained(f"s3://{bucket}/{prefix}"):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [f"s3://{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", ())]


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    # Imported here: whoever has a client has loaded botocore, whoever only reads recipes has not.
    from boto3.exceptions import S3UploadFailedError  # type: ignore[import-untyped, unused-ignore]
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped, unused-ignore]

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        match code:
            case "NoSuchBucket":
                advice = "deploy the stack first, or correct the bucket's name"
            case "AccessDenied" | "403":
                advice = "use credentials that may list, read and write the stack's buckets"
            case _:
                advice = "try again; what is uploaded already will not be sent twice"
        raise PublishError(f"{uri}: {error}; {advice}") from error
    except (BotoCoreError, S3UploadFailedError) as error:
        raise PublishError(f"{uri}: {error}; check credentials, region and connection") from error
