"""A model's containers as an endpoint runs them: one, a pipeline of several, several to choose from, or many models.

Sources: CreateModel, InvokeEndpoint (Amazon SageMaker API Reference); "Inference pipelines", "Multi-container
endpoints", "Multi-model endpoints" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from switchyard.cloud.logs import LogStream
from switchyard.cloud.sagemaker.container import Container
from switchyard.cloud.sagemaker.context import Context
from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.forward import LIMIT_SECONDS, Forwarder
from switchyard.cloud.sagemaker.images import UnknownImageError, runtime_for
from switchyard.cloud.sagemaker.s3 import TransferError, join_uri, split_uri
from switchyard.cloud.sagemaker.serving import (
    HEALTH_CHECK_SECONDS,
    ModelServer,
    ModelServerError,
    container_definitions,
)

RESTART_PAUSE_SECONDS = 1.0
# A model of a multi-model endpoint is a process here. Beyond so many, the one that was asked least recently ends.
MOST_LOADED_MODELS = 32
Place = Callable[[str], tuple[Container, LogStream]]


@dataclass(frozen=True)
class Question:
    """What InvokeEndpoint passes on to a model.

    Parameters
    ----------
    headers : dict
        What the container gets to see.
    target_model : str, optional
        Of a multi-model endpoint: the archive, relative to the model's prefix.
    target_container : str, optional
        Of a multi-container endpoint that is invoked directly: the container's host name.
    seconds : float
        How long each container may take.
    inference_id : str, optional
        What who asks calls the request; captured data has it.
    """

    body: bytes
    headers: dict[str, str]
    target_model: str | None = None
    target_container: str | None = None
    seconds: float = LIMIT_SECONDS
    inference_id: str | None = None


@dataclass(frozen=True)
class Reply:
    """A model's answer, and which container gave it.

    Parameters
    ----------
    metrics : dict
        What else is measured of it, by the metric's name: value and unit.
    """

    status: int
    body: bytes
    content_type: str = ""
    custom_attributes: str = ""
    container: str = "primary"
    metrics: dict[str, tuple[float, str]] = field(default_factory=dict)


class Hosted(Protocol):
    """A model that can be asked."""

    def start(self, seconds: float = HEALTH_CHECK_SECONDS) -> None:
        """Start what it runs; raises what `ModelServer.start` raises."""

    def stop(self) -> None:
        """End what it runs, at once."""

    async def ask(self, question: Question) -> Reply:
        """Answer a question; raises ValidationError when it cannot be put to this model."""


def host(context: Context, model: dict[str, Any], place: Place) -> Hosted:
    """Return a model as an endpoint runs it, not started yet.

    Parameters
    ----------
    model : dict
        What DescribeModel says of it.
    place : callable
        Given a container's name, or an empty one for the only container, makes its folder and its log.
    """
    definitions = container_definitions(model)
    role_arn = model["ExecutionRoleArn"]
    if definitions[0].get("Mode") == "MultiModel":
        return MultiModel(context, definitions[0], role_arn, place)
    alone = len(definitions) == 1
    containers = [
        HostedContainer(context, definition, role_arn, *place("" if alone else definition["ContainerHostname"]))
        for definition in definitions
    ]
    if (model.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct":
        return Direct(containers)
    return Pipeline(containers)


class HostedContainer:
    """One container's server, started again when it ends by itself, and the connections to it."""

    def __init__(
        self, context: Context, definition: dict[str, Any], role_arn: str, folder: Container, log: LogStream
    ) -> None:
        self.name: str = definition["ContainerHostname"]
        self._server = ModelServer(context, definition, role_arn, folder, log)
        self._log = log
        self._ended = threading.Event()
        self._forwarder: Forwarder

    def start(self, seconds: float) -> None:
        """Start the server; raises what `ModelServer.start` raises."""
        self._come_up(seconds)
        threading.Thread(target=self._keep_alive, args=(seconds,), daemon=True).start()

    def stop(self) -> None:
        """End the server."""
        self._ended.set()
        self._server.stop(grace=0)

    async def post(self, body: bytes, headers: dict[str, str], seconds: float) -> Reply:
        """Send a request and return the answer, or what stands for none."""
        try:
            answer = await self._forwarder.post("/invocations", body, headers, seconds)
        except TimeoutError:
            text = f"the model did not answer within {seconds:.0f} seconds"
            return Reply(504, text.encode(), container=self.name)
        except OSError as error:
            return Reply(503, str(error).encode(), container=self.name)
        return Reply(answer.status, answer.body, answer.content_type, answer.custom_attributes, self.name)

    def _come_up(self, seconds: float) -> None:
        self._server.start(seconds)
        self._forwarder = Forwarder(self._server.port)

    def _keep_alive(self, seconds: float) -> None:
        """Start a server that died while it served anew, as SageMaker does."""
        while self._server.wait() is not None:
            if self._ended.is_set():
                return
            self._log.write(["The model's server ended by itself; it is started again."])
            if self._ended.wait(RESTART_PAUSE_SECONDS):
                return
            try:
                self._come_up(seconds)
            except (ModelServerError, TransferError, UnknownImageError) as error:
                self._log.write([f"It did not come up: {error}"])
                return
            if self._ended.is_set():  # the endpoint was deleted, or updated, while it came up
                self._server.stop(grace=0)


class _Containers:
    """Containers that run side by side."""

    def __init__(self, containers: list[HostedContainer]) -> None:
        self._containers = containers

    def start(self, seconds: float = HEALTH_CHECK_SECONDS) -> None:
        """Start all; when one does not come up, none is left running."""
        with ThreadPoolExecutor(len(self._containers)) as pool:
            started = [pool.submit(container.start, seconds) for container in self._containers]
        errors = [error for each in started if (error := each.exception()) is not None]
        if errors:
            self.stop()
            raise errors[0]

    def stop(self) -> None:
        """End all."""
        for container in self._containers:
            container.stop()


