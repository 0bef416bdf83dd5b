"""Runs as executions of the state machine: start, describe, list, stop."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from shared.aws import ClientError, client, error_code
from shared.errors import InvalidRun
from shared.history import current_states
from shared.problems import Problem
from shared.recipes import load_recipe, published_recipes, unknown_recipe
from shared.run_request import RunRequest, apply_overrides, parse, parse_run_request
from shared.s3 import S3Location
from shared.settings import RunsApiSettings
from shared.strict_json import canonical

# "name" in StartExecution's documentation: what an execution's name cannot hold.
_NAME = re.compile(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""")
# One page of GetExecutionHistory, from the newest back; a run of this project has about a hundred events.
_NEWEST_EVENTS = 1000
# How many executions one request looks at for those of a recipe, and how many at once: each look is a
# DescribeExecution, and AWS counts those.
MOST_EXAMINED = 100
_AT_ONCE = 8


def check_request(document: Any, bucket: str) -> RunRequest:
    """See that a run can be asked for so, as far as can be told without its data.

    Raises
    ------
    Problem
        400 when the document is of a wrong form; 422 when it asks for what there is not.
    """
    try:
        request = parse(RunRequest, document, "The body")
    except InvalidRun as error:
        raise Problem(400, str(error)) from None
    try:
        published = published_recipes(bucket)
        if request.recipe not in published:
            raise InvalidRun(unknown_recipe(request.recipe[:80], published))
        recipe = load_recipe(request.recipe, bucket)
        if request.overrides is not None:
            recipe = apply_overrides(recipe, request.overrides)
        if request.data is None and recipe.data_uri is None:
            raise InvalidRun(f'Recipe {recipe.name!r} has no data of its own: add "data": "s3://bucket/key-or-prefix".')
        if request.data is not None and not S3Location.parse(request.data).key.strip("/"):
            raise InvalidRun(f"The data {request.data!r} is a whole bucket; name an object or a prefix in it.")
    except InvalidRun as error:
        raise Problem(422, str(error)) from None
    except ValueError as error:
        raise Problem(422, f"The data {error}.") from None
    return request


def new_name(recipe: str) -> str:
    """Make the name of a new run: what, when, and a few letters so that no two are the same.

    Examples
    --------
    >>> new_name("diabetes")  # doctest: +SKIP
    'diabetes-20260412-093011-3fa9c1d2'
    """
    return f"{recipe}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def name_of_key(key: str, account: str) -> str:
    """Derive a run's name from an idempotency key, so that a repeated request is the same run.

    Not from the request too: the same key with another body would start another run, unnoticed.
    """
    return f"key-{hashlib.sha256(f'{account}/{key}'.encode()).hexdigest()[:32]}"


def start_run(name: str, document: dict[str, Any], settings: RunsApiSettings) -> dict[str, str]:
    """Start a run, or find that it has been started.

    Raises
    ------
    Problem
        409 when there is a run of that name with another input.
    """
    arn = _arn(name, settings)
    text = canonical(document)
    try:
        client("stepfunctions").start_execution(stateMachineArn=settings.state_machine_arn, name=name, input=text)
    except ClientError as error:
        if error_code(error) != "ExecutionAlreadyExists":
            raise
        # It has ended, or was given another input: only a running one with the same input starts "again".
        earlier = json.loads(client("stepfunctions").describe_execution(executionArn=arn).get("input") or "null")
        if canonical(earlier) != text:
            raise Problem(
                409,
                f"This Idempotency-Key was used for another request, whose run is {name}. Send the same body to get "
                "that run, or another key to start a new one.",
            ) from None
    return {"execution_arn": arn, "name": name}


