"""Endpoints: what serves, how it does, and a request to try it with."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.aws.errors import error_code, error_message, explain
from switchyard.console.endpoint_metrics import DEFAULT_WINDOW, WINDOWS, period_of, read_metrics
from switchyard.console.live import split_topic
from switchyard.console.problems import RequestError
from switchyard.console.routing import get, post_body, required
from switchyard.console.run_facts import facts_of
from switchyard.console.run_histories import RunHistories
from switchyard.console.schema import (
    EndpointPage,
    EndpointRow,
    Endpoints,
    Invocation,
    InvokeEndpoint,
    Live,
    Variant,
    VariantMetrics,
)
from switchyard.executions.history import find_in_states
from switchyard.executions.result import first_row

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from switchyard.aws.client import Cloud
    from switchyard.console.context import Context
    from switchyard.console.known import KnownExecution
    from switchyard.console.live import FeedMaker

_DEFAULT_CONTENT_TYPE = "text/csv"
_READERS: WeakKeyDictionary[Context, EndpointReader] = WeakKeyDictionary()
_LOCK = threading.Lock()
# What a page shows of an answer; a prediction is far shorter.
_MOST_CHARACTERS = 200_000
_MOST_HEADER_CHARACTERS = 1024
_NAME = re.compile(r"[a-zA-Z0-9-]{1,63}")


def routes(context: Context) -> list[Route]:
    """Make the routes of this area."""
    endpoints = reader_of(context)

    def page(request: Request) -> EndpointPage:
        return endpoints.page(required(request, "name"), _window(request.query_params.get("window")))

    def invoke(request: Request, asked: InvokeEndpoint) -> Invocation:
        invocation = invoke_endpoint(context.need_cloud(), required(request, "name"), asked)
        context.hub.wake("endpoint")
        return invocation

    return [
        get("/api/endpoints", lambda _request: endpoints.all()),
        get("/api/endpoint", page),
        post_body("/api/endpoint/invocations", InvokeEndpoint, invoke),
    ]


def feeds(context: Context) -> dict[str, FeedMaker]:
    """Say who makes the feeds of this area; `endpoint:<name>#<seconds>` looks back that far."""
    endpoints = reader_of(context)
    return {
        "endpoints": lambda topic: _EndpointsFeed(context, endpoints, topic),
        "endpoint": lambda topic: _EndpointFeed(context, endpoints, topic),
    }


@dataclass(frozen=True)
class _Example:
    content_type: str = _DEFAULT_CONTENT_TYPE
    row: str | None = None


def reader_of(context: Context) -> EndpointReader:
    """Give the one reader of a console."""
    with _LOCK:
        return _READERS.setdefault(context, EndpointReader(context))


class EndpointReader:
    """Reads endpoints; what does not change is read once.

    Parameters
    ----------
    context
        What the console looks at.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._cloud: Cloud | None = None
        # By the endpoint's ARN, its row as of a certain change; by the configuration's ARN, its variants.
        self._rows: dict[str, tuple[Any, EndpointRow, str]] = {}
        self._configs: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        # By the ARN of the run that deployed last, a row to try the endpoint with.
        self._histories = RunHistories(context)
        self._examples: dict[str, _Example] = {}

    def names(self) -> set[str]:
        """Give the names of the endpoints that are there; none where they cannot be listed."""
        try:
            return {row.name for row in self.all().endpoints}
        except (ClientError, BotoCoreError):
            return set()

    def all(self) -> Endpoints:
        """List every endpoint, by name; a new one is described, and one that has changed again."""
        cloud = self._context.cloud
        if cloud is None:
            return Endpoints(endpoints=[])
        self._see(cloud)
        rows = []
        for listed in _list(cloud):
            stage = (listed["EndpointStatus"], listed["LastModifiedTime"])
            known = self._rows.get(listed["EndpointArn"])
            if known is None or known[0] != stage:
                try:
                    row, config = self._describe(cloud, listed["EndpointName"])
                except RequestError:
                    continue  # it was deleted meanwhile
                known = (stage, row, config)
                with self._lock:
                    self._rows[row.arn] = known
            rows.append(known[1])
        return Endpoints(endpoints=sorted(rows, key=lambda row: row.name))

    def page(self, name: str, window: int = DEFAULT_WINDOW) -> EndpointPage:
        """Describe an endpoint, and how it has done.

        Raises
        ------
        RequestError
            When there is no such endpoint (404), or no cloud (502).
        """
        cloud = self._context.need_cloud()
        check_name(name, cloud)
        self._see(cloud)
        row, config = self._describe(cloud, name)
        period = period_of(window, is_local=cloud.is_local)
        problem, metrics = None, list[VariantMetrics]()
        try:
            metrics = read_metrics(
                cloud,
                name,
                [variant.name for variant in row.variants],
                window=window,
                period=period,
                since=row.created_at,
                now=time.time(),
            )
        except (ClientError, BotoCoreError) as error:
            problem = str(explain(error))
        example = self._example(cloud, name)
        return EndpointPage(
            row=row,
            config=config,
            content_type=example.content_type,
            example=example.row,
            window_seconds=window,
            period_seconds=period,
            metrics=metrics,
            aws_console_url=None if cloud.is_local else _aws_console_url(cloud.region, name),
            problem=problem,
        )

    def _example(self, cloud: Cloud, name: str) -> _Example:
        """Find a row to try an endpoint with: the first one of the test data of the run that deployed to it."""
        self._context.explorer.refresh()
        deployed = next(
            (each for each in self._context.index.all() if not each.is_past and facts_of(each).endpoint == name), None
        )
        if deployed is None:
            return _Example()
        if deployed.arn not in self._examples:
            self._examples[deployed.arn] = self._read_example(cloud, deployed)
        return self._examples[deployed.arn]

    def _read_example(self, cloud: Cloud, deployed: KnownExecution) -> _Example:
        try:
            history = self._histories.of(deployed)
            if history is None:
                return _Example()
            content_type = find_in_states(history.tree, "transform", "content_type")
            uri = find_in_states(history.tree, "data", "test_uri")
            row = first_row(cloud.client("s3"), uri) if isinstance(uri, str) else ""
        except (ClientError, BotoCoreError):
            return _Example()  # it is only for show
        # The target is the first column; the model is not told it.
        _, _, features = row.partition(",")
        return _Example(str(content_type or _DEFAULT_CONTENT_TYPE), features[:_MOST_CHARACTERS] or None)

    def _see(self, cloud: Cloud) -> None:
        """Forget what was known of another cloud: its endpoints may have had the same names."""
        with self._lock:
            if cloud is not self._cloud:
                self._cloud, self._rows, self._configs, self._examples = cloud, {}, {}, {}

    def _describe(self, cloud: Cloud, name: str) -> tuple[EndpointRow, str]:
        try:
            found = cloud.client("sagemaker").describe_endpoint(EndpointName=name)
        except ClientError as error:
            if error_code(error) == "ValidationException":
                raise RequestError(404, f"there is no endpoint {name!r} in {cloud}") from error
            raise
        config = str(found.get("EndpointConfigName") or "")
        configured = self._configured(cloud, found["EndpointArn"], config)
        running = {variant["VariantName"]: variant for variant in found.get("ProductionVariants") or []}
        row = EndpointRow(
            name=found["EndpointName"],
            arn=found["EndpointArn"],
            status=found["EndpointStatus"],
            reason=found.get("FailureReason"),
            created_at=found["CreationTime"].timestamp(),
            updated_at=found["LastModifiedTime"].timestamp(),
            variants=[
                _variant(variant, configured.get(variant, {}), running.get(variant, {}))
                for variant in dict.fromkeys([*running, *configured])
            ],
        )
        return row, config

    def _configured(self, cloud: Cloud, endpoint_arn: str, config: str) -> dict[str, dict[str, Any]]:
        """Give the variants of an endpoint configuration, which never changes; empty when it was deleted."""
        key = (endpoint_arn, config)
        if config and key not in self._configs:
            try:
                found = cloud.client("sagemaker").describe_endpoint_config(EndpointConfigName=config)
            except ClientError:
                return {}
            with self._lock:
                self._configs[key] = {variant["VariantName"]: variant for variant in found["ProductionVariants"]}
        return self._configs.get(key, {})