class Pipeline(_Containers):
    """One container, or several of which each gets the answer of the one before."""

    async def ask(self, question: Question) -> Reply:
        """Answer a question."""
        _refuse_target_model(question)
        if question.target_container is not None:
            raise ValidationError(
                "Only an endpoint whose model has several containers and the mode Direct takes TargetContainerHostname."
            )
        body, headers = question.body, dict(question.headers)
        accept = headers.pop("Accept", "*/*")
        for container in self._containers:
            is_last = container is self._containers[-1]
            reply = await container.post(body, {**headers, "Accept": accept if is_last else "*/*"}, question.seconds)
            if is_last or reply.status >= 300:
                break
            body, headers = reply.body, {**headers, "Content-Type": reply.content_type}
        return reply


class Direct(_Containers):
    """Several containers, each asked by its host name."""

    async def ask(self, question: Question) -> Reply:
        """Answer a question."""
        _refuse_target_model(question)
        for container in self._containers:
            if container.name == question.target_container:
                return await container.post(question.body, question.headers, question.seconds)
        known = ", ".join(container.name for container in self._containers)
        raise ValidationError(
            f"TargetContainerHostname is '{question.target_container or ''}'; the endpoint's containers are: {known}."
        )


class MultiModel:
    """Many models of one kind, each loaded when it is first asked."""

    def __init__(self, context: Context, definition: dict[str, Any], role_arn: str, place: Place) -> None:
        self._context = context
        self._definition = definition
        self._role_arn = role_arn
        self._place = place
        cache = (definition.get("MultiModelConfig") or {}).get("ModelCacheSetting", "Enabled")
        self._most = MOST_LOADED_MODELS if cache == "Enabled" else 0
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}
        self._loaded: OrderedDict[str, HostedContainer] = OrderedDict()
        self._asked: dict[str, int] = {}
        self._stopped = False

    def start(self, seconds: float = HEALTH_CHECK_SECONDS) -> None:  # noqa: ARG002 - no model is loaded yet
        """See that the image can run; models come later."""
        runtime_for(self._definition["Image"], self._context.identity.authorizer.of(self._role_arn))

    def stop(self) -> None:
        """Unload every model."""
        with self._lock:
            self._stopped = True
            loaded, self._loaded = list(self._loaded.values()), OrderedDict()
        for container in loaded:
            container.stop()

    async def ask(self, question: Question) -> Reply:
        """Answer a question; raises ValidationError when there is no such model."""
        if question.target_container is not None:
            raise ValidationError("A multi-model endpoint does not take TargetContainerHostname.")
        name = (question.target_model or "").lstrip("/")
        if not name:
            raise ValidationError("The request is missing a target model header.")
        loaded = self._enter(name)
        try:
            container = loaded if loaded is not None else await asyncio.to_thread(self._load, name)
            reply = await container.post(question.body, question.headers, question.seconds)
        except (ModelServerError, TransferError) as error:
            reply = Reply(500, f"the model {name} could not be loaded: {error}".encode())
        finally:
            self._leave(name)
            await asyncio.to_thread(self._unload_some)
        return Reply(
            reply.status,
            reply.body,
            reply.content_type,
            reply.custom_attributes,
            metrics={
                "ModelCacheHit": (float(loaded is not None), "None"),
                "LoadedModelCount": (float(len(self._loaded)), "None"),
            },
        )

    def _enter(self, name: str) -> HostedContainer | None:
        with self._lock:
            self._asked[name] = self._asked.get(name, 0) + 1
            if name in self._loaded:
                self._loaded.move_to_end(name)
            return self._loaded.get(name)

    def _leave(self, name: str) -> None:
        with self._lock:
            self._asked[name] -= 1
            if not self._asked[name]:
                del self._asked[name]

    def _load(self, name: str) -> HostedContainer:
        with self._lock:
            one_at_a_time = self._loading.setdefault(name, threading.Lock())
        with one_at_a_time:
            with self._lock:
                if name in self._loaded:
                    return self._loaded[name]
            uri = join_uri(self._definition["ModelDataUrl"], name)
            environment = {**self._definition.get("Environment", {}), "SAGEMAKER_MULTI_MODEL": "true"}
            definition = {**self._definition, "ModelDataUrl": uri, "Environment": environment}
            container = HostedContainer(self._context, definition, self._role_arn, *self._place(""))
            try:
                container.start(HEALTH_CHECK_SECONDS)
            except TransferError as error:
                container.stop()
                if "S3 answered" not in str(error):
                    raise
                bucket, key = split_uri(uri)
                raise ValidationError(
                    f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an "
                    "object located at the URL and that the role passed to CreateModel has permissions to download "
                    "the model."
                ) from None
            with self._lock:
                if self._stopped:
                    container.stop()
                    raise ModelServerError("its endpoint has ended")
                self._loaded[name] = container
                return container

    def _unload_some(self) -> None:
        """Unload what was asked least recently, as far as there is too much and nobody waits for it."""
        unloaded = []
        with self._lock:
            for name in list(self._loaded):
                if len(self._loaded) <= self._most:
                    break
                if name not in self._asked:
                    unloaded.append(self._loaded.pop(name))
        for container in unloaded:
            container.stop()


def _refuse_target_model(question: Question) -> None:
    if question.target_model is not None:
        raise ValidationError("The endpoint is not a multi-model endpoint and does not support target model header.")