def describe_run(name: str, settings: RunsApiSettings) -> dict[str, Any]:
    """Tell all there is to know of a run.

    Raises
    ------
    Problem
        404 when there is none of that name.
    """
    execution = _describe(name, settings)
    states: list[str] = []
    if execution["status"] == "RUNNING":
        history = client("stepfunctions").get_execution_history(
            executionArn=execution["executionArn"],
            reverseOrder=True,
            maxResults=_NEWEST_EVENTS,
            includeExecutionData=False,
        )
        states = current_states(history["events"])
    error = None
    if execution.get("error") is not None or execution.get("cause") is not None:
        error = {"error": execution.get("error"), "cause": execution.get("cause")}
    return {
        **_summary(execution),
        "input": _document(execution.get("input")),
        "current_states": states,
        "output": _document(execution.get("output")),
        "error": error,
    }


def list_runs(
    *, recipe: str | None, status: str | None, limit: int, token: str | None, settings: RunsApiSettings
) -> dict[str, Any]:
    """List runs, the newest first.

    With a recipe, executions are looked at until one page has some of that recipe, but no more than
    `MOST_EXAMINED`: a page may hold fewer than `limit` runs, or none, and still have a next one.

    Parameters
    ----------
    recipe
        Only runs whose input names this recipe.
    status
        Only runs with this status.
    limit
        How many, at most.
    token
        What an earlier page gave as ``next``.

    Raises
    ------
    Problem
        400 when the token is none.
    """
    query: dict[str, Any] = {"stateMachineArn": settings.state_machine_arn, "maxResults": limit}
    if status is not None:
        query["statusFilter"] = status
    examined = 0
    while True:
        page = _page({**query, "nextToken": token} if token else query)
        found = [run for run in _summaries(page["executions"]) if recipe in (None, run["recipe"])]
        examined += max(len(page["executions"]), 1)  # a page may be empty, and still have a next one
        token = page.get("nextToken")
        if found or not token or examined >= MOST_EXAMINED:
            return {"runs": found, "next": token}


def stop_run(name: str, by: str, settings: RunsApiSettings) -> dict[str, str]:
    """Stop a run, and the jobs that it runs.

    Raises
    ------
    Problem
        404 when there is none of that name; 409 when it has ended.
    """
    execution = _describe(name, settings)
    if execution["status"] != "RUNNING":
        raise Problem(409, f"Run {name} has ended already ({execution['status']}); there is nothing to stop.")
    arn = execution["executionArn"]
    client("stepfunctions").stop_execution(
        executionArn=arn, error="Stopped", cause=f"Stopped through the runs API by {by}."
    )
    return {"execution_arn": arn, "name": name}


def _arn(name: str, settings: RunsApiSettings) -> str:
    return f"{settings.state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


def _describe(name: str, settings: RunsApiSettings) -> dict[str, Any]:
    if _NAME.fullmatch(name):
        try:
            execution: dict[str, Any] = client("stepfunctions").describe_execution(executionArn=_arn(name, settings))
        except ClientError as error:
            if error_code(error) not in {"ExecutionDoesNotExist", "InvalidArn"}:
                raise
        else:
            return execution
    raise Problem(404, f"There is no run {name[:100]!r}. GET /runs lists those that there are.")


def _page(query: dict[str, Any]) -> dict[str, Any]:
    try:
        page: dict[str, Any] = client("stepfunctions").list_executions(**query)
    except ClientError as error:
        if error_code(error) == "InvalidToken":
            raise Problem(
                400,
                "The query parameter next is not what an earlier page gave, or that page was asked for with another "
                "status or limit, or over a day ago. Leave it out to begin anew.",
            ) from None
        raise
    return page


def _summaries(executions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    def summary(listed: dict[str, Any]) -> dict[str, Any]:
        # A list says nothing of inputs, and names need not begin with the recipe's.
        return _summary(client("stepfunctions").describe_execution(executionArn=listed["executionArn"]))

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        yield from threads.map(summary, executions)


def _summary(execution: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": execution["name"],
        "execution_arn": execution["executionArn"],
        "recipe": _recipe(execution.get("input")),
        "status": execution["status"],
        "started_at": _time(execution.get("startDate")),
        "stopped_at": _time(execution.get("stopDate")),
    }


def _recipe(text: str | None) -> str | None:
    """Tell the recipe that a run was started with; None when its input was no good."""
    try:
        return parse_run_request(_document(text)).recipe
    except InvalidRun:
        return None


def _document(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def _time(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