def invoke_endpoint(cloud: Cloud, name: str, asked: InvokeEndpoint) -> Invocation:
    """Send a request to an endpoint; the model's own refusal is an answer too.

    Raises
    ------
    RequestError
        When there is no such endpoint or variant, or it cannot be asked now.
    """
    check_name(name, cloud)
    for what, header in (("content type", asked.content_type), ("accept", asked.accept), ("variant", asked.variant)):
        if header and not (header.isascii() and header.isprintable() and len(header) <= _MOST_HEADER_CHARACTERS):
            raise RequestError(400, f"the {what} {header[:50]!r} cannot be sent: expected plain characters on one line")
    options = {"Accept": asked.accept, "TargetVariant": asked.variant}
    start = time.perf_counter()
    try:
        answer = cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=name,
            ContentType=asked.content_type,
            Body=asked.body.encode(),
            **{option: value for option, value in options.items() if value},
        )
        body = answer["Body"].read()
    except ClientError as error:
        milliseconds = _milliseconds(start)
        if error_code(error) != "ModelError":
            raise _refusal(error, name) from error
        return Invocation(
            status=int(error.response.get("OriginalStatusCode") or 500),
            variant=asked.variant,
            content_type="text/plain",
            body=_text(str(error.response.get("OriginalMessage") or error_message(error))),
            latency_ms=milliseconds,
        )
    return Invocation(
        status=200,
        variant=answer.get("InvokedProductionVariant"),
        content_type=answer.get("ContentType") or "",
        body=_text(body.decode("utf-8", errors="replace")),
        latency_ms=_milliseconds(start),
    )


