"""The runs API: start, look at, list and stop runs over HTTP. The template's OpenAPI document describes it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.api_gateway import APIGatewayRestResolver, Response
from shared.aws import BotoCoreError, ClientError, error_code, is_transient
from shared.observability import logger, publish_metrics, tracer
from shared.problems import CONTENT_TYPE, Problem
from shared.runs import check_request, describe_run, list_runs, name_of_key, new_name, start_run, stop_run
from shared.settings import RunsApiSettings, read_settings
from shared.strict_json import read_json

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# A run's input travels through all of its states, which carry 256 KB in all.
MAX_BODY_BYTES = 100_000
STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE")
DEFAULT_LIMIT, MAX_LIMIT = 20, 50
MAX_TOKEN = 1024  # "nextToken" in ListExecutions' documentation
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_OWN_FAULT = Problem(
    500, "Something went wrong here, not in your request. The function's log has it under the request_id."
)

app = APIGatewayRestResolver()


@app.post("/runs")
def post_run() -> Response[str]:
    """Start a run."""
    settings = read_settings(RunsApiSettings)
    key = _idempotency_key()
    document = _body()
    request = check_request(document, settings.artifact_bucket)
    name = new_name(request.recipe) if key is None else name_of_key(key, _identity("accountId"))
    logger.append_keys(execution=name, recipe=request.recipe)
    started = start_run(name, document, settings)
    publish_metrics(request.recipe, {"RunsRequested": 1})
    logger.info("Started a run", by=_identity("userArn"))
    # Relative to this request's own address, which is another one behind a domain of its own.
    return _json(202, started, {"Location": f"runs/{name}"})


@app.get("/runs")
def get_runs() -> Response[str]:
    """List runs."""
    query = app.current_event.query_string_parameters or {}
    status = query.get("status")
    if status is not None and status not in STATUSES:
        raise Problem(400, f"The query parameter status is {status[:80]!r}: expected one of {', '.join(STATUSES)}.")
    token = query.get("next")
    if token is not None and not 1 <= len(token) <= MAX_TOKEN:
        raise Problem(400, f"The query parameter next has {len(token)} characters: expected 1 to {MAX_TOKEN}.")
    runs = list_runs(
        recipe=query.get("recipe"),
        status=status,
        limit=_limit(query.get("limit")),
        token=token,
        settings=read_settings(RunsApiSettings),
    )
    return _json(200, runs)


@app.get("/runs/<name>")
def get_run(name: str) -> Response[str]:
    """Describe a run."""
    name = unquote(name)
    logger.append_keys(execution=name)
    return _json(200, describe_run(name, read_settings(RunsApiSettings)))


@app.delete("/runs/<name>")
def delete_run(name: str) -> Response[str]:
    """Stop a run."""
    name = unquote(name)
    logger.append_keys(execution=name)
    stopped = stop_run(name, _identity("userArn") or "somebody", read_settings(RunsApiSettings))
    logger.info("Stopped a run", by=_identity("userArn"))
    return _json(202, stopped)


# Powertools does not type the decorators for exceptions, which would make what they decorate untyped too.
@app.exception_handler(Problem)  # type: ignore[untyped-decorator]
def _answer_problem(problem: Problem) -> Response[str]:
    return _problem(problem)


def _problem(problem: Problem) -> Response[str]:
    logger.info("Refused", status=problem.status, detail=problem.detail[:500])
    request_id = app.current_event.raw_event.get("requestContext", {}).get("requestId")
    return Response(problem.status, CONTENT_TYPE, problem.body(request_id), problem.headers)


@app.exception_handler([ClientError, BotoCoreError])  # type: ignore[untyped-decorator]
def _answer_fault(error: ClientError | BotoCoreError) -> Response[str]:
    """Answer for a service behind this one, whose own words may tell more than a client should know."""
    logger.exception("A service refused or failed")
    if is_transient(error):
        code = error_code(error) if isinstance(error, ClientError) else type(error).__name__
        return _problem(
            Problem(503, f"A service behind this API is busy ({code}). Try again shortly.", {"Retry-After": "2"})
        )
    return _problem(_OWN_FAULT)


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]
def _answer_unexpected(error: Exception) -> Response[str]:
    logger.exception("Not foreseen", error=type(error).__name__)
    return _problem(_OWN_FAULT)


@app.not_found
def _answer_not_found(_: Exception) -> Response[str]:
    return _problem(Problem(404, "There is nothing here. The API has /runs and /runs/{name}."))


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer API Gateway's proxy events (payload format 1.0)."""
    if not isinstance(event, dict) or not isinstance(event.get("httpMethod"), str) or "path" not in event:
        problem = Problem(400, "This function answers API Gateway's proxy events, which this event is not.")
        return {
            "statusCode": problem.status,
            "headers": {"Content-Type": CONTENT_TYPE},
            "body": problem.body(None),
            "isBase64Encoded": False,
        }
    return app.resolve(event, context)


def _json(status: int, document: Any, headers: dict[str, str] | None = None) -> Response[str]:
    return Response(status, "application/json", json.dumps(document), headers or {})


def _body() -> Any:
    """Read the request's JSON.

    Raises
    ------
    Problem
        When there is none, or it is not what it is said to be.
    """
    event = app.current_event.raw_event
    content_type = str(_header("content-type") or "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Problem(415, f"The body's Content-Type is {content_type[:80]!r}: send application/json.")
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            text = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Problem(400, "The body is not UTF-8 text.") from None
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_BODY_BYTES:
        raise Problem(413, f"The body has {size:,} bytes; a run's input takes up to {MAX_BODY_BYTES:,}.")
    if not text.strip():
        raise Problem(400, 'The body is empty: send a JSON object such as {"recipe": "diabetes"}.')
    try:
        return read_json(text)
    except ValueError as error:
        raise Problem(400, f"The body is not JSON that can be used: {error}.") from None


def _idempotency_key() -> str | None:
    key = _header("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(400, "The header Idempotency-Key takes 1 to 255 printable ASCII characters.")
    return key


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise Problem(400, f"The query parameter limit is {text[:80]!r}: expected a number from 1 to {MAX_LIMIT}.")
    return int(text)


def _header(name: str) -> str | None:
    headers = app.current_event.raw_event.get("headers") or {}
    return next((value for given, value in headers.items() if given.lower() == name), None)


def _identity(part: str) -> str:
    identity = app.current_event.raw_event.get("requestContext", {}).get("identity") or {}
    return str(identity.get(part) or "")
