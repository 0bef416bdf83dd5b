"""What a run hands over to a release: written by ``Prepare run``, read when the model is released."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict

from shared.aws import client
from shared.names import run_prefix
from shared.release_settings import ReleaseSettings
from shared.s3 import S3Location


class HandoverDocument(BaseModel):
    """What a release needs to know of the run that trained its model; the package's metadata names it, ``handover``.

    Parameters
    ----------
    recipe, execution
        What was run, and its name.
    content_type, accept
        What the model takes and gives.
    instance_type, instance_count
        What it is to be served on.
    test_data_uri
        A prefix of CSV files whose rows are the target, then the features: what sample requests can be made of.
    release
        The recipe's section with the run's own changes.
    """

    model_config = ConfigDict(frozen=True)

    recipe: str
    execution: str
    content_type: str
    accept: str
    instance_type: str
    instance_count: int
    test_data_uri: str
    release: ReleaseSettings


def write_handover(document: HandoverDocument, bucket: str) -> str:
    """Put a run's document beside all else that it makes; a repeated call writes the same again.

    Returns
    -------
    str
        Its S3 URI.
    """
    location = S3Location(bucket, f"{run_prefix(document.execution)}release.json")
    body = json.dumps(document.model_dump(mode="json"), indent=2, sort_keys=True).encode()
    client("s3").put_object(Bucket=location.bucket, Key=location.key, Body=body, ContentType="application/json")
    return location.uri


def read_handover(uri: str) -> HandoverDocument:
    """Read what a run handed over.

    Raises
    ------
    pydantic.ValidationError
        When somebody changed it to what it cannot be.
    """
    location = S3Location.parse(uri)
    return HandoverDocument.model_validate_json(
        client("s3").get_object(Bucket=location.bucket, Key=location.key)["Body"].read()
    )