def check_name(name: str, cloud: Cloud) -> None:
    """Refuse what is no endpoint's name, before it becomes part of an address.

    Raises
    ------
    RequestError
        There can be no such endpoint (404).
    """
    if not _NAME.fullmatch(name):
        raise RequestError(404, f"there is no endpoint {name[:80]!r} in {cloud}")


def _refusal(error: Exception, name: str) -> Exception:
    if isinstance(error, ClientError) and error_code(error) in ("ValidationError", "ValidationException"):
        message = error_message(error)
        missing = "not found" in message.lower() and "variant" not in message.lower()
        return RequestError(404 if missing else 400, f"endpoint {name!r} cannot be asked: {message}")
    return error


def _milliseconds(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 1)


def _text(text: str) -> str:
    if len(text) <= _MOST_CHARACTERS:
        return text
    return f"{text[:_MOST_CHARACTERS]}\n... and {len(text) - _MOST_CHARACTERS:,} characters more"


def _list(cloud: Cloud) -> Iterator[dict[str, Any]]:
    for page in cloud.client("sagemaker").get_paginator("list_endpoints").paginate():
        yield from page["Endpoints"]


def _variant(name: str, configured: dict[str, Any], running: dict[str, Any]) -> Variant:
    return Variant(
        name=name,
        model=configured.get("ModelName") or "",
        weight=running.get("CurrentWeight", configured.get("InitialVariantWeight", 1.0)),
        desired_weight=running.get("DesiredWeight"),
        instances=running.get("CurrentInstanceCount", configured.get("InitialInstanceCount", 0)),
        instance_type=configured.get("InstanceType"),
        is_serverless="ServerlessConfig" in configured or "CurrentServerlessConfig" in running,
    )


def _aws_console_url(region: str, name: str) -> str:
    return f"https://{region}.console.aws.amazon.com/sagemaker/home?region={region}#/endpoints/{quote(name)}"


def _window(text: str | None) -> int:
    if not text:
        return DEFAULT_WINDOW
    if not re.fullmatch("[0-9]{1,7}", text) or int(text) not in WINDOWS:
        raise RequestError(400, f"window must be one of {', '.join(map(str, WINDOWS))} seconds, not {text[:20]!r}")
    return int(text)


class _EndpointsFeed:
    def __init__(self, context: Context, endpoints: EndpointReader, topic: str) -> None:
        self.interval = context.interval(local=1.0, aws=20.0)
        self._endpoints = endpoints
        self._topic = topic
        self._last: Endpoints | None = None

    def snapshot(self) -> Live:
        if self._last is None:
            self._last = self._endpoints.all()
        return Live(topic=self._topic, kind="snapshot", data=self._last)

    def look(self) -> Live | None:
        before, self._last = self._last, self._endpoints.all()
        return self.snapshot() if self._last != before else None


class _EndpointFeed:
    def __init__(self, context: Context, endpoints: EndpointReader, topic: str) -> None:
        self.interval = context.interval(local=1.0, aws=30.0)
        self._endpoints = endpoints
        self._topic = topic
        _, subject = split_topic(topic)
        self._name, _, window = subject.partition("#")
        self._window = _window(window)
        self._last: EndpointPage | None = None

    def snapshot(self) -> Live:
        if self._last is None:
            self._last = self._endpoints.page(self._name, self._window)
        return Live(topic=self._topic, kind="snapshot", data=self._last)

    def look(self) -> Live | None:
        before, self._last = self._last, self._endpoints.page(self._name, self._window)
        return self.snapshot() if self._last != before else None
