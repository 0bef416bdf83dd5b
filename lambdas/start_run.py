"""Start run: make of an upload's event an execution whose name is the upload's, so that one upload is one run.

S3 and EventBridge deliver an event at least once. As EventBridge's target a state machine gets a name of EventBridge's
own for each delivery, so a second delivery would be a second run. Here the name comes from the object's version, and
Step Functions itself refuses to start it again.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, TypedDict

from shared.aws import ClientError, client, error_code
from shared.observability import logger, tracer
from shared.run_request import Upload, parse_upload
from shared.settings import StartRunSettings, read_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# An execution's name may have 80 characters; its jobs' names have 63, and the project's name, of up to 20, before it.
LONGEST_NAME = 42
HASH_LENGTH = 12


class Result(TypedDict):
    """The execution that an upload has, and whether this very call has started it."""

    execution: str
    started: bool


# Step Functions' throttling goes to Lambda, which calls again: after three times the event is a dead letter.
@logger.inject_lambda_context(correlation_id_path="id", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Take what EventBridge sends for the rule ``UploadRule``."""
    return start_run(parse_upload(event, "The upload's event"), read_settings(StartRunSettings))


def start_run(upload: Upload, settings: StartRunSettings) -> Result:
    """Start the run of an upload, unless it has been started before.

    Raises
    ------
    InvalidRun
        When the key is none of ``incoming/<recipe>/<file>``. An unknown recipe is found out by the run itself: that is
        where people look.
    """
    name = execution_name(upload)
    logger.append_keys(execution=name, key=upload.detail.object.key)
    try:
        client("stepfunctions").start_execution(
            stateMachineArn=settings.state_machine_arn, name=name, input=execution_input(upload)
        )
    except ClientError as error:
        if error_code(error) != "ExecutionAlreadyExists":
            raise
        logger.info("This upload has had its run")
        return {"execution": name, "started": False}
    logger.info("Started the run")
    return {"execution": name, "started": True}


def execution_name(upload: Upload) -> str:
    """Name the execution of an upload: the same for the same version of an object, and for no other.

    Without a version the ETag stands in, which is the same when the same content is uploaded again.

    Examples
    --------
    >>> event = {"bucket": {"name": "data"}, "object": {"key": "incoming/diabetes/july.csv", "version-id": "v1"}}
    >>> execution_name(Upload.model_validate({"source": "aws.s3", "detail": event}))
    'diabetes-july-1f4be939eae8'
    """
    uploaded = upload.detail.object
    identity = json.dumps([upload.detail.bucket.name, uploaded.key, uploaded.version_id or uploaded.etag])
    digest = hashlib.sha256(identity.encode("utf-8", errors="surrogatepass")).hexdigest()[:HASH_LENGTH]
    stem = uploaded.key.rsplit("/", 1)[-1].rpartition(".")[0] or uploaded.key.rsplit("/", 1)[-1]
    head = re.sub(r"[^a-zA-Z0-9]+", "-", f"{upload.recipe()}-{stem}").strip("-")
    head = head[: LONGEST_NAME - HASH_LENGTH - 1].rstrip("-")
    return f"{head}-{digest}" if head else digest


def execution_input(upload: Upload) -> str:
    """Write the execution's input: of the event only what is the same in each delivery of it."""
    document = upload.model_dump(by_alias=True, exclude_none=True)
    return json.dumps(document, sort_keys=True, ensure_ascii=False)
